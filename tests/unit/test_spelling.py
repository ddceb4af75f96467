"""Slips of the keyboard are understood, other words are not."""

import pytest

from omnimemd.domain.spelling import distance, meant, slips

KNOWN = ["kubernet", "kube", "deploi", "depend", "authent", "author", "cach", "catch"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("kuberent", ["kubernet"]),
        ("kubrnet", ["kubernet"]),
        ("kkubernet", ["kubernet"]),
        ("authen", ["authent"]),
        ("catc", ["catch"]),
        ("cac", []),
        ("12345", []),
        ("数据", []),
        ("nothinglike", []),
    ],
)
def test_what_a_word_may_mean(word: str, expected: list[str]) -> None:
    assert meant(word, KNOWN) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("abc", 0), ("abcd", 1), ("abcdefgh", 2), ("1234567890", 0), ("äbcd", 0)]
)
def test_longer_words_may_have_more_slips(word: str, expected: int) -> None:
    assert slips(word) == expected


@pytest.mark.parametrize(
    ("one", "other", "away"),
    [
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "abd", 1),
        ("abc", "abcd", 1),
        ("abcd", "badc", 2),
        ("ab", "xyz", None),
    ],
)
def test_the_distance_counts_slips(one: str, other: str, away: int | None) -> None:
    assert distance(one, other, most=2) == distance(other, one, most=2) == away

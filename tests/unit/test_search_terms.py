"""A text is found by its words, its identifiers in any spelling, and by any part of what is written without spaces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.search_terms import kept, spans, terms
from omnimemd.domain.stemming import stem

GET_USER_NAME = ["get", "user", "name", "getusernam"]


@pytest.mark.parametrize("word", ["getUserName", "GetUserName", "get_user_name", "get-user-name", "GET_USER_NAME"])
def test_an_identifier_has_the_same_terms_in_every_spelling(word: str) -> None:
    assert terms(word) == GET_USER_NAME


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Retries, retried: RETRY", ["retri", "retri", "retri"]),
        ("user.getUserName()", ["user", *GET_USER_NAME]),
        ("src/user_name.py", ["src", "user", "name", "usernam", "py"]),
        ("HTTPServer", ["http", "server", "httpserver"]),
        ("python3 utf8", ["python", "3", "python3", "utf", "8", "utf8"]),
        ("e-mail", ["e", "mail", "email"]),
        ("4b71d1e", ["4b71d1e"]),
        ("don't the user's", ["dont", "the", "user"]),
        ("Café \uff21\uff22\uff23 straße ﬁne", ["cafe", "abc", "strass", "fine"]),
        ("数据库", ["数据", "据库", "数", "据", "库"]),
        ("Redis缓存", ["redi", "缓存", "缓", "存"]),
        ("한국어", ["한국", "국어", "한", "국", "어"]),
        ("हिन्दी", ["हिन्दी"]),
        ("__init__ --force", ["init", "forc"]),
        ("👍 … () \0 ", []),
    ],
)
def test_the_terms_of_a_text(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_long_word_counts_by_its_beginning() -> None:
    assert [len(term) for term in terms("x" * 1000)] == [64]


def test_of_a_very_long_text_each_later_word_counts_once() -> None:
    text = ["a"] * 10_000 + ["b"] * 50_000 + [f"n{number}" for number in range(60_000)]

    found = kept(text)

    assert (len(found), found.count("a"), found.count("b")) == (50_000, 10_000, 1)


@given(st.text())
def test_any_text_has_terms_that_are_one_token_each(text: str) -> None:
    for term in terms(text):
        assert term
        assert len(term) <= 64 + 8  # folding makes some letters longer
        assert all(character.isalnum() or not character.isascii() for character in term), term
        assert term == "".join(character.lower() if character.isascii() else character for character in term)


@given(st.text())
def test_spans_lie_in_the_text_in_order(text: str) -> None:
    found = list(spans(text))

    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("relational", "relat"),
        ("hopping", "hop"),
        ("filing", "file"),
        ("happy", "happi"),
        ("sky", "sky"),
        ("generalizations", "gener"),
        ("oscillators", "oscil"),
        ("adjustment", "adjust"),
        ("yes", "ye"),
        ("is", "is"),
    ],
)
def test_a_stem_is_porters(word: str, expected: str) -> None:
    assert stem(word) == expected

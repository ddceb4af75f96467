"""The estimate of tokens adds up, and is the same whatever was counted before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.tokens import NEWLINE, estimate, price

TEXTS = st.text(st.characters(exclude_categories=[])) | st.text("ab AB1_-\n ", max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("one word", 3),
        ("getUserName", 4),
        ("2024", 5),
        ("a\n\nb", 5),
    ],
)
def test_examples(text: str, expected: int) -> None:
    assert estimate(text) == expected


@given(TEXTS, TEXTS)
def test_lines_add_up(one: str, other: str) -> None:
    assert price(f"{one}\n{other}") == price(one) + NEWLINE + price(other)
    assert estimate(f"{one}\n{other}") <= estimate(one) + estimate(other) + 1


@given(TEXTS)
def test_every_character_beyond_a_space_counts(text: str) -> None:
    assert price(text) >= 14 * len(text.replace(" ", ""))

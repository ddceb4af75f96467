"""What was said already is known again, and another fact is not taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.likeness import Said

ONCE = "Use one writer thread for the SQLite database, so that nothing waits for a lock"


def known(one: str, other: str) -> bool:
    said = Said()
    said.add(one)
    return said.alike(other)


@pytest.mark.parametrize(
    "again",
    [
        ONCE,
        f"{ONCE}.",
        f"writer: {ONCE}",
        "use one writer thread for a SQLite database so nothing waits for lock, that",
        "One thread: the writer. Use for SQLite database, so that nothing waits for a lock!",
    ],
)
def test_nearly_the_same_words(again: str) -> None:
    assert known(ONCE, again)
    assert known(again, ONCE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ONCE, ONCE.replace("SQLite", "PostgreSQL")),
        (ONCE, ONCE.replace("Use", "Do not use")),
        (ONCE, f"Use 2, not 1: {ONCE}"),
        ("The timeout is 30 s", "The timeout is 60 s"),
        ("Deploy", "Deploy the shop on Fridays"),
        (ONCE, f"{ONCE}, and have the readers open a connection of their own each"),
        ("", "Deploy"),
    ],
)
def test_something_else(one: str, other: str) -> None:
    assert not known(one, other)
    assert not known(other, one)


@given(st.lists(st.text("ab c", max_size=20)), st.text(max_size=40))
def test_what_was_said_is_always_known_again(others: list[str], text: str) -> None:
    said = Said()
    for other in (*others, text):
        said.add(other)

    assert said.alike(f"! {text} !") or not any(map(str.isalnum, text))

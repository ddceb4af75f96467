"""What a thing is worth to an asker: less with age, more with relation, and the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.clock import Millis
from omnimemd.domain.worth import Asked, What, days_of, of_length, of_memory, of_words, worth
from tests.support.clock import DAY, NOON

kinds = st.sampled_from(What)
relations = st.floats(0, 1)
ages = st.integers(0, 400)


@given(kinds, ages, ages)
def test_what_is_older_is_worth_no_more(what: What, one: int, other: int) -> None:
    younger, older = sorted((one, other))

    assert worth(what, age=older, asked=Asked()) <= worth(what, age=younger, asked=Asked())


@given(kinds, ages, relations, relations)
def test_what_is_more_related_is_worth_no_less(what: What, age: int, one: float, other: float) -> None:
    less, more = (Asked(relation, anything=True) for relation in sorted((one, other)))

    assert worth(what, age=age, asked=less) <= worth(what, age=age, asked=more)


@given(kinds, ages, relations, st.booleans())
def test_everything_is_worth_something_and_what_is_continued_more(
    what: What, age: int, relation: float, anything: bool
) -> None:
    plain = worth(what, age=age, asked=Asked(relation, anything))

    assert 0 < plain < worth(what, age=age, asked=Asked(relation, anything, continued=True))


def test_where_nothing_is_asked_all_of_a_kind_are_alike() -> None:
    assert worth(What.DECISION, age=0, asked=Asked(0.9)) == worth(What.DECISION, age=0, asked=Asked())


def test_a_superseded_decision_is_worth_next_to_nothing() -> None:
    asked = Asked(1.0, anything=True)

    assert worth(What.SUPERSEDED, age=0, asked=asked) < worth(What.DECISION, age=0, asked=asked) / 20


def test_a_project_that_was_left_alone_is_no_older() -> None:
    moments = [Millis(NOON), Millis(NOON + DAY), Millis(NOON + 40 * DAY)]

    ages = days_of(moments)

    assert [ages.age(at) for at in moments] == [2, 1, 0]
    assert ages.age(Millis(NOON - 100 * DAY)) == 3
    assert ages.age(Millis(NOON + 99 * DAY)) == 0


def test_a_memory_that_is_read_is_worth_more_and_a_stale_one_less() -> None:
    assert of_memory(reads=0, stale=False) == 1.0
    assert of_memory(reads=7, stale=False) > of_memory(reads=1, stale=False) > 1.0
    assert of_memory(reads=0, stale=True) < 1.0


@pytest.mark.parametrize(("shared", "more"), [(0.0, 0.5), (0.5, 1.0)])
def test_a_decision_that_shares_words_with_the_project_is_worth_more(shared: float, more: float) -> None:
    assert 0 < of_words(shared) < of_words(more) <= 1.0


@given(st.integers(1, 1_000))
def test_a_longer_line_is_worth_more_but_less_for_each_character(length: int) -> None:
    assert of_length(1.0, length) < of_length(1.0, 2 * length) < 2 * of_length(1.0, length)

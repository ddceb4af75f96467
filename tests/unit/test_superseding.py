"""Which decision gave way to a later one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.clock import Millis
from omnimemd.domain.superseding import Decided, superseded
from tests.support.superseding_pairs import BOTH_STAND, REPLACED

TEXTS = st.one_of(
    st.sampled_from([text for pair in REPLACED + BOTH_STAND for text in pair]),
    st.text(max_size=60),
    st.lists(
        st.sampled_from("not but use for from to back drop 30 s is the msgpack JSON instead of , : . no".split())
    ).map(" ".join),
)
DECISIONS = st.lists(st.tuples(st.integers(0, 5), TEXTS), max_size=20).map(
    lambda told: [Decided(f"d{number}", Millis(at), text) for number, (at, text) in enumerate(told)]
)


def replaces(later: str, earlier: str) -> bool:
    return superseded([Decided("earlier", Millis(1), earlier), Decided("later", Millis(2), later)]) == {
        "earlier": "later"
    }


def test_hardly_any_decision_is_said_to_be_superseded_that_is_not_and_most_that_are() -> None:
    right = sum(replaces(later, earlier) for earlier, later in REPLACED)
    wrong = sum(replaces(later, earlier) for earlier, later in BOTH_STAND)

    assert right / (right + wrong) >= 0.97
    assert right / len(REPLACED) >= 0.8


def test_each_is_replaced_by_the_first_that_took_its_place() -> None:
    told = [
        Decided("a", Millis(1), "Timeout is 10 s"),
        Decided("b", Millis(2), "Timeout is 20 s"),
        Decided("c", Millis(3), "Timeout is 30 s"),
        Decided("d", Millis(4), "Use tabs"),
    ]

    assert superseded(told) == {"a": "b", "b": "c"}


def test_one_may_replace_several() -> None:
    told = [
        Decided("a", Millis(1), "Use msgpack for the wire format"),
        Decided("b", Millis(2), "Use msgpack for the wire format, with a version byte"),
        Decided("c", Millis(3), "JSON instead of msgpack for the wire format"),
    ]

    assert superseded(told) == {"a": "c", "b": "c"}


def test_what_is_given_up_is_not_guessed_among_several_ends() -> None:
    told = [
        Decided("a", Millis(1), "Use Redis for the job queue"),
        Decided("b", Millis(2), "Use Redis for the page cache"),
        Decided("c", Millis(3), "Switched from Redis to Postgres"),
    ]

    assert superseded(told) == {}


def test_a_reason_is_not_what_was_decided() -> None:
    told = [
        Decided("a", Millis(1), "Use aiohttp for the client"),
        Decided("b", Millis(2), "Pin Python 3.12 because aiohttp is no longer supported on 3.8"),
    ]

    assert superseded(told) == {}


def test_the_order_is_that_of_time() -> None:
    told = [Decided("new", Millis(9), "Timeout is 60 s"), Decided("old", Millis(1), "Timeout is 30 s")]

    assert superseded(told) == {"old": "new"}


@pytest.mark.parametrize("spelling", ["getUserName", "get_user_name", "get-user-name"])
def test_an_identifier_is_the_same_in_every_spelling(spelling: str) -> None:
    assert replaces(f"Use lookup instead of {spelling}", "Use `get_user_name` for greetings")


@given(DECISIONS)
def test_whatever_is_said_only_earlier_ones_give_way_and_only_to_later_ones(told: list[Decided]) -> None:
    place = {one.id: (one.at, number) for number, one in enumerate(told)}

    gave_way = superseded(told)

    assert all(place[earlier] < place[later] for earlier, later in gave_way.items())


@given(DECISIONS, st.data())
def test_only_time_and_words_tell(told: list[Decided], data: st.DataObject) -> None:
    spaced = [Decided(one.id, Millis(number), one.text) for number, one in enumerate(told)]
    shuffled = data.draw(st.permutations(spaced))

    assert superseded(shuffled) == superseded(spaced)


@given(st.lists(TEXTS, max_size=10))
def test_the_same_said_twice_replaces_nothing(texts: list[str]) -> None:
    for text in texts:
        assert not replaces(text, text)


def test_what_says_that_something_is_different_now_replaces_what_it_plainly_is_about() -> None:
    told = [
        Decided("a", Millis(1), "shipments list is paged with limit and offset for now, few rows each"),
        Decided("b", Millis(2), "rate limit for shops: token bucket in memory"),
        Decided(
            "c", Millis(3), "offset is slow on the big list of shipments. Paging goes by keyset now, limit is gone"
        ),
    ]

    assert superseded(told) == {"a": "c"}

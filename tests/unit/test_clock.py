"""Times as callers read and write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.clock import Millis, millis, rfc3339, rfc3339_or_none
from tests.support.strategies import moments


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_772_366_400_000, "2026-03-01T12:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_shown_in_utc_with_milliseconds(at: int, shown: str) -> None:
    assert rfc3339(Millis(at)) == shown


@given(moments)
def test_a_time_that_was_shown_can_be_read_again(at: Millis) -> None:
    assert millis(datetime.fromisoformat(rfc3339(at))) == at


@given(moments, moments)
def test_shown_times_sort_as_the_times_do(one: Millis, other: Millis) -> None:
    assert (rfc3339(one) < rfc3339(other)) == (one < other)


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=zones))
def test_any_zone_is_read_and_rounded_down(moment: datetime) -> None:
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert millis(moment) == exact


def test_no_time_is_shown_as_none() -> None:
    assert rfc3339_or_none(None) is None
    assert rfc3339_or_none(Millis(0)) == "1970-01-01T00:00:00.000Z"

"""Moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from omnimemd.cli import times


@pytest.mark.parametrize(("text", "back"), [("90m", {"minutes": 90}), ("1d12h", {"hours": 36}), ("2w", {"weeks": 2})])
def test_how_long_ago_is_a_moment(text: str, back: dict[str, int]) -> None:
    before = datetime.now(UTC)

    assert before - timedelta(**back) <= times.past(text) <= datetime.now(UTC) - timedelta(**back)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", "2026-01-31T00:00:00"),
        ("2026-01-31 14:30", "2026-01-31T14:30:00"),
        ("2026-01-31T14:30:05.250", "2026-01-31T14:30:05.250"),
    ],
)
def test_a_time_is_local(text: str, moment: str) -> None:
    assert times.past(text) == datetime.fromisoformat(moment).astimezone()


def test_a_time_that_names_its_zone_is_of_that() -> None:
    assert times.past("2026-01-31T14:30:00Z") == datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
    assert times.past("2026-01-31T14:30:00+02:00") == datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


def test_a_time_of_day_is_of_today() -> None:
    found = times.past("14:30")

    assert (found.hour, found.minute, found.second) == (14, 30, 0)
    assert abs(found - datetime.now(UTC)) < timedelta(days=1, hours=2)


@pytest.mark.parametrize("text", ["", "90", "now", "14", "24:00", "2026-13-01", "1h of", "tomorrow"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its words are nobody's
        times.past(text)


def test_what_the_daemon_says_has_local_times() -> None:
    moment = datetime(2026, 3, 1, 11, 59, 59, tzinfo=UTC).astimezone()

    told = times.local("before 2026-03-01T11:59:59.123Z, of backup_20260301T120000000Z_client_0a1b")

    assert told == f"before {moment:%Y-%m-%d %H:%M:%S}, of backup_20260301T120000000Z_client_0a1b"

"""Times for people: local, relative where that says more; and durations as people write them."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+|\d+(?:\.\d+)?", re.ASCII)
_CLOCK: Final = re.compile(r"\d\d:\d\d(?::\d\d)?", re.ASCII)
_TIMESTAMP: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def moment(timestamp: str) -> datetime:
    """Return a time of the API's as a local one."""
    return datetime.fromisoformat(timestamp).astimezone()


def clock(timestamp: str) -> str:
    """Return the time of day: "14:03:22"."""
    return moment(timestamp).strftime("%H:%M:%S")


def day(timestamp: str) -> str:
    """Return the date: "2026-01-31"."""
    return moment(timestamp).strftime("%Y-%m-%d")


def when(timestamp: str) -> str:
    """Return date and time: "2026-01-31 14:03:22"."""
    return moment(timestamp).strftime("%Y-%m-%d %H:%M:%S")


def local(text: str) -> str:
    """Return what the daemon says in *text* with its times as `when` has them."""
    return _TIMESTAMP.sub(lambda found: when(found[0]), text)


def ago(timestamp: str) -> str:
    """Return how long ago that is: "just now", "12 s ago", "3 min ago", "5 h ago", "6 days ago"; before, the date."""
    past = (datetime.now(UTC) - moment(timestamp)).total_seconds()
    if past < 5:  # also of a clock that was set back
        return "just now"
    return day(timestamp) if past >= 7 * _UNITS["d"] else f"{span(past, parts=1)} ago"


def between(earlier: str, later: str) -> str:
    """Return the time between two times of the API's, as `span` does."""
    return span((moment(later) - moment(earlier)).total_seconds())


def span(seconds: float, *, parts: int = 2) -> str:
    """Return a duration in its one or two largest units: "3 min 26 s", "2 h", "6 days 1 h"."""
    rest = max(round(seconds), 0)
    said = []
    for name, unit in (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, unit)
        if number:
            said.append(f"{number} {name}s" if name == "day" and number > 1 else f"{number} {name}")
        elif said:
            break
        if len(said) == parts:
            break
    return " ".join(said) or "0 s"


def seconds(text: str) -> float:
    """Return the duration that *text* says: "90", "90s", "15m", "1h30m", "7d", "2w".

    Raises:
        ValueError: it says none.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(text)
    parts = _PART.findall(text)
    total = sum((float(number) * _UNITS[unit] for number, unit in parts), 0.0) if parts else float(text)
    return int(total) if total.is_integer() else total


def past(text: str) -> datetime:
    """Return the moment that *text* says: how long ago ("2h", "1d12h"), or a time, local unless it names its zone.

    Raises:
        ValueError: it says none.
    """
    if _PART.match(text):
        return datetime.now(UTC) - timedelta(seconds=seconds(text))
    if _CLOCK.fullmatch(text):
        return datetime.combine(datetime.now().astimezone().date(), time.fromisoformat(text)).astimezone()
    said = datetime.fromisoformat(text)
    return said if said.tzinfo else said.astimezone()

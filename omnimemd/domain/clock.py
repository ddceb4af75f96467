"""The one unit of time inside the daemon, the port that tells it, and how callers read and write it."""

from datetime import UTC, datetime
from typing import NewType, Protocol

#: UTC milliseconds since 1970; whole, so that they compare and store exactly.
Millis = NewType("Millis", int)


class Clock(Protocol):
    """Tells the wall-clock time; the only source of it for rules and services."""

    def now(self) -> Millis:
        """Return UTC milliseconds; may step backwards when the machine's clock is set."""
        ...


def rfc3339(at: Millis) -> str:
    """Return *at* as the API shows it: RFC 3339, UTC, milliseconds, `Z`."""
    seconds, millis = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def rfc3339_or_none(at: Millis | None) -> str | None:
    """Return *at* as the API shows it, None for None."""
    return None if at is None else rfc3339(at)


def from_rfc3339(text: str) -> Millis:
    """Return the moment that *text* says, which knows its zone.

    Raises:
        ValueError: it says none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it names no zone")
    return millis(moment)


def millis(moment: datetime) -> Millis:
    """Return *moment*, which knows its zone, rounded down to the millisecond."""
    delta = moment - _EPOCH
    return Millis((delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

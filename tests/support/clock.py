"""A clock that tests set: it stands still until it is told to move, and may be set back."""

from omnimemd.domain.clock import Millis

#: 2026-03-01T12:00:00.000Z
NOON = Millis(1_772_366_400_000)
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class FakeClock:
    """The port `Clock`."""

    def __init__(self, at: int = NOON) -> None:
        self._at = at
        self._elapsed = 0

    def now(self) -> Millis:
        return Millis(self._at)

    def advance(self, milliseconds: int) -> Millis:
        """Let time pass (or, below zero, have the clock set back); return what it shows then."""
        self._elapsed += max(milliseconds, 0)
        return self.jump(milliseconds)

    def jump(self, milliseconds: int) -> Millis:
        """Have the clock set, while no time passes; return what it shows then."""
        self._at += milliseconds
        return self.now()

    def elapsed(self) -> Millis:
        """Return how much time has passed."""
        return Millis(self._elapsed)

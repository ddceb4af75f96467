"""The machine's clock."""

import sys
import time

from omnimemd.domain.clock import Millis


class SystemClock:
    """Tells the machine's wall-clock time."""

    def now(self) -> Millis:
        """Return UTC milliseconds."""
        return Millis(time.time_ns() // 1_000_000)


def elapsed() -> Millis:
    """Return milliseconds since some moment of the past, which go on while the machine sleeps, and are never set."""
    if sys.platform == "linux":
        return Millis(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
    # clock_gettime(3) of macOS: it "continues to increment while the system is asleep", as CLOCK_MONOTONIC does not.
    return Millis(time.clock_gettime_ns(getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC)) // 1_000_000)

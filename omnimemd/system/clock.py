"""The machine's clock."""

import time

from omnimemd.domain.clock import Millis


class SystemClock:
    """Tells the machine's wall-clock time."""

    def now(self) -> Millis:
        """Return UTC milliseconds."""
        return Millis(time.time_ns() // 1_000_000)

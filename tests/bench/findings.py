"""What a benchmark finds: figures measured side by side with a floor, and whether the target was reached."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

#: How a figure is read out of all that were measured: what must hold in every run is read where it holds the least.
Reading = Literal["median", "p99", "least", "most"]


class Scale(msgspec.Struct, frozen=True):
    """How much is measured: everything, a part of it, or just enough to see that the benchmark still runs."""

    quick: bool
    part: float = 1.0  #: above 0, at most 1

    def of(self, full: int, *, quick: int) -> int:
        """Return the amount to do."""
        return quick if self.quick else max(quick, int(full * self.part))

    def seconds(self, full: float, *, quick: float) -> float:
        """Return how long to wait, whatever the part."""
        return quick if self.quick else full

    @property
    def whole(self) -> bool:
        """Whether the figures are those of the benchmark as it is meant."""
        return not self.quick and self.part == 1


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    what: str
    floor: str  #: what the figure is relative to, measured in the same run
    figures: tuple[float, ...]  #: one for each run, ≥ 1
    reading: Reading = "median"
    unit: str = "x"  #: x: times the floor
    at_most: float | None = None  #: the target
    at_least: float | None = None  #: the target
    aside: str = ""  #: absolute figures, and what else a reader may ask

    @property
    def figure(self) -> float:
        """The figure that stands for all."""
        match self.reading:
            case "median":
                return statistics.median(self.figures)
            case "p99":
                return percentile(self.figures, 99)
            case "least":
                return min(self.figures)
            case "most":
                return max(self.figures)

    @property
    def target(self) -> str:
        """The target in words, "" when there is none."""
        if self.at_most is not None:
            return f"≤ {shown(self.at_most, self.unit)}"
        return "" if self.at_least is None else f"≥ {shown(self.at_least, self.unit)}"

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached, None when there is none."""
        if self.at_most is not None:
            return self.figure <= self.at_most
        return None if self.at_least is None else self.figure >= self.at_least


def percentile(figures: Sequence[float], percent: int) -> float:
    """Return the smallest of *figures* that *percent* of them do not exceed."""
    return sorted(figures)[math.ceil(len(figures) * percent / 100) - 1]


def ratios(subject: Sequence[float], floor: Sequence[float]) -> tuple[float, ...]:
    """Return each figure of *subject* relative to the one of *floor* that was measured beside it."""
    return tuple(one / other for one, other in zip(subject, floor, strict=True))


def shown(figure: float, unit: str) -> str:
    """Return *figure* as the table shows it."""
    whole = abs(figure) >= 100 or (unit != "x" and figure == int(figure))
    digits = 0 if whole else 2 if abs(figure) >= 0.1 else 3
    return f"{figure:,.{digits}f}{'x' if unit == 'x' else f' {unit}'}"


def micros(seconds: Sequence[float]) -> str:
    """Return the median of *seconds* as microseconds, for an aside."""
    return f"{statistics.median(seconds) * 1e6:,.0f} µs"

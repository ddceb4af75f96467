"""The text format of Prometheus (exposition formats, version 0.0.4): families of samples, each with its meaning."""

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final

from omnimemd.domain.measuring import Histogram

_PREFIX: Final = "omnimemd_"


class Exposition:
    """What was measured, family by family."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines: list[str] = []

    def gauge(self, name: str, meaning: str, value: float, **labels: str) -> None:
        """Add a figure that goes up and down."""
        self._family(name, "gauge", meaning)
        self._sample(name, labels, value)

    def counter(self, name: str, meaning: str, value: float) -> None:
        """Add a count since the start; its name ends in `_total`."""
        self._family(name, "counter", meaning)
        self._sample(name, {}, value)

    def counters(self, name: str, meaning: str, values: Iterable[tuple[Mapping[str, str], float]]) -> None:
        """Add counts since the start that labels tell apart; the name ends in `_total`."""
        self._family(name, "counter", meaning)
        for labels, value in values:
            self._sample(name, labels, value)

    def histograms(self, name: str, meaning: str, values: Iterable[tuple[Mapping[str, str], Histogram]]) -> None:
        """Add how often what was how large; labels tell several apart."""
        self._family(name, "histogram", meaning)
        for labels, one in values:
            up_to = list(accumulate(one.counts))
            for bound, count in zip((*map(_number, one.bounds), "+Inf"), up_to, strict=True):
                self._sample(f"{name}_bucket", {**labels, "le": bound}, count)
            self._sample(f"{name}_sum", labels, one.total)
            self._sample(f"{name}_count", labels, up_to[-1])

    def encoded(self) -> bytes:
        """Return all of it."""
        return ("\n".join(self._lines) + "\n").encode()

    def _family(self, name: str, kind: str, meaning: str) -> None:
        self._lines += [f"# HELP {_PREFIX}{name} {meaning}", f"# TYPE {_PREFIX}{name} {kind}"]

    def _sample(self, name: str, labels: Mapping[str, str], value: float) -> None:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        self._lines.append(f"{_PREFIX}{name}{f'{{{inside}}}' if inside else ''} {_number(value)}")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf"
    return repr(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

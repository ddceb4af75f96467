"""The table of what was found, for people."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from tests.bench.findings import Finding, shown

#: Every benchmark, in the order of the table: a module of this folder with a function `measure`.
NAMES: Final = ("appending", "requests", "deaths", "idle", "importing", "storing", "reading", "seeing")

#: Whose versions change the figures.
_DISTRIBUTIONS: Final = ("aiohttp", "apsw", "msgspec", "watchdog")

_HOW: Final = """\
# Benchmarks

Written by `python3 scripts/dev.py bench`, which measures everything anew and writes this file; `… bench NAME` runs one
and prints its lines, `--quick` only shows that they run. Nothing in here was typed in.

**Trust the ratios.** Each figure is divided by, or stands beside, a *floor*: the least that any program would need for
the same, measured in the same run, floor and subject in turn (A B A B …), so that a machine that is busy or slow is so
for both. A ratio is the median over the runs, with the range from the smallest to the largest; where a line names a
percentile, it is over single events, and *runs* counts those. The absolute times on the right are of the machine below,
on that day.

Every benchmark runs in a process of its own, and so do the daemon and the floors it is measured with; what goes over a
socket is sent by the same lean client to both, from requests that were encoded before. Files, sockets and databases lie
in a temporary folder (`TMPDIR` says where: on a RAM disk, waiting for the disk costs nothing, and the lines about
durability say little). They need Linux: `/proc`, pidfd and inotify are what is measured.
"""


def document(found: Sequence[tuple[str, Sequence[Finding]]]) -> str:
    """Return the whole document: how it was measured, and the findings of each benchmark by name."""
    reached = [one.reached for _, findings in found for one in findings if one.reached is not None]
    return "\n".join(
        (_HOW, f"## {sum(reached)} of {len(reached)} targets reached", "", table(found), "", _machine(), "")
    )


def table(found: Sequence[tuple[str, Sequence[Finding]]]) -> str:
    """Return the findings as a table in Markdown."""
    head = "| name | what | floor, in the same run | figure | runs | range | target | reached | in absolute terms |"
    rows = [_row(name, one) for name, findings in found for one in findings]
    return "\n".join((head, "|---|---|---|---:|---:|---:|---:|---|---|", *rows))


def _row(name: str, found: Finding) -> str:
    spread = f"{shown(min(found.figures), found.unit)} to {shown(max(found.figures), found.unit)}"
    verdict = {None: "", True: "yes", False: "**no**"}[found.reached]
    cells = (
        name,
        found.what,
        found.floor,
        f"**{shown(found.figure, found.unit)}**",
        len(found.figures),
        spread,
        found.target,
        verdict,
        found.aside,
    )
    return f"| {' | '.join(map(str, cells))} |"


def _machine() -> str:
    kernel = ".".join(platform.release().split(".")[:2])
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _DISTRIBUTIONS)
    load = os.getloadavg()[2]
    return (
        f"Measured on {platform.system()} {kernel} ({platform.machine()}, {os.cpu_count()} processors, load {load:.1f} "
        f"over the last 15 minutes), Python {platform.python_version()}, {versions}."
    )


def verdict(found: Sequence[tuple[str, Sequence[Finding]]]) -> str:
    """Say on one line which targets were missed."""
    missed = [one.what for _, findings in found for one in findings if one.reached is False]
    return f"targets missed: {'; '.join(missed)}" if missed else "every target reached"


def encoded(found: Sequence[Finding]) -> bytes:
    """Return *found* as what one process tells another."""
    return msgspec.json.encode(list(found))


def decoded(data: bytes) -> list[Finding]:
    """Return what `encoded` was given."""
    return msgspec.json.decode(data, type=list[Finding])


def say(text: str) -> None:
    """Tell a person how far it is."""
    print(text, file=sys.stderr, flush=True)

"""What was found, for people: the document, of one section for each benchmark, and its tables."""

import importlib
import importlib.metadata
import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tests.bench.findings import Finding, shown

#: Every benchmark, in the order of the document: a module of this folder with a function `measure`.
NAMES: Final = (
    "appending",
    "requests",
    "deaths",
    "idle",
    "prompting",
    "importing",
    "storing",
    "reading",
    "compressing",
    "backing_up",
    "seeing",
    "grepping",
    "starting",
    "scanning",
    "overflowing",
    "limiting",
    "storming",
    "unpacking",
    "showing",
    "attributing",
    "searching",
    "briefing",
    "scale",
)
#: Those that take so long, or need so much, that they are measured only when they are named.
LONG: Final = ("soak", "churning", "retrieval")

#: Whose versions change the figures.
_DISTRIBUTIONS: Final = ("aiohttp", "apsw", "msgspec", "watchdog")

_HOW: Final = """\
# Benchmarks

Written by `python3 scripts/dev.py bench`, which measures everything anew but {long} and writes this file.
`… bench NAME` runs one and prints its lines; with `--write` its section of this file is written anew too. `--part 0.1`
does a tenth of the work, `--quick` only shows that they run. Nothing in here was typed in.

**Trust the ratios.** Each figure is divided by, or stands beside, a *floor*: the least that any program would need for
the same, measured in the same run, floor and subject in turn (A B A B …), so that a machine that is busy or slow is so
for both. A ratio is the median over the runs, with the range from the smallest to the largest; where a line names a
percentile, it is over single events, and *runs* counts those. What must hold in every run is shown for the run in which
it held the least. The absolute times on the right are of the machine below each table, on that day.

Every benchmark runs in a process of its own, and so do the daemon and the floors it is measured with; what goes over a
socket is sent by the same lean client to both, from requests that were encoded before. Files, sockets and databases lie
in a temporary folder (`TMPDIR` says where: on a RAM disk, waiting for the disk costs nothing, and the lines about
durability say little). They need Linux: `/proc`, pidfd and inotify are what is measured; some need gcc, git, tar, and
the right to make a user namespace.
"""
_REACHED: Final = re.compile(r"\| (yes|\*\*no\*\*) \|[^|]*\|$", re.MULTILINE)
_SECTION: Final = re.compile(r"^## (\w+)$\n", re.MULTILINE)


def section(name: str, findings: Sequence[Finding]) -> str:
    """Return the part of the document about the benchmark *name*: what it asks, what was found, and on what machine."""
    about = importlib.import_module(f"tests.bench.{name}").__doc__ or ""
    return "\n\n".join((about.strip(), table(findings), _machine()))


def document(sections: Mapping[str, str]) -> str:
    """Return the whole document: how it was measured, and the *sections* by the names of their benchmarks."""
    verdicts = _REACHED.findall("\n".join(sections.values()))
    parts = [
        _HOW.format(long=" and ".join(f"`{name}`" for name in LONG)).strip(),
        f"{verdicts.count('yes')} of {len(verdicts)} targets reached.",
        *(f"## {name}\n\n{sections[name]}" for name in (*NAMES, *LONG) if name in sections),
    ]
    return "\n\n".join(parts) + "\n"


def sections(document: str) -> dict[str, str]:
    """Return the sections that `document` was given."""
    _, *parts = _SECTION.split(document)
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a table in Markdown."""
    head = "| what | floor, in the same run | figure | runs | range | target | reached | in absolute terms |"
    return "\n".join((head, "|---|---|---:|---:|---:|---:|---|---|", *map(_row, findings)))


def _row(found: Finding) -> str:
    spread = f"{shown(min(found.figures), found.unit)} to {shown(max(found.figures), found.unit)}"
    verdict = {None: "", True: "yes", False: "**no**"}[found.reached]
    cells = (
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
    load = os.getloadavg()[0]
    return (
        f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())}, {platform.system()} {kernel} "
        f"({platform.machine()}, {os.cpu_count()} processors, load {load:.1f} "
        f"in the last minute), Python {platform.python_version()}, {versions}."
    )


def verdict(findings: Sequence[Finding]) -> str:
    """Say on one line which targets were missed."""
    missed = [one.what for one in findings if one.reached is False]
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

"""Does a `grep -r` lose anything, and what does an event of it cost?

The daemon and the floors each watch a tree of their own, so that each hears of its own grep only. What is counted of
the daemon is every thread but the event loop's: the one that reads the kernel's queue, the one that decodes and applies
the rules, and those that look at processes and wait for the disk. With the loop, which folds and stores, it is the
whole daemon.
"""

import os
import statistics
from pathlib import Path

import msgspec

from omnimem import Client
from tests.bench import cpu, trees
from tests.bench.findings import Finding, Scale, ratios
from tests.bench.readers import Heard, compiled, interpreted, reading
from tests.bench.recorded import flush, recorded
from tests.bench.running import daemon, folder

_IN_C = "a program in C, compiled in this run, that reads inotify and takes each event apart"
_RESTING = "the program in C, resting a millisecond after each read, as the daemon does"
_IN_PYTHON = "a program in Python that reads inotify and makes each event's path"


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """One grep each, seconds on a processor for one event; and what was recorded of it."""

    c: float
    resting: float  #: in C too
    python: float
    watching: float
    loop: float
    files: int
    rows: int
    scanned: int
    gaps: int
    seen: int  #: events, since the daemon began
    told: int  #: of these, what `/status` says became of them

    @property
    def silently_lost(self) -> int:
        return 0 if self.gaps else max(self.files - self.rows - self.scanned, 0)


def measure(scale: Scale) -> list[Finding]:
    """Grep a tree that the daemon watches and one that the floors watch, in turn."""
    files = scale.of(50_000, quick=500)
    with folder() as place, daemon(place) as (path, pid), Client(path, timeout=60) as client:
        (ours := place / "ours").mkdir()
        (theirs := place / "theirs").mkdir()
        for tree in (ours, theirs):
            trees.plant(tree, directories=files // 20, files=files)
        directories = list(trees.directories_of(theirs))
        session = client.create_session(tool_id="bench", workspace_path=str(ours), process_id=os.getpid())
        in_c, in_python = compiled(place), interpreted()
        runs, after = [], 0
        for _ in range(scale.of(20, quick=2)):
            c, python = (_floor(command, theirs, directories, files) for command in (in_c, in_python))
            resting = _floor(in_c, theirs, directories, files, rests=True)
            cpu.rest(pid)
            before = cpu.taken(pid)
            trees.grep(ours)
            flush(client)
            cpu.rest(pid)
            taken = cpu.taken(pid).since(before)
            found = recorded(client, session.session_id, after=after)
            after = found.last
            status = client.status()
            watch = status.watch
            told = watch.events_recorded + watch.events_coalesced + watch.events_ignored
            runs.append(
                _Run(
                    c=c / files,
                    resting=resting / files,
                    python=python / files,
                    watching=taken.others / files,
                    loop=taken.loop / files,
                    files=files,
                    rows=found.read_rows,
                    scanned=found.scanned_reads,
                    gaps=found.gaps,
                    seen=watch.events_seen,
                    told=told + status.queues.pending_accesses,
                )
            )
    return [*_accounted(runs), *_cost(runs)]


def _floor(command: list[str], tree: Path, directories: list[str], files: int, *, rests: bool = False) -> float:
    """Return the seconds on a processor that a floor needs to hear of a grep over *tree*."""
    with reading(command, directories, rests=rests) as reader:
        before = reader.seconds()
        trees.grep(tree)
        seconds = reader.seconds() - before
    if reader.heard != Heard(reads=files, overflows=0):
        raise RuntimeError("the floor did not hear of everything: what it took means nothing")
    return seconds


def _accounted(runs: list[_Run]) -> list[Finding]:
    files = runs[0].files
    rows, scanned, gaps = (sum(getattr(run, name) for run in runs) for name in ("rows", "scanned", "gaps"))
    return [
        Finding(
            what=f"`grep -r` over {files:,} files: reads in rows, in scans, or in a gap, the least of all runs",
            floor="the files there are",
            figures=tuple(100.0 if run.gaps else 100 * (run.rows + run.scanned) / files for run in runs),
            reading="least",
            unit="%",
            at_least=100,
            aside=f"of {files * len(runs):,} reads {rows:,} in rows, {scanned:,} in scans; {gaps} gaps",
        ),
        Finding(
            what="reads lost without a word, the most of all runs",
            floor="the files there are",
            figures=tuple(run.silently_lost for run in runs),
            reading="most",
            unit="reads",
            at_most=0,
        ),
        Finding(
            what="events of which `/status` does not say whether they were recorded, coalesced or ignored",
            floor="the events that were seen",
            figures=tuple(abs(run.seen - run.told) for run in runs),
            reading="most",
            unit="events",
            at_most=0,
            aside=f"of {runs[-1].seen:,}",
        ),
    ]


def _cost(runs: list[_Run]) -> list[Finding]:
    c, python, watching = ([getattr(run, name) for run in runs] for name in ("c", "python", "watching"))
    whole = [run.watching + run.loop for run in runs]

    def compared(what: str, subject: list[float], floor: list[float], name: str, at_most: float | None) -> Finding:
        return Finding(
            what=what,
            floor=name,
            figures=ratios(subject, floor),
            at_most=at_most,
            aside=f"{statistics.median(subject) * 1e6:.2f} and {statistics.median(floor) * 1e6:.2f} µs an event",
        )

    return [
        compared("processor time of the threads that watch, for a file read", watching, c, _IN_C, 2.5),
        compared("the same of the threads that watch", watching, python, _IN_PYTHON, 1.5),
        compared("the same of the threads that watch", watching, [run.resting for run in runs], _RESTING, None),
        compared("processor time of the whole daemon, for a file read", whole, c, _IN_C, 2.5),
        compared("the same of the whole daemon", whole, python, _IN_PYTHON, 1.5),
    ]

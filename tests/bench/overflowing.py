"""What is left of events that the kernel had to drop?

The daemon is stopped (SIGSTOP) while a program reads more files than the kernel's queue holds, and then changes some:
nothing of these changes reaches the queue. When the daemon goes on it finds the queue overflowed, says so, and looks
for what changed.
"""

import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from omnimem import Client
from omnimem.model import EntryKind
from tests.bench import cpu, trees
from tests.bench.changing import Changes, change
from tests.bench.findings import Finding, Scale
from tests.bench.recorded import flush, recorded
from tests.bench.running import daemon, folder

#: How long the daemon hears of nothing.
_HELD = 1.0
#: Between two overflows in a row: long enough for the queue to be emptied, too short for the tree to be looked through.
_LOOKING = 0.25
_POLL = 0.02
_PATIENCE = 30.0
_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
_FLOOR = "walk the same tree with scandir and stat every file, in Python"

R = TypeVar("R")


class _Overflow(msgspec.Struct, frozen=True, kw_only=True):
    """One overflow and what came of it."""

    gaps: int
    done: int
    known: int  #: of what was done
    seconds: float  #: from when the daemon went on until the gap was told
    floor: float  #: seconds
    overflows: int
    resyncs: int


def measure(scale: Scale) -> list[Finding]:
    """Overflow the queue again and again on a tree of 50,000 files; then thrice on one of 10,000 directories."""
    files = scale.of(50_000, quick=20_000)
    with _scene(scale, directories=files // 20, files=files) as scene:
        runs, after = [], 0
        for number in range(scale.of(7, quick=1)):
            run, after = _overflow(scene, number, after)
            runs.append(run)
    return [*_findings(runs, files), _three_in_a_row(scale)]


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A daemon that watches a tree."""

    pid: int
    client: Client
    session_id: str
    tree: Path
    files: list[str]  #: paths; those that are there, in every run
    held: float  #: seconds
    calm: float  #: seconds without work after which it is at rest

    def hold(self, work: Callable[[], R]) -> R:
        """Do *work* while the daemon is stopped, and leave it stopped for its time."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            until = time.monotonic() + self.held
            done = work()
            time.sleep(max(until - time.monotonic(), 0))
        finally:
            os.kill(self.pid, signal.SIGCONT)
        return done


@contextmanager
def _scene(scale: Scale, *, directories: int, files: int) -> Iterator[_Scene]:
    with folder() as place, daemon(place) as (path, pid), Client(path, timeout=60) as client:
        (tree := place / "project").mkdir()
        paths = trees.plant(tree, directories=directories, files=files)
        session = client.create_session(tool_id="bench", workspace_path=str(tree), process_id=os.getpid())
        yield _Scene(
            pid=pid,
            client=client,
            session_id=session.session_id,
            tree=tree,
            files=paths,
            held=scale.seconds(_HELD, quick=0),
            calm=scale.seconds(1.5, quick=0.3),
        )


def _overflow(scene: _Scene, number: int, after: int) -> tuple[_Overflow, int]:
    """Force an overflow; return what came of it, and the last entry of the session."""
    cpu.rest(scene.pid, quiet=scene.calm)
    before = scene.client.status().watch
    changes = scene.hold(lambda: _fill_then_change(scene.files, number))
    resumed = time.monotonic()
    seconds = 0.0
    while seconds < _PATIENCE and not _gap_is_told(scene, after):
        time.sleep(_POLL)
        seconds = time.monotonic() - resumed
    flush(scene.client)
    cpu.rest(scene.pid, quiet=scene.calm)
    flush(scene.client)
    found = recorded(scene.client, scene.session_id, after=after)
    now = scene.client.status().watch
    return (
        _Overflow(
            gaps=found.gaps,
            done=len(changes),
            known=changes.known(found),
            seconds=seconds,
            floor=_stat_all(scene.tree),
            overflows=now.overflows - before.overflows,
            resyncs=now.resyncs - before.resyncs,
        ),
        found.last,
    )


def _gap_is_told(scene: _Scene, after: int) -> bool:
    return bool(scene.client.list_entries(scene.session_id, kind=EntryKind.GAP, after=after, limit=1).entries)


def _fill_queue(paths: list[str]) -> None:
    """Read more files than the queue holds events; each read is one."""
    for path in paths[: int(_QUEUE.read_text()) + 1000]:
        os.close(os.open(path, os.O_RDONLY))


def _fill_then_change(paths: list[str], number: int) -> Changes:
    """Fill the queue, then change 400 files."""
    _fill_queue(paths)
    choose = random.Random(number)  # noqa: S311 - changes that can be had again
    return change(paths, choose.sample(range(len(paths)), 400), mark=f"run_{number}")


def _stat_all(tree: Path) -> float:
    started = time.perf_counter()
    waiting = [str(tree)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
    return time.perf_counter() - started


def _findings(runs: list[_Overflow], files: int) -> list[Finding]:
    return [
        Finding(
            what="gaps told for an overflow, the least of all runs",
            floor=f"the daemon stopped for {_HELD:.0f} s while {files:,} files are read and 400 changed",
            figures=tuple(run.gaps for run in runs),
            reading="least",
            unit="gaps",
            at_least=1,
        ),
        Finding(
            what="files written, made, moved and deleted in the gap that are known afterwards, the least of all runs",
            floor="what was done",
            figures=tuple(100 * run.known / run.done for run in runs),
            reading="least",
            unit="%",
            at_least=100,
            aside=f"{sum(run.known for run in runs):,} of {sum(run.done for run in runs):,}",
        ),
        Finding(
            what=f"the daemon goes on → the gap and what changed in it are told, {files:,} files",
            floor=_FLOOR,
            figures=tuple(run.seconds for run in runs),
            unit="s",
            at_most=1,
            aside=f"floor {statistics.median(run.floor for run in runs):.3f} s; "
            f"the queue's {int(_QUEUE.read_text()):,} events are taken first",
        ),
        Finding(
            what="overflows that the looking caused itself, the most of all runs",
            floor="one overflow was forced",
            figures=tuple(run.overflows - 1 for run in runs),
            reading="most",
            unit="overflows",
            at_most=0,
            aside=f"{', '.join(str(run.resyncs) for run in runs)} resyncs",
        ),
    ]


def _three_in_a_row(scale: Scale) -> Finding:
    directories = scale.of(10_000, quick=200)
    seconds, overflows = [], []
    with _scene(scale, directories=directories, files=max(2 * directories, 20_000)) as scene:
        for _ in range(scale.of(3, quick=1)):
            cpu.rest(scene.pid, quiet=scene.calm)
            before = scene.client.status().watch.overflows
            for _ in range(3):
                scene.hold(lambda: _fill_queue(scene.files))
                time.sleep(_LOOKING)  # it begins to look, and is stopped in the midst of it
            resumed = time.monotonic()
            seconds.append(cpu.rest(scene.pid, quiet=3 * scene.calm, patience=30) - resumed)
            overflows.append(scene.client.status().watch.overflows - before)
    return Finding(
        what=f"three overflows in a row on {directories:,} directories → the last moment it takes a processor",
        floor="an idle daemon takes none",
        figures=tuple(seconds),
        reading="most",
        unit="s",
        at_most=5,
        aside=f"{', '.join(map(str, overflows))} overflows",
    )

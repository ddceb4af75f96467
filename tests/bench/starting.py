"""What does it take to begin to watch a large tree, and to go on watching it?

The clock runs from the request that adds the folder until the daemon says that it watches it. The floor is the least
that any watcher does: walk the same directories, add a watch for each. What the daemon does at its leisure later (it
learns what the files are, for the day it misses an event) is waited for, and must not be seen in its own watches.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from omnimem import Client
from omnimem.model import WorkspaceState
from omnimemd.system.watcher.inotify import LIVE
from tests.bench import cpu, trees
from tests.bench.findings import Finding, Scale, ratios
from tests.bench.memory import memory
from tests.bench.running import daemon, folder

_FLOOR = Path(__file__).parent / "floors" / "bare_start.py"
_WALK = "walk the same directories with scandir and add a watch for each, in Python"
_PATIENCE = 60.0


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    """One start on a tree, and the floor beside it."""

    floor: float  #: seconds
    taken: float  #: seconds
    events: int  #: read from the kernel until the tree was watched, though nobody did anything
    later: int  #: the same from then until the daemon was at rest
    grown: int  #: bytes of memory since


def measure(scale: Scale) -> list[Finding]:
    """Start on a tree without anything to prune, and on one of which a tenth is left."""
    directories = scale.of(50_000, quick=200)
    with folder() as place, _walker() as walker:
        (whole := place / "whole").mkdir()
        trees.plant(whole, directories=directories, files=directories)
        (pruned := place / "pruned").mkdir()
        trees.plant(pruned, directories=directories // 10, files=directories // 10)
        trees.plant(pruned / "node_modules", directories=directories * 9 // 10, files=directories * 9 // 10)
        first, again, sparse = [], [], []
        for number in range(scale.of(3, quick=1)):
            (home := place / f"home_{number}").mkdir()
            with daemon(home) as (path, pid), Client(path, timeout=_PATIENCE) as client:
                _warm_up(client, home / "small")
                calm = scale.seconds(1.5, quick=0.3)
                starts = [_start(client, pid, walker, whole, calm) for _ in range(scale.of(4, quick=1))]
                first.append(starts[0])
                again += starts
                sparse += [_start(client, pid, walker, pruned, calm) for _ in range(scale.of(4, quick=1))]
    return [
        Finding(
            what=f"start on {directories:,} directories, nothing pruned",
            floor=_WALK,
            figures=ratios([one.taken for one in again], [one.floor for one in again]),
            at_most=1.5,
            aside=_seconds(again),
        ),
        Finding(
            what=f"start on {directories:,} directories of which {directories // 10:,} are live",
            floor=f"{_WALK}, in all of them",
            figures=tuple(one.taken for one in sparse),
            unit="s",
            at_most=0.25,
            aside=_seconds(sparse),
        ),
        _self_made("events that the start itself caused", [one.events for one in (*again, *sparse)]),
        _self_made("events that the daemon's looking around caused later", [one.later for one in (*again, *sparse)]),
        Finding(
            what=f"memory (RSS) for each of {directories:,} watched directories, once the daemon is at rest",
            floor="the same daemon before",
            figures=tuple(one.grown / directories for one in first),
            unit="B",
            at_most=400,
            aside=f"{statistics.median(one.grown for one in first) / 2**20:.1f} MiB in all",
        ),
    ]


def _self_made(what: str, events: list[int]) -> Finding:
    return Finding(
        what=f"{what}, the most of all starts",
        floor="nobody touched a file",
        figures=tuple(events),
        reading="most",
        unit="events",
        at_most=0,
    )


def _seconds(starts: list[_Start]) -> str:
    taken, floor = (statistics.median(getattr(one, name) for one in starts) for name in ("taken", "floor"))
    return f"{taken:.3f} s and {floor:.3f} s"


def _warm_up(client: Client, tree: Path) -> None:
    trees.plant(tree, directories=50, files=50)
    client.add_workspace(path=str(tree))
    client.flush()


def _start(client: Client, pid: int, walker: "_Walker", tree: Path, calm: float) -> _Start:
    floor = walker.seconds(tree)
    cpu.rest(pid, quiet=calm)
    events, resident = client.status().watch.events_seen, memory(pid).resident
    started = time.perf_counter()
    client.add_workspace(path=str(tree))
    while (state := _state(client, tree)) is WorkspaceState.STARTING:
        time.sleep(0.01)
    taken = time.perf_counter() - started
    if state is not WorkspaceState.WATCHING:
        raise RuntimeError(f"{tree} is {state}: {client.status().watch.degraded}")
    by_then = client.status().watch.events_seen
    cpu.rest(pid, quiet=calm)
    start = _Start(
        floor=floor,
        taken=taken,
        events=by_then - events,
        later=client.status().watch.events_seen - by_then,
        grown=memory(pid).resident - resident,
    )
    client.remove_workspace(path=str(tree))
    return start


def _state(client: Client, tree: Path) -> WorkspaceState:
    return next(one.state for one in client.list_workspaces().workspaces if one.path == str(tree))


class _Walker:
    """The floor, at work."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self._running = running

    def seconds(self, tree: Path) -> float:
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        print(tree, file=self._running.stdin, flush=True)
        return float(self._running.stdout.readline().split()[1])


@contextmanager
def _walker() -> Iterator[_Walker]:
    command = [sys.executable, str(_FLOOR), str(LIVE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield _Walker(running)

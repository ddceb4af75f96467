"""Look at what processes do: the port `domain.ports.Activity` on Linux, through /proc and the processes' clocks."""

import asyncio
import contextlib
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from omnimemd.domain.activity import Look, LookOrder, OpenFile, Usage
from omnimemd.domain.clock import Clock
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.domain.ports import Activity
from omnimemd.system.processes.kin import Kin

#: Processes of one look whose figures are taken down, and paths whose sizes are: together some milliseconds. What a
#: tree has beyond that makes it one that cannot be measured.
_PROCESSES: Final = 256
_PATHS: Final = 64


def open_activity(clock: Clock) -> Activity:
    """Return what looks at processes here; where the system does not count for us, one that sees nothing."""
    return ProcActivity(clock) if sys.platform == "linux" else NoActivity(clock)


class NoActivity:
    """Elsewhere: nothing is seen, so whose an access is follows from who is active alone."""

    def __init__(self, clock: Clock) -> None:
        """Tell the time by *clock*."""
        self._clock = clock

    def look(self, order: LookOrder, seen: Callable[[Look], None]) -> None:
        """Tell that nothing was seen."""
        seen(Look(self._clock.now()))

    def close(self) -> None:
        """Do nothing."""


class ProcActivity:
    """Looks on a thread of its own: /proc answers in microseconds, but a file's size may wait for a network."""

    def __init__(self, clock: Clock) -> None:
        """Tell the time by *clock*; on the loop."""
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="omnimem-activity")
        self._closed = False
        self._kin = Kin()  # this and the next are the thread's
        self._meters: dict[int, _Meter] = {}
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 6  # of meters: each keeps a descriptor

    def look(self, order: LookOrder, seen: Callable[[Look], None]) -> None:
        """Look, and call *seen* on the loop with what was seen."""
        if not self._closed:
            self._thread.submit(self._look, order, seen)

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)
        for meter in self._meters.values():
            meter.close()
        self._meters.clear()

    def _look(self, order: LookOrder, seen: Callable[[Look], None]) -> None:
        at = self._clock.now()
        try:
            look = self._seen(order)
        except OSError:  # /proc is not there, or no descriptor is left: nothing was seen
            look = Look(at)
        with contextlib.suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(seen, look)

    def _seen(self, order: LookOrder) -> Look:
        at = self._clock.now()
        trees, above = self._kin.trees(order.bound)
        usages: dict[ProcessIdentity, dict[int, Usage]] = {}
        stirred: list[tuple[ProcessIdentity, int]] = []
        for tree, pids in trees.items():
            usage = self._usage(tree, pids, stirred) if len(pids) <= _PROCESSES else None
            if usage is not None:
                usages[tree] = usage
        for pid in self._meters.keys() - {pid for pids in trees.values() for pid in pids}:
            self._meters.pop(pid).close()
        return Look(
            at=at,
            trees=usages,
            above=above,
            open=_open_files(stirred, order.folders) if order.folders else (),
            sizes=_sizes(order.paths[:_PATHS]),
        )

    def _usage(
        self, tree: ProcessIdentity, pids: Iterable[int], stirred: list[tuple[ProcessIdentity, int]]
    ) -> dict[int, Usage] | None:
        """Return what each process of *tree* has used; None when one of them may not be asked."""
        found: dict[int, Usage] = {}
        for pid in pids:
            try:
                meter = self._meters.get(pid)
                if meter is None:
                    if len(self._meters) >= self._most:
                        return None
                    meter = self._meters[pid] = _Meter(pid)
                was, usage = meter.usage, meter.read()
            except (FileNotFoundError, ProcessLookupError):  # it ended since
                meter = self._meters.pop(pid, None)
                if meter is not None:
                    meter.close()
                continue
            except PermissionError:
                return None
            found[pid] = usage
            if usage != was:
                stirred.append((tree, pid))
        return found


class _Meter:
    """The counters of one process. A descriptor that is kept is three times as fast, and never another process's."""

    __slots__ = ("_clock", "_io", "usage")

    def __init__(self, pid: int) -> None:
        self._io = os.open(f"/proc/{pid}/io", os.O_RDONLY | os.O_CLOEXEC)
        self._clock = (~pid << 3) | 2  # as clock_getcpuclockid(3) makes it: the scheduler's own, of all threads
        self.usage: Usage | None = None

    def read(self) -> Usage:
        fields = os.pread(self._io, 256, 0).split()  # "rchar: 1 wchar: 2 …"
        try:
            cpu_ns = time.clock_gettime_ns(self._clock)
        except OSError as error:
            raise ProcessLookupError from error
        self.usage = Usage(int(fields[1]), int(fields[3]), cpu_ns)
        return self.usage

    def close(self) -> None:
        os.close(self._io)


def _open_files(processes: Sequence[tuple[ProcessIdentity, int]], folders: tuple[str, ...]) -> list[OpenFile]:
    """Return the files below *folders* that *processes* have open."""
    below = tuple(f"{folder.rstrip('/')}/" for folder in folders)
    found = []
    for tree, pid in processes:
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                path = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if path.startswith(below):
                    found.append(OpenFile(path, tree, pid, _writes(pid, descriptor)))
            except OSError:  # closed meanwhile
                continue
    return found


def _writes(pid: int, descriptor: str) -> bool:
    """Return whether a descriptor is open for writing."""
    with open(f"/proc/{pid}/fdinfo/{descriptor}", "rb") as file:
        flags = next(line for line in file if line.startswith(b"flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _sizes(paths: Iterable[str]) -> dict[str, int]:
    sizes = {}
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            sizes[path] = os.lstat(path).st_size
    return sizes

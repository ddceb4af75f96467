"""A stand-in for watchdog's binding to FSEvents, so that all above it runs anywhere: tests say what macOS would."""

import enum
import queue
import types
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Flag(enum.IntFlag):
    """FSEvents.h, "FSEventStreamEventFlags"."""

    MUST_SCAN_SUBDIRS = 0x1
    USER_DROPPED = 0x2
    KERNEL_DROPPED = 0x4
    EVENT_IDS_WRAPPED = 0x8
    HISTORY_DONE = 0x10
    ROOT_CHANGED = 0x20
    MOUNT = 0x40
    UNMOUNT = 0x80
    CREATED = 0x100
    REMOVED = 0x200
    INODE_META_MOD = 0x400
    RENAMED = 0x800
    MODIFIED = 0x1000
    XATTR_MOD = 0x8000
    IS_FILE = 0x10000
    IS_DIR = 0x20000


_NAMES = {
    "must_scan_subdirs": Flag.MUST_SCAN_SUBDIRS,
    "is_user_dropped": Flag.USER_DROPPED,
    "is_kernel_dropped": Flag.KERNEL_DROPPED,
    "is_event_ids_wrapped": Flag.EVENT_IDS_WRAPPED,
    "is_history_done": Flag.HISTORY_DONE,
    "is_root_changed": Flag.ROOT_CHANGED,
    "is_mount": Flag.MOUNT,
    "is_unmount": Flag.UNMOUNT,
    "is_renamed": Flag.RENAMED,
    "is_directory": Flag.IS_DIR,
}


class NativeEvent:
    """One event, as the binding shows it: its flags are attributes."""

    def __init__(self, path: str, inode: int, flags: int, event_id: int) -> None:
        self.path = path
        self._flags = Flag(flags)

    def __getattr__(self, name: str) -> bool:
        return bool(self._flags & _NAMES[name])


class _Call(NamedTuple):
    paths: list[str]
    inodes: list[int]
    flags: list[int]
    ids: list[int]


class Streams:
    """Every stream there is, by its path."""

    def __init__(self) -> None:
        self.open: dict[str, _Stream] = {}
        self.refused: set[str] = set()  #: paths that no stream is started for

    def binding(self) -> types.ModuleType:
        """Return what takes the place of the module `_watchdog_fsevents`."""
        module = types.ModuleType("_watchdog_fsevents")
        vars(module).update(NativeEvent=NativeEvent, Stream=lambda paths, *, latency: _Stream(paths, self))
        return module

    def say(self, stream: str, *events: tuple[object, Flag]) -> None:
        """Have *stream* call back once with all *events*, each a path and its flags; return when it has."""
        paths, flags = [str(path) for path, _ in events], [int(flag) for _, flag in events]
        numbers = list(range(len(events)))
        calls = self.open[stream].calls
        calls.put(_Call(paths, numbers, flags, numbers))
        calls.join()


class _Stream:
    def __init__(self, paths: Sequence[str], streams: Streams) -> None:
        (self._path,) = paths
        self._streams = streams
        self.calls: queue.Queue[_Call | None] = queue.Queue()

    def run(self, call_back: Callable[..., None], started: Callable[[], None]) -> None:
        """Call back on this thread until stopped, as the binding does in its run loop."""
        if self._path in self._streams.refused:
            raise SystemError("Cannot start fsevents stream")
        self._streams.open[self._path] = self
        started()
        while (call := self.calls.get()) is not None:
            call_back(*call)
            self.calls.task_done()
        del self._streams.open[self._path]

    def stop(self) -> None:
        self.calls.put(None)

"""Hints from macOS's FSEvents, one stream for each root, on watchdog's observer.

watchdog's own emitter makes events of the flags: it walks nothing when FSEvents says that it dropped some,
tells of a moved directory but not always of what is in it, and repeats what it told before. This one takes
from its base the stream and its thread, and passes on where to look.
"""

import asyncio
import contextlib
import itertools
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.fsevents import FSEventsEmitter

from omnimemd.system.watcher.emitter import Message
from omnimemd.system.watcher.errors import WatchUnavailable

if TYPE_CHECKING:
    from watchdog.utils import Seconds


class NativeEvent(Protocol):
    """What watchdog's binding shows of one event (FSEvents.h, "FSEventStreamEventFlags")."""

    path: str
    must_scan_subdirs: bool  #: events below the path were dropped, or folded into this one
    is_user_dropped: bool
    is_kernel_dropped: bool
    is_event_ids_wrapped: bool
    is_history_done: bool  #: says nothing of files
    is_root_changed: bool  #: the root, or a directory above it, was moved or deleted, or is back
    is_mount: bool
    is_unmount: bool
    is_renamed: bool
    is_directory: bool


class Batch(Message):
    """The hints of one call of the stream."""

    def __init__(self, paths: Mapping[str, bool], *, dropped: bool) -> None:
        super().__init__()
        self.paths = paths
        self.dropped = dropped


def batch_of(events: Iterable[NativeEvent]) -> Batch:
    """Return what *events* hint at."""
    paths: dict[str, bool] = {}
    dropped = False
    for event in events:
        if event.is_history_done:
            continue
        dropped |= event.is_user_dropped or event.is_kernel_dropped or event.is_event_ids_wrapped
        changed_below = event.must_scan_subdirs or event.is_root_changed or event.is_mount or event.is_unmount
        path = os.fsdecode(event.path).rstrip("/") or "/"
        paths[path] = changed_below or (event.is_renamed and event.is_directory) or paths.get(path, False)
    return Batch(paths, dropped=dropped)


def spelled(paths: Mapping[str, bool], root: str) -> dict[str, bool]:
    """Return *paths* with the part above *root*'s content as *root* has it; those elsewhere are one hint at all of it.

    The file systems of macOS know a folder by any capitals, and by composed and decomposed accents.
    """
    depth, key = root.count("/") + 1, _key(root)
    hints: dict[str, bool] = {}
    for path, deep in paths.items():
        parts = path.split("/")
        if _key("/".join(parts[:depth])) == key:
            hints["/".join((root, *parts[depth:]))] = deep
        else:
            hints[root] = True
    return hints


class HintEmitter(FSEventsEmitter):
    """Queues a batch of hints for each call of the stream."""

    def queue_events(self, timeout: "Seconds", events: Sequence[NativeEvent]) -> None:  # type: ignore[override]
        """Queue one message for all *events*; that it takes a second argument is watchdog's own deviation."""
        self.queue_event(batch_of(events))


class FSEventsHints:
    """The `Hints` of `PortableWatcher` on macOS. Its fields belong to the loop's thread."""

    def __init__(self, *, private: Path) -> None:
        """Take *private*, a directory of its own, made on start and removed on close: the barrier's."""
        self._private = private
        self._observer = BaseObserver(HintEmitter)
        self._observer.name = "omnimem-watch-dispatcher"
        self._watches: dict[str, ObservedWatch] = {}
        self._barriers: dict[str, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)

    def start(self, hint: Callable[[Mapping[str, bool], bool], None]) -> None:
        """Begin to pass hints on to *hint*.

        Raises:
            WatchUnavailable: the private directory cannot be made or watched.
        """
        self._loop = asyncio.get_running_loop()
        self._hint = hint
        try:
            self._private.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._real_private = os.path.realpath(self._private)
            self._observer.schedule(_Handler(self._marked), _composed(self._real_private), recursive=True)
            self._observer.start()
        except (OSError, RuntimeError, SystemError) as error:
            raise WatchUnavailable(f"FSEvents: {error}") from error

    async def add(self, root: str) -> None:
        """Hint at changes below *root* from now on.

        Raises:
            OSError: FSEvents gives no stream.
        """
        await self.remove(root)
        handler = _Handler(lambda batch: self._hint(spelled(batch.paths, root), batch.dropped))
        try:
            watch = await asyncio.to_thread(self._observer.schedule, handler, _composed(root), recursive=True)
        except (RuntimeError, SystemError) as error:
            raise OSError(str(error)) from error
        self._watches[root] = watch

    async def remove(self, root: str) -> None:
        """Hint at changes below *root* no more."""
        watch = self._watches.pop(root, None)
        if watch is not None:
            await asyncio.to_thread(self._observer.unschedule, watch)

    async def barrier(self) -> None:
        """Return once FSEvents told of a file of ours: each root is a stream of its own, so no more is certain."""
        marker = f"{self._real_private}/{next(self._numbers)}"
        passed = self._barriers[marker] = self._loop.create_future()
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            await passed
        except OSError as error:
            raise WatchUnavailable(f"no marker can be set in {self._private}: {error.strerror}") from error
        finally:
            del self._barriers[marker]
            with contextlib.suppress(OSError):
                os.unlink(marker)

    async def close(self) -> None:
        """Stop every thread."""
        await asyncio.to_thread(self._stop)
        for marker, waiter in self._barriers.items():
            with contextlib.suppress(OSError):
                os.unlink(marker)
            if not waiter.done():
                waiter.set_exception(WatchUnavailable("the watcher is closed"))
        with contextlib.suppress(OSError):
            os.rmdir(self._private)

    def _stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def _marked(self, batch: Batch) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, the watcher was not
            self._loop.call_soon_threadsafe(self._pass, batch.paths)

    def _pass(self, paths: Mapping[str, bool]) -> None:
        for path in spelled(paths, self._real_private):
            waiter = self._barriers.get(path)
            if waiter is not None and not waiter.done():
                waiter.set_result(None)


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)  # what the binding takes: a decomposed accent ends the process


def _key(path: str) -> str:
    return _composed(path).casefold()


class _Handler(FileSystemEventHandler):
    """Takes batches on the observer's thread."""

    def __init__(self, take: Callable[[Batch], None]) -> None:
        self._take = take

    def dispatch(self, event: FileSystemEvent) -> None:
        if isinstance(event, Batch):
            self._take(event)

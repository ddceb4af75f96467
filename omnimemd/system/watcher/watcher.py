"""The port `domain.ports.Watcher` on inotify: what the event loop sees of it.

Two threads stand behind it: the reader (emitter.py) takes the kernel's records; watchdog's observer hands
them to the dispatcher (dispatcher.py), which says on the loop what it saw (outlet.py). Neither wakes up while
nothing happens.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from watchdog.observers.api import BaseObserver

from omnimemd.domain.clock import Clock
from omnimemd.domain.explaining import Sight
from omnimemd.domain.file_events import Content, FileFacts, Listing, WatchCounts, WatchReport
from omnimemd.domain.ports import SurveyFailed, WatchListener
from omnimemd.system.project_files import ProjectFiles
from omnimemd.system.watcher.contents import contents_of
from omnimemd.system.watcher.dispatcher import Call, Dispatcher
from omnimemd.system.watcher.emitter import BatchEmitter
from omnimemd.system.watcher.errors import WatchUnavailable
from omnimemd.system.watcher.facts import facts_at
from omnimemd.system.watcher.inotify import SPENT, Inotify
from omnimemd.system.watcher.markers import Markers
from omnimemd.system.watcher.outlet import Outlet
from omnimemd.system.watcher.quiet import Quiet
from omnimemd.system.watcher.room import Room
from omnimemd.system.watcher.rule_files import RuleFiles
from omnimemd.system.watcher.survey import Survey
from omnimemd.system.watcher.sysctls import raise_watches

T = TypeVar("T")

#: How long closing waits for files that are being read.
_READING_S: Final = 1.0


class InotifyWatcher:
    """Sees which files below its roots are read and written. Its fields belong to the loop's thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        private: Path,
        environ: Mapping[str, str],
        blind: Container[str] = frozenset(),
        open_inotify: Callable[[], Inotify] = Inotify,
        project_files: ProjectFiles | None = None,
    ) -> None:
        """Take what it needs; nothing is opened yet.

        Args:
            private: a directory of its own, made 0700 on start and removed on close.
            blind: real paths of directories that are not entered below any root, asked each time. The
                daemon's own are among them: what is kept of the events is a file too, and an event that writes
                a file that causes an event never ends.
            environ: says where the user's git configuration is (HOME, XDG_CONFIG_HOME).
            open_inotify: where tests put faults in.
            project_files: what `.omnimem.toml` says, for others to share.
        """
        self._clock = clock
        self._private = private
        self._environ = environ
        self._blind = blind
        self._open_inotify = open_inotify
        self._project_files = project_files or ProjectFiles()
        self._machine: _Machine | None = None
        self._listener: WatchListener | None = None
        self._reports: dict[str, WatchReport] = {}
        self._starting: set[asyncio.Future[WatchReport]] = set()
        self._sweeping: set[asyncio.Future[None]] = set()
        self._barriers: dict[asyncio.Future[None], int] = {}
        self._surveys: set[asyncio.Queue[Sequence[Listing] | bool]] = set()
        self._reading: set[asyncio.Future[list[Content | None]]] = set()
        self._counts = WatchCounts(directories=0, events_seen=0, events_ignored=0, overflows=0, resyncs=0)

    @property
    def reads_observed(self) -> bool:
        """Reads are seen."""
        return True

    async def start(self, listener: WatchListener) -> None:
        """Open the kernel's queue and begin to hand events to *listener*; once, before any other call.

        Raises:
            WatchUnavailable: no inotify instance is left, or the private directory cannot be made or watched.
        """
        self._listener = listener
        self._machine = _Machine(
            inotify=self._open_inotify(),
            private=self._private,
            clock=self._clock,
            rule_files=RuleFiles(environ=self._environ, project_files=self._project_files),
            blind=self._blind,
            listener=listener,
            on_report=self._reported,
            on_marker=self._passed,
        )

    async def watch(self, root: str) -> WatchReport:
        """Watch *root*; return how, once the whole of it is live. See the port."""
        machine = self._running()
        live: asyncio.Future[WatchReport] = asyncio.get_running_loop().create_future()
        self._starting.add(live)
        try:
            machine.call(lambda: machine.dispatcher.watch(root, lambda report: _answer(live, report)))
            return await live
        finally:
            self._starting.discard(live)

    async def unwatch(self, root: str) -> None:
        """Hand over what happened below *root* before the call, then stop watching it."""
        with contextlib.suppress(WatchUnavailable):  # without a marker, what is not read yet is not waited for
            await self.barrier()
        machine = self._running()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        machine.call(lambda: machine.dispatcher.unwatch(root, lambda: _answer(done, None)))
        await done
        self._reports.pop(root, None)

    async def barrier(self) -> None:
        """Return once every event that happened before the call has been handed to the listener.

        Raises:
            WatchUnavailable: the watcher is closed, or no marker can be set.
        """
        machine = self._running()
        await self._marked(machine)
        if not machine.dispatcher.sees_all:  # a sweep looks where directories are, so their moves come first
            await self._swept(machine)
            await self._marked(machine)

    async def pulse(self) -> None:
        """Return once a marker has come back through the kernel and both threads. See the port.

        Raises:
            WatchUnavailable: the watcher is closed, a thread of it has ended, or no marker can be set.
        """
        machine = self._running()
        await self._marked(machine)

    async def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List the files below *root*, in slices between the batches of events. See the port."""
        machine = self._running()
        given: asyncio.Queue[Sequence[Listing] | bool] = asyncio.Queue()  # the survey rests while some wait here
        survey = Survey(
            root,
            clock=self._clock,
            give=lambda batch: machine.outlet.post(given.put_nowait, batch),
            end=lambda complete: machine.outlet.post(given.put_nowait, complete),
        )
        machine.call(lambda: machine.dispatcher.survey(survey))
        self._surveys.add(given)
        try:
            while not isinstance(batch := await given.get(), bool):
                yield batch
                machine.call(lambda: machine.dispatcher.survey(survey) if survey.taken() else None)
        finally:
            self._surveys.discard(given)
            machine.call(survey.cancel)
        if not batch:
            raise SurveyFailed(root)

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        """Return what is at each of *paths* now, from a thread: a disk may take its time. See the port."""
        return await asyncio.to_thread(facts_at, paths)

    async def contents(
        self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Return what is in each of *paths* now, from a thread. See the port."""
        machine = self._running()
        work = asyncio.get_running_loop().run_in_executor(
            None,
            lambda: contents_of(
                root, paths, wanted=wanted, close=machine.quiet.close, stop=lambda: self._machine is not machine
            ),
        )
        self._reading.add(work)
        work.add_done_callback(self._reading.discard)
        return await asyncio.shield(work)  # `close` waits for it

    async def _marked(self, machine: "_Machine") -> None:
        """Return once everything was told that the kernel has queued."""
        if (ended := machine.ended()) is not None:
            raise WatchUnavailable(f"the thread {ended} has ended. Restart omnimemd")
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._barriers[passed] = machine.markers.set()
            await passed
        except OSError as error:
            raise WatchUnavailable(f"no marker can be set in {self._private}: {error.strerror}") from error
        finally:
            self._barriers.pop(passed, None)

    async def _swept(self, machine: "_Machine") -> None:
        """Return once everything that has no watch was looked through."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sweeping.add(done)
        try:
            machine.call(lambda: machine.dispatcher.sweep(lambda: _answer(done, None)))
            await done
        finally:
            self._sweeping.discard(done)

    def report(self, root: str) -> WatchReport | None:
        """Return how *root* is watched, None when it is not."""
        return self._reports.get(root)

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        """Return whether the watched *root* sees *path*. See the port."""
        machine = self._running()
        seen: asyncio.Future[Sight | None] = asyncio.get_running_loop().create_future()
        machine.call(lambda: machine.outlet.post(_answer, seen, machine.dispatcher.sight(root, path, is_dir=is_dir)))
        return await seen

    def counts(self) -> WatchCounts:
        """Return the counters."""
        return self._counts if self._machine is None else self._machine.counts()

    def throttle(self, held: bool) -> None:
        """Hand over no more than is under way while *held*. See the port."""
        if self._machine is not None:
            self._machine.outlet.throttle(held)

    def remounted(self, places: Sequence[str]) -> None:
        """Look again at the directories *places*: another file system is there now."""
        machine = self._running()
        machine.call(lambda: machine.dispatcher.remounted(places))

    async def close(self) -> None:
        """Hand over what was read, then stop both threads and close every descriptor."""
        if self._machine is None:
            return
        machine, self._machine = self._machine, None
        machine.outlet.close()
        if self._reading:  # they end after the file in hand, unless a disk holds one up
            await asyncio.wait(self._reading, timeout=_READING_S)
        drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        machine.call(lambda: machine.outlet.post(_answer, drained, None))
        try:
            if machine.ended() is None:
                await drained
        finally:
            self._counts = machine.counts()
            machine.stop()
            for given in self._surveys:
                given.put_nowait(False)
            waiting: list[asyncio.Future[None] | asyncio.Future[WatchReport]] = [
                *self._barriers,
                *self._sweeping,
                *self._starting,
            ]
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_exception(WatchUnavailable("the watcher is closed"))

    def _running(self) -> "_Machine":
        if self._machine is None:
            raise WatchUnavailable("the watcher is closed")
        return self._machine

    def _reported(self, report: WatchReport) -> None:
        if self._machine is None or self._listener is None:
            return
        if report != self._reports.get(report.root):
            self._reports[report.root] = report
            self._listener.watch_changed(report)

    def _passed(self, marker: int) -> None:
        for waiter, number in self._barriers.items():
            if number <= marker:
                _answer(waiter, None)


def _answer(future: asyncio.Future[T], answer: T) -> None:
    if not future.done():  # nobody waits any more when it was cancelled
        future.set_result(answer)


def _begin_marking(markers: Markers, private: Path) -> None:
    try:
        markers.make()
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        hint = f"Remove what is at {private}." if in_the_way else "The folder must be writable."
        raise WatchUnavailable(f"{private}: {error.strerror}", hint=hint) from error
    try:
        markers.watch()
    except OSError as error:
        spent = error.errno in SPENT
        reason = "this user's inotify watches are used up" if spent else f"{private}: {error.strerror}"
        hint = f"Raise the limit: {raise_watches(1)}." if spent else "Start omnimemd again."
        raise WatchUnavailable(reason, hint=hint) from error


class _Machine:
    """The kernel's queue, the two threads and what they share, from opening to closing."""

    def __init__(
        self,
        *,
        inotify: Inotify,
        private: Path,
        clock: Clock,
        rule_files: RuleFiles,
        blind: Container[str],
        listener: WatchListener,
        on_report: Callable[[WatchReport], None],
        on_marker: Callable[[int], None],
    ) -> None:
        self.markers = Markers(inotify=inotify, directory=private)
        self.quiet = Quiet(self.markers)
        self._inotify = inotify
        try:
            _begin_marking(self.markers, private)
        except WatchUnavailable:
            inotify.close()
            raise
        room = Room()
        self._observer = BaseObserver(BatchEmitter, inotify=inotify, clock=clock, room=room)
        self._observer.name = "omnimem-watch-dispatcher"
        self.outlet = Outlet(
            loop=asyncio.get_running_loop(),
            listener=listener,
            room=room,
            on_report=on_report,
            on_marker=on_marker,
        )
        self.dispatcher = Dispatcher(
            inotify=inotify,
            clock=clock,
            rule_files=rule_files,
            outlet=self.outlet,
            send=lambda message: self._observer.event_queue.put((message, self._watch)),
            markers=self.markers,
            quiet=self.quiet,
            blind=blind,
        )
        # One schedule for all roots; its path is never looked at.
        self._watch = self._observer.schedule(self.dispatcher, os.devnull)
        self._observer.start()

    def call(self, call: Callable[[], None]) -> None:
        """Have *call* done on the dispatcher's thread, after what was queued before."""
        self._observer.event_queue.put((Call(call), self._watch))

    def counts(self) -> WatchCounts:
        dispatcher, records = self.dispatcher, self.dispatcher.records
        return WatchCounts(
            directories=len(dispatcher.table.by_wd),
            events_seen=records.ignored + records.repeated + dispatcher.told,
            events_repeated=records.repeated,
            events_ignored=records.ignored,
            overflows=dispatcher.overflows,
            resyncs=dispatcher.resync.count,
        )

    def ended(self) -> str | None:
        """Return the name of a thread that has ended though nobody told it to, None while all are at work."""
        return next((one.name for one in (self._observer, *self._observer.emitters) if not one.is_alive()), None)

    def stop(self) -> None:
        """End both threads (they finish what is in their hands: milliseconds), then close the descriptors."""
        self._observer.stop()
        self._observer.join()
        self.markers.close()
        self._inotify.close()

"""The port `domain.ports.Watcher` on inotify if the kernel gives an instance, and by looking until it does.

A user has 128 inotify instances, and editors and file managers take several each. Without one nothing would be
recorded at all; looking at files every few seconds sees their changes at least. Another try is made with each
root that is added, and every few minutes. When it succeeds, every root is watched twice for a moment, so that
no change falls between the two; the reads of the time before are a gap.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.explaining import Sight
from omnimemd.domain.file_events import Change, Content, FileEvent, FileFacts, Listing, Loss, WatchCounts, WatchReport
from omnimemd.domain.ports import WatchListener
from omnimemd.system.watcher.errors import WatchUnavailable
from omnimemd.system.watcher.local_only import LocalWatcher

log = logging.getLogger(__name__)

#: Seconds between two tries to get an instance.
_AGAIN_S: Final = 120.0


class Fallback:
    """See the module. Its fields belong to the loop's thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        make_inotify: Callable[[], LocalWatcher],
        make_looking: Callable[[str], LocalWatcher],
        again_s: float = _AGAIN_S,
    ) -> None:
        """Take what makes a watcher on inotify, and one that looks and puts a remark into its reports."""
        self._clock = clock
        self._make_inotify = make_inotify
        self._make_looking = make_looking
        self._again_s = again_s
        self._current: LocalWatcher | None = None
        self._looking: _Looking | None = None  # None once there is an inotify instance
        self._changing = asyncio.Lock()  # roots, while it looks
        self._timer: asyncio.TimerHandle | None = None
        self._trying: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def reads_observed(self) -> bool:
        """Whether reads are seen at present."""
        return self._current is not None and self._current.reads_observed

    async def start(self, listener: WatchListener) -> None:
        """Begin to hand events to *listener*, on inotify if possible."""
        self._listener = listener
        try:
            self._current = await self._open_inotify(listener)
        except WatchUnavailable as error:
            log.warning("inotify not available", extra={"reason": error.reason, "hint": error.hint})
            remark = f"Changes are found by looking every few seconds, and reads are not seen: {error.reason}."
            watcher = self._current = self._make_looking(f"{remark} {error.hint}")
            self._looking = _Looking(watcher, listener)
            await watcher.start(self._looking)

    async def watch(self, root: str) -> WatchReport:
        """Watch *root* and return how. See the port."""
        if self._looking is not None:
            async with self._changing:
                await self._try_inotify()
                if self._looking is not None:
                    self._looking.roots.setdefault(root, self._clock.now())
                    self._try_later()
                return await self._running().watch(root)
        return await self._running().watch(root)

    async def unwatch(self, root: str) -> None:
        """Stop watching *root*; an unknown one is ignored."""
        if self._looking is not None:
            async with self._changing:
                if self._looking is not None:
                    self._looking.roots.pop(root, None)
                await self._running().unwatch(root)
        else:
            await self._running().unwatch(root)

    async def barrier(self) -> None:
        """Return once every event that happened before the call has been handed to the listener."""
        await self._running().barrier()

    async def pulse(self) -> None:
        """Prove that the watcher is at work. See the port."""
        await self._running().pulse()

    def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List the files below *root*. See the port."""
        return self._running().survey(root)

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        """Return what is at each of *paths* now. See the port."""
        return await self._running().look(paths)

    async def contents(
        self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Return what is in each of *paths* now. See the port."""
        return await self._running().contents(root, paths, wanted=wanted)

    def report(self, root: str) -> WatchReport | None:
        """Return how *root* is watched, None when it is not."""
        return None if self._current is None else self._current.report(root)

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        """Return whether the watched *root* sees *path*. See the port."""
        return await self._running().sight(root, path, is_dir=is_dir)

    def counts(self) -> WatchCounts:
        """Return the counters of the watcher at work."""
        return self._running().counts()

    def throttle(self, held: bool) -> None:
        """Hand over no more than is under way while *held*. See the port."""
        if self._current is not None:
            self._current.throttle(held)

    def remounted(self, places: Sequence[str]) -> None:
        """Look again at the directories *places*."""
        self._running().remounted(places)

    async def close(self) -> None:
        """Hand over what was read, then stop every thread and close every descriptor."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._trying is not None:
            self._trying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._trying
        if self._current is not None:
            await self._current.close()

    def _running(self) -> LocalWatcher:
        if self._current is None:
            raise WatchUnavailable("the watcher is not started")
        return self._current

    async def _open_inotify(self, listener: WatchListener) -> LocalWatcher:
        watcher = self._make_inotify()
        await watcher.start(listener)
        return watcher

    def _try_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._again_s, self._try_now)

    def _try_now(self) -> None:
        self._timer = None
        if self._looking is not None and self._looking.roots and not self._closed:
            # `close` waits for it: a watcher has no group of tasks.
            self._trying = asyncio.get_running_loop().create_task(self._try_alone(), name="try inotify again")

    async def _try_alone(self) -> None:
        async with self._changing:
            await self._try_inotify()
        if self._looking is not None:
            self._try_later()

    async def _try_inotify(self) -> None:
        """Go over to inotify if there is an instance now; `_changing` is held."""
        looking = self._looking
        if looking is None:
            return
        told = _Told(self._listener)
        try:
            inotify = await self._open_inotify(told)
        except WatchUnavailable:
            return
        try:
            looking.told_already = told.paths
            for root in looking.roots:
                await inotify.watch(root)
            await looking.watcher.barrier()
        except BaseException:
            looking.told_already = None
            await inotify.close()
            raise
        told.paths = None
        self._current, self._looking = inotify, None
        await looking.watcher.close()
        log.info("inotify available again", extra={"workspaces": len(looking.roots)})
        now = self._clock.now()
        for root, since in looking.roots.items():
            report = inotify.report(root)
            if report is not None:
                self._listener.watch_changed(report)
            self._listener.events_lost(Loss((root,), since, now, "watch_unavailable"))


class _Looking:
    """Hears the watcher that looks. While inotify takes over, passes on only what that did not tell of."""

    def __init__(self, watcher: LocalWatcher, listener: WatchListener) -> None:
        self.watcher = watcher
        self.roots: dict[str, Millis] = {}  # and since when
        self.told_already: set[str] | None = None  # paths, by inotify; None before it takes over
        self._listener = listener

    def file_events(self, events: Sequence[FileEvent]) -> None:
        told = self.told_already
        rest = events if told is None else [event for event in events if event.path not in told]
        if rest:
            self._listener.file_events(rest)

    def events_lost(self, loss: Loss) -> None:
        self._listener.events_lost(loss)

    def watch_changed(self, report: WatchReport) -> None:
        if self.told_already is None:
            self._listener.watch_changed(report)


class _Told:
    """Hears inotify, and keeps which files it told of as long as it is asked to."""

    def __init__(self, listener: WatchListener) -> None:
        self.paths: set[str] | None = set()
        self._listener = listener

    def file_events(self, events: Sequence[FileEvent]) -> None:
        if self.paths is not None:
            self.paths.update(event.path for event in events if event.change is not Change.READ)
        self._listener.file_events(events)

    def events_lost(self, loss: Loss) -> None:
        self._listener.events_lost(loss)

    def watch_changed(self, report: WatchReport) -> None:
        if self.paths is None:
            self._listener.watch_changed(report)

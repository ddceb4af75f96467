"""The port `domain.ports.Watcher` where there is no inotify: it looks at the files, when told to or now and then.

What the platform says (FSEvents) is taken for a hint where to look, never for what happened: flags are
coalesced, repeated, late and dropped. What a look finds is the difference to the look before, so one save is
one write, whatever the hints were, and a hint that is lost is made up for by the next look at everything.
Without hints, everything is looked at in turns. Either way reads leave no trace.

One thread of its own looks; everything it knows of files belongs to that thread.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Final, Protocol, TypeVar, TypeVarTuple

from msgspec.structs import replace

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock
from omnimemd.domain.explaining import Sight
from omnimemd.domain.file_events import Change, Content, FileEvent, FileFacts, Listing, Loss, WatchCounts, WatchReport
from omnimemd.domain.ports import SurveyFailed, WatchListener
from omnimemd.system.project_files import ProjectFiles
from omnimemd.system.watcher.contents import close_all, contents_of
from omnimemd.system.watcher.errors import WatchUnavailable
from omnimemd.system.watcher.facts import facts_at
from omnimemd.system.watcher.findings import Findings
from omnimemd.system.watcher.reports import gone_report, unreadable_problem
from omnimemd.system.watcher.rule_files import RuleFiles
from omnimemd.system.watcher.tree import Tree

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
log = logging.getLogger(__name__)

#: Without hints, everything is looked at this often, or less often as far as that would take more than a
#: thirtieth of a processor.
_EVERY_S: Final = 2.0
_SHARE: Final = 30
_LOCK: Final = "/.git/index.lock"
#: Files in a batch of a survey.
_BATCH: Final = 500
#: Hints that wait to be looked into; more become one look at everything.
_HINTS: Final = 20_000


class Hints(Protocol):
    """Says where something may have changed. Its methods are called on the loop's thread."""

    def start(self, hint: Callable[[Mapping[str, bool], bool], None]) -> None:
        """Begin; *hint* takes paths (true: with all below), and whether hints were dropped, on any thread.

        Raises:
            WatchUnavailable: the platform gives none.
        """
        ...

    async def add(self, root: str) -> None:
        """Hint at changes below *root* from now on.

        Raises:
            OSError: the platform refuses.
        """
        ...

    async def remove(self, root: str) -> None:
        """Hint at changes below *root* no more; an unknown one is ignored."""
        ...

    async def barrier(self) -> None:
        """Return once the hints at what happened before are given, as far as the platform keeps the order."""
        ...

    async def close(self) -> None:
        """Stop every thread."""
        ...


class PortableWatcher:
    """Sees which files below its roots are written. Its fields are the loop's, but for `_trees` and `_gone`."""

    def __init__(
        self,
        *,
        clock: Clock,
        environ: Mapping[str, str],
        blind: Container[str],
        hints: Hints | None,
        remark: str | None = None,
        project_files: ProjectFiles | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            environ, blind, project_files: as in `InotifyWatcher`.
            hints: None to look at everything in turns.
            remark: why this is less than a person may expect, for every report.
        """
        self._clock = clock
        self._rule_files = RuleFiles(environ=environ, project_files=project_files or ProjectFiles())
        self._blind = blind
        self._hints = hints
        self._remark = remark
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="omnimem-watch-look")
        self._trees: dict[str, Tree] = {}  # the worker's
        self._gone: set[str] = set()  # the worker's: roots that were not there at the last look
        self._cookies = itertools.count(1 << 32)  # the kernel's have 32 bits
        self._reports: dict[str, WatchReport] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._lock = threading.Lock()  # for the two below
        self._pending: dict[str, bool] = {}
        self._dropped = False
        self._looked_at = clock.now()  # the worker's: when hints were looked into last
        self._seen = 0
        self._overflows = 0

    @property
    def reads_observed(self) -> bool:
        """Reads are not seen."""
        return False

    async def start(self, listener: WatchListener) -> None:
        """Begin to hand events to *listener*; once, before any other call.

        Raises:
            WatchUnavailable: the platform's hints cannot be had.
        """
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        if self._hints is not None:
            self._hints.start(self._hinted)

    async def watch(self, root: str) -> WatchReport:
        """Watch *root* and return how. See the port."""
        known = self._reports.get(root)
        if known is not None and known.state is not WorkspaceState.GONE:
            return known
        self._check_open()
        if self._hints is not None:
            try:
                await self._hints.add(root)
            except OSError as error:
                problem = f"{root} cannot be watched: {error.strerror or error}."
                self._reported(WatchReport(root, WorkspaceState.GONE, 0, reads_observed=False, problem=problem))
                return self._reports[root]
        await self._do(self._begin, root)
        self._look_again(0)
        return self._reports[root]

    async def unwatch(self, root: str) -> None:
        """Hand over what happened below *root* before the call, then stop watching it."""
        if root not in self._reports:
            return
        with contextlib.suppress(WatchUnavailable):
            await self.barrier()
        await self._do(self._end, root)
        self._reports.pop(root, None)
        if self._hints is not None:
            await self._hints.remove(root)

    async def barrier(self) -> None:
        """Return once all that can be known to have happened before the call has been handed over.

        Without hints that is all there is; with them, what the platform has told by then.

        Raises:
            WatchUnavailable: the watcher is closed.
        """
        self._check_open()
        if self._hints is None:
            await self._do(self._look_everywhere)
        else:
            await self._hints.barrier()
            await self._do(self._look_where_hinted)

    async def pulse(self) -> None:
        """Return once the thread that looks has had its turn. See the port."""
        self._check_open()
        await self._do(lambda: None)

    async def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List the files below *root* as a look of now finds them. See the port."""
        batch: list[Listing] = []
        files = 0
        for listing in await self._do(self._listings, root):
            batch.append(listing)
            files += len(listing.files)
            if files >= _BATCH:
                yield batch
                batch, files = [], 0
                self._check_watched(root)
        if batch:
            yield batch
        self._check_watched(root)

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        """Return what is at each of *paths* now. See the port."""
        return await asyncio.to_thread(facts_at, paths)

    async def contents(
        self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Return what is in each of *paths* now, from a thread. See the port."""
        return await asyncio.to_thread(contents_of, root, paths, wanted=wanted, close=close_all)

    def report(self, root: str) -> WatchReport | None:
        """Return how *root* is watched, None when it is not."""
        return self._reports.get(root)

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        """Return whether the watched *root* sees *path*. See the port."""
        return await self._do(self._sight, root, path, is_dir)

    def counts(self) -> WatchCounts:
        """Return the counters; each change that is found counts as one event."""
        directories = sum(report.directories for report in self._reports.values())
        return WatchCounts(directories, self._seen, 0, self._overflows, self._overflows)

    def throttle(self, held: bool) -> None:
        """See the port; here what changed between two looks is told, which is no more than there are files."""

    def remounted(self, places: Sequence[str]) -> None:
        """Look where another file system is now."""
        self._hinted(dict.fromkeys(places, True), False)

    async def close(self) -> None:
        """Stop every thread."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._hints is not None:
            await self._hints.close()
        await asyncio.to_thread(self._worker.shutdown)

    # ---- on the loop

    def _check_open(self) -> None:
        if self._closing:
            raise WatchUnavailable("the watcher is closed")

    def _check_watched(self, root: str) -> None:
        report = self._reports.get(root)
        if report is None or report.state is WorkspaceState.GONE:
            raise SurveyFailed(root)

    async def _do(self, work: Callable[[*Ts], T], *arguments: *Ts) -> T:
        self._check_open()
        return await self._loop.run_in_executor(self._worker, work, *arguments)

    def _look_again(self, took_s: float) -> None:
        """Look at everything after a while, as long as there is something to look at."""
        if self._timer is not None:
            self._timer.cancel()
        if self._hints is None and self._reports and not self._closing:
            self._timer = self._loop.call_later(max(_EVERY_S, took_s * _SHARE), self._submit, self._look_everywhere)

    def _reported(self, report: WatchReport) -> None:
        if report != self._reports.get(report.root):
            self._reports[report.root] = report
            self._listener.watch_changed(report)

    # ---- on any thread

    def _submit(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # it is shut down
            self._worker.submit(work)

    def _hinted(self, paths: Mapping[str, bool], dropped: bool) -> None:
        with self._lock:
            idle = not self._pending and not self._dropped
            for path, deep in paths.items():
                self._pending[path] = deep or self._pending.get(path, False)
            self._dropped |= dropped or len(self._pending) > _HINTS
            if self._dropped:
                self._pending.clear()
        if idle:
            self._submit(self._look_where_hinted)

    def _post(self, call: Callable[[*Ts], object], *arguments: *Ts) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, the watcher was not: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)

    # ---- on the worker's thread

    def _begin(self, root: str) -> None:
        tree = Tree(root, rule_files=self._rule_files, blind=self._blind)
        if tree.sweep(None):
            self._trees[root] = tree
            self._gone.discard(root)
            self._post(self._reported, self._report_of(tree))
        else:
            self._lose_root(root)

    def _end(self, root: str) -> None:
        self._trees.pop(root, None)
        self._gone.discard(root)

    def _lose_root(self, root: str) -> None:
        self._trees.pop(root, None)
        self._gone.add(root)
        self._post(self._reported, gone_report(root, reads_observed=False))

    def _listings(self, root: str) -> list[Listing]:
        at = self._clock.now()
        self._look_everywhere()
        tree = self._trees.get(root)
        if tree is None:
            raise SurveyFailed(root)
        return [
            Listing(tuple(each.root for each in self._trees.values() if each.sees(directory)), directory, files, at)
            for directory, files in tree.files()
        ]

    def _sight(self, root: str, path: str, is_dir: bool) -> Sight | None:
        tree = self._trees.get(root)
        return None if tree is None else tree.sight(path, is_dir=is_dir)

    def _look_everywhere(self) -> None:
        began = perf_counter()
        self._look(lambda tree, found: tree.sweep(found))
        self._post(self._look_again, perf_counter() - began)

    def _look_where_hinted(self) -> None:
        with self._lock:
            hints, self._pending = self._pending, {}
            dropped, self._dropped = self._dropped, False
        if dropped:
            self._look(lambda tree, found: tree.sweep(found))
            roots = tuple(self._trees)
            self._overflows += 1
            self._post(self._lose, Loss(roots, self._looked_at, self._clock.now(), "overflow"))
        elif hints:
            self._look(
                lambda tree, found: tree.look(hints, found), locks=[path for path in hints if path.endswith(_LOCK)]
            )
        self._looked_at = self._clock.now()

    def _look(self, look: Callable[[Tree, Findings], bool], *, locks: Sequence[str] = ()) -> None:
        """Have every tree looked at, and say what was found and how the trees are seen now."""
        found = Findings(self._cookies)
        try:
            for root, tree in list(self._trees.items()):
                if look(tree, found):
                    self._post(self._reported, self._report_of(tree))
                else:
                    self._lose_root(root)
            for root in self._gone:
                if os.path.isdir(root):
                    self._post(self._reported, replace(gone_report(root, reads_observed=False), back=True))
        except Exception:
            # A net below everything: without it a look that fails would fail unseen, and each one after it.
            log.exception("look at files failed")
            self._post(self._lose, Loss(tuple(self._trees), self._looked_at, self._clock.now(), "fault"))
        locked, unlocked = self._locks(locks)
        events = [*locked, *found.events(self._clock.now()), *unlocked]
        if events:
            self._seen += len(events)
            self._post(self._listener.file_events, events)

    def _locks(self, paths: Sequence[str]) -> tuple[list[FileEvent], list[FileEvent]]:
        """Return which of git's locks there are, and which are gone."""
        locked: list[FileEvent] = []
        unlocked: list[FileEvent] = []
        for path in paths:
            roots = tuple(each.root for each in self._trees.values() if each.sees(path.removesuffix(_LOCK)))
            is_there = os.path.lexists(path)
            if roots:
                change = Change.LOCKED if is_there else Change.UNLOCKED
                (locked if is_there else unlocked).append(FileEvent(roots, path, change, self._clock.now()))
        return locked, unlocked

    def _report_of(self, tree: Tree) -> WatchReport:
        problems = [self._remark] if self._remark else []
        if tree.unreadable:
            problems.append(unreadable_problem(len(tree.unreadable)))
        return WatchReport(
            tree.root,
            WorkspaceState.DEGRADED if problems else WorkspaceState.WATCHING,
            tree.directories,
            reads_observed=False,
            problem=" ".join(problems) or None,
        )

    def _lose(self, loss: Loss) -> None:
        if loss.workspaces:
            self._listener.events_lost(loss)

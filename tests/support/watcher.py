"""A watcher that sees what tests say, when they say it."""

import asyncio
import itertools
import posixpath
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import cast

from msgspec.structs import replace

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.explaining import Sight
from omnimemd.domain.file_events import Change, Content, FileEvent, FileFacts, Listing, Loss, WatchCounts, WatchReport
from omnimemd.domain.paths import is_within
from omnimemd.domain.ports import SurveyFailed, WatchFailed, WatchListener
from omnimemd.system.watcher.contents import close_all, contents_of
from tests.support.clock import NOON, FakeClock


class FakeWatcher:
    """The port `Watcher`. What happens is handed over at the next barrier, as if the kernel's queue were slow."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.watched: dict[str, WatchReport] = {}
        self.files: dict[str, FileFacts] = {}  #: what is on the disk
        self.ignored: set[str] = set()  #: paths of files that surveys leave out
        self.reads = 0  #: how often files were read
        self.held = 0  #: how often they were to be, and `let_reads_go_on` was waited for
        self.surveys = 0  #: how many were begun
        self._clock = clock or FakeClock()
        self._reading = asyncio.Event()
        self._reading.set()
        self._listing = asyncio.Event()
        self._listing.set()
        self.dead: str | None = None  #: why nothing is heard of any more
        self._beating = asyncio.Event()
        self._beating.set()
        self.barriers = 0  #: how many were passed
        self.throttled = False  #: whether no more is to be handed over for now
        self.waiting = 0  #: how many wait for `let_through`
        self._problems: dict[str, str] = {}
        self._hidden: list[Sight] = []
        self._queue: list[FileEvent | Loss] = []
        self._listener: WatchListener | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._seen = 0

    @property
    def reads_observed(self) -> bool:
        return True

    async def start(self, listener: WatchListener) -> None:
        assert self._listener is None
        self._listener = listener

    async def watch(self, root: str) -> WatchReport:
        assert self._listener is not None
        if root not in self.watched or self.watched[root].state is WorkspaceState.GONE:
            problem = self._problems.get(root)
            state = WorkspaceState.WATCHING if problem is None else WorkspaceState.DEGRADED
            self.watched[root] = WatchReport(root, state, 1, reads_observed=True, problem=problem)
            self._listener.watch_changed(self.watched[root])
        return self.watched[root]

    async def unwatch(self, root: str) -> None:
        self.watched.pop(root, None)

    async def barrier(self) -> None:
        if self.dead is not None:
            raise WatchFailed(self.dead)
        self.waiting += 1
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1
        self.hand_over()
        self.barriers += 1

    async def pulse(self) -> None:
        if self.dead is not None:
            raise WatchFailed(self.dead)
        await self._beating.wait()

    async def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List what `puts` put below *root*, a directory at a time."""
        self.surveys += 1
        directories: dict[str, list[FileFacts]] = {}
        for path, facts in self.files.items():
            if is_within(path, root) and path not in self.ignored:
                directories.setdefault(posixpath.dirname(path), []).append(facts)
        for directory, files in directories.items():
            await self._listing.wait()
            roots = tuple(one for one in self.watched if is_within(directory, one))
            yield [Listing(roots, directory, tuple(files), self._clock.now())]
        if root not in self.watched or self.watched[root].state is WorkspaceState.GONE:
            raise SurveyFailed(root)

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        return [self.files.get(path) for path in paths]

    async def contents(
        self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Read files: what `puts` put there, or else what is really there."""
        self.held += not self._reading.is_set()
        await self._reading.wait()
        self.reads += 1
        really = contents_of(root, paths, wanted=wanted, close=close_all)
        return [self._content(path, wanted) or found for path, found in zip(paths, really, strict=True)]

    def _content(self, path: str, wanted: Callable[[str, FileFacts], bool]) -> Content | None:
        facts = self.files.get(path)
        if facts is None:
            return None
        return Content(path, facts, str(facts.size).encode() if wanted(path, facts) else None)

    def report(self, root: str) -> WatchReport | None:
        return self.watched.get(root)

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        if root not in self.watched:
            return None
        return next((one for one in self._hidden if is_within(path, one.at)), Sight(path))

    def hides(self, hidden: Sight) -> None:
        """Have what *hidden* speaks of, and all below, be seen no more."""
        self._hidden.append(hidden)

    def throttle(self, held: bool) -> None:
        self.throttled = held

    def counts(self) -> WatchCounts:
        return WatchCounts(len(self.watched), self._seen, events_ignored=0, overflows=0, resyncs=0)

    async def close(self) -> None:
        self.hand_over()
        self._listener = None

    def happens(self, path: str, change: Change, *, roots: Sequence[str], at: int = NOON, cookie: int = 0) -> None:
        """Let something happen to *path*, below the watched *roots*."""
        self._queue.append(FileEvent(tuple(roots), path, change, Millis(at), cookie))

    def loses(self, *roots: str, reason: str = "overflow", at: int = NOON) -> None:
        """Let events below *roots* be lost."""
        self._queue.append(Loss(roots, Millis(at), Millis(at), reason))

    def hand_over(self) -> None:
        """Tell the listener everything that happened, in order; a flush, or the clock moving on, has it recorded."""
        queue, self._queue = self._queue, []
        if self._listener is None:
            return
        for is_loss, some in itertools.groupby(queue, key=lambda one: isinstance(one, Loss)):
            if is_loss:
                for one in some:
                    self._listener.events_lost(cast("Loss", one))
            else:
                batch = cast("list[FileEvent]", list(some))  # as what one read of the kernel's queue gives
                self._seen += len(batch)
                self._listener.file_events(batch)

    def puts(self, path: str, *, inode: int = 1, size: int = 1, at: int = NOON, changed_at: int | None = None) -> None:
        """Let a file be on the disk, written *at* that time; nobody hears of it."""
        changed = (at if changed_at is None else changed_at) * 1_000_000
        self.files[path] = FileFacts(posixpath.basename(path), inode, size, at * 1_000_000, changed)

    def takes(self, path: str) -> FileFacts:
        """Let a file be on the disk no more; nobody hears of it."""
        return self.files.pop(path)

    def hold_reads(self) -> None:
        """Let no file be read until `let_reads_go_on`."""
        self._reading.clear()

    def let_reads_go_on(self) -> None:
        """Let files be read again."""
        self._reading.set()

    def hold_surveys(self) -> None:
        """Let no survey go on until `let_surveys_go_on`."""
        self._listing.clear()

    def let_surveys_go_on(self) -> None:
        """Let surveys go on again."""
        self._listing.set()

    def hold_back(self) -> None:
        """Let no barrier pass until `let_through`."""
        self._open.clear()

    def let_through(self) -> None:
        """Let barriers pass again."""
        self._open.set()

    def gets_stuck(self) -> None:
        """Hear of nothing any more, and never say so."""
        self._beating.clear()

    def goes_on(self) -> None:
        """Undo `gets_stuck`."""
        self._beating.set()

    def will_degrade(self, root: str, problem: str) -> None:
        """Have *root*, once it is watched, be seen badly."""
        self._problems[root] = problem

    def reads_rules_of(self, root: str) -> None:
        """Have a file that says what is recorded in the watched *root* be changed and read."""
        report = self.watched[root]
        self.watched[root] = replace(report, rules_read=report.rules_read + 1)
        assert self._listener is not None
        self._listener.watch_changed(self.watched[root])

    def loses_sight_of(self, root: str) -> None:
        """Have the watched *root* be deleted, moved or unmounted."""
        gone = replace(self.watched[root], state=WorkspaceState.GONE, directories=0, problem=f"There is no {root}.")
        self.watched[root] = gone
        assert self._listener is not None
        self._listener.watch_changed(gone)

    def sees_something_at(self, root: str) -> None:
        """Have what `loses_sight_of` took be back, as far as one can tell."""
        assert self._listener is not None
        self._listener.watch_changed(replace(self.watched[root], back=True))

    def changes_rules(self, root: str) -> None:
        """Have other files below *root* be seen from now on."""
        report = self.watched[root] = replace(self.watched[root], rule_changes=self.watched[root].rule_changes + 1)
        assert self._listener is not None
        self._listener.watch_changed(report)

"""The port `domain.ports.Watcher` where there is no inotify, on watchdog's own observers.

That is FSEvents on macOS and polling elsewhere. It shows writes, never reads, and prunes only what it
reports: what the platform delivers for a whole tree is judged file by file. Each root is a stream of its own,
so a barrier is a promise about the platform's usual order and no more.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, ObservedWatch

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock
from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.file_events import Change, FileEvent, FileFacts, Listing, WatchCounts, WatchReport
from omnimemd.domain.ignore import IgnoreRules
from omnimemd.domain.ports import SurveyFailed, WatchListener
from omnimemd.system.watcher.errors import WatchUnavailable
from omnimemd.system.watcher.facts import facts_at, facts_of
from omnimemd.system.watcher.rule_files import TELLING, RuleFiles

#: Files in a batch of a survey.
_SURVEYED_AT_ONCE: Final = 500
#: Neither platform tells the end of a write: a change of the content counts as one.
_CHANGES = {"created": Change.CREATED, "modified": Change.WRITTEN, "deleted": Change.DELETED}


class PortableWatcher:
    """Sees which files below its roots are written. Its fields belong to the loop's thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        private: Path,
        environ: Mapping[str, str],
        blind: Collection[Path],
        make_observer: Callable[[], BaseObserver],
    ) -> None:
        """Take what it needs; *private* is a directory of its own, *blind* as in `InotifyWatcher`."""
        self._clock = clock
        self._private = private
        self._rule_files = RuleFiles(environ=environ)
        self._blind = tuple(f"{os.path.realpath(each)}/" for each in (private, *blind))
        self._make_observer = make_observer
        self._observer: BaseObserver | None = None
        self._roots: dict[str, tuple[ObservedWatch | None, WatchReport]] = {}
        self._barriers: dict[str, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)
        self._seen = 0
        self._ignored = 0

    async def start(self, listener: WatchListener) -> None:
        """Begin to hand events to *listener*; once, before any other call.

        Raises:
            WatchUnavailable: the private directory cannot be made or watched.
        """
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._observer = self._make_observer()
        try:
            self._private.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._observer.schedule(_Handler(self._post, self._marked), str(self._private))
            self._observer.start()
        except OSError as error:
            raise WatchUnavailable(f"{self._private}: {error.strerror}") from error

    async def watch(self, root: str) -> WatchReport:
        """Watch *root* and return how. See the port."""
        known = self.report(root)
        if known is not None and known.state is WorkspaceState.WATCHING:
            return known
        observer = self._running()
        judge = _Judge(root, self._rule_files)
        handler = _Handler(self._post, lambda event: self._happened(judge, event))
        try:
            # The first look at the tree takes a poller its time.
            watch = await asyncio.to_thread(observer.schedule, handler, root, recursive=True)
            report = WatchReport(root, WorkspaceState.WATCHING, 1, reads_observed=False)
        except OSError as error:
            watch = None
            problem = f"{root} cannot be watched: {error.strerror}."
            report = WatchReport(root, WorkspaceState.GONE, 0, reads_observed=False, problem=problem)
        self._roots[root] = (watch, report)
        self._listener.watch_changed(report)
        return report

    async def unwatch(self, root: str) -> None:
        """Stop watching *root*; an unknown one is ignored."""
        watch, _ = self._roots.pop(root, (None, None))
        if watch is not None:
            await asyncio.to_thread(self._running().unschedule, watch)

    async def barrier(self) -> None:
        """Return once a marker of ours came back the way that events take."""
        self._running()
        marker = self._private / str(next(self._numbers))
        passed = self._barriers[str(marker)] = self._loop.create_future()
        try:
            marker.touch()
            await passed
        finally:
            del self._barriers[str(marker)]
            marker.unlink(missing_ok=True)

    async def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List the files below *root*, a batch at a time in a thread. See the port."""
        batches = self._batches(root)
        while batch := await asyncio.to_thread(next, batches, None):
            if self.report(root) is None:
                raise SurveyFailed(root)
            yield batch
        if self.report(root) is None or not await asyncio.to_thread(os.path.isdir, root):
            raise SurveyFailed(root)

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        """Return what is at each of *paths* now. See the port."""
        return await asyncio.to_thread(facts_at, paths)

    def report(self, root: str) -> WatchReport | None:
        """Return how *root* is watched, None when it is not."""
        return self._roots[root][1] if root in self._roots else None

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        """Return whether the watched *root* sees *path*. See the port."""
        if root not in self._roots:
            return None
        if f"{path}/".startswith(self._blind):
            return Sight(path, Obstacle.OWN_DATA)
        return await asyncio.to_thread(_Judge(root, self._rule_files).sight, path, is_dir=is_dir)

    def counts(self) -> WatchCounts:
        """Return the counters; directories are not counted where no watch is spent on each."""
        return WatchCounts(len(self._roots), self._seen, self._ignored, overflows=0, resyncs=0)

    async def close(self) -> None:
        """Stop every thread."""
        observer, self._observer = self._observer, None
        if observer is not None and observer.is_alive():
            observer.stop()
            observer.join()
        for waiter in self._barriers.values():
            if not waiter.done():
                waiter.set_exception(WatchUnavailable("the watcher is closed"))
        with contextlib.suppress(OSError):
            self._private.rmdir()

    def _batches(self, root: str) -> Iterator[list[Listing]]:
        judge = _Judge(root, self._rule_files)
        batch: list[Listing] = []
        size = 0
        for directory, names, _ in os.walk(root):
            names[:] = [each for each in names if self._enters(judge, directory, each)]
            listing = self._listed(judge, directory)
            if listing.files:
                batch.append(listing)
                size += len(listing.files)
            if size >= _SURVEYED_AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _listed(self, judge: "_Judge", directory: str) -> Listing:
        at, files = self._clock.now(), []
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False) and self._sees(judge, entry.path):
                    with contextlib.suppress(FileNotFoundError):
                        files.append(facts_of(entry.name, entry.stat(follow_symlinks=False)))
        return Listing((judge.root,), directory, tuple(files), at)

    def _enters(self, judge: "_Judge", directory: str, name: str) -> bool:
        path = f"{directory}/{name}"
        return not f"{path}/".startswith(self._blind) and judge.enters(directory, name)

    def _running(self) -> BaseObserver:
        if self._observer is None:
            raise WatchUnavailable("the watcher is closed")
        return self._observer

    def _post(self, take: Callable[[FileSystemEvent], None], event: FileSystemEvent) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, the watcher was not
            self._loop.call_soon_threadsafe(take, event)

    def _marked(self, event: FileSystemEvent) -> None:
        # A poller takes a new file with the inode of one that is gone for a move of it.
        for path in (event.src_path, event.dest_path):
            waiter = self._barriers.get(os.fsdecode(path))
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def _happened(self, judge: "_Judge", event: FileSystemEvent) -> None:
        if judge.root not in self._roots:
            return
        self._seen += 1
        events = [] if event.is_directory else list(self._events(judge, event))
        self._ignored += not events
        if events:
            self._listener.file_events(events)

    def _events(self, judge: "_Judge", event: FileSystemEvent) -> list[FileEvent]:
        path, at, roots = os.fsdecode(event.src_path), self._clock.now(), (judge.root,)
        if event.event_type == "moved":
            cookie, target = next(self._numbers), os.fsdecode(event.dest_path)
            moved = [(path, Change.MOVED_FROM), (target, Change.MOVED_TO)]
            return [FileEvent(roots, each, change, at, cookie) for each, change in moved if self._sees(judge, each)]
        change = _CHANGES.get(event.event_type)
        return [FileEvent(roots, path, change, at)] if change is not None and self._sees(judge, path) else []

    def _sees(self, judge: "_Judge", path: str) -> bool:
        return not path.startswith(self._blind) and judge.sees(path)


class _Handler(FileSystemEventHandler):
    """Takes an event from the observer's thread to the loop."""

    def __init__(
        self,
        post: Callable[[Callable[[FileSystemEvent], None], FileSystemEvent], None],
        take: Callable[[FileSystemEvent], None],
    ) -> None:
        self._post = post
        self._take = take

    def dispatch(self, event: FileSystemEvent) -> None:
        self._post(self._take, event)


class _Judge:
    """Says whether a root sees a path, reading the rules of each directory on the way once."""

    def __init__(self, root: str, rule_files: RuleFiles) -> None:
        self.root = root
        self._rule_files = rule_files
        self._inside: dict[str, IgnoreRules | None] = {}  # None: the directory is ignored

    def sees(self, path: str) -> bool:
        directory, name = os.path.split(path)
        if name in TELLING:
            self._inside.clear()
        rules = self._rules(directory)
        return rules is not None and not rules.ignores(directory, name, is_dir=False)

    def enters(self, directory: str, name: str) -> bool:
        rules = self._rules(directory)
        return rules is not None and not rules.ignores(directory, name, is_dir=True)

    def sight(self, path: str, *, is_dir: bool) -> Sight:
        """Return whether *path* is seen, and the rule that decides."""
        directory, rule = self.root.rstrip("/"), None
        names = path[len(directory) + 1 :].split("/") if path != self.root else []
        for place, name in enumerate(names, start=1):
            rules = self._rules(directory)
            if rules is not None:
                verdict = rules.verdict(directory, name, is_dir=place < len(names) or is_dir)
                rule = verdict.rule
                if verdict.ignored:
                    return Sight(f"{directory}/{name}", Obstacle.RULE, rule)
            directory = f"{directory}/{name}"
        return Sight(path, rule=rule)

    def _rules(self, directory: str) -> IgnoreRules | None:
        if directory not in self._inside:
            self._inside[directory] = self._read(directory)
        return self._inside[directory]

    def _read(self, directory: str) -> IgnoreRules | None:
        top = directory == self.root
        above, name = os.path.split(directory)
        if not top and not directory.startswith(f"{self.root}/"):
            return None
        if top:
            self._rule_files.read_users()
        outside = self._rule_files.above(self.root) if top else self._rules(above)
        if outside is None or (not top and outside.ignores(above, name, is_dir=True)):
            return None
        present = [each for each in TELLING if os.path.lexists(f"{directory}/{each}")]
        return self._rule_files.inside(outside, directory, present, top=top or ".git" in present)

"""Find out which memories are stale: whether the files that they speak of are what they were.

Theory of operation. A memory that is written or confirmed is marked in the same transaction as one whose files are to
be looked at; that is done as soon as it is answered, in a thread, and after a kill at the next start. From then on the
watcher's events lead here: a set has every path that some memory speaks of, so that an event which concerns none costs
one look-up. One that does has the file looked at, some moments later, and read if its size does not tell; so do a
folder that begins to be watched, events that were lost, and a memory that is read: those look at the facts first, and
read nothing that has the same ones. What is known is always in the database, so reading a memory waits for nobody.

One piece of work is done at a time. Belongs to the event loop's thread.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable, WorkspaceInvalid
from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock
from omnimemd.domain.file_events import UNSEEN, Change, Content, FileEvent, FileFacts, Loss, WatchReport
from omnimemd.domain.memories import Memory
from omnimemd.domain.mentions import mentions
from omnimemd.domain.paths import absolute, is_within
from omnimemd.domain.ports import Watcher
from omnimemd.domain.staleness import RememberedFile, first_seen, needs_reading, seen_again, stored_path
from omnimemd.services.background import Background
from omnimemd.services.events import Events, MemoryChanged
from omnimemd.services.projects import Projects
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import memory_files as rows
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.memory_files import Due, KnownFile

log = logging.getLogger(__name__)

#: Between an event and the look that follows it: a save is several events. And what share of the time looks may take.
_SETTLE_SECONDS: Final = 0.15
_SHARE: Final = 0.05
_RETRY_SECONDS: Final = 1.0
#: Files looked at in one go, and memories taken up in one go.
_FILES: Final = 250
_MEMORIES: Final = 20
#: Files found in one memory's words that are held on to.
_FOUND: Final = 100
#: What a read waits for at most, and how often reads have the files of a project looked at.
_GLANCE_SECONDS: Final = 0.05
_GLANCE_AGAIN_SECONDS: Final = 2.0
#: How long a disk has to answer.
_CONTENTS_SECONDS: Final = 5.0
_SEEN: Final = frozenset((WorkspaceState.WATCHING, WorkspaceState.DEGRADED))


class _Place(msgspec.Struct, frozen=True):
    """A folder that a relative path may be taken from."""

    base: str
    top: str  # the widest folder of the same project: what lies in it is the project's


class Staleness:
    """See the module. A `WatchListener`."""

    def __init__(
        self,
        *,
        database: Database,
        watcher: Watcher,
        projects: Projects,
        background: Background,
        events: Events,
        clock: Clock,
    ) -> None:
        """Hold the memories in *database* against the files that *watcher* sees."""
        self._database = database
        self._watcher = watcher
        self._projects = projects
        self._background = background
        self._events = events
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._paths: dict[str, set[str]] = {}  # every path that is known, by project
        self._known: set[str] = set()  # all of them
        self._touched: set[str] = set()  # of those: something happened to it
        self._suspect: set[str] = set()  # folders in which something may have
        self._live: set[str] = set()  # roots that are watched
        self._hung: set[str] = set()  # folders whose disk did not answer, until they are watched anew
        self._glanced: dict[str, float] = {}  # by project: when a read had its files looked at
        self._glancing: dict[str, asyncio.Task[None]] = {}
        self._due = True  # a memory's files may be to be looked at
        self._outdated = True  # `_paths` is not what the database has
        self._stopping = False
        self._something = asyncio.Event()
        self._something.set()  # an earlier run may have left something to do
        self._working = asyncio.Lock()

    # ---- what the watcher says

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Take one batch of the watcher's; the daemon's hot path."""
        known = self._known
        if known:
            for event in events:
                if event.path in known and event.change is not Change.READ:
                    self._touched.add(event.path)
            if self._touched:
                self._something.set()

    def events_lost(self, loss: Loss) -> None:
        """Look again at what is in the folders of which something was missed."""
        self._suspect.update(loss.workspaces)
        self._something.set()

    def watch_changed(self, report: WatchReport) -> None:
        """Look at what is in a folder that is watched from now on."""
        if report.state not in _SEEN:
            self._live.discard(report.root)
        elif report.root not in self._live:
            self._live.add(report.root)
            self._hung.clear()
            self._outdated = True  # a project that moved is known under its new path from now on
            self._suspect.add(report.root)
            self._something.set()

    def unwatched(self, root: str) -> None:
        """Take note that nobody watches the folder *root* any more."""
        self._live.discard(root)

    # ---- what others ask

    def written(self, _: Memory) -> None:
        """Take note that a memory was written, confirmed or deleted: its files are to be looked at."""
        self._due = True
        self._something.set()

    async def glance(self, project_id: str) -> None:
        """Have the files of a project looked at before its memories are read, unless that was done just now.

        Waits for a twentieth of a second at most: then what is known is as good as it gets.
        """
        if project_id not in self._paths and not self._outdated:
            return
        task = self._glancing.get(project_id)
        if task is None:
            if self._loop.time() - self._glanced.get(project_id, -_GLANCE_AGAIN_SECONDS) < _GLANCE_AGAIN_SECONDS:
                return
            self._glanced[project_id] = self._loop.time()
            task = self._glancing[project_id] = self._background.once("look at files", self._glance(project_id))
            task.add_done_callback(lambda _: self._glancing.pop(project_id, None))
        await asyncio.wait([task], timeout=_GLANCE_SECONDS)

    async def settled(self) -> None:
        """Return once what was told before the call is known of every memory; at once when the daemon stops.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        self._glanced.clear()
        await self._work()

    def rest(self) -> None:
        """Begin nothing more: the daemon stops. What is left undone is done by the next run."""
        self._stopping = True

    async def run(self) -> None:
        """Look at what is to be looked at, for ever."""
        while True:
            await self._something.wait()
            if not self._due:
                await asyncio.sleep(_SETTLE_SECONDS)
            self._something.clear()
            began = self._loop.time()
            try:
                await self._work()
            except StoreUnavailable as error:
                log.warning("files of memories not looked at", extra={"reason": error.detail})
                self._something.set()
                await asyncio.sleep(_RETRY_SECONDS)
            await asyncio.sleep((self._loop.time() - began) * (1 / _SHARE - 1))

    # ---- the work

    async def _work(self) -> None:
        async with self._working:
            if self._stopping:
                return
            due, self._due = self._due, False
            outdated, self._outdated = self._outdated, False
            suspect, self._suspect = self._suspect, set()
            touched, self._touched = self._touched, set()
            try:
                if outdated:
                    await self._read_paths()
                if due:
                    await self._take_up()
                suspected = {path for path in self._known if any(is_within(path, one) for one in suspect)}
                await self._look_at(suspected | touched)
            except BaseException:
                self._due |= due
                self._outdated |= outdated
                self._suspect |= suspect
                self._touched |= touched
                self._something.set()  # it is done when it is run again
                raise

    async def _glance(self, project_id: str) -> None:
        async with self._working:
            if not self._stopping:
                if self._outdated:
                    self._outdated = False
                    await self._read_paths()
                if project_id in self._paths:
                    await self._compare_all(await self._database.read(partial(rows.of_project, project_id=project_id)))

    async def _read_paths(self) -> None:
        paths: defaultdict[str, set[str]] = defaultdict(set)
        for one in await self._database.read(rows.every_path) if self._database.read_now(rows.any_path) else ():
            paths[one.project_id].add(one.path)
        self._paths = dict(paths)
        self._known = set().union(*paths.values())

    # ---- files that are looked at first

    async def _take_up(self) -> None:
        """Remember the files of memories that were written, until there is none left."""
        while not self._stopping and (batch := self._database.read_now(lambda db: rows.every_due(db, limit=_MEMORIES))):
            for one in batch:
                await self._remember(one)

    async def _remember(self, due: Due) -> None:
        memory = self._database.read_now(lambda db: memory_rows.find(db, due.project_id, due.memory_id))
        files = [] if memory is None or memory.deleted else await self._files_of(memory, due)
        remembered = await self._database.write(lambda db: rows.remember(db, due, files))
        if not remembered or not files:
            return
        paths = {absolute(one.path, workspace=due.root or "") for one in files}
        self._paths.setdefault(due.project_id, set()).update(paths)
        self._known |= paths
        if any(one.changed_at is not None for one in files):
            self._tell({(due.project_id, due.memory_id)})
        await self._look_at(paths)  # what happened since they were looked at, and before they were known, was not heard

    async def _files_of(self, memory: Memory, due: Due) -> list[RememberedFile]:
        """Return the files that *memory* speaks of, as they are now."""
        now = self._clock.now()
        given = memory.files
        names = given or await asyncio.to_thread(mentions, memory.value)
        found: dict[str, Content] = {}
        places = await self._places(due)
        for place in places:
            await self._find(place, [name for name in names if name not in found], found)
        for root in self._live:  # a path that is named in full may lie in a folder of another project
            below = [name for name in names if name not in found and is_within(name, root)]
            await self._find(_Place(root, root), below, found)
        files: dict[str, RememberedFile] = {}
        for name in names:
            content = found.get(name)
            if content is not None:
                path = content.path
            elif given and places:  # it may come into being
                path = absolute(name, workspace=places[0].base)
                if not is_within(path, places[0].top):
                    continue
            else:
                continue
            kept = stored_path(path, root=due.root)
            files.setdefault(kept, first_seen(kept, content, since=due.since, now=now))
            if not given and len(files) == _FOUND:
                break
        return list(files.values())

    async def _find(self, place: _Place, names: Sequence[str], found: dict[str, Content]) -> None:
        """Add to *found* what is at those of *names* that are files of *place*."""
        paths = [absolute(name, workspace=place.base) for name in names]
        for start in range(0, len(paths), _FILES):
            some = paths[start : start + _FILES]
            contents = await self._contents(place.top, some, lambda *_: True)
            seen = zip(names[start : start + _FILES], contents, strict=True)
            found.update((name, one) for name, one in seen if one is not None and one.facts is not UNSEEN)

    async def _places(self, due: Due) -> list[_Place]:
        """Return the folders in which the files of a memory may be, the likeliest first."""
        places: dict[_Place, None] = {}
        for workspace in due.workspaces:
            top = due.root
            if top is None or not is_within(workspace, top):
                try:
                    top = (await self._projects.look(workspace)).worktree or workspace
                except WorkspaceInvalid:  # it is gone
                    continue
            places.setdefault(_Place(workspace, top))
            places.setdefault(_Place(top, top))
        if due.root is not None:
            places.setdefault(_Place(due.root, due.root))
        return list(places)

    # ---- files that are known

    async def _look_at(self, paths: Iterable[str]) -> None:
        """Look at what is at *paths*, and tell of the memories for which that makes a difference."""
        todo = list(paths)
        for start in range(0, len(todo), _FILES):
            some = todo[start : start + _FILES]
            await self._compare_all(await self._database.read(partial(rows.at, paths=some)))

    async def _compare_all(self, known: Iterable[KnownFile]) -> None:
        by_top: defaultdict[str, defaultdict[str, list[KnownFile]]] = defaultdict(lambda: defaultdict(list))
        for one in known:
            by_top[self._top_of(one)][one.path].append(one)
        for top, files in by_top.items():
            await self._compare(top, files)

    async def _compare(self, top: str, files: Mapping[str, Sequence[KnownFile]]) -> None:
        now = self._clock.now()

        def wanted(path: str, facts: FileFacts) -> bool:
            return needs_reading([one.file for one in files[path]], facts)

        paths = list(files)
        contents = await self._contents(top, paths, wanted)
        news: list[tuple[KnownFile, RememberedFile]] = []
        for path, content in zip(paths, contents, strict=True):
            for one in files[path]:
                after = seen_again(one.file, content, now=now)
                if after is not one.file:
                    news.append((one, after))
        if not news:
            return

        def work(db: Connection) -> None:
            for one, after in news:
                rows.update(db, one.memory_id, after)

        await self._database.write(work)
        self._tell(
            {
                (one.project_id, one.memory_id)
                for one, after in news
                if (one.file.changed_at is None) is not (after.changed_at is None)
            }
        )

    async def _contents(
        self, top: str, paths: Sequence[str], wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Return what is in *paths*; of a disk that does not answer nothing is told, nor asked again for now."""
        if top not in self._hung:
            try:
                async with asyncio.timeout(_CONTENTS_SECONDS):
                    return await self._watcher.contents(top, paths, wanted=wanted)
            except TimeoutError:
                self._hung.add(top)
                log.warning("files of memories not readable", extra={"folder": top, "seconds": _CONTENTS_SECONDS})
        return [Content(path, UNSEEN, None) for path in paths]

    def _top_of(self, known: KnownFile) -> str:
        """Return the folder that is not left when *known* is looked at."""
        if known.root is not None:
            return known.root
        above = [root for root in self._live if is_within(known.path, root)]
        return max(above, key=len) if above else known.path.rpartition("/")[0] or "/"

    # ---- who is told

    def _tell(self, ids: Iterable[tuple[str, str]]) -> None:
        now = self._clock.now()
        for project_id, memory_id in sorted(ids):
            memory = self._database.read_now(partial(memory_rows.find, project_id=project_id, memory_id=memory_id))
            if memory is not None and memory.live(now=now):
                self._events.publish(MemoryChanged(memory))

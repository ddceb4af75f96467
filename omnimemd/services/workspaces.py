"""Which folders are watched, and which sessions are active in them.

A folder is watched exactly while a session is active in it or somebody added it by hand. A session that ends leaves its
folder only when every event from before its end has been read: what a process did last, before it died, is its.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from omnimem.errors import StoreUnavailable, WorkspaceInvalid, WorkspaceNotFound
from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock
from omnimemd.domain.file_events import Loss, WatchReport
from omnimemd.domain.paths import is_within
from omnimemd.domain.ports import Watcher, WatchFailed
from omnimemd.domain.sessions import Session
from omnimemd.domain.workspaces import WatchedWorkspace, unwatchable
from omnimemd.services.background import Background
from omnimemd.services.events import Events, WorkspaceChanged
from omnimemd.services.folders import RETURNS, Folder, Member
from omnimemd.services.projects import Projects
from omnimemd.storage import workspaces as rows
from omnimemd.storage.database import Database

log = logging.getLogger(__name__)

#: How long a caller waits for its folder to be watched; a larger one goes on starting behind its back.
_START_SECONDS: Final = 2.0
#: Seconds between two looks for a folder that is gone, as not every platform tells of its return.
_LOOK_OUT_SECONDS: Final = 30.0
#: Seconds between two looks at the `.omnimem.toml` of a folder whose watch does not tell of it.
_PROJECT_FILE_SECONDS: Final = 0.5
#: How long an ended session waits for the events from before its end.
_BARRIER_SECONDS: Final = 5.0


class AmbientPlace(msgspec.Struct, frozen=True):
    """A watched folder in which something was done that is no session's; by hand, an ambient session keeps it."""

    root: str
    project_id: str


class Workspaces:
    """Watch and unwatch folders as sessions come and go."""

    def __init__(
        self,
        *,
        database: Database,
        watcher: Watcher,
        projects: Projects,
        background: Background,
        clock: Clock,
        events: Events,
        own_data: str,
    ) -> None:
        """Watch with *watcher*, but nothing in *own_data*, the real path of the daemon's own directory."""
        self._database = database
        self._watcher = watcher
        self._projects = projects
        self._background = background
        self._clock = clock
        self._events = events
        self._own_data = own_data
        self._folders: dict[str, Folder] = {}
        self._configured: set[str] = set()
        database.on_lost_commit(self._recall)
        self._settling: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._settling_now: dict[str, asyncio.Task[None]] = {}  # the latest for each folder
        self._leaving: dict[str, asyncio.Task[None]] = {}  # ended sessions that are still in their folder
        #: Folders that were to be watched and could not be, each with the reason.
        self.absent: dict[str, str] = {}
        self._before_change: Callable[[str], None] = lambda path: None
        self._joined: Callable[[str], None] = lambda path: None
        self._lost: Callable[[Loss], None] = lambda loss: None
        self._gone: dict[str, asyncio.Event] = {}  # folders whose return is looked out for; set when they may be back
        self._watched: Callable[[str], None] = lambda path: None
        self._on_unwatched: list[Callable[[str], None]] = []

    def before_change(self, callback: Callable[[str], None]) -> None:
        """Have *callback* called with the path of a folder before it changes which sessions are active there."""
        self._before_change = callback

    def on_joined(self, callback: Callable[[str], None]) -> None:
        """Have *callback* called with the path of a folder when a session has become active there."""
        self._joined = callback

    def on_lost(self, callback: Callable[[Loss], None]) -> None:
        """Have *callback* called with each interval in which a folder was not there to be watched."""
        self._lost = callback

    def on_watched(self, callback: Callable[[str], None]) -> None:
        """Have *callback* called with the path of each folder that is watched from then on."""
        self._watched = callback

    def on_unwatched(self, callback: Callable[[str], None]) -> None:
        """Have *callback* called with the path of each folder that is watched no more, because nobody wants it."""
        self._on_unwatched.append(callback)

    async def restore(self, configured: tuple[str, ...]) -> None:
        """Watch what was added by hand before, and what the configuration names."""
        for path in sorted({*self._database.read_now(rows.every), *configured}):
            try:
                real = await self._watchable(path)
                resolved = await self._projects.resolve(real)
            except WorkspaceInvalid as error:
                self.absent[path] = error.detail
                log.warning("workspace not watched", extra={"reason": error.detail})
                continue
            self._folder(real, resolved.project.project_id).by_hand = True
            self._configured |= {real} if path in configured else set()
            self._settle_later(real)

    def join(self, session: Session, *, instead_of: str | None = None) -> None:
        """Make *session* active in its folder; `ready` waits until the folder is watched.

        The session with the id *instead_of* is active there no more from this moment on.
        """
        self._before_change(session.workspace)
        self._leaving.pop(session.session_id, None)
        folder = self._folder(session.workspace, session.project_id)
        if instead_of is not None:
            folder.members.pop(instead_of, None)
        process = None if session.process is None else session.process.identity
        folder.members[session.session_id] = Member(session.session_id, session.workspace, process, session.of_shell)
        self._settle_later(session.workspace)
        self._joined(session.workspace)

    async def catch_up(self, path: str) -> None:
        """Return when what happened in the folder *path* before the call has been read, if anybody watches there."""
        if any(is_within(path, one) or is_within(one, path) for one in self._folders):
            await self._barrier()

    async def ready(self, path: str) -> None:
        """Return when the folder *path* is watched as it should be, or after a short while."""
        settling = self._settling_now.get(path)
        if settling is not None:
            await asyncio.wait([settling], timeout=_START_SECONDS)

    def is_staying(self, session: Session) -> bool:
        """Return whether *session* is active in its folder and not about to leave it."""
        folder = self._folders.get(session.workspace)
        return folder is not None and session.session_id in folder.members and session.session_id not in self._leaving

    def leave(self, session: Session | Member) -> None:
        """Make *session* active no more, once every event from before this call has been read."""
        self._leaving[session.session_id] = self._background.once("leave workspace", self._leave(session))

    async def left(self, session_id: str) -> None:
        """Return when the ended session is active no more: what happens from then on is not its."""
        leaving = self._leaving.get(session_id)
        if leaving is not None:
            await asyncio.wait([leaving], timeout=_BARRIER_SECONDS)

    async def add(self, path: str) -> tuple[WatchedWorkspace, bool]:
        """Watch *path* by hand; return it, and whether that is new. `ready` waits until it is watched.

        Raises:
            WorkspaceInvalid: it is not an absolute path of an existing directory, or of one that cannot be a
                workspace.
        """
        real = await self._watchable(path)
        resolved = await self._projects.resolve(real)
        now = self._clock.now()
        await self._database.write(lambda db: rows.add(db, real, at=now), durable=True)
        self.absent.pop(real, None)
        self._before_change(real)
        folder = self._folder(real, resolved.project.project_id)
        new, folder.by_hand = not folder.by_hand, True
        self._settle_later(real)
        return self._view(folder), new

    async def remove(self, path: str) -> str:
        """Watch *path* by hand no more; return its real path.

        Raises:
            InvalidRequest: it is not absolute.
            WorkspaceNotFound: it was not added by hand.
        """
        real = path if path in self._folders or path in self.absent else await self._projects.real(path, field="path")
        folder = self._folders.get(real)
        if (folder is None or not folder.by_hand) and real not in self.absent:
            raise WorkspaceNotFound(f"{path!r} was not added by hand.")
        await self._database.write(lambda db: rows.remove(db, real), durable=True)
        self.absent.pop(real, None)
        if folder is None:
            return real
        await self._barrier()
        self._before_change(folder.path)
        folder.by_hand = False
        self._drop_if_unwanted(folder)
        await self.ready(folder.path)
        return real

    def unwatchable(self, path: str) -> str | None:
        """Say why the folder *path* (real) is never watched, whoever asks; None when nothing speaks against it."""
        return unwatchable(path, own=self._own_data)

    def is_own_data(self, path: str) -> bool:
        """Return whether *path* (real) is the daemon's own."""
        return is_within(path, self._own_data)

    def find(self, path: str) -> WatchedWorkspace | None:
        """Return the watched folder *path*, None when it is not watched."""
        folder = self._folders.get(path)
        return None if folder is None else self._view(folder)

    def every(self) -> list[WatchedWorkspace]:
        """Return every watched folder, by path."""
        return [self._view(folder) for _, folder in sorted(self._folders.items())]

    def holding(self, path: str) -> list[WatchedWorkspace]:
        """Return the watched folders that *path* (absolute, without links) is or lies in, the deepest first."""
        held = [folder for folder in self._folders.values() if is_within(path, folder.path)]
        return [self._view(folder) for folder in sorted(held, key=lambda one: len(one.path), reverse=True)]

    def members(self, roots: tuple[str, ...]) -> tuple[str, ...]:
        """Return the ids of the sessions active in any of *roots*."""
        return tuple(one.session_id for one in self.active(roots))

    def active(self, roots: tuple[str, ...]) -> tuple[Member, ...]:
        """Return the sessions active in any of *roots*, in the order of these."""
        return tuple(one for root in roots if root in self._folders for one in self._folders[root].members.values())

    def everybody(self) -> tuple[Member, ...]:
        """Return every active session there is."""
        return self.active(tuple(self._folders))

    def by_hand(self, roots: tuple[str, ...]) -> AmbientPlace | None:
        """Return the deepest of *roots* that was added by hand, None when none was."""
        return self.place(tuple(root for root in roots if root in self._folders and self._folders[root].by_hand))

    def place(self, roots: tuple[str, ...]) -> AmbientPlace | None:
        """Return the deepest of *roots* that is watched, None when none is."""
        watched = (folder for root in roots if (folder := self._folders.get(root)) is not None)
        deepest = max(watched, key=lambda folder: len(folder.path), default=None)
        return None if deepest is None else AmbientPlace(deepest.path, deepest.project_id)

    def watch_changed(self, report: WatchReport) -> None:
        """Tell everybody that a folder is seen better or worse."""
        folder = self._folders.get(report.root)
        if folder is not None:
            if report.rules_read != folder.rules_read:
                folder.rules_read = report.rules_read
                self._settle_later(folder.path)
            self._events.publish(WorkspaceChanged(self._view(folder)))
            if report.state is WorkspaceState.GONE and report.root not in self._gone:
                self._gone[report.root] = asyncio.Event()
                self._background.once("look out for a workspace", self._await_return(report.root))
            if report.root in self._gone and (report.back or report.state is not WorkspaceState.GONE):
                self._gone[report.root].set()

    async def _await_return(self, path: str) -> None:
        """Watch a folder again that was deleted, moved away or unmounted, once it is back."""
        gone_at = self._clock.now()
        try:
            while path in self._folders:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._gone[path].wait(), _LOOK_OUT_SECONDS)
                self._gone[path].clear()
                try:
                    await self._projects.directory(path)
                except WorkspaceInvalid:
                    continue
                if not await self._may_return(path):
                    continue
                await self._settle(path)
                report = self._watcher.report(path)
                if report is not None and report.state is not WorkspaceState.GONE:
                    self._lost(Loss((path,), gone_at, self._clock.now(), "root_gone"))
                    return
        finally:
            del self._gone[path]

    async def _may_return(self, path: str) -> bool:
        """Wait while the folder *path* was watched again too often lately; return whether it is still to be."""
        now = asyncio.get_running_loop().time()
        folder = self._folders.get(path)
        if folder is not None and len(folder.returns) == RETURNS:
            await asyncio.sleep(folder.returns[0] + _LOOK_OUT_SECONDS - now)
        if folder is None or self._folders.get(path) is not folder:
            return False
        folder.returns.append(asyncio.get_running_loop().time())
        return True

    async def _leave(self, session: Session | Member) -> None:
        await self._barrier()
        if self._leaving.get(session.session_id) is not asyncio.current_task():  # it was taken up again meanwhile
            return
        del self._leaving[session.session_id]
        self._before_change(session.workspace)
        folder = self._folders.get(session.workspace)
        if folder is not None and session.session_id in folder.members:
            del folder.members[session.session_id]
            self._drop_if_unwanted(folder)

    async def _barrier(self) -> None:
        """Return when what happened before the call has been read, as far as that can be had."""
        try:
            async with asyncio.timeout(_BARRIER_SECONDS):
                await self._watcher.barrier()
        except TimeoutError:
            log.warning("file events lagged", extra={"seconds": _BARRIER_SECONDS})
        except WatchFailed as error:  # health says so; sessions begin and end all the same
            log.warning("file events not waited for", extra={"reason": str(error)})

    def _folder(self, path: str, project_id: str) -> Folder:
        folder = self._folders.get(path)
        if folder is None:
            folder = self._folders[path] = Folder(path, project_id, since=self._clock.now())
        return folder

    def _unwatched(self, path: str) -> None:
        for callback in self._on_unwatched:
            callback(path)

    def _recall(self) -> None:
        """Let go of folders that were added and of which that was not kept."""
        with contextlib.suppress(StoreUnavailable):
            kept = {*self._database.read_now(rows.every), *self._configured}
            for folder in [one for one in self._folders.values() if one.by_hand and one.path not in kept]:
                folder.by_hand = False
                self._drop_if_unwanted(folder)

    def _drop_if_unwanted(self, folder: Folder) -> None:
        if not folder.by_hand and not folder.members and self._folders.get(folder.path) is folder:
            del self._folders[folder.path]
        self._settle_later(folder.path)

    def _settle_later(self, path: str) -> None:
        task = self._settling_now[path] = self._background.once("watch workspace", self._settle(path))
        task.add_done_callback(lambda done: self._settled(path, done))

    def _settled(self, path: str, done: asyncio.Task[None]) -> None:
        if self._settling_now.get(path) is done:
            del self._settling_now[path]

    async def _settle(self, path: str) -> None:
        """Bring what is watched to what is wanted, one change of a folder at a time."""
        lock = self._settling.setdefault(path, asyncio.Lock())
        async with lock:
            folder = self._folders.get(path)
            if folder is None:
                await self._watcher.unwatch(path)
                self._unwatched(path)
                return
            before = self._view(folder)
            folder.track, folder.mistake = await self._project_file(folder)
            report = self._watcher.report(path)
            watched = report is not None and report.state is not WorkspaceState.GONE
            if not folder.track or self.unwatchable(path) is not None:
                if report is not None:
                    await self._watcher.unwatch(path)
                self._unwatched(path)
            elif not watched:
                report = await self._watcher.watch(path)
                self.watch_changed(report)
                if report.state is not WorkspaceState.GONE:
                    self._watched(path)
            after = self._view(folder)
            if (after.track, after.problem) != (before.track, before.problem):
                self._events.publish(WorkspaceChanged(after))
            if not self._is_told(folder) and not folder.looked_at:
                folder.looked_at = True
                self._background.once("look at a project file", self._keep_looking(folder))

    async def _watchable(self, path: str) -> str:
        real = await self._projects.directory(path)
        reason = self.unwatchable(real)
        if reason is not None:
            raise WorkspaceInvalid.field("path", f"{real} cannot be watched: {reason}", hint="Name a project's folder.")
        return real

    async def _project_file(self, folder: Folder) -> tuple[bool, str | None]:
        """Return whether `.omnimem.toml` lets *folder* be watched, and what is wrong with it: what it said, holds."""
        try:
            return (await self._projects.look(folder.path)).track, None
        except WorkspaceInvalid as error:
            try:
                await self._projects.directory(folder.path)
            except WorkspaceInvalid:
                return folder.track, None  # the watcher says that it is gone
            return folder.track, f"{error.errors[0].message}. Until it is corrected, what it said before holds."

    def _is_told(self, folder: Folder) -> bool:
        """Return whether the watcher tells when the `.omnimem.toml` of *folder* changes."""
        report = self._watcher.report(folder.path)
        return folder.track and (report is None or report.reads_observed)

    async def _keep_looking(self, folder: Folder) -> None:
        """Follow the `.omnimem.toml` of a folder as long as nobody tells that it changes."""
        while self._folders.get(folder.path) is folder and not self._is_told(folder):
            await asyncio.sleep(_PROJECT_FILE_SECONDS)
            if await self._project_file(folder) != (folder.track, folder.mistake):
                await self._settle(folder.path)
        folder.looked_at = False

    def _view(self, folder: Folder) -> WatchedWorkspace:
        report = self._watcher.report(folder.path)
        if not folder.track:
            state, problem = WorkspaceState.DEGRADED, "Not watched: .omnimem.toml says track = false."
        elif (reason := self.unwatchable(folder.path)) is not None:
            state, problem = WorkspaceState.DEGRADED, f"Not watched: {reason}."
        elif report is None:
            state, problem = WorkspaceState.STARTING, None
        else:
            state, problem = report.state, report.problem
        if folder.mistake is not None:
            problem = folder.mistake if problem is None else f"{problem} {folder.mistake}"
            state = WorkspaceState.DEGRADED if state is WorkspaceState.WATCHING else state
        return WatchedWorkspace(
            path=folder.path,
            project_id=folder.project_id,
            state=state,
            directories=report.directories if report else 0,
            reads_observed=report.reads_observed if report else True,
            by_hand=folder.by_hand,
            since=folder.since,
            problem=problem,
            track=folder.track,
        )

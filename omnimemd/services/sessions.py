"""Begin, take up, end and list sessions."""

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from omnimem.errors import (
    Invalid,
    InvalidRequest,
    SessionActive,
    SessionElsewhere,
    SessionPinned,
    WorkspaceInvalid,
)
from omnimem.model import EndReason, SessionCreate, SessionQuery, SessionUpdate
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.identity import Process, tool
from omnimemd.domain.ports import Processes
from omnimemd.domain.sessions import AMBIENT_TOOL, DISCOVERED, BoundProcess, Session, end, end_of_dead, rebind, reopen
from omnimemd.domain.tools import run_of
from omnimemd.services import cursors
from omnimemd.services.binding import process_for
from omnimemd.services.deletion import Deletion
from omnimemd.services.events import Events, SessionChanged
from omnimemd.services.liveness import Death, Liveness
from omnimemd.services.projects import Projects
from omnimemd.services.session_cache import Held, SessionCache
from omnimemd.services.workspaces import AmbientPlace, Workspaces
from omnimemd.storage import projects as project_rows
from omnimemd.storage import sessions as rows
from omnimemd.storage.database import Connection, Database


class SessionPage(msgspec.Struct, frozen=True):
    """Sessions, newest activity first, and where the next page begins."""

    sessions: list[Session]
    next_cursor: str | None


class Sessions:
    """The life of every session."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        deletion: Deletion,
        projects: Projects,
        workspaces: Workspaces,
        liveness: Liveness,
        processes: Processes,
        clock: Clock,
        events: Events,
        new_token: Callable[[], str],
    ) -> None:
        """Keep sessions in *database*, through *cache*."""
        self._database = database
        self._cache = cache
        self._deletion = deletion
        self._projects = projects
        self._workspaces = workspaces
        self._liveness = liveness
        self._processes = processes
        self._clock = clock
        self._events = events
        self._new_token = new_token
        self._ambient: dict[str, str] = {}  # workspace → id of its open ambient session
        self._on_end: list[Callable[[Session], object]] = []
        self._to_recall = asyncio.Event()
        database.on_lost_commit(self._to_recall.set)

    def on_end(self, callback: Callable[[Session], object]) -> None:
        """Have *callback* called with each session that ends."""
        self._on_end.append(callback)

    async def reconcile(self) -> None:
        """Take up every open session: bind it again if its process lives, end it if that died meanwhile."""
        await self._database.write(self._cache.save_unfolded)
        for stored in self._database.read_now(rows.open_sessions):
            session = self._cache.get(stored.session.session_id).session
            if session.ambient:
                self._ambient[session.workspace] = session.session_id
            if session.process is None or self._liveness.bind(session.session_id, session.process.identity):
                if not session.ambient:
                    self._workspaces.join(session)
            else:
                await self._change(session.session_id, lambda one: end_of_dead(one, boot=self._processes.boot))

    async def keep_true(self) -> None:
        """Undo in memory what was begun or ended and then not kept, whenever a commit is lost, for ever."""
        while True:
            await self._to_recall.wait()
            self._recall()
            self._to_recall.clear()

    async def workspace(self, path: str) -> str:
        """Return the real path of the folder that *path* is.

        Raises:
            WorkspaceInvalid: it is not an absolute path of an existing directory.
        """
        try:
            return await self._projects.directory(path)
        except WorkspaceInvalid as error:
            raise _of_workspace(error) from error

    async def create(
        self, request: SessionCreate, *, caller: int | None, first: Callable[[Connection, Held], None] | None = None
    ) -> tuple[Session, bool]:
        """Begin the session of *request*, take it up again or rebind it; return it, and whether it is new.

        Args:
            request: what the caller says.
            caller: the pid of the process that called, None where it is not known.
            first: records what a new session begins with, in the transaction that begins it.

        Raises:
            WorkspaceInvalid: the workspace is not an absolute path of an existing directory.
            ProcessNotFound: there is no such live process of this user.
            SessionElsewhere: the session exists for another workspace.
        """
        workspace = await self.workspace(request.workspace_path)
        try:
            place = await self._projects.look(workspace)
        except WorkspaceInvalid as error:
            raise _of_workspace(error) from error
        process, gone = process_for(request, self._processes, caller=caller)
        session_id = request.session_id or f"sess_{self._new_token()}"
        if request.continues == session_id:
            raise InvalidRequest.field("continues", "a session cannot continue itself")
        await self._workspaces.catch_up(workspace)
        stand_in = None if process is None else self._stand_in_of(process, workspace)
        if stand_in is not None and request.continues is None:
            request = replace(request, continues=stand_in)
        now = self._clock.now()

        def work(db: Connection) -> tuple[Session, bool, bool]:
            held = self._cache.find(session_id)
            if held is None:
                project_id = request.project_id or self._projects.remember(db, place).project_id
                self._check_continues(request, project_id=project_id)
                begun = self._begin(db, request, session_id, workspace, project_id, process)
                if first is not None:
                    first(db, self._cache.get(session_id))
                return begun, True, True
            before = held.session
            if before.workspace != workspace:
                raise SessionElsewhere(f"Session '{session_id}' exists for the workspace {before.workspace!r}.")
            after = self._taken_up(before, request, process, now=now)
            if after != before:
                held.session = after
                self._cache.save_row(db, held)
            return after, False, after.process != before.process or after.active != before.active

        session, new, changed = await self._database.write(work)
        if changed:
            session = await self._opened(session, instead_of=stand_in, gone=gone)
        return session, new

    async def open_discovered(self, place: AmbientPlace, *, process: Process) -> Session:
        """Return a new session of the tool that was found at work in *place*; ended if it has died meanwhile."""
        request = SessionCreate(tool_id=tool(process), workspace_path=place.root, metadata=dict(DISCOVERED))
        bound = BoundProcess(process.identity, process.started_at)
        session_id = f"sess_{self._new_token()}"
        session = await self._database.write(
            lambda db: self._begin(db, request, session_id, place.root, place.project_id, bound)
        )
        return await self._opened(session)

    async def open_ambient(self, place: AmbientPlace) -> Session:
        """Return the ambient session of *place*, begun if there is none."""
        open_one = self._ambient.get(place.root)
        if open_one is not None:
            held = self._cache.find(open_one)
            if held is not None and held.session.active:
                return held.session
        request = SessionCreate(tool_id=AMBIENT_TOOL, workspace_path=place.root)
        session_id = f"sess_{self._new_token()}"
        session = await self._database.write(
            lambda db: self._begin(db, request, session_id, place.root, place.project_id, None)
        )
        self._ambient[place.root] = session_id
        self._events.publish(SessionChanged(session))
        return session

    async def end_ambient(self, workspace: str) -> None:
        """End the ambient session of *workspace*, if there is one: the folder is watched by hand no more."""
        session_id = self._ambient.get(workspace)
        if session_id is not None:
            await self.end_idle(session_id, at=self._clock.now())

    def has_ambient(self, workspace: str) -> bool:
        """Return whether an ambient session is open in *workspace*."""
        return workspace in self._ambient

    def ambient_sessions(self) -> list[tuple[str, Millis]]:
        """Return the id of each open ambient session with its last activity."""
        return [(one, self.get(one).last_activity) for one in self._ambient.values()]

    async def end(self, session_id: str, *, detail: str | None) -> Session:
        """End the session because a client says so; an ended one stays as it is.

        Raises:
            SessionNotFound: there is no such session.
        """
        now = self._clock.now()
        return await self._change(session_id, lambda one: end(one, at=now, reason=EndReason.CLIENT, detail=detail))

    async def end_idle(self, session_id: str, *, at: Millis) -> Session:
        """End an ambient session that fell silent.

        Raises:
            SessionNotFound: there is no such session.
        """
        return await self._change(session_id, lambda one: end(one, at=at, reason=EndReason.IDLE))

    async def process_died(self, death: Death) -> None:
        """End the session whose process died, unless it was bound to another meanwhile."""

        def rule(session: Session) -> Session:
            if session.process is None or session.process.identity != death.process:
                return session
            return end(session, at=death.at, reason=EndReason.PROCESS_EXITED)

        if self._cache.find(death.session_id) is not None:
            await self._change(death.session_id, rule)

    async def update(self, session_id: str, change: SessionUpdate) -> Session:
        """Return the session with *change* made.

        Raises:
            SessionNotFound: there is no such session.
        """

        def rule(session: Session) -> Session:
            members = {
                name: value
                for name in ("pinned", "archived", "user_id", "metadata")
                if (value := getattr(change, name)) is not msgspec.UNSET
            }
            return replace(session, **members)

        return await self._change(session_id, rule)

    async def delete(self, session_id: str) -> None:
        """Delete the session with everything recorded in it.

        Raises:
            SessionNotFound: there is no such session.
            SessionPinned: it is pinned.
            SessionActive: it is active.
        """

        def deletable() -> Held:
            held = self._cache.get(session_id)
            if held.session.pinned:
                raise SessionPinned(f"Session '{session_id}' is pinned.")
            if held.session.active:
                raise SessionActive(f"Session '{session_id}' is active.")
            return held

        await self._deletion.delete(deletable)
        await self._database.erase()

    def get(self, session_id: str) -> Session:
        """Return the session.

        Raises:
            SessionNotFound: there is no such session.
        """
        return self._cache.get(session_id).session

    async def page(self, query: SessionQuery) -> SessionPage:
        """Return the sessions *query* chooses, newest activity first.

        Raises:
            InvalidRequest: the cursor is none of ours, or the workspace is not absolute.
        """
        workspace = query.workspace_path
        choice = rows.Choice(
            active=query.active,
            project_id=query.project_id,
            workspace=None if workspace is None else await self._projects.real(workspace, field="workspace_path"),
            tool_id=query.tool_id,
            process_id=query.process_id,
            pinned=query.pinned,
            archived={"false": False, "true": True, "all": None}[query.archived],
            behind=None if query.cursor is None else cursors.read(query.cursor),
            limit=query.limit + 1,
        )
        await self._cache.write_rows()
        found = await self._database.read(lambda db: rows.choose(db, choice))
        page, more = found[: query.limit], found[query.limit :]
        last = page[-1] if page and more else None
        return SessionPage(
            [one.session for one in page],
            None if last is None else cursors.text(rows.Cursor(last.session.last_activity, last.key)),
        )

    def count(self) -> tuple[int, int]:
        """Return how many sessions are active and how many have ended."""
        return self._database.read_now(rows.count)

    async def close(self) -> None:
        """Write everything that is behind, and that the processes of open sessions live at this moment."""
        now = self._clock.now()

        def work(db: Connection) -> None:
            for stored in rows.open_sessions(db):
                held = self._cache.get(stored.session.session_id)
                if held.session.process is not None:
                    held.session = replace(held.session, seen_alive_at=now)
                self._cache.save(db, held)
            self._cache.save_all(db)

        await self._database.write(work, durable=True)

    def _begin(
        self,
        db: Connection,
        request: SessionCreate,
        session_id: str,
        workspace: str,
        project_id: str,
        process: BoundProcess | None,
    ) -> Session:
        now = self._clock.now()
        project_rows.ensure(db, project_id, now=now)
        project_rows.touch(db, project_id, at=now)
        session = Session(
            session_id=session_id,
            tool_id=request.tool_id,
            user_id=request.user_id,
            workspace=workspace,
            project_id=project_id,
            created_at=now,
            last_activity=now,
            continues=request.continues,
            process=process,
            metadata=request.metadata or {},
        )
        self._cache.hold(rows.insert(db, session), session)
        return session

    def _check_continues(self, request: SessionCreate, *, project_id: str) -> None:
        """Refuse to go on from a session of another project; one that is not known (any more) may be named."""
        before = None if request.continues is None else self._cache.find(request.continues)
        if before is not None and before.session.project_id != project_id:
            raise InvalidRequest.field(
                "continues",
                f"session '{request.continues}' is of project '{before.session.project_id}', and this one of "
                f"'{project_id}': a session goes on from one of its own project",
            )

    def _taken_up(
        self, session: Session, request: SessionCreate, process: BoundProcess | None, *, now: Millis
    ) -> Session:
        if not session.active:
            session = reopen(session, at=now, process=process)
            metadata = {**session.metadata, **(request.metadata or {})}
            return replace(session, metadata=metadata, user_id=request.user_id or session.user_id)
        if request.process_id is not None and process != session.process:
            return rebind(session, process=process)
        return session

    async def _opened(self, session: Session, *, instead_of: str | None = None, gone: bool = False) -> Session:
        """Do for an opened session what the world needs: hear of its process's death, watch its folder.

        *instead_of* is the id of the session whose place it takes, if it takes one's; *gone* says that whoever opened
        it has died already.
        """
        ambient = self._ambient.get(session.workspace)
        if ambient == session.session_id:  # a tool took it up: it is ambient no more
            del self._ambient[session.workspace]
        elif ambient is not None:
            await self.end_idle(ambient, at=self._clock.now())
        if session.process is None and not gone:
            self._liveness.unbind(session.session_id)
        elif session.process is None or not self._liveness.bind(session.session_id, session.process.identity):
            now = self._clock.now()
            return await self._change(session.session_id, lambda one: end(one, at=now, reason=EndReason.PROCESS_EXITED))
        self._events.publish(SessionChanged(session))
        self._workspaces.join(session, instead_of=instead_of)
        if instead_of is not None:
            now = self._clock.now()
            await self._change(instead_of, lambda one: end(one, at=now, reason=EndReason.REPLACED))
        return session

    def _recall(self) -> None:
        """Have processes watched and folders joined for the sessions that the database knows as open, and no others."""
        kept = {one.session.session_id: one.session for one in self._database.read_now(rows.open_sessions)}
        self._ambient = {one.workspace: one.session_id for one in kept.values() if one.ambient}
        watched = self._liveness.watched()
        for session_id in watched.keys() - kept.keys():
            self._liveness.unbind(session_id)
        for member in self._workspaces.everybody():
            if member.session_id not in kept:
                self._workspaces.leave(member)
        for session_id, one in kept.items():
            if one.process is not None and watched.get(session_id) != one.process.identity:
                self._liveness.bind_or_mourn(session_id, one.process.identity)
            if not one.ambient and not self._workspaces.is_staying(one):
                self._workspaces.join(one)

    def _stand_in_of(self, process: BoundProcess, workspace: str) -> str | None:
        """Return the id of the session that was opened in *workspace* because the run of *process* was found there."""
        members = (self._cache.find(one) for one in self._workspaces.members((workspace,)))
        active = (one.session for one in members if one is not None)  # None: its beginning was not kept
        found = {one.process.identity: one.session_id for one in active if one.discovered and one.process is not None}
        run = run_of(self._processes.ancestry(process.identity.pid)) if found else None
        return None if run is None else found.get(run.identity)

    async def _change(self, session_id: str, rule: Callable[[Session], Session]) -> Session:
        def work(db: Connection) -> tuple[Session, Session]:
            held: Held = self._cache.get(session_id)
            before, after = held.session, rule(held.session)
            if after != before:
                held.session = after
                self._cache.save_row(db, held)
            return before, after

        before, after = await self._database.write(work)
        if before.active and not after.active:
            self._liveness.unbind(session_id)
            if self._ambient.get(after.workspace) == session_id:
                del self._ambient[after.workspace]  # it never joined the folder, so it does not leave it
            else:
                self._workspaces.leave(after)
            for callback in self._on_end:
                callback(after)
        if after != before:
            self._events.publish(SessionChanged(after))
        return after


def _of_workspace(error: WorkspaceInvalid) -> Invalid:
    """Return *error* as that of the field `workspace_path`."""
    return WorkspaceInvalid.field("workspace_path", error.errors[0].message, hint=error.hint)

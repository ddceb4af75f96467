"""`omnimem tail`: what is recorded in all sessions, or some, as it happens, for as long as somebody looks."""

from argparse import Namespace
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, assert_never

from msgspec.structs import replace

from omnimem import CallFailed, Client, OmnimemError, ProjectNotFound, SessionNotFound, Unavailable
from omnimem.model import Entry, Event, Health, Lagged, Memory, MemoryEntry, Session, Workspace
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import all_sessions, catch_up, client_of, holds
from omnimemd.cli.follow import Inbox, Journal, Stop, stopped_by_signals
from omnimemd.cli.lines import is_told_already, tell_entry, tell_line
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser
from omnimemd.cli.story import amount, why
from omnimemd.cli.text import counted, safe, shown_path
from omnimemd.cli.times import between

#: Seconds between two looks for a daemon that went away.
_LOOK_OUT_SECONDS: Final = 1.0
#: The most a page of entries holds.
_PAGE: Final = 1000


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_tail, example="omnimem tail -n 20 --workspace ~/src/app")
    word.add_argument("--session", metavar="ID", type=take.text, help="only this session")
    word.add_argument("--project", metavar="ID", type=take.text, help="only the sessions of this project")
    word.add_argument("--workspace", metavar="PATH", type=take.path, help="only sessions at work in this folder")
    word.add_argument(
        "-n", metavar="N", type=take.whole(0, 10_000), default=0, dest="last", help="begin with the last N entries"
    )


def _tail(given: Namespace, out: Output) -> None:
    inbox = Inbox()
    with stopped_by_signals(inbox), client_of(given) as client:
        reel = _Reel(client, given, out)
        reel.subscribe(inbox)
        catch_up(client)
        reel.begin(last=given.last)
        while True:
            out.flush()
            match inbox.next(None):
                case Stop() | None:
                    return
                case Event() as event:
                    reel.take(event)
                case CallFailed() as error:
                    out.say(f"{safe(error.detail)} Waiting for it to come back; Ctrl-C ends this.")
                    if not _back(client, inbox):
                        return
                    reel.subscribe(inbox)
                    reel.go_on()
                    out.say("The daemon is back.")
                case OmnimemError() as error:
                    raise error
                case item:
                    assert_never(item)


def _back(client: Client, inbox: Inbox) -> bool:
    """Wait until the daemon answers; false when somebody wants an end meanwhile."""
    while not isinstance(inbox.next(_LOOK_OUT_SECONDS), Stop):
        try:
            client.health()
        except OmnimemError:
            continue
        return True
    return False


class _Reel:
    """The sessions that are shown, and what was told of them last."""

    def __init__(self, client: Client, given: Namespace, out: Output) -> None:
        self._client = client
        self._chosen = {"session_id": given.session, "project_id": given.project}
        self._below: str | None = given.workspace
        self._out = out
        self._journals: dict[str, Journal] = {}
        self._sessions: dict[str, Session] = {}
        self._workspaces: dict[str, tuple[str, str | None]] = {}  # state and problem as told last
        self._problems: list[str] = []  # of the daemon, as told last
        self._memory = ""  # the id of a memory just told of: the session it comes from says so once more
        self._who = 0  # columns of the widest name so far

    def subscribe(self, inbox: Inbox) -> None:
        """Have the events come in."""
        inbox.subscribe(self._client, **self._chosen)

    def begin(self, *, last: int) -> None:
        """Note what there is, and show the *last* entries of the sessions that run."""
        self._workspaces = {one.path: (one.state, one.problem) for one in self._client.list_workspaces().workspaces}
        self._problems = self._client.health().problems
        self._tell_unknown()
        latest = [(entry, session) for session in self._active() for entry in self._latest(session, last)]
        for entry, session in sorted(latest, key=lambda one: one[0].timestamp)[-last or len(latest) :]:
            self._show(session.session_id, entry)

    def _tell_unknown(self) -> None:
        """Say that nothing can come of a project yet, as its id may be mistyped."""
        wanted = self._chosen["project_id"]
        if wanted is not None:
            try:
                self._client.get_project(wanted)
            except ProjectNotFound as error:
                self._out.say(f"{safe(error.detail)} Waiting for the first that happens in it; Ctrl-C ends this.")

    def go_on(self) -> None:
        """Show what was missed: the stream of events was interrupted."""
        with self._told():
            for session in self._active():
                self._take_session(session)
            for session_id in list(self._sessions):
                self._take_session(self._client.get_session(session_id))

    def take(self, event: Event) -> None:
        """Show one event, if it is news."""
        with self._told():
            match event.data:
                case Session() as session:
                    self._take_session(session)
                case Memory() as memory:
                    self._take_memory(memory)
                case Workspace() as workspace:
                    self._take_workspace(workspace)
                case Health() as health:
                    self._take_health(health)
                case Lagged(missed=missed):
                    self._out.say(f"Fell behind by {counted(missed, 'event')}; no entry is left out.")
                    self.go_on()
                case dict():
                    pass  # of a newer daemon
                case entry:
                    self._take_entry(entry)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Go on after what cannot be shown now; the end of the stream of events tells when the daemon went away."""
        try:
            yield
        except (CallFailed, SessionNotFound):  # the second where it was deleted meanwhile
            pass
        except Unavailable as error:
            self._out.say(safe(error.detail))

    def _active(self) -> list[Session]:
        if (chosen := self._chosen["session_id"]) is not None:
            return [self._client.get_session(chosen)]
        found = all_sessions(self._client, active=True, archived="all", project_id=self._chosen["project_id"])
        return [one for one in found if self._is_shown(one.workspace_path)]

    def _latest(self, session: Session, last: int) -> list[Entry]:
        """Return the *last* entries of a session that is met now; what follows them is news."""
        shown = _recorded(session)
        after: int | None = max(shown - last, 0)
        found: deque[Entry] = deque(maxlen=last)
        while after is not None:
            page = self._client.list_entries(session.session_id, after=after, limit=_PAGE)
            found.extend(page.entries)
            if page.entries:
                shown = page.entries[-1].entry_id
            after = page.next_after
        self._meet(session, shown=shown)
        return list(found)

    def _meet(self, session: Session, *, shown: int) -> None:
        session_id = session.session_id

        def show(entry: Entry) -> None:
            self._show(session_id, entry)

        self._journals[session_id] = Journal(self._client, session_id, show, shown=shown)
        self._sessions[session_id] = session
        self._who = max(self._who, len(_name(session)))

    def _take_session(self, session: Session) -> None:
        session_id, known = session.session_id, session.session_id in self._sessions
        if not self._is_shown(session.workspace_path) or not (known or session.ended_at is None):
            return
        if not known:
            place = shown_path(session.workspace_path)
            bound = "" if session.process_id is None else f", process {session.process_id}"
            self._meet(session, shown=_recorded(session))
            self._line(session.created_at, "opened", f"{place}  ({session_id}{bound})", session, session)
        self._sessions[session_id] = session
        self._journals[session_id].catch_up()
        if session.ended_at is not None:
            lasted = between(session.created_at, session.ended_at)
            text = f"after {lasted} ({why(session)}): {amount(session.metrics)}"
            self._line(session.ended_at, "ended", text, session, session)
            del self._sessions[session_id], self._journals[session_id]

    def _take_entry(self, entry: Entry) -> None:
        session_id = entry.session_id or ""
        if session_id not in self._sessions:  # it has ended: what came before is known
            self._meet(self._client.get_session(session_id), shown=entry.entry_id - 1)
        if self._is_shown(self._sessions[session_id].workspace_path):
            self._journals[session_id].take(entry)

    def _take_memory(self, memory: Memory) -> None:
        if self._below is None:
            done = "deleted" if memory.deleted else f"version {memory.version}"
            text = f"{safe(memory.memory_key)}  ({done}, project {safe(memory.project_id)})"
            self._line(memory.updated_at, "memory", text, None, memory)
            self._memory = memory.memory_id

    def _take_workspace(self, workspace: Workspace) -> None:
        news = (workspace.state, workspace.problem)
        if self._is_shown(workspace.path) and self._workspaces.get(workspace.path) != news:
            self._workspaces[workspace.path] = news
            problem = "" if workspace.problem is None else f": {safe(workspace.problem)}"
            self._line(_now(), "folder", f"{shown_path(workspace.path)} is {workspace.state}{problem}", None, workspace)

    def _take_health(self, health: Health) -> None:
        if health.problems != self._problems:
            self._problems = health.problems
            for problem in health.problems or ["All is well again."]:
                self._line(_now(), "health", safe(problem), None, health)

    def _is_shown(self, path: str) -> bool:
        return self._below is None or holds(self._below, path) or holds(path, self._below)

    def _show(self, session_id: str, entry: Entry) -> None:
        session, told, self._memory = self._sessions[session_id], self._memory, ""
        if self._out.json:
            self._object(replace(entry, session_id=session_id))
        elif self._out.quiet:
            self._out.line(f"{session_id} {entry.entry_id}")
        elif not (is_told_already(entry) or (isinstance(entry, MemoryEntry) and entry.memory_id == told)):
            tell_entry(entry, self._out, workspace=session.workspace_path, who=_name(session).ljust(self._who))

    def _line(
        self, at: str, verb: str, text: str, session: Session | None, data: Session | Memory | Workspace | Health
    ) -> None:
        if self._out.json:
            self._object(data)
        elif not self._out.quiet:
            who = "" if session is None else _name(session)
            tell_line(at, verb, text, self._out, who=who.ljust(self._who))

    def _object(self, data: Entry | Session | Memory | Workspace | Health) -> None:
        match data:
            case Session():
                event = "session"
            case Memory():
                event = "memory"
            case Workspace():
                event = "workspace"
            case Health():
                event = "health"
            case _:
                event = "entry"
        self._out.object({"event": event, "data": data}, one_line=True)


def _recorded(session: Session) -> int:
    """Return how many entries a session has, checkpoints left aside."""
    known = session.metrics
    return sum((known.accesses, known.searches, known.decisions, known.memories, known.scans, known.gaps))


def _name(session: Session) -> str:
    """Return what tells a session from the others on the screen: its tool, and the end of its id."""
    return f"{safe(session.tool_id)}/{session.session_id[-4:]}"


def _now() -> str:
    return datetime.now(UTC).isoformat()

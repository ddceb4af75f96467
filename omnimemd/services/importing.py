"""Take in the lines of an export, piece by piece.

A piece is any part of the file: it may end in the middle of a line, whose rest comes with the next one. Each piece is
one transaction. The lines of a memory wait until its whole history has come, so that nobody ever finds a part of it;
those of a session do not, as it may be long. What an import has come to between two pieces is kept here only: after a
restart of the daemon the file is sent again, and what is there already is found to be there.
"""

import asyncio
import copy
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.errors import ImportInterrupted, InvalidRequest
from omnimem.model import ImportConflict, ImportProgress, ImportQuery
from omnimemd.domain import entries as entry_domain
from omnimemd.domain import export_lines as lines
from omnimemd.domain.clock import Clock
from omnimemd.domain.export_values import Contradiction
from omnimemd.domain.exporting import project_of
from omnimemd.services.events import Events, SessionChanged
from omnimemd.services.import_counts import Fate, Tally
from omnimemd.services.import_reading import HistoryLine, Numbered, complete, read
from omnimemd.services.importing_memories import MemoryImport
from omnimemd.services.importing_sessions import SessionImport, Thread
from omnimemd.services.memories import Memories
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import projects as project_rows
from omnimemd.storage.database import Connection, Database

#: Imports under way at once; of more, the one that waited longest for its next piece is given up.
_AT_ONCE: Final = 4
#: Bytes a line may have: several times the most that the API lets be written at once.
_LONGEST_LINE: Final = 16 * 1024 * 1024
#: Conflicts named in one answer; the rest are counted.
_NAMED: Final = 100


class _Import(msgspec.Struct, kw_only=True):
    """How far one import has come."""

    query: ImportQuery
    offset: int = 0
    rest: bytes = b""  # the beginning of a line
    number: int = 0  # of lines
    waiting: tuple[Numbered, ...] = ()  # lines of a memory that is not complete
    header: lines.Header | None = None
    ended: bool = False
    named: str | None = None  # the project that is coming, as the file calls it
    project_id: str = ""  # and as it is called here
    keeps_secrets: bool = False  # that project wants nothing removed
    thread: Thread | None = None
    projects: Tally = msgspec.field(default_factory=Tally)
    memories: Tally = msgspec.field(default_factory=Tally)
    versions: Tally = msgspec.field(default_factory=Tally)
    amendments: Tally = msgspec.field(default_factory=Tally)
    sessions: Tally = msgspec.field(default_factory=Tally)
    entries: Tally = msgspec.field(default_factory=Tally)
    checkpoints: Tally = msgspec.field(default_factory=Tally)

    def copied(self) -> "_Import":
        """Return a copy that can change while this one stays."""
        copied = copy.copy(self)
        for name in (*lines.Counts.__struct_fields__, "thread"):
            setattr(copied, name, copy.copy(getattr(self, name)))
        return copied


class _Effects(msgspec.Struct):
    """What one piece did."""

    memories: dict[str, str] = {}  # by id, the project
    sessions: set[str] = set()
    touched: set[str] = set()  # sessions that the cache may hold otherwise than they are stored, should this fail
    entries: list[entry_domain.Numbered] = []  # to be stored in the present session
    conflicts: list[ImportConflict] = []
    removed: set[str] = set()  # kinds of secrets


class Importing:
    """Every import under way. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        memories: Memories,
        clock: Clock,
        events: Events,
        new_token: Callable[[], str],
    ) -> None:
        """Import into *database*, sessions through *cache*; *memories* tells of those that changed."""
        self._database = database
        self._cache = cache
        self._clock = clock
        self._events = events
        self._kept = memories
        self._memories = MemoryImport(clock=clock, new_token=new_token)
        self._sessions = SessionImport(cache=cache)
        self._running: OrderedDict[str, _Import] = OrderedDict()
        self._stored: Callable[[], None] = lambda: None

    def on_stored(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when sessions came, or entries of some."""
        self._stored = callback

    async def receive(self, piece: bytes, query: ImportQuery) -> ImportProgress:
        """Take in *piece*, all or nothing; return how far the import has come.

        Raises:
            ImportInterrupted: it does not begin where the piece before it ended.
            ImportRefused: a line is none of an export, or not where it belongs.
            MalformedBody: a line is not JSON.
        """
        state = self._state(query)
        *texts, rest = (state.rest + piece).split(b"\n")
        if query.import_id is None:  # the whole file, whose last line may have no end
            texts, rest = [*texts, rest], b""
        if len(rest) > _LONGEST_LINE:
            raise lines.refused(state.number + len(texts) + 1, "is longer than a line can be")
        found = await asyncio.to_thread(read, texts, first=state.number + 1, waiting=state.waiting)
        if query.import_id is None and not any(isinstance(one.line, lines.End) for one in found):
            raise lines.refused(len(texts), "is the last one, and no end: the file is cut off")
        state.offset, state.rest, state.number = state.offset + len(piece), rest, state.number + len(texts)
        ready, state.waiting = complete((*state.waiting, *found))
        effects = _Effects()
        if ready:
            await self._database.write(lambda db: self._take_all(db, state, ready, effects), durable=True)
        self._keep(state)
        if not query.dry_run:
            self._publish(effects)
        return _progress(state, effects)

    def _state(self, query: ImportQuery) -> _Import:
        """Return what the import of *query* has come to, as a copy: it counts only once its piece is stored."""
        if query.offset == 0:
            return _Import(query=query)
        if query.import_id is None:
            raise InvalidRequest.field("offset", "needs an import_id: what comes before belongs to it")
        found = self._running.get(query.import_id)
        if found is None or found.offset != query.offset or replace(found.query, offset=query.offset) != query:
            raise ImportInterrupted(f"No import '{query.import_id}' waits for what follows byte {query.offset}.")
        return found.copied()

    def _keep(self, state: _Import) -> None:
        import_id = state.query.import_id
        if import_id is not None:
            self._running[import_id] = state
            self._running.move_to_end(import_id)
        while len(self._running) > _AT_ONCE:
            self._running.popitem(last=False)

    def _take_all(self, db: Connection, state: _Import, ready: Sequence[Numbered], effects: _Effects) -> None:
        rest = deque(ready)
        try:
            if state.thread is not None and not state.query.dry_run:
                self._sessions.resume(state.thread)
            while rest:
                one = rest.popleft()
                history: list[Numbered] = []
                while rest and isinstance(one.line, lines.MemoryLine) and isinstance(rest[0].line, HistoryLine):
                    history.append(rest.popleft())
                try:
                    self._take(db, state, one, history, effects)
                except Contradiction as error:
                    raise lines.refused(one.number, str(error)) from None
            self._store(db, state, effects)
        except BaseException:
            for session_id in effects.touched:  # what the cache knows of them is undone
                self._cache.forget(session_id)
            raise

    def _take(
        self,
        db: Connection,
        state: _Import,
        one: Numbered,
        history: Sequence[Numbered],
        effects: _Effects,
    ) -> None:
        number = one.number
        if isinstance(one.line, lines.ProjectLine):
            state.keeps_secrets = self._keeps_secrets(db, state, one.line)
        line = _chosen(state, one, effects)
        if state.ended:
            raise Contradiction("follows the end")
        if (state.header is None) != isinstance(line, lines.Header):
            raise Contradiction("the first line, and no other, is the header")
        match line:
            case lines.Header():
                state.header = line
            case lines.ProjectLine():
                self._close(db, state, effects)
                self._take_project(db, state, line, number, effects)
            case lines.MemoryLine():
                self._close(db, state, effects)
                self._check_project(state, line.project_id)
                versions = (_chosen(state, one, effects) for one in history)
                chain = [one for one in versions if isinstance(one, HistoryLine)]
                self._take_memory(db, state, line, chain, number, effects)
            case lines.VersionLine() | lines.AmendmentLine():
                raise Contradiction("the memory of a version comes before it")
            case lines.SessionLine():
                self._close(db, state, effects)
                self._check_project(state, line.project_id)
                self._take_session(db, state, line, number, effects)
            case lines.EntryLine():
                self._take_entry(db, state, line, effects)
            case lines.CheckpointLine():
                self._take_checkpoint(db, state, line)
            case lines.End():
                self._close(db, state, effects)
                _check_counts(state, line)
                state.ended = True

    def _take_project(
        self, db: Connection, state: _Import, line: lines.ProjectLine, number: int, effects: _Effects
    ) -> None:
        now = self._clock.now()
        chosen = state.query.project_id
        there = project_of(line)
        if chosen is not None:
            if state.named is not None:
                raise Contradiction(
                    "the file holds several projects: leave out project_id, and each is imported as its own"
                )
            state.named, state.project_id = line.project_id, chosen
            fate = Fate.ADDED if project_rows.find(db, chosen, now=now) is None else Fate.UNCHANGED
            if not state.query.dry_run:
                project_rows.ensure(db, chosen, now=now)
            state.projects.count(fate)
            return
        state.named = state.project_id = there.project_id
        here = project_rows.find(db, there.project_id, now=now)
        if here is None:
            if not state.query.dry_run:
                project_rows.save(db, there)
            state.projects.count(Fate.ADDED)
            return
        differs = [
            member
            for member in ("name", "settings", "kind", "root")
            if getattr(here, member) != getattr(there, member)
            and (line.kind is not msgspec.UNSET or member in ("name", "settings"))
        ]
        state.projects.count(Fate.CONFLICTING if differs else Fate.UNCHANGED)
        if differs:
            what = " and ".join(differs)
            _name(effects, number, "project", there.project_id, f"its {what} differs here, and stays as it is here")
        if not state.query.dry_run:
            project_rows.touch(db, there.project_id, at=there.last_activity)

    def _keeps_secrets(self, db: Connection, state: _Import, line: lines.ProjectLine) -> bool:
        """Return whether the project of *line* wants nothing removed: the one here says, or, if it is new, its line."""
        project_id = state.query.project_id or line.project_id
        if project_rows.find(db, project_id, now=self._clock.now()) is not None:
            return project_rows.keeps_secrets(db, project_id)
        return state.query.project_id is None and line.settings.get("redact") is False

    def _take_memory(
        self,
        db: Connection,
        state: _Import,
        line: lines.MemoryLine,
        history: Sequence[HistoryLine],
        number: int,
        effects: _Effects,
    ) -> None:
        brought = self._memories.bring(db, line, history, project_id=state.project_id, query=state.query)
        state.memories.count(brought.fate)
        state.versions.add(brought.versions)
        state.amendments.add(brought.amendments)
        if brought.fate in (Fate.ADDED, Fate.UPDATED):
            effects.memories[brought.memory_id] = state.project_id
        elif brought.fate is Fate.CONFLICTING:
            detail = f"from version {brought.diverged} on it has another history here, and stays as it is here"
            _name(effects, number, "memory", line.memory_key, detail)

    def _take_session(
        self, db: Connection, state: _Import, line: lines.SessionLine, number: int, effects: _Effects
    ) -> None:
        effects.touched.add(line.session_id)
        state.thread = self._sessions.begin(
            db, line, project_id=state.project_id, number=number, dry_run=state.query.dry_run
        )
        if state.thread.here is None:
            effects.sessions.add(line.session_id)

    def _take_entry(self, db: Connection, state: _Import, line: lines.EntryLine, effects: _Effects) -> None:
        if state.thread is None:
            raise Contradiction("the session of an entry comes before it")
        fate, new = self._sessions.take(db, state.thread, line)
        state.entries.count(fate)
        if new is not None:
            effects.sessions.add(line.session_id)
            effects.touched.add(line.session_id)
            effects.entries.append(new)

    def _take_checkpoint(self, db: Connection, state: _Import, line: lines.CheckpointLine) -> None:
        if state.thread is None:
            raise Contradiction("the session of a checkpoint comes before it")
        fate = self._sessions.take_checkpoint(db, state.thread, line, dry_run=state.query.dry_run)
        state.checkpoints.count(fate)

    def _check_project(self, state: _Import, named: str) -> None:
        if named != state.named:
            raise Contradiction(f"project_id: the project before it is {state.named}")

    def _close(self, db: Connection, state: _Import, effects: _Effects) -> None:
        """End the session whose entries have come."""
        if (thread := state.thread) is not None:
            self._store(db, state, effects)
            state.thread = None
            effects.touched.add(thread.there.session_id)
            fate = self._sessions.end(db, thread, dry_run=state.query.dry_run)
            state.sessions.count(fate)
            if fate is Fate.CONFLICTING:
                _name(effects, thread.number, "session", thread.there.session_id, thread.differs)

    def _store(self, db: Connection, state: _Import, effects: _Effects) -> None:
        """Store the entries of the present session that are at hand."""
        if effects.entries and state.thread is not None and not state.query.dry_run:
            self._sessions.add(db, state.thread, effects.entries)
        effects.entries = []

    def _publish(self, effects: _Effects) -> None:
        for memory_id, project_id in effects.memories.items():
            memory = self._database.read_now(partial(memory_rows.find, project_id=project_id, memory_id=memory_id))
            if memory is not None:
                self._kept.tell(memory)
        if effects.sessions:
            self._stored()
        if not len(self._events):
            return
        for session_id in effects.sessions:
            held = self._cache.find(session_id)
            if held is not None:
                self._events.publish(SessionChanged(held.session))


def _chosen(state: _Import, one: Numbered, effects: _Effects) -> lines.Line:
    """Return the line to be stored: without its secrets, unless its project wants them kept."""
    if state.keeps_secrets or not one.safe.kinds:
        return one.line
    effects.removed.update(one.safe.kinds)
    return one.safe.value


def _name(effects: _Effects, line: int, kind: str, name: str, detail: str) -> None:
    if len(effects.conflicts) < _NAMED:
        effects.conflicts.append(ImportConflict(line=line, type=kind, id=name, detail=detail))


def _check_counts(state: _Import, line: lines.End) -> None:
    if line.counts is msgspec.UNSET:
        return
    for name, said in msgspec.structs.asdict(line.counts).items():
        came = getattr(state, name).total
        if came != said:
            raise Contradiction(f"counts: {said} {name} were exported, and {came} are here: the file is damaged")


def _progress(state: _Import, effects: _Effects) -> ImportProgress:
    return ImportProgress(
        import_id=state.query.import_id,
        offset=state.offset,
        complete=state.ended,
        dry_run=state.query.dry_run,
        projects=state.projects.shown(),
        memories=state.memories.shown(),
        versions=state.versions.shown(),
        amendments=state.amendments.shown(),
        sessions=state.sessions.shown(),
        entries=state.entries.shown(),
        checkpoints=state.checkpoints.shown(),
        conflicts=effects.conflicts,
        redacted=sorted(effects.removed),
    )

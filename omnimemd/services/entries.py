"""Record what happens in a session, and give it back: folded, or entry by entry."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from omnimem.errors import FieldError, InvalidRequest
from omnimem.model import Access, Attribution, ContextAppend, EntryKind, Source
from omnimemd.domain.clock import Clock, Millis, millis
from omnimemd.domain.entries import Decision, Entry, FileAccess, MemoryNote, Numbered, Search, said
from omnimemd.domain.paths import absolute
from omnimemd.domain.sessions import Session
from omnimemd.services.events import EntryAdded, Events
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import entries as rows
from omnimemd.storage.database import Connection, Database


class EntryPage(msgspec.Struct, frozen=True):
    """Entries, oldest first, and where the next page begins."""

    session: Session
    entries: list[Numbered]
    next_after: int | None


class Entries:
    """Append to sessions and read them."""

    def __init__(self, *, database: Database, cache: SessionCache, clock: Clock, events: Events) -> None:
        """Append to the sessions of *cache*."""
        self._database = database
        self._cache = cache
        self._clock = clock
        self._events = events
        self._worded: Callable[[], None] = lambda: None
        self._recorded: Callable[[Iterable[str]], None] = lambda sessions: None

    def on_worded(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when a search or a decision was recorded."""
        self._worded = callback

    def on_recorded(self, callback: Callable[[Iterable[str]], None]) -> None:
        """Have *callback* called with the sessions that something was recorded in; every append waits for it."""
        self._recorded = callback

    async def append(
        self, session_id: str, drafts: Sequence[ContextAppend], *, source: Source = Source.API, field: str = ""
    ) -> int:
        """Record *drafts*, all or nothing, in one transaction; return how many there were.

        Args:
            session_id: active or ended.
            drafts: what the caller says.
            source: who the caller is.
            field: what the drafts are called in the request, for errors; "" when there is just the one.

        Raises:
            SessionNotFound: there is no such session.
            InvalidRequest: a draft says nothing, or says something about nothing.
        """
        now = self._clock.now()
        workspace = self._cache.get(session_id).workspace
        new: list[Entry] = []
        for number, draft in enumerate(drafts):
            where = f"{field}[{number}]." if field else ""
            new += _entries(draft, workspace=workspace, source=source, now=now, where=where)
        if new:
            await self.record({session_id: new})
            if any(isinstance(one, Search | Decision) for one in new):
                self._worded()
        return len(drafts)

    async def record(self, new: Mapping[str, Sequence[Entry]]) -> None:
        """Record entries in several sessions, all or nothing; a session that is gone is passed over."""

        def work(db: Connection) -> list[tuple[str, list[Numbered]]]:
            return [
                (session_id, self._cache.append(db, held, entries))
                for session_id, entries in new.items()
                if (held := self._cache.find(session_id)) is not None
            ]

        durable = any(said(entries) for entries in new.values())
        for session_id, numbered in await self._database.write(work, durable=durable):
            self._publish(session_id, numbered)
        self._recorded(new)

    def append_within(self, db: Connection, session_id: str, entry: Entry) -> Numbered | None:
        """Record *entry* as part of a write that is under way, as its last step; None when the session is unknown."""
        held = self._cache.find(session_id)
        return None if held is None else self._cache.append(db, held, [entry])[0]

    def publish_one(self, session_id: str, numbered: Numbered) -> None:
        """Tell that *numbered* was recorded by `append_within`."""
        self._publish(session_id, [numbered])

    def shown_context(self, session_id: str) -> bytes:
        """Return the `context` object of the API, encoded.

        Raises:
            SessionNotFound: there is no such session.
        """
        return self._cache.fold(self._cache.get(session_id)).shown()

    def is_compressed(self, session_id: str) -> bool:
        """Return whether older entries of the session are held compressed.

        Raises:
            SessionNotFound: there is no such session.
        """
        return self._cache.get(session_id).packed.segments > 0

    async def page(self, session_id: str, *, after: int, kind: EntryKind | None, limit: int) -> EntryPage:
        """Return up to *limit* entries after the one numbered *after*.

        Raises:
            SessionNotFound: there is no such session.
        """
        held = self._cache.get(session_id)
        found = await self._database.read(lambda db: rows.page(db, held.key, after=after, kind=kind, limit=limit + 1))
        more = len(found) > limit
        return EntryPage(held.session, found[:limit], found[limit - 1].seq if more else None)

    def _publish(self, session_id: str, numbered: Sequence[Numbered]) -> None:
        if len(self._events):
            held = self._cache.find(session_id)
            if held is not None:
                for one in numbered:
                    self._events.publish(EntryAdded(held.session, one))


def _entries(draft: ContextAppend, *, workspace: str, source: Source, now: Millis, where: str) -> list[Entry]:
    """Return the entries that *draft* asks for, ≥ 1."""
    _check(draft, where=where)
    at = now if draft.timestamp is None else millis(draft.timestamp)
    entries: list[Entry] = []
    if draft.file_path is not None:
        entries.append(
            FileAccess(
                at=at,
                source=source,
                path=absolute(draft.file_path, workspace=workspace),
                access=draft.access or Access.READ,
                attribution=Attribution.EXACT,
                importance=draft.file_importance,
                old_path=None if draft.old_path is None else absolute(draft.old_path, workspace=workspace),
                agent_id=draft.agent_id,
            )
        )
    if draft.search_query is not None:
        entries.append(Search(at=at, source=source, query=draft.search_query))
    if draft.decision is not None:
        entries.append(Decision(at=at, source=source, text=draft.decision))
    if draft.memory_id is not None:
        entries.append(MemoryNote(at=at, source=source, memory_id=draft.memory_id, memory_key=draft.memory_key))
    return entries


def _check(draft: ContextAppend, *, where: str) -> None:
    errors = []
    if draft.timestamp is not None and not 0 <= millis(draft.timestamp) < 253_402_300_800_000:
        errors.append(FieldError(f"{where}timestamp", "must lie between the years 1970 and 9999"))
    if draft.file_path is None:
        errors += [
            FieldError(where + name, "says something about a file: give file_path too")
            for name in ("file_importance", "access", "old_path", "agent_id")
            if getattr(draft, name) is not None
        ]
    if draft.old_path is not None and draft.access is not Access.MOVE:
        errors.append(FieldError(f"{where}old_path", 'goes with access "move" only'))
    if draft.memory_id is None and draft.memory_key is not None:
        errors.append(FieldError(f"{where}memory_key", "goes with memory_id: give that too"))
    if not errors and not any((draft.file_path, draft.search_query, draft.decision, draft.memory_id)):
        field = where.rstrip(".")
        errors.append(FieldError(field, "give at least one of file_path, search_query, decision, memory_id"))
    if errors:
        first = errors[0]
        raise InvalidRequest(f"{first.field}: {first.message}" if first.field else first.message, errors=errors)

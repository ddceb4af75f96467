"""Write, read, restore and rewind project memories, and give those that expired a version that says so."""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from omnimem.errors import InvalidRequest, MemoryNotFound, StoreUnavailable, VersionNotFound
from omnimem.model import MemoryCreate, MemoryRestore, MemoryRewind, MemoryUpdate, Source
from omnimemd.domain import memories as rules
from omnimemd.domain import rewinding
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.entries import MemoryNote, Numbered
from omnimemd.domain.memories import Draft, Memory, MemoryVersion
from omnimemd.domain.rewinding import Step
from omnimemd.services.entries import Entries
from omnimemd.services.events import Events, MemoryChanged
from omnimemd.services.history import moment
from omnimemd.services.projects import check_id
from omnimemd.services.staleness import Staleness
from omnimemd.storage import idempotency as answers
from omnimemd.storage import memories as rows
from omnimemd.storage import projects as project_rows
from omnimemd.storage.database import Connection, Database

#: Accesses counted in memory before they are written: a write for each read would cost several times the read.
_COUNT_AT_ONCE = 1_000


class Written(msgspec.Struct, frozen=True):
    """What became of a write."""

    memory: Memory
    was_live: bool  #: there was a live memory of the key before
    new_version: bool


class Memories:
    """The memories of every project."""

    def __init__(
        self,
        *,
        database: Database,
        entries: Entries,
        staleness: Staleness,
        clock: Clock,
        events: Events,
        new_token: Callable[[], str],
    ) -> None:
        """Keep memories in *database*; *new_token* makes the unique part of an id."""
        self._database = database
        self._entries = entries
        self._staleness = staleness
        self._clock = clock
        self._events = events
        self._new_token = new_token
        self._accesses: dict[str, tuple[int, Millis]] = {}  # read and not yet counted in the database
        self._on_changed: list[Callable[[Memory], None]] = []

    def on_changed(self, callback: Callable[[Memory], None]) -> None:
        """Have *callback* called with each memory that changed, as it is then, once that is committed."""
        self._on_changed.append(callback)

    async def create(self, project_id: str, request: MemoryCreate) -> Written:
        """Write the memory of a key: a first version, the next one, or the same with its expiry set anew.

        Raises:
            InvalidRequest: the project's id is none.
            VersionMismatch: the current version is not the expected one.
        """
        check_id(project_id)
        draft = Draft(
            value=request.value,
            metadata=request.metadata or {},
            files=None if request.files is None else tuple(request.files),
            ttl_seconds=request.ttl_seconds,
            session_id=request.session_id,
        )
        memory_id = f"mem_{self._new_token()}"

        def work(db: Connection) -> tuple[Written, Numbered | None]:
            now = self._clock.now()
            project_rows.ensure(db, project_id, now=now)
            before = rows.find_by_key(db, project_id, request.key)
            rules.check_version(before, request.expected_version, now=now)
            if before is None:
                after = rules.begin(draft, memory_id=memory_id, project_id=project_id, key=request.key, now=now)
            else:
                after = rules.write(before, draft, now=now)
            new_version = before is None or after.version > before.version
            written = Written(after, before is not None and before.live(now=now), new_version)
            return written, self._put(db, after, session_id=request.session_id, now=now)

        written, noted = await self._database.write(work, durable=True)
        self._told(written.memory, noted)
        return written

    async def latest(self, project_id: str, *, limit: int, touch: bool, stale: bool = False) -> list[Memory]:
        """Return up to *limit* live memories, last accessed first; *touch* counts each as accessed.

        Of all memories, or only those that are *stale*.
        """
        await self.count_accesses()
        await self._staleness.glance(project_id)
        now = self._clock.now()
        found = self._database.read_now(lambda db: rows.latest(db, project_id, now=now, limit=limit, stale=stale))
        return [await self._accessed(memory) for memory in found] if touch else found

    async def by_key(self, project_id: str, key: str, *, touch: bool) -> Memory:
        """Return the live memory of *key*; *touch* counts it as accessed.

        Raises:
            MemoryNotFound: there is none.
        """
        await self._staleness.glance(project_id)
        memory = self._live(
            self._database.read_now(lambda db: rows.find_by_key(db, project_id, key)), f"of key {key!r}", project_id
        )
        return await self._accessed(memory) if touch else self._with_accesses(memory)

    async def get(self, project_id: str, memory_id: str, *, touch: bool) -> Memory:
        """Return the live memory; *touch* counts it as accessed.

        Raises:
            MemoryNotFound: there is none.
        """
        await self._staleness.glance(project_id)
        memory = self._live(
            self._database.read_now(lambda db: rows.find(db, project_id, memory_id)), f"'{memory_id}'", project_id
        )
        return await self._accessed(memory) if touch else self._with_accesses(memory)

    async def update(self, project_id: str, memory_id: str, change: MemoryUpdate) -> Memory:
        """Return the memory with *change* made: a new version if it says something else.

        Raises:
            MemoryNotFound: there is no live one.
            VersionMismatch: the current version is not the expected one.
        """

        def rule(memory: Memory, now: Millis) -> Memory:
            rules.check_version(memory, change.expected_version, now=now)
            draft = Draft(
                value=memory.value if change.value is msgspec.UNSET else change.value,
                metadata=memory.metadata if change.metadata is msgspec.UNSET else change.metadata,
                files=memory.files if change.files is msgspec.UNSET else tuple(change.files),
                ttl_seconds=memory.ttl_seconds if change.ttl_seconds is msgspec.UNSET else change.ttl_seconds,
                session_id=change.session_id,
            )
            after = rules.write(memory, draft, now=now)
            if change.ttl_seconds is msgspec.UNSET:
                after = replace(after, expires_at=memory.expires_at)  # left out: it expires when it would have
            return after

        return await self._change(project_id, memory_id, rule, session_id=change.session_id)

    async def delete(self, project_id: str, memory_id: str, *, purge: bool, session_id: str | None = None) -> None:
        """Put a version on top that says deleted, or erase every version.

        Raises:
            MemoryNotFound: there is no live one; to purge, none at all.
        """
        if not purge:
            await self._change(
                project_id, memory_id, lambda memory, now: rules.delete(memory, now=now, session_id=session_id)
            )
            return

        def work(db: Connection) -> Memory:
            memory = self._known(db, project_id, memory_id)
            rows.purge(db, memory_id)
            answers.forget(db, memory_id)
            return memory

        purged = await self._database.write(work, durable=True)
        self._accesses.pop(memory_id, None)
        self._told(rules.delete(purged, now=self._clock.now()))
        await self._database.erase()

    def versions(self, project_id: str, memory_id: str) -> list[MemoryVersion]:
        """Return every version, newest first, of a deleted memory too.

        Raises:
            MemoryNotFound: there is no such memory.
        """

        def work(db: Connection) -> list[MemoryVersion]:
            self._known(db, project_id, memory_id)
            return rows.versions(db, memory_id)

        return self._database.read_now(work)

    async def restore(self, project_id: str, memory_id: str, request: MemoryRestore) -> Memory:
        """Write an earlier version again, as a new one; a deleted or expired memory lives again.

        Raises:
            MemoryNotFound: there is no such memory.
            VersionNotFound: it has no such version, or that one says deleted.
        """

        def work(db: Connection) -> tuple[Memory, Numbered | None]:
            now = self._clock.now()
            memory = self._known(db, project_id, memory_id)
            wanted = rules.find_version(rows.versions(db, memory_id), request.version)
            if wanted is None:
                raise VersionNotFound(f"Memory '{memory_id}' has no version {request.version} that can be restored.")
            after = rules.restore(memory, wanted, now=now, session_id=request.session_id)
            return after, self._put(db, after, session_id=request.session_id, now=now)

        return self._told(*await self._database.write(work, durable=True))

    async def rewind(self, project_id: str, request: MemoryRewind) -> list[Step]:
        """Have every memory say again what it said at a moment, in versions of their own; return the steps, by key.

        One transaction: all of it is done, or nothing. A dry run only returns the steps.

        Raises:
            InvalidRequest: the moment lies in the future, or before 1970.
        """
        to = moment(request.to, field="to")
        if to > self._clock.now():
            raise InvalidRequest.field("to", "must not lie in the future")

        def plan(db: Connection) -> list[Step]:
            now = self._clock.now()
            found = [
                rewinding.rewind(memory, rows.past(db, memory, at=to), to=to, now=now, session_id=request.session_id)
                for memory in rows.changed_since(db, project_id, at=to)
            ]
            return [step for step in found if step is not None]

        def work(db: Connection) -> list[Step]:
            steps = plan(db)
            now = self._clock.now()
            for step in steps:
                rows.save(db, step.after, at=now)
            if steps:
                project_rows.touch(db, project_id, at=now)
            return steps

        if request.dry_run:
            return await self._database.read(plan)
        steps = await self._database.write(work, durable=True)
        for step in steps:
            if step.after != step.before:
                self._told(step.after)
        return steps

    async def expire(self, *, limit: int) -> int:
        """Give up to *limit* memories that have expired a version that says so; return how many there were."""

        def work(db: Connection) -> list[Memory]:
            now = self._clock.now()
            expired = [rules.expire(memory) for memory in rows.due(db, now=now, limit=limit)]
            for memory in expired:
                rows.save(db, memory, at=now)
            return expired

        expired = await self._database.write(work)
        for memory in expired:
            self._told(memory)
        return len(expired)

    def next_expiry(self) -> Millis | None:
        """Return when the next memory expires, None when none does."""
        return self._database.read_now(rows.next_expiry)

    async def confirm(self, project_id: str, memory_id: str) -> Memory:
        """Say that the memory still holds: no new version, but the moment is kept.

        Raises:
            MemoryNotFound: there is no live one.
        """
        return await self._change(project_id, memory_id, lambda memory, now: rules.confirm(memory, now=now))

    async def count_accesses(self) -> None:
        """Write the counted accesses to the database."""
        if self._accesses:
            accesses, self._accesses = self._accesses, {}
            try:
                await self._database.write(lambda db: rows.count_accesses(db, accesses))
            except StoreUnavailable:
                for memory_id, (count, at) in accesses.items():  # counted when the store works again
                    since, latest = self._accesses.get(memory_id, (0, at))
                    self._accesses[memory_id] = count + since, max(at, latest)

    async def _change(
        self,
        project_id: str,
        memory_id: str,
        rule: Callable[[Memory, Millis], Memory],
        *,
        session_id: str | None = None,
    ) -> Memory:
        def work(db: Connection) -> tuple[Memory, Numbered | None]:
            now = self._clock.now()
            after = rule(self._live(rows.find(db, project_id, memory_id), f"'{memory_id}'", project_id), now)
            return after, self._put(db, after, session_id=session_id, now=now)

        return self._told(*await self._database.write(work, durable=True))

    def tell(self, memory: Memory) -> None:
        """Tell everybody that *memory*, which somebody else stored, changed."""
        self._told(memory)

    def _put(self, db: Connection, memory: Memory, *, session_id: str | None, now: Millis) -> Numbered | None:
        """Store *memory* as the last step of a write; return the note that the session which saved it got, if any."""
        rows.save(db, memory, at=now)
        project_rows.touch(db, memory.project_id, at=now)
        if session_id is None:
            return None
        note = MemoryNote(at=now, source=Source.API, memory_id=memory.memory_id, memory_key=memory.key)
        return self._entries.append_within(db, session_id, note)

    def _told(self, memory: Memory, noted: Numbered | None = None) -> Memory:
        shown = self._with_accesses(memory)
        for callback in self._on_changed:
            callback(shown)
        self._events.publish(MemoryChanged(shown))
        if noted is not None and memory.session_id is not None:
            self._entries.publish_one(memory.session_id, noted)
        return shown

    def _known(self, db: Connection, project_id: str, memory_id: str) -> Memory:
        memory = rows.find(db, project_id, memory_id)
        if memory is None:
            raise MemoryNotFound(f"No memory '{memory_id}' in project '{project_id}'.")
        return memory

    def _live(self, memory: Memory | None, what: str, project_id: str) -> Memory:
        if memory is None or not memory.live(now=self._clock.now()):
            raise MemoryNotFound(f"No memory {what} in project '{project_id}'.")
        return memory

    async def _accessed(self, memory: Memory) -> Memory:
        count, _ = self._accesses.get(memory.memory_id, (0, 0))
        self._accesses[memory.memory_id] = count + 1, self._clock.now()
        shown = self._with_accesses(memory)
        if len(self._accesses) >= _COUNT_AT_ONCE:
            await self.count_accesses()
        return shown

    def _with_accesses(self, memory: Memory) -> Memory:
        count, at = self._accesses.get(memory.memory_id, (0, memory.last_accessed))
        return replace(
            memory, accessed_count=memory.accessed_count + count, last_accessed=max(memory.last_accessed, at)
        )

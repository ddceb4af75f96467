"""Take checkpoints of sessions, and give them back."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from omnimem.errors import CheckpointElsewhere, CheckpointNotFound
from omnimem.model import CheckpointReason, EntryKind, Source
from omnimemd.domain import checkpoints as rules
from omnimemd.domain.checkpoints import AT_END, Checkpoint, Content, Difference, Packed
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.entries import CheckpointTaken, Numbered
from omnimemd.services.digests import Digests
from omnimemd.services.entries import Entries
from omnimemd.services.session_cache import Held, SessionCache
from omnimemd.storage import checkpoints as rows
from omnimemd.storage.database import Connection, Database

T = TypeVar("T")


class Compared(msgspec.Struct, frozen=True):
    """A checkpoint, and what is another in it than in an earlier one."""

    checkpoint: Checkpoint
    against: Checkpoint | None  #: None: it is the first of its session, compared with nothing
    difference: Difference


class _Draft(msgspec.Struct, frozen=True):
    checkpoint: Checkpoint
    packed: Packed
    era: int  # of the cache, before it was made


class _EntriesWent(Exception):
    """Entries went since a draft was made."""


class Checkpoints:
    """The checkpoints of every session."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        digests: Digests,
        entries: Entries,
        clock: Clock,
        new_token: Callable[[], str],
    ) -> None:
        """Keep checkpoints in *database*; *digests* knows what a session was about."""
        self._database = database
        self._cache = cache
        self._digests = digests
        self._entries = entries
        self._clock = clock
        self._new_token = new_token
        self._taken: Callable[[], None] = lambda: None

    def on_taken(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when a checkpoint was taken."""
        self._taken = callback

    async def take(self, session_id: str, *, name: str | None, note: str | None) -> Checkpoint:
        """Take a checkpoint because somebody says so, of an active session or an ended one.

        Raises:
            SessionNotFound: there is no such session.
        """
        taken = await self._take(session_id, CheckpointReason.CLIENT, _always, name=name, note=note)
        if taken is None:
            raise RuntimeError("what is always wanted was not taken")
        return taken

    async def take_before_compaction(
        self, session_id: str, *, name: str | None, note: str | None
    ) -> tuple[Checkpoint, bool]:
        """Take a checkpoint because the session's agent is about to forget; return it, and whether it is a new one.

        Where nothing is new since the last one, and there is no name or note to keep, that is it.

        Raises:
            SessionNotFound: there is no such session.
        """

        def wanted(db: Connection, held: Held, draft: _Draft) -> bool:
            return bool(name or note) or _is_news(db, held, draft)

        taken = await self._take(session_id, CheckpointReason.COMPACTION, wanted, name=name, note=note)
        if taken is not None:
            return taken, True
        key = self._cache.get(session_id).key
        return (await self._database.read(lambda db: rows.of_session(db, key, limit=1)))[0], False

    async def take_unasked(self, session_id: str, reason: CheckpointReason) -> bool:
        """Take a checkpoint that nobody asked for, unless it would say nothing, or nothing new; return whether.

        That of a session that ended is taken once, and not if it was taken up again meanwhile.

        Raises:
            SessionNotFound: there is no such session.
        """

        def wanted(db: Connection, held: Held, draft: _Draft) -> bool:
            if reason in AT_END and not rows.was_due(db, held.key):
                return False
            return draft.checkpoint.content.telling and _is_news(db, held, draft)

        return await self._take(session_id, reason, wanted) is not None

    async def get(self, checkpoint_id: str) -> Checkpoint:
        """Return the checkpoint.

        Raises:
            CheckpointNotFound: there is none.
        """
        return await self._database.read(lambda db: _found(db, checkpoint_id))

    async def of_session(self, session_id: str, *, limit: int, shown: Callable[[Sequence[Checkpoint]], T]) -> T:
        """Return up to *limit* checkpoints of a session, newest first, as *shown* makes an answer of them.

        It does so off the loop: they may be large.

        Raises:
            SessionNotFound: there is no such session.
        """
        key = self._cache.get(session_id).key
        return await self._database.read(lambda db: shown(rows.of_session(db, key, limit=limit)))

    async def of_project(self, project_id: str, *, limit: int, shown: Callable[[Sequence[Checkpoint]], T]) -> T:
        """Return up to *limit* checkpoints of a project's sessions, as `of_session` does; of an unknown one, none."""
        return await self._database.read(lambda db: shown(rows.of_project(db, project_id, limit=limit)))

    async def compare(self, checkpoint_id: str, *, against: str | None) -> Compared:
        """Return what is another in a checkpoint than in the one *against*, or the one before it in its session.

        Raises:
            CheckpointNotFound: there is no such checkpoint.
            CheckpointElsewhere: the two are of different projects.
        """

        def work(db: Connection) -> Compared:
            after = _found(db, checkpoint_id)
            before = rows.before(db, checkpoint_id) if against is None else _found(db, against)
            if before is not None and before.project_id != after.project_id:
                raise CheckpointElsewhere(
                    f"Checkpoint '{before.checkpoint_id}' is of project '{before.project_id}', "
                    f"'{after.checkpoint_id}' of '{after.project_id}'.",
                    hint="Compare checkpoints of one project.",
                )
            empty = Content(summary="")
            return Compared(after, before, rules.difference(empty if before is None else before.content, after.content))

        return await self._database.read(work)

    async def let_go(
        self, session_id: str, kinds: Collection[EntryKind], *, before: Millis, still: Callable[[], bool]
    ) -> None:
        """Have no checkpoint of a session hold what entries of *kinds* from before *before* said, as long as *still*.

        Nothing where there is no such session.
        """
        held = self._cache.find(session_id)
        if held is None or not {EntryKind.DECISION, EntryKind.SEARCH}.intersection(kinds):
            return
        key, session = held.key, held.session

        def changed(db: Connection) -> list[tuple[str, Packed]]:
            found = ((one, rules.without(one, session, kinds=kinds, before=before)) for one in rows.each(db, key))
            return [(one.checkpoint_id, rules.packed(content)) for one, content in found if content is not None]

        for checkpoint_id, content in await self._database.read(changed):
            await self._database.write(partial(_change, checkpoint_id=checkpoint_id, content=content, still=still))

    async def _take(
        self,
        session_id: str,
        reason: CheckpointReason,
        wanted: Callable[[Connection, Held, _Draft], bool],
        *,
        name: str | None = None,
        note: str | None = None,
    ) -> Checkpoint | None:
        """Take a checkpoint, if it is *wanted* when it is stored; return it."""
        while True:
            draft = await self._draft(session_id, reason, name=name, note=note)
            with suppress(_EntriesWent):  # it may hold what is not to be kept any more
                return draft.checkpoint if await self._store(draft, wanted) else None

    async def _draft(
        self, session_id: str, reason: CheckpointReason, *, name: str | None = None, note: str | None = None
    ) -> _Draft:
        session, era = self._cache.get(session_id).session, self._cache.era
        digest = await self._digests.of(session_id)

        def made() -> _Draft:
            content = rules.content_of(digest, ended=reason in AT_END)
            checkpoint = Checkpoint(
                checkpoint_id=f"ckpt_{self._new_token()}",
                session_id=session_id,
                project_id=session.project_id,
                name=name,
                note=note,
                reason=reason,
                created_at=self._clock.now(),
                entries_through=digest.through,
                content=content,
            )
            return _Draft(checkpoint, rules.packed(content), era)

        return await asyncio.to_thread(made)  # to write it out and pack it takes some milliseconds

    async def _store(self, draft: _Draft, wanted: Callable[[Connection, Held, _Draft], bool]) -> bool:
        """Store *draft*, if it is *wanted* when that is done; return whether it was.

        Raises:
            _EntriesWent: it was made of entries some of which may be gone.
        """
        one = draft.checkpoint

        def work(db: Connection) -> tuple[bool, Numbered | None]:
            held = self._cache.get(one.session_id)
            if self._cache.era != draft.era:
                raise _EntriesWent
            if not wanted(db, held, draft):
                return False, None
            rows.insert(db, held.key, one, draft.packed)
            for surplus in rules.surplus(rows.automatic(db, held.key)):
                rows.delete(db, surplus)
            if one.reason in AT_END:
                return True, None  # the session's end says it: what had ended stays as it is
            taken = CheckpointTaken(at=one.created_at, source=Source.API, checkpoint_id=one.checkpoint_id)
            return True, self._cache.append(db, held, [taken])[0]

        stored, numbered = await self._database.write(work, durable=True)
        if numbered is not None:
            self._entries.publish_one(one.session_id, numbered)
        if stored:
            self._taken()
        return stored


def _change(db: Connection, *, checkpoint_id: str, content: Packed, still: Callable[[], bool]) -> None:
    if still():
        rows.change(db, checkpoint_id, content)


def _always(_db: Connection, _held: Held, _draft: _Draft) -> bool:
    return True


def _is_news(db: Connection, held: Held, draft: _Draft) -> bool:
    """Return whether *draft* says what the last checkpoint does not, and is no older."""
    last = next(iter(rows.of_session(db, held.key, limit=1)), None)
    if last is None:
        return True
    one = draft.checkpoint
    # The summary is made of the rest, and tells of the end as well, which is no news.
    return (
        replace(last.content, summary=one.content.summary) != one.content
        and last.entries_through <= one.entries_through
    )


def _found(db: Connection, checkpoint_id: str) -> Checkpoint:
    found = rows.find(db, checkpoint_id)
    if found is None:
        raise CheckpointNotFound(f"No checkpoint '{checkpoint_id}'.")
    return found

"""The digests of sessions: kept, brought up to date when asked for, and by themselves when a session ends.

A digest goes up to an entry, its watermark. What is asked for later is made of the kept one and the entries behind it,
so it costs what is new; that is read and folded off the loop. All of it can be made again from the entries and the
folded context, and is: for sessions of an earlier program, for imported ones, after `kill -9`.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.domain.context import ContextFold
from omnimemd.domain.digest import Content, SessionDigest, Work, digest_of
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import digests as rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import sessions as session_rows
from omnimemd.storage.database import Connection, Database

#: Entries behind the digest of a session that still runs, from which on making it is worth being kept.
_TAIL: Final = 200
#: Seconds that what happens together is waited for, and that are rested between two digests nobody asked for.
_GATHER_SECONDS: Final = 0.5
_REST_SECONDS: Final = 0.01
#: Sessions that are looked up at once.
_PAGE: Final = 50


class _Made(msgspec.Struct, frozen=True):
    """A digest as it is now, and what keeping it takes."""

    key: int
    content: Content
    rest: bytes = b""
    worth_keeping: bool = False  #: it is not kept already, and not made again as quickly


class Digests:
    """Knows what each session was about."""

    def __init__(self, *, database: Database, cache: SessionCache) -> None:
        """Keep the digests of the sessions of *cache* in *database*."""
        self._database = database
        self._cache = cache
        self._wanted = asyncio.Event()
        self._wanted.set()  # some may be behind since the last run

    def wake(self) -> None:
        """Have the digests that are behind made soon."""
        self._wanted.set()

    async def of(self, session_id: str) -> SessionDigest:
        """Return the digest of the session as it is now.

        Raises:
            SessionNotFound: there is no such session.
        """
        session = self._cache.get(session_id).session
        content = await self._content(session_id)
        return digest_of(session, content or Content())

    async def recent(self, project_id: str, *, limit: int) -> list[SessionDigest]:
        """Return the digests of up to *limit* sessions of a project in which anything was recorded.

        Those with the newest activity, these first. An unknown project has none.
        """
        await self._cache.write_rows()
        found = await self._database.read(lambda db: rows.recent(db, project_id, limit=limit))
        digests = []
        for one in found:
            content = one.content or await self._content(one.session.session_id)
            if content is not None:
                digests.append(digest_of(one.session, content))
        return digests

    async def run(self) -> None:
        """Make the digests of ended sessions, and of long ones, that are behind; for ever; idle while none is."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._wanted.clear()
            try:
                await self.catch_up()
            except BaseException:
                self._wanted.set()  # it is done when this is run again
                raise

    async def catch_up(self) -> None:
        """Make the digests of ended sessions, and of long ones, that are behind."""
        again: list[str] = []
        while found := await self._database.read(lambda db: rows.due(db, tail=_TAIL, limit=_PAGE)):
            for session_id in found:
                await self._content(session_id)
                await asyncio.sleep(_REST_SECONDS)  # requests first
            if found == again:
                return  # they could not be kept, or go on as fast: whoever sees to either calls `wake`
            again = found

    async def _content(self, session_id: str) -> Content | None:
        """Return the content of the digest of a session as it is now, None when it is gone; keep it where that pays."""
        era, held = self._cache.era, self._cache.peek(session_id)
        work = None
        if held is not None and held.fold is not None:
            kept = self._database.read_now(lambda db: rows.find(db, held.key))
            if kept is not None and kept.through == held.fold.through:
                return kept
            work = held.fold.work()
        made = await self._database.read(partial(_made, session_id=session_id, work=work))
        if made is None:
            return None
        if made.worth_keeping and self._cache.era == era:  # or it may hold what is to be forgotten
            with suppress(StoreUnavailable):
                await self._database.write(lambda db: rows.save(db, made.key, made.content, made.rest))
        return made.content


def _made(db: Connection, *, session_id: str, work: Work | None) -> _Made | None:
    """Return the digest of the session as it is now, None where there is no such session.

    *work* is what its folded context says, where that is in memory; it may be written behind.
    """
    stored = session_rows.find(db, session_id)
    if stored is None:
        return None
    key, session = stored.key, stored.session
    fold = rows.fold_of(db, key)
    kept_through = fold.through
    if work is None:
        work = _work(db, key, workspace=session.workspace)
    if work.through == kept_through:
        return _Made(key, fold.content(work))
    for numbered, _ in entry_rows.after(db, key, kept_through):
        if numbered.seq <= work.through:
            fold.apply(numbered)
    fold.through = work.through  # what came last may have been let go of since
    new = work.through - kept_through
    return _Made(key, fold.content(work), fold.rest(), worth_keeping=not session.active or new >= _TAIL)


def _work(db: Connection, key: int, *, workspace: str) -> Work:
    snapshot = session_rows.fold_of(db, key)
    context = (
        ContextFold(workspace=workspace) if snapshot is None else ContextFold.restore(snapshot, workspace=workspace)
    )
    for numbered, size in entry_rows.after(db, key, context.through):
        context.apply(numbered, size=size)
    return context.work()

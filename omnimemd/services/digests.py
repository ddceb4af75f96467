"""The digests of sessions: kept, brought up to date when asked for, and by themselves when a session ends.

A digest goes up to an entry, its watermark. What is asked for later is made of the kept one and the entries behind it,
so it costs what is new; that is read and folded off the loop. All of it can be made again from the entries and the
folded context, and is: for sessions of an earlier program, for imported ones, after `kill -9`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.domain.clock import Millis
from omnimemd.domain.context import ContextFold
from omnimemd.domain.digest import Content, SessionDigest, Work, digest_of
from omnimemd.domain.packing import Packed
from omnimemd.domain.summary import summarise
from omnimemd.services.session_cache import Held, SessionCache
from omnimemd.storage import digests as rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import sessions as session_rows
from omnimemd.storage.database import Connection, Database

#: Entries behind the digest of a session that still runs, from which on making it is worth being kept.
_TAIL: Final = 200
#: The length of the summary that an ended session is searched for by.
_SEARCHED_TOKENS: Final = 500
#: Seconds that what happens together is waited for, and that are rested between two digests nobody asked for.
_GATHER_SECONDS: Final = 0.5
_REST_SECONDS: Final = 0.01
#: Sessions that are looked up at once.
_PAGE: Final = 50


class Summarised(msgspec.Struct, frozen=True):
    """What a session was about, and the part of it that fits a budget."""

    digest: SessionDigest
    packed: Packed


class _Made(msgspec.Struct, frozen=True):
    """A digest as it is now, and what keeping it takes."""

    key: int
    content: Content
    rest: bytes | None = None  #: None: it is kept already, or made again as quickly
    ended: tuple[str, Millis] | None = None  #: the summary of a session that ended, and when; None: it is kept


class Digests:
    """Knows what each session was about."""

    def __init__(self, *, database: Database, cache: SessionCache) -> None:
        """Keep the digests of the sessions of *cache* in *database*."""
        self._database = database
        self._cache = cache
        self._summarised: Callable[[], None] = lambda: None
        self._wanted = asyncio.Event()
        self._wanted.set()  # some may be behind since the last run

    def on_summarised(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when there is a summary to be searched."""
        self._summarised = callback

    def wake(self) -> None:
        """Have the digests that are behind made soon."""
        self._wanted.set()

    async def of(self, session_id: str) -> SessionDigest:
        """Return the digest of the session as it is now.

        Raises:
            SessionNotFound: there is no such session.
        """
        held = self._cache.get(session_id)
        session = held.session
        content = await self._content(session_id)
        return digest_of(
            session, content or Content(), used=self._database.read_now(lambda db: rows.used(db, held.key))
        )

    async def summary(self, session_id: str, *, max_tokens: int) -> Summarised:
        """Return the digest of the session as it is now, summarised in at most *max_tokens*.

        Raises:
            SessionNotFound: there is no such session.
        """
        digest = await self.of(session_id)
        # Off the loop: to choose from the hundreds of lines of a long session takes some ten milliseconds.
        return Summarised(digest, await asyncio.to_thread(summarise, digest, max_tokens=max_tokens))

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
                digests.append(digest_of(one.session, content, used=one.used))
        return digests

    async def run(self) -> None:
        """Make the digests of ended sessions, and of long ones, that are behind, for ever; idle while none is."""
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
            through = held.fold.through
            kept = self._database.read_now(lambda db: _kept(db, held, through=through))
            if kept is not None:
                return kept
            work = held.fold.work()
        made = await self._database.read(partial(_made, session_id=session_id, work=work))
        if made is None:
            return None
        if self._cache.era == era:  # or it may hold what is to be forgotten
            with suppress(StoreUnavailable):
                await self._keep(made)
        return made.content

    async def _keep(self, made: _Made) -> None:
        def work(db: Connection) -> None:
            if made.rest is not None:
                rows.save(db, made.key, made.content, made.rest)
            if made.ended is not None:
                text, at = made.ended
                rows.save_summary(db, made.key, text, through=made.content.through, ended_at=at)

        if made.rest is not None or made.ended is not None:
            await self._database.write(work)
        if made.ended is not None:
            self._summarised()


def _kept(db: Connection, held: Held, *, through: int) -> Content | None:
    """Return the content that is kept of a session, if it has everything up to *through*, and its end."""
    state = rows.state(db, held.key)
    if state.through == through and (held.active or state.ended_at == held.session.ended_at):
        return rows.find(db, held.key)
    return None


def _made(db: Connection, *, session_id: str, work: Work | None) -> _Made | None:
    """Return the digest of the session as it is now, None where there is no such session.

    *work* is what its folded context says, where that is in memory; it may be written behind.
    """
    stored = session_rows.find(db, session_id)
    if stored is None:
        return None
    key, session = stored.key, stored.session
    fold, kept = rows.fold_of(db, key), rows.state(db, key)
    if work is None:
        work = _work(db, key, workspace=session.workspace)
    for numbered, _ in entry_rows.after(db, key, kept.through):
        if numbered.seq <= work.through:
            fold.apply(numbered)
    fold.through = work.through  # what came last may have been let go of since
    content = fold.content(work)
    new = work.through - kept.through
    keep = new > 0 and (not session.active or new >= _TAIL)
    ended = None
    if session.ended_at is not None and work.through and (new > 0 or session.ended_at != kept.ended_at):
        ended = _text(digest_of(session, content)), session.ended_at
    return _Made(key, content, fold.rest() if keep else None, ended)


def _text(digest: SessionDigest) -> str:
    """Return what a session is searched for by: the lines of its summary.

    Not with the memories that it read: of one that is purged nothing may stay.
    """
    sections = summarise(digest, max_tokens=_SEARCHED_TOKENS).sections
    return "\n".join(item.text for section in sections for item in section.items)


def _work(db: Connection, key: int, *, workspace: str) -> Work:
    snapshot = session_rows.fold_of(db, key)
    context = (
        ContextFold(workspace=workspace) if snapshot is None else ContextFold.restore(snapshot, workspace=workspace)
    )
    for numbered, size in entry_rows.after(db, key, context.through):
        context.apply(numbered, size=size)
    return context.work()

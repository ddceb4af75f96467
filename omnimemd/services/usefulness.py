"""Whether briefings were of use: what was shown to a session, and what of that it came back to.

Nothing is looked for while a session works: what it did is in its entries, which are gone through when it ends, and
when somebody asks, from the last one that was gone through on. Of an item only what it can be looked up by is kept:
what it speaks of is looked up then.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.errors import StoreUnavailable
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.entries import Decision, Search
from omnimemd.domain.mentions import mentions
from omnimemd.domain.paths import shown
from omnimemd.domain.statements import keys_of
from omnimemd.domain.usefulness import Item, ItemKind, KindReport, Use, Used, Watched, find_uses, reported
from omnimemd.services.memory_reads import MemoryReads
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import checkpoints as checkpoint_rows
from omnimemd.storage import digests as digest_rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import sessions as session_rows
from omnimemd.storage import usefulness as rows
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.usefulness import Delivered

#: Entries that are gone through at once, and files that a session is taken to have worked at, the most important.
_PAGE: Final = 1_000
_MAIN_FILES: Final = 8
#: Seconds after the end of a session, in which the last of what it did is still recorded.
_GATHER_SECONDS: Final = 1.0
#: Characters of a decision whose words are compared.
_READ: Final = 1_000
_DAY_MS: Final = 24 * 3600 * 1000


class Report(msgspec.Struct, frozen=True):
    """How often what briefings showed was used."""

    since: Millis
    briefings: int
    sessions: int
    kinds: list[KindReport]


class Usefulness:
    """Knows what was shown to whom, and what of it was used."""

    def __init__(self, *, database: Database, cache: SessionCache, reads: MemoryReads, clock: Clock) -> None:
        """Keep it in *database*, for the sessions of *cache*."""
        self._database = database
        self._cache = cache
        self._reads = reads
        self._clock = clock
        self._ended = asyncio.Event()
        self._ended.set()  # some may have, while no daemon ran

    async def note(
        self, project_id: str, session_id: str, *, max_tokens: int, tokens: int, items: Sequence[Item]
    ) -> None:
        """Keep what a briefing for *project_id* showed to a session; to one that is unknown, nothing was shown.

        It is no part of the answer: a store that cannot be written loses it.
        """
        held = self._cache.find(session_id)
        if held is None:
            return
        delivered = Delivered(
            session=held.key,
            project_id=project_id,
            at=self._clock.now(),
            max_tokens=max_tokens,
            tokens=tokens,
            through=self._cache.fold(held).through,
            items=tuple(dict.fromkeys(items)),
        )
        with suppress(StoreUnavailable):
            await self._database.write(lambda db: rows.deliver(db, delivered))

    def wake(self) -> None:
        """Have the sessions that ended gone through soon."""
        self._ended.set()

    async def run(self) -> None:
        """Go through sessions when they end, for ever; idle in between."""
        while True:
            await self._ended.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._ended.clear()
            with suppress(StoreUnavailable):
                await self._settle_all(project_id=None, ended_only=True, since=Millis(0))

    async def report(self, project_id: str | None, *, days: int) -> Report:
        """Return how often what briefings of the last *days* showed was used; in a project, or in all."""
        since = Millis(self._clock.now() - days * _DAY_MS)
        await self._settle_all(project_id=project_id, ended_only=False, since=since)

        def work(db: Connection) -> Report:
            briefings, sessions = rows.count(db, project_id=project_id, since=since)
            return Report(since, briefings, sessions, reported(rows.outcomes(db, project_id=project_id, since=since)))

        return await self._database.read(work)

    async def _settle_all(self, *, project_id: str | None, ended_only: bool, since: Millis) -> None:
        await self._reads.flush()
        await self._cache.write_rows()
        for session_id in await self._database.read(
            lambda db: rows.due(db, project_id=project_id, ended_only=ended_only, since=since)
        ):
            await self._settle(session_id)

    async def _settle(self, session_id: str) -> None:
        """Go through what the session did since it was gone through last, and keep what it used."""
        begun = await self._database.read(partial(_begun, session_id=session_id))
        if begun is None:
            return
        watched, through = begun.watched, begun.through

        def save(db: Connection, uses: dict[Item, Use]) -> bool:
            held = self._cache.find(session_id)
            if held is None or held.key != begun.key:
                return False  # it was deleted meanwhile
            rows.save(db, begun.key, uses, through=through)
            return True

        while True:
            page = await self._database.read(
                partial(entry_rows.page, session_key=begun.key, after=through, kind=None, limit=_PAGE)
            )
            uses = find_uses(watched, page)
            if through == begun.through:
                uses = begun.uses | uses
            watched = [replace(one, use=uses.get(one.item, one.use)) for one in watched]
            through = page[-1].seq if page else through
            if not await self._database.write(partial(save, uses=uses)) or len(page) < _PAGE:
                return


class _Begun(msgspec.Struct, frozen=True):
    """What is to be looked for in a session."""

    key: int
    through: int  #: up to which entry that was done before
    watched: list[Watched]
    uses: dict[Item, Use]  #: that no entry tells of


def _begun(db: Connection, *, session_id: str) -> _Begun | None:
    stored = session_rows.find(db, session_id)
    if stored is None:
        return None
    session = stored.session
    watched = [_looked_up(db, one) for one in rows.watched(db, stored.key)]
    uses = {
        one.item: Use(one.shown_at, Used.CONTINUED)
        for one in watched
        if session.continues is not None and _session_of(db, one.item) == session.continues
    }
    return _Begun(stored.key, rows.looked_through(db, stored.key), watched, uses)


def _looked_up(db: Connection, one: Watched) -> Watched:
    """Return *one* with what it speaks of now; what is gone speaks of nothing."""
    match one.item.kind:
        case ItemKind.MEMORY:
            memory = memory_rows.find_anywhere(db, one.item.source)
            return one if memory is None else replace(one, paths=frozenset(map(shown, memory.known_files)))
        case ItemKind.SESSION | ItemKind.CHECKPOINT:
            return replace(one, paths=_main_files(db, _session_of(db, one.item)))
        case ItemKind.FILE:
            return one
        case _:
            return _said(db, one) or replace(one, paths=_main_files(db, one.item.source))  # how a session ended


def _session_of(db: Connection, item: Item) -> str | None:
    """Return the id of the session that *item* is, or whose checkpoint it is; None where it is neither, or gone."""
    if item.kind is ItemKind.CHECKPOINT:
        checkpoint = checkpoint_rows.find(db, item.source)
        return None if checkpoint is None else checkpoint.session_id
    return item.source if item.kind is ItemKind.SESSION else None


def _main_files(db: Connection, session_id: str | None) -> frozenset[str]:
    stored = None if session_id is None else session_rows.find(db, session_id)
    content = None if stored is None else digest_rows.find(db, stored.key)
    return frozenset() if content is None else frozenset(file.path for file in content.files[:_MAIN_FILES])


def _said(db: Connection, one: Watched) -> Watched | None:
    """Return *one*, an entry of a session, with the paths and the words that it has; None if it is none, or is gone."""
    session_id, _, seq = one.item.source.rpartition(":")
    stored = session_rows.find(db, session_id) if seq.isdecimal() else None
    numbered = None if stored is None else entry_rows.find(db, stored.key, int(seq))
    match numbered and numbered.entry:
        case Decision(text=text):
            named = mentions(text)
            return replace(
                one,
                paths=frozenset(path for path in named if path.startswith("/")),
                tails=frozenset(path.removeprefix("./") for path in named if not path.startswith("/")),
                words=keys_of(text[:_READ]),
            )
        case Search():
            content = None if stored is None else digest_rows.find(db, stored.key)
            looked = () if content is None else (search for search in content.searches if search.seq == int(seq))
            return replace(one, paths=frozenset(path for search in looked for path in search.led_to))
        case _:
            return None

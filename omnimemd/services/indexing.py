"""Keep the search index true, beside everything else: what is written is indexed in batches, a moment later.

Nothing is indexed where it is written. Triggers note it in the same transaction, so that it waits in the database:
whoever comes after `kill -9` goes on with the very next. What is put into the index and that it no longer waits is one
transaction.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.domain.search_terms import kept, terms
from omnimemd.storage import search_check as check
from omnimemd.storage import search_pending as pending
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.search_pending import Waiting

#: Seconds that what comes together is waited for.
_GATHER_SECONDS: Final = 0.1
#: Documents that are read and cut into terms at once, off the loop.
_BATCH: Final = 64
_CHARACTERS: Final = 200_000
#: Terms that are put into the index in one transaction on the loop: 1 to 2 ms.
_AT_ONCE: Final = 1_000
#: Documents that a search waits for, at most.
_SETTLED: Final = 256


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How the index stands to what is stored."""

    documents: int  #: in the index
    waiting: int  #: to be indexed; they will be, without anybody's doing
    missing: int  #: of what is stored, neither indexed nor waiting
    stale: int  #: indexed as something else than what is stored
    damaged: bool  #: the index contradicts itself

    @property
    def sound(self) -> bool:
        """Whether there is nothing to repair."""
        return not (self.missing or self.stale or self.damaged)


class Indexing:
    """Puts into the index what waits for it."""

    def __init__(self, *, database: Database) -> None:
        """Index what is stored in *database*."""
        self._database = database
        self._wanted = asyncio.Event()
        self._wanted.set()  # something may wait since the last run
        self._working = asyncio.Lock()
        self._indexed: Callable[[], None] = lambda: None
        self._emptied: Callable[[], None] = lambda: None

    def on_change(self, *, indexed: Callable[[], None], emptied: Callable[[], None]) -> None:
        """Have *indexed* called when documents were put into the index, *emptied* when it is made anew."""
        self._indexed, self._emptied = indexed, emptied

    def wake(self) -> None:
        """Have what was just written indexed soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Index what is written, for ever; idle while nothing is."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._wanted.clear()
            try:
                while await self._index_some():
                    pass
            except BaseException:
                self._wanted.set()  # it is done when this is run again
                raise

    async def settle(self) -> None:
        """Index what waits now, unless that is a lot, or nothing can be written: `run` sees to it then."""
        count = self._database.read_now(lambda db: pending.count_waiting(db, most=_SETTLED + 1))
        with suppress(StoreUnavailable):
            while 0 < count <= _SETTLED and (done := await self._index_some()):
                count -= done

    async def rebuild(self) -> int:
        """Make the index anew from what is stored; return how many documents it has then."""
        async with self._working:
            await self._database.write(pending.restart)
            self._emptied()
        while await self._index_some():
            pass
        return await self._database.read(check.count)

    async def check(self) -> Condition:
        """Compare the index with what is stored; changes nothing."""
        return await self._database.read(_check)

    async def _index_some(self) -> int:
        """Index the next batch; return how many documents that were."""
        async with self._working:
            prepared = await self._database.read(_prepare)
            part: list[tuple[Waiting, list[str]]] = []
            size = 0
            for one in prepared:
                part.append(one)
                size += len(one[1])
                if size >= _AT_ONCE:
                    await self._put(part)
                    part, size = [], 0
            if part:
                await self._put(part)
            if prepared:
                self._indexed()
            return len(prepared)

    async def _put(self, part: Iterable[tuple[Waiting, list[str]]]) -> None:
        def work(db: Connection) -> None:
            for one, found in part:
                pending.put(db, one, found)

        await self._database.write(work)
        await asyncio.sleep(0)  # requests first


def _prepare(db: Connection) -> list[tuple[Waiting, list[str]]]:
    return [(one, kept(terms(one.text or ""))) for one in pending.waiting(db, limit=_BATCH, characters=_CHARACTERS)]


def _check(db: Connection) -> Condition:
    return Condition(
        documents=check.count(db),
        waiting=pending.count_waiting(db),
        missing=check.count_missing(db),
        stale=check.count_stale(db),
        damaged=not check.is_sound(db),
    )

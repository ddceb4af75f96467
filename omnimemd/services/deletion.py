"""Sessions that go: for all who ask in one transaction, and after that entry by entry, after a kill too."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from omnimem.errors import StoreUnavailable
from omnimem.model import EntryKind
from omnimemd.services.session_cache import INDEXED, Held, SessionCache, at_once
from omnimemd.storage import entries, sessions
from omnimemd.storage import idempotency as answers
from omnimemd.storage.database import Connection, Database

#: Seconds until a store that failed is tried again.
_AGAIN_SECONDS: Final = 5.0
#: The kinds of entries in the order in which they go: it is quick to find what is left.
_IN_TURN: Final = (tuple(kind for kind in EntryKind if kind not in INDEXED), INDEXED)


class Deletion:
    """Deletes sessions with everything recorded in them; others are served in between."""

    def __init__(self, *, database: Database, cache: SessionCache) -> None:
        """Delete sessions of *database*, of which *cache* may hold some."""
        self._database = database
        self._cache = cache
        self._left = asyncio.Event()
        self._left.set()  # by an earlier run, maybe

    async def delete(self, allowed: Callable[[], Held | None]) -> bool:
        """Delete the session that *allowed* gives in the transaction that lets it go; return whether it gave one.

        Raises:
            StoreUnavailable: the store failed. Either nothing happened, or nobody finds the session any more and the
                rest goes when the store works again.
        """

        def let_go(db: Connection) -> int | None:
            held = allowed()
            if held is None:
                return None
            sessions.let_go(db, held.key)
            answers.forget(db, held.session_id)
            self._cache.forget(held.session_id)
            return held.key

        key = await self._database.write(let_go, durable=True)
        if key is None:
            return False
        try:
            await self._remove(key)
        except BaseException:
            self._left.set()
            raise
        return True

    async def run(self) -> None:
        """Delete what is left of sessions that were let go before a kill, or before the store failed, for ever."""
        while True:
            await self._left.wait()
            self._left.clear()
            try:
                if going := self._database.read_now(sessions.going):
                    for key in going:
                        await self._remove(key)
                    await self._database.erase()
            except StoreUnavailable:
                self._left.set()
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _remove(self, key: int) -> None:
        for kinds in _IN_TURN:
            while await self._database.write(partial(_thin, key=key, kinds=kinds)):  # noqa: ASYNC110
                await asyncio.sleep(0)
        await self._database.write(lambda db: sessions.delete(db, key), durable=True)


def _thin(db: Connection, *, key: int, kinds: tuple[EntryKind, ...]) -> bool:
    """Delete some entries of a session that goes; return whether there are more."""
    # Another may have finished it, and a new session have its key.
    return sessions.goes(db, key) and entries.remove(db, key, kinds, before=None, limit=at_once(kinds)).more

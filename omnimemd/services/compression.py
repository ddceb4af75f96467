"""Have what sessions recorded long ago held compressed, a little at a time, beside everything else.

Of an ended session that is all that was observed; of one that runs, all but the latest of it. Rows are read and
compressed off the loop; what takes their place, and that they go, is one transaction of some milliseconds, which looks
whether they are still as they were. So a kill at any moment leaves each entry once, and the next start goes on. Nobody
who reads or appends is kept waiting, or notices.

Idle while there is nothing to do: it is told of each session that ends, or in which entries have piled up.
"""

import asyncio
import logging
from typing import Final

from omnimem.errors import StoreUnavailable
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import segments
from omnimemd.storage.database import Database
from omnimemd.storage.segments import Changed, Segment

log = logging.getLogger(__name__)

#: Seconds that what happens together is waited for: a session that ends has a few more entries to come.
_GATHER_SECONDS: Final = 2.0
#: Seconds of rest between two segments.
_REST_SECONDS: Final = 0.02
#: Seconds until a store that failed is tried again.
_TRY_AGAIN_SECONDS: Final = 60.0


class Compression:
    """Finds what is to be compressed, and has it done."""

    def __init__(self, *, database: Database, cache: SessionCache) -> None:
        """Compress the sessions of *cache* in *database*."""
        self._database = database
        self._cache = cache
        self._due: dict[str, None] = {}  # ids of sessions to look at, in order
        self._looked = False  # for what an earlier run left
        self._wanted = asyncio.Event()
        self._wanted.set()

    def look_at(self, session_id: str) -> None:
        """Have a session looked at soon."""
        self._due[session_id] = None
        self._wanted.set()

    async def run(self) -> None:
        """Compress what is to be, for ever."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            try:
                await self.catch_up()
            except StoreUnavailable as error:
                log.warning("entries not compressed", extra={"reason": error.detail})
                await asyncio.sleep(_TRY_AGAIN_SECONDS)

    async def catch_up(self) -> None:
        """Compress what is to be now.

        Raises:
            StoreUnavailable: the store failed; what is left is not forgotten.
        """
        if not self._looked:
            self._due |= dict.fromkeys(await self._database.read(segments.due))
            self._looked = True
        while self._due:
            session_id = next(iter(self._due))
            del self._due[session_id]  # at first: it may have more by the time it is done
            try:
                while await self._compress_some(session_id):  # noqa: ASYNC110 - it waits for nothing
                    await asyncio.sleep(_REST_SECONDS)
            except BaseException:
                self._due[session_id] = None
                raise
        self._wanted.clear()

    async def _compress_some(self, session_id: str) -> bool:
        """Compress as much of a session as one segment holds; return whether there may be more."""
        segment = await self._prepared(session_id)
        if segment is None:
            return False
        held = self._cache.find(session_id)
        if held is not None:
            try:
                await self._database.write(lambda db: self._cache.pack(db, held, segment))
            except Changed:
                log.debug("entries went while they were compressed", extra={"session": session_id})
        return held is not None

    async def _prepared(self, session_id: str) -> Segment | None:
        held = self._cache.find(session_id)
        if held is None:
            return None
        if not held.active and held.fold is not None and held.fold.through > held.fold_saved:
            await self._database.write(lambda db: self._cache.save(db, held))
        key, active = held.key, held.active
        return await self._database.read(lambda db: segments.prepare(db, key, active=active))

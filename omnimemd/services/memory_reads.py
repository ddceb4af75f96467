"""Which memories each session read: those it asked for, and those that its searches found first.

A session is known by what the request says, or by the process that calls: that of the session or one that descends from
it. Reads are written some at a time, as counts of accesses are: `kill -9` loses the latest.
"""

from contextlib import suppress
from typing import Final

from omnimem.errors import StoreUnavailable
from omnimemd.domain.clock import Clock
from omnimemd.domain.ports import Processes
from omnimemd.services.liveness import Liveness
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import usefulness as rows
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.usefulness import MemoryRead

#: Different reads that are held in memory before they are written.
_AT_ONCE: Final = 1_000


class MemoryReads:
    """Takes down who read what. Belongs to the event loop's thread."""

    def __init__(
        self, *, database: Database, cache: SessionCache, liveness: Liveness, processes: Processes, clock: Clock
    ) -> None:
        """Keep it in *database*; *liveness* knows whose a process is."""
        self._database = database
        self._cache = cache
        self._liveness = liveness
        self._processes = processes
        self._clock = clock
        self._new: dict[tuple[str, str], MemoryRead] = {}  # by session and memory

    async def read(self, memory_id: str, *, asked_by: str | None, pid: int | None, found: bool = False) -> None:
        """Note that a memory was read, by the session *asked_by*, else by that of the process *pid*; else by nobody.

        With *found* it was only the first that a search found.
        """
        session_id = asked_by
        if session_id is None and pid is not None:
            session_id = self._liveness.session_of(self._processes.ancestry(pid))
        if session_id is None:
            return
        before = self._new.get((session_id, memory_id))
        now = self._clock.now()
        first_at = now if before is None else before.first_at
        only_found = found and (before is None or before.found)
        self._new[session_id, memory_id] = MemoryRead(memory_id, first_at, now, only_found)
        if len(self._new) >= _AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        """Write what was noted, but for sessions that nobody knows; a store that cannot be written loses it."""
        if not self._new:
            return
        new, self._new = self._new, {}

        def work(db: Connection) -> None:
            for (session_id, _), read in new.items():
                held = self._cache.find(session_id)
                if held is not None:
                    rows.read(db, held.key, [read])

        with suppress(StoreUnavailable):
            await self._database.write(work)

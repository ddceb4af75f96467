"""Take the checkpoints that nobody asks for: of sessions that ended, and of those in which much has changed.

That a session's last checkpoint is to be taken is noted in the transaction that ends the session (schema), so a kill
loses none: the next start takes it. An append does no more than to name its session; a task looks once a minute, and
only at sessions in which something was recorded.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from omnimem.errors import SessionNotFound, StoreUnavailable
from omnimem.model import CheckpointReason
from omnimemd.domain.checkpoints import GROWN_ENTRIES, GROWTH_MS, has_grown
from omnimemd.domain.clock import Clock, Millis
from omnimemd.services.checkpoints import Checkpoints
from omnimemd.services.session_cache import SessionCache
from omnimemd.services.workspaces import Workspaces
from omnimemd.storage import checkpoints as rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage.database import Database

#: Seconds between two looks at the sessions that grow.
_LOOK_SECONDS: Final = 60.0


class Unasked:
    """Knows when a checkpoint is due. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        checkpoints: Checkpoints,
        workspaces: Workspaces,
        clock: Clock,
    ) -> None:
        """Have *checkpoints* take them; *workspaces* knows when the last of a session has come in."""
        self._database = database
        self._cache = cache
        self._checkpoints = checkpoints
        self._workspaces = workspaces
        self._clock = clock
        self._ended = asyncio.Event()
        self._ended.set()  # some may have ended in an earlier run
        self._recorded = asyncio.Event()
        self._growing: set[str] = set()
        self._measured: dict[str, int] = {}  # session → its last entry when a checkpoint of it would have said nothing

    def session_ended(self) -> None:
        """Have the last checkpoint of a session that ended be taken soon."""
        self._ended.set()

    def recorded(self, sessions: Iterable[str]) -> None:
        """Take note that something was recorded in *sessions*; as cheap as can be, since every append calls it."""
        self._growing.update(sessions)
        self._recorded.set()

    async def take_last(self, session_id: str) -> None:
        """Take the last checkpoint of a session that ended, unless that is done or it is gone.

        A store that fails does not matter here: the checkpoint stays due.
        """
        with suppress(SessionNotFound, StoreUnavailable):
            key = self._cache.get(session_id).key
            reason = self._database.read_now(lambda db: rows.due(db, key))
            if reason is not None:
                await self._workspaces.left(session_id)  # the last writes of a process are told after its death
                await self._checkpoints.take_unasked(session_id, reason)
        self._measured.pop(session_id, None)

    async def run_last(self) -> None:
        """Take the last checkpoint of every session that ended, for ever; idle while none does."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            try:
                for session_id in self._database.read_now(rows.every_due):
                    await self.take_last(session_id)
            except BaseException:
                self._ended.set()  # it is done when this is run again
                raise

    async def run_growth(self) -> None:
        """Take a checkpoint of each session in which much has changed, for ever; idle while nothing is recorded."""
        while True:
            await self._recorded.wait()
            await asyncio.sleep(_LOOK_SECONDS)
            self._recorded.clear()
            await self.look()

    async def look(self) -> None:
        """Look at the sessions in which something was recorded, and take the checkpoints that are due."""
        growing, self._growing = self._growing, set()
        for session_id in growing:
            with suppress(SessionNotFound, StoreUnavailable):
                if not await self._look_at(session_id):
                    self.recorded((session_id,))

    async def _look_at(self, session_id: str) -> bool:
        """Take a checkpoint of the session if much has changed; return whether there was time enough for that."""
        held = self._cache.get(session_id)
        if not held.session.active or held.session.ambient:
            return True
        last = self._database.read_now(lambda db: rows.last(db, held.key))
        began: Millis = held.session.created_at if last is None else max(last.created_at, held.session.created_at)
        if 0 <= self._clock.now() - began < GROWTH_MS:  # it is negative after the clock was set back
            return False
        after = max(self._measured.get(session_id, 0), 0 if last is None else last.entries_through)
        through = self._cache.fold(held).through
        if through - after < GROWN_ENTRIES:
            found = await self._database.read(
                lambda db: entry_rows.page(db, held.key, after=after, kind=None, limit=GROWN_ENTRIES)
            )
            if not has_grown(found, workspace=held.workspace):
                return True
        if not await self._checkpoints.take_unasked(session_id, CheckpointReason.GROWTH):
            self._measured[session_id] = through
        return True

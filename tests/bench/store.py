"""The floors of the house below HTTP, in the benchmark's own process: a real database and the services on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from omnimem.model import EndReason
from omnimemd.domain.claims import Claims
from omnimemd.domain.sessions import Session, end
from omnimemd.services.compression import Compression
from omnimemd.services.entries import Entries
from omnimemd.services.events import Events
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import projects, sessions
from omnimemd.storage.database import Connection, Database
from omnimemd.system.clock import SystemClock


class Store:
    """An open database with what appends to it."""

    clock = SystemClock()

    def __init__(self, database: Database) -> None:
        """Put the services on *database*."""
        self.database = database
        self._cache = SessionCache(database=database, claims=Claims(), clock=self.clock)
        self.compression = Compression(database=database, cache=self._cache)
        self.entries = Entries(database=database, cache=self._cache, clock=self.clock, events=Events())

    async def begin(self, session_id: str) -> None:
        """Begin a session."""
        now = self.clock.now()
        session = Session(
            session_id=session_id,
            tool_id="bench",
            workspace="/home/somebody/src/project",
            project_id="bench",
            created_at=now,
            last_activity=now,
        )

        def work(db: Connection) -> None:
            projects.ensure(db, session.project_id, now=now)
            self._cache.hold(sessions.insert(db, session), session)

        await self.database.write(work)

    async def end(self, session_id: str) -> None:
        """End a session, and have it compressed when that is done next."""
        held = self._cache.get(session_id)
        held.session = end(held.session, at=self.clock.now(), reason=EndReason.CLIENT)
        await self.database.write(lambda db: self._cache.save_row(db, held))
        self.compression.look_at(session_id)

    def session(self, session_id: str) -> Session:
        """Return a session."""
        return self._cache.get(session_id).session

    def key(self, session_id: str) -> int:
        """Return the key that a session's rows are filed under."""
        return self._cache.get(session_id).key

    def folded_bytes(self, session_id: str) -> int:
        """Return the bytes that a session's folded context takes."""
        size = (
            "SELECT length(coalesce(compressed_context, CAST(context_json AS BLOB))) FROM sessions WHERE session_id = ?"
        )
        return int(self.database.read_now(lambda db: db.execute(size, (session_id,)).get))

    async def leave(self, session_id: str) -> None:
        """Have a session leave memory, as one does that was not used for long."""
        held = self._cache.get(session_id)
        await self.database.write(lambda db: self._cache.save(db, held))
        self._cache.forget(session_id)


@asynccontextmanager
async def open_store(place: Path) -> AsyncIterator[Store]:
    """Open a new database in *place*."""
    async with Database(place / "omnimem.db") as database:
        yield Store(database)


async def tick() -> None:
    """Let the event loop turn once, so that the next write finds no group open, as a request that comes alone does."""
    await asyncio.sleep(0)

"""What the doctor looks at: one small class for each part that can be ill."""

import asyncio
from typing import Final

from omnimem.model import Verdict
from omnimemd.domain.ports import OwnFiles
from omnimemd.services.doctor import Finding
from omnimemd.services.health import Health
from omnimemd.services.indexing import Indexing
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import integrity
from omnimemd.storage.database import Database

#: Free bytes below which something should be done, and below which writes may fail any moment.
_LITTLE_ROOM: Final = 500_000_000
_NO_ROOM: Final = 50_000_000
#: Things named in one line.
_NAMED: Final = 3
_REPAIR: Final = "`omnimem doctor --repair` mends it."


class FilesCheck:
    """Whether everything of the daemon's is its user's alone."""

    name = "files"

    def __init__(self, files: OwnFiles) -> None:
        """Look at *files*."""
        self._files = files

    async def look(self) -> Finding:
        """Return which of them others may read."""
        loose = await asyncio.to_thread(self._files.loose)
        if not loose:
            return Finding(Verdict.OK, "Only you can read them.")
        return Finding(Verdict.FAIL, f"Other users can read {_named(loose)}.", _REPAIR)

    async def mend(self) -> str | None:
        """Take them from everybody else."""
        tightened = await asyncio.to_thread(self._files.tighten)
        return f"Took {_named(tightened)} from other users." if tightened else None


class RoomCheck:
    """Whether there is room on the disk."""

    name = "disk"

    def __init__(self, files: OwnFiles) -> None:
        """Look where *files* are."""
        self._files = files

    async def look(self) -> Finding:
        """Return how much is free."""
        free = await asyncio.to_thread(self._files.free_bytes)
        told = f"{free / 1e9:.1f} GB are free where the database is."
        if free >= _LITTLE_ROOM:
            return Finding(Verdict.OK, told)
        return Finding(Verdict.WARN if free >= _NO_ROOM else Verdict.FAIL, told, "Make room on that disk.")

    async def mend(self) -> str | None:
        """Do nothing: what can go is for its owner to say."""
        return None


class StoringCheck:
    """Whether what is written is stored, and given back."""

    name = "storing"

    def __init__(self, health: Health) -> None:
        """Ask *health*."""
        self._health = health

    async def look(self) -> Finding:
        """Write a row and read it back."""
        condition = await self._health.check()
        if condition.stores:
            return Finding(Verdict.OK, "What is written is stored and given back.")
        return Finding(Verdict.FAIL, " ".join(condition.problems), "See to the disk, and restart the daemon.")

    async def mend(self) -> str | None:
        """Do nothing: it is the disk."""
        return None


class WatchingCheck:
    """Whether everything that is to be watched is."""

    name = "watching"

    def __init__(self, health: Health) -> None:
        """Ask *health*."""
        self._health = health

    async def look(self) -> Finding:
        """Return the problems there are."""
        condition = await self._health.check()
        if not condition.stores or not condition.problems:
            return Finding(Verdict.OK, "All folders that are to be watched are.")
        return Finding(Verdict.WARN, " ".join(condition.problems), "`omnimem workspace list` shows each folder.")

    async def mend(self) -> str | None:
        """Do nothing: it is the system's limits, or folders that are gone."""
        return None


class SearchCheck:
    """Whether the search index is that of what is stored."""

    name = "search"

    def __init__(self, indexing: Indexing) -> None:
        """Ask *indexing*."""
        self._indexing = indexing

    async def look(self) -> Finding:
        """Compare the two."""
        found = await self._indexing.check()
        if found.sound:
            return Finding(Verdict.OK, f"{found.documents} indexed, {found.waiting} to come.")
        ills = [f"{found.missing} are missing", f"{found.stale} are not as stored", "the index contradicts itself"]
        told = [ill for ill, there in zip(ills, (found.missing, found.stale, found.damaged), strict=True) if there]
        return Finding(Verdict.FAIL, f"Of {found.documents} indexed: {', '.join(told)}.", _REPAIR)

    async def mend(self) -> str | None:
        """Make the index anew."""
        return f"Made the index anew, of {await self._indexing.rebuild()} texts."


class SessionsCheck:
    """Whether the folded contexts can be read, and are of the entries that are there."""

    name = "sessions"

    def __init__(self, *, database: Database, cache: SessionCache) -> None:
        """Look at those in *database*; *cache* may hold some."""
        self._database = database
        self._cache = cache

    async def look(self) -> Finding:
        """Read every one of them."""
        broken = await self._broken()
        if not broken:
            return Finding(Verdict.OK, "Every context can be read.")
        return Finding(Verdict.FAIL, f"The contexts of {_named(broken)} cannot be read.", _REPAIR)

    async def mend(self) -> str | None:
        """Have them folded anew, from their entries."""
        broken = await self._broken()
        await self._database.write(lambda db: integrity.unfold(db, broken), durable=True)
        for session_id in broken:
            self._cache.forget(session_id)
        return f"Had the contexts of {_named(broken)} made anew from their entries."

    async def _broken(self) -> list[str]:
        return [one async for one in self._database.stream(integrity.broken_folds)]


class EntriesCheck:
    """Whether what is held compressed can be read, and is what is said of it."""

    name = "entries"

    def __init__(self, database: Database) -> None:
        """Look at those in *database*."""
        self._database = database

    async def look(self) -> Finding:
        """Read all of it."""
        broken = [one async for one in self._database.stream(integrity.broken_segments)]
        if not broken:
            return Finding(Verdict.OK, "All older entries can be read.")
        hint = "Stop the daemon, and copy the file before anything else is done with it."
        return Finding(Verdict.FAIL, f"Older entries of {_named(broken)} cannot be read.", hint)

    async def mend(self) -> str | None:
        """Do nothing: they are nowhere else."""
        return None


class DatabaseCheck:
    """Whether SQLite finds its file sound."""

    name = "database"

    def __init__(self, database: Database) -> None:
        """Look at *database*."""
        self._database = database

    async def look(self) -> Finding:
        """Read the whole file."""
        problems = [one async for one in self._database.stream(integrity.problems)]
        if not problems:
            size = self._database.size() / 1e6
            return Finding(Verdict.OK, f"{size:.1f} MB of schema {self._database.schema_version}, sound throughout.")
        hint = "Stop the daemon, copy the file, and export what can still be read: `omnimem export --all`."
        return Finding(Verdict.FAIL, f"It is damaged: {_named(problems)}.", hint)

    async def mend(self) -> str | None:
        """Do nothing: whatever one did could lose more."""
        return None


def _named(things: list[str]) -> str:
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")

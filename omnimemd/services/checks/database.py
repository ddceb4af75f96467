"""The database, and everything that is read from it."""

from typing import Final

from omnimem.errors import StoreUnavailable
from omnimem.model import Verdict
from omnimemd.domain.clock import Millis
from omnimemd.services.checks.wording import REPAIR, named
from omnimemd.services.doctor import Finding
from omnimemd.services.health import Health
from omnimemd.services.indexing import Indexing
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import canary, integrity
from omnimemd.storage.database import Connection, Database

#: Bytes of the log beyond what it has between two checkpoints: something keeps it from beginning anew.
_LARGE_LOG: Final = 64 * 1024 * 1024
#: What is not done without being said: a backup may take the place of all that came after it.
_DAMAGED: Final = (
    "`omnimem export --all` saves what can still be read. Then restart the daemon: it makes indexes anew, or else sets "
    "the damaged files aside and puts the newest good backup in their place; `omnimem backup restore ID` takes another."
)


class StoringCheck:
    """Whether what is written is stored, and given back."""

    name = "storing"

    def __init__(self, *, health: Health, database: Database) -> None:
        """Look at *database*; *health* knows how its last real write went."""
        self._health = health
        self._database = database

    async def look(self) -> Finding:
        """Write a row, read it back, and undo it: to look must not change anything."""
        known = self._health.last
        if self._database.sync_failed or not known.stores:
            told = " ".join(known.problems) or "The disk did not confirm a write."
            return Finding(Verdict.FAIL, told, "See to the disk, and restart the daemon.")
        if (displaced := self._database.displaced()) is not None:
            return Finding(Verdict.FAIL, str(displaced), "Put it back, or restart the daemon.")
        try:
            await self._database.write(_tried)
        except _Undone as undone:
            if undone.given_back:
                return Finding(Verdict.OK, "What is written is stored and given back.")
        return Finding(Verdict.FAIL, "The database does not give back what was written.", "Restart the daemon.")

    async def mend(self) -> str | None:
        """Do nothing: it is the disk."""
        return None


class _Undone(Exception):
    """Has what was tried be undone."""

    def __init__(self, *, given_back: bool) -> None:
        super().__init__()
        self.given_back = given_back


def _tried(db: Connection) -> None:
    at = Millis((canary.read(db) or 0) + 1)
    canary.write(db, at=at)
    raise _Undone(given_back=canary.read(db) == at)


class LogCheck:
    """Whether the database's log begins anew as it should."""

    name = "log of writes"

    def __init__(self, database: Database) -> None:
        """Look at *database*."""
        self._database = database

    async def look(self) -> Finding:
        """Return how large it is."""
        size = self._database.log_size()
        told = f"{size / 1e6:.1f} MB wait to be brought into the database."
        if size < _LARGE_LOG:
            return Finding(Verdict.OK, told)
        return Finding(Verdict.WARN, told, "End programs that read the database file, and long exports.")

    async def mend(self) -> str | None:
        """Do nothing: a reader is in the way."""
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
        return Finding(Verdict.FAIL, f"Of {found.documents} indexed: {', '.join(told)}.", REPAIR)

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
        return Finding(Verdict.FAIL, f"The contexts of {named(broken)} cannot be read.", REPAIR)

    async def mend(self) -> str | None:
        """Have them folded anew, from their entries."""
        broken = await self._broken()
        await self._database.write(lambda db: integrity.unfold(db, broken), durable=True)
        for session_id in broken:
            self._cache.forget(session_id)
        return f"Had the contexts of {named(broken)} made anew from their entries."

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
        hint = "A backup may have them: `omnimem backup restore ID --dry-run` says what would be back, and what gone."
        return Finding(Verdict.FAIL, f"Older entries of {named(broken)} cannot be read.", hint)

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
        try:
            problems = [one async for one in self._database.stream(integrity.problems)]
        except StoreUnavailable as error:
            if not self._database.damaged:
                raise
            problems = [error.detail]
        if problems:
            self._database.distrust()
            return Finding(Verdict.FAIL, f"It is damaged: {named(problems)}", _DAMAGED)
        if self._database.damaged:
            return Finding(Verdict.FAIL, "Somebody met damage in it, which is not seen now.", _DAMAGED)
        size = self._database.size() / 1e6
        return Finding(Verdict.OK, f"{size:.1f} MB of schema {self._database.schema_version}, sound throughout.")

    async def mend(self) -> str | None:
        """Do nothing: while it is in use nothing in it can be mended, and what its start does may cost something."""
        return None

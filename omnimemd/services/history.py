"""What memories were: as of a moment, and those that are no more. Reading it never counts as an access."""

from collections.abc import Callable
from datetime import datetime

from omnimem.errors import InvalidRequest, MemoryNotFound
from omnimemd.domain import memories as rules
from omnimemd.domain.clock import Clock, Millis, millis
from omnimemd.domain.memories import Memory
from omnimemd.storage import memories as rows
from omnimemd.storage.database import Connection, Database

#: The end of the year 9999, in milliseconds.
_LATEST = 253_402_300_800_000


class History:
    """The past of project memories."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        """Read from *database*."""
        self._database = database
        self._clock = clock

    async def then(self, project_id: str, as_of: datetime, *, limit: int) -> list[Memory]:
        """Return up to *limit* memories that were live at a moment, as they were then, those written last first.

        Raises:
            InvalidRequest: the moment lies before 1970.
        """
        at = moment(as_of, field="as_of")
        return await self._database.read(lambda db: rows.then(db, project_id, at=at, limit=limit))

    def then_by_key(self, project_id: str, key: str, as_of: datetime) -> Memory:
        """Return the memory of *key* as it was at a moment.

        Raises:
            MemoryNotFound: there was no live one then.
            InvalidRequest: the moment lies before 1970.
        """
        at = moment(as_of, field="as_of")
        return self._then(lambda db: rows.find_by_key(db, project_id, key), at, f"of key {key!r}", project_id)

    def then_by_id(self, project_id: str, memory_id: str, as_of: datetime) -> Memory:
        """Return the memory as it was at a moment.

        Raises:
            MemoryNotFound: it was not live then.
            InvalidRequest: the moment lies before 1970.
        """
        at = moment(as_of, field="as_of")
        return self._then(lambda db: rows.find(db, project_id, memory_id), at, f"'{memory_id}'", project_id)

    async def gone(self, project_id: str, *, limit: int) -> list[Memory]:
        """Return up to *limit* memories that are deleted or expired, those that went last first, without values."""
        now = self._clock.now()
        found = await self._database.read(lambda db: rows.gone(db, project_id, now=now, limit=limit))
        return [rules.tombstone(memory) for memory in found]

    def gone_by_key(self, project_id: str, key: str) -> Memory:
        """Return the memory of *key* if it is deleted or expired, without its value.

        Raises:
            MemoryNotFound: it is live, or there never was one.
        """
        memory = self._database.read_now(lambda db: rows.find_by_key(db, project_id, key))
        if memory is None or memory.live(now=self._clock.now()):
            raise MemoryNotFound(f"No deleted memory of key {key!r} in project '{project_id}'.")
        return rules.tombstone(memory)

    def _then(self, find: Callable[[Connection], Memory | None], at: Millis, what: str, project_id: str) -> Memory:
        def work(db: Connection) -> Memory | None:
            memory = find(db)
            return None if memory is None else rows.past(db, memory, at=at).memory

        memory = self._database.read_now(work)
        if memory is None or not memory.live(now=at):
            raise MemoryNotFound(f"No memory {what} was in project '{project_id}' then.")
        return memory


def moment(given: datetime, *, field: str) -> Millis:
    """Return the time *given* in the *field* of a request.

    Raises:
        InvalidRequest: it lies before 1970 or after 9999.
    """
    at = millis(given)
    if not 0 <= at < _LATEST:
        raise InvalidRequest.field(field, "must lie between the years 1970 and 9999")
    return at

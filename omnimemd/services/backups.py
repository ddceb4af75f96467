"""Backups: made when somebody says so and by themselves, kept for a while, and put in the place of the database.

One is made at a time, in a thread of its own. By itself one is made when the last is as old as the user wants it, by
the wall clock, so that one that was missed because the machine slept is made when it wakes; none when nothing has
changed since, and none in the first minutes, when a session begins and everything wants the disk.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import msgspec

from omnimem.errors import BackupDamaged, BackupFailed, BackupNotFound, StoreUnavailable
from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup, Policy, outlived, period
from omnimemd.domain.clock import Clock, Millis
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import backups, comparing, pace, restoring
from omnimemd.storage.database import Database
from omnimemd.storage.pace import Pace

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds from the start until one is made by itself.
_SETTLE_SECONDS: Final = 300.0
#: Seconds between two looks at the clock: how late one may be after a suspend.
_LOOK_SECONDS: Final = 600.0


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one kind there is in only one of the two."""

    now: int
    then: int
    gone: int  #: only the database has
    back: int  #: only the backup has


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore changes."""

    backup: Backup
    at: Millis
    changes: dict[str, Difference]  #: none can be told where the database is damaged
    undo_id: str | None  #: None: it was only asked what would change


class Backups:
    """Makes, keeps, looks over and restores backups."""

    def __init__(
        self, *, database: Database, cache: SessionCache, clock: Clock, policy: Policy, begin_again: Callable[[], None]
    ) -> None:
        """Go by *policy*; *begin_again* has the database closed and opened again."""
        self._database = database
        self._cache = cache
        self._clock = clock
        self._policy = policy
        self._begin_again = begin_again
        self._folder = backups.folder_of(database.path)
        self._one_at_a_time = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backup", initializer=pace.give_way)
        self._stop = threading.Event()
        self._kept_at: Millis | None = None  # what there was then is in a backup
        self._next_look: float | None = None  # in the loop's time, which stands still while the machine sleeps
        self.failures = 0  #: attempts of this run that made none
        self._problem: str | None = None

    def close(self) -> None:
        """Give up what is under way."""
        self._stop.set()
        self._thread.shutdown()

    @property
    def problem(self) -> str | None:
        """Why the last that was due was not made, or none can be; a stat call."""
        return self._problem or backups.obstacle(self._folder)

    @property
    def by_themselves(self) -> bool:
        """Whether any are made without being asked for."""
        return period(self._policy.every) is not None

    @property
    def overdue(self) -> bool:
        """Whether one should have been made by now, and nobody so much as tried."""
        if self._next_look is None or self._one_at_a_time.locked():
            return False
        return asyncio.get_running_loop().time() > self._next_look + _LOOK_SECONDS and self._is_time()

    def every(self) -> list[Backup]:
        """Return those there are, newest first; reads a few bytes of each."""
        return backups.found(self._folder)

    async def create(self, reason: BackupReason = BackupReason.CLIENT) -> Backup:
        """Make one of everything that was answered before, and let those go that are not to be kept any longer.

        Raises:
            BackupFailed: there is no room, or it cannot be written, or not be read again.
            StoreUnavailable: the store failed.
        """
        async with self._one_at_a_time:
            await self._cache.write_rows()
            self._database.check_in_place()
            at = self._clock.now()
            make = partial(backups.make, self._database.path, self._folder, reason=reason, at=at)
            try:
                made = await self._aside(partial(make, stop=Pace(self._stop)))
            except BackupFailed:
                self.failures += 1
                raise
            log.info("backup made", extra={"backup": made.backup_id, "bytes": made.bytes})
            await self._aside(self._let_go)
            self._problem = None
            return made

    async def verify(self, backup_id: str) -> list[str]:
        """Return what is wrong with one; reads all of it.

        Raises:
            BackupNotFound: there is none of this id.
            BackupFailed: the daemon stops.
        """
        problems = await self._aside(partial(backups.check, self._get(backup_id), stop=Pace(self._stop)))
        if problems:
            self._kept_at = None  # it may be this one that has it
        return problems

    async def delete(self, backup_id: str) -> None:
        """Delete one.

        Raises:
            BackupNotFound: there is none of this id.
            BackupFailed: it cannot be deleted.
        """
        backup = self._get(backup_id)
        try:
            await self._aside(partial(backups.remove, backup))
        except OSError as error:
            raise BackupFailed(f"Backup {backup_id} cannot be deleted: {error.strerror}.") from error

    async def preview(self, backup_id: str) -> Restore:
        """Return what `restore` would change; nothing is.

        Raises:
            BackupNotFound: there is none of this id.
            BackupDamaged: it cannot be restored.
            StoreUnavailable: the store failed.
        """
        backup = self._get(backup_id)
        return Restore(backup=backup, at=self._clock.now(), changes=await self._changes(backup), undo_id=None)

    async def restore(self, backup_id: str) -> Restore:
        """Put one in the place of the database, which becomes a backup; the daemon begins again once this is answered.

        Raises:
            BackupNotFound: there is none of this id.
            BackupDamaged: it is not whole; nothing happens.
            BackupFailed: there is no room for it; nothing happens.
            StoreUnavailable: the store failed; nothing happens.
        """
        async with self._one_at_a_time:
            told = await self.preview(backup_id)
            undo_id = await self._aside(
                partial(restoring.prepare, self._database.path, told.backup, at=self._clock.now())
            )
            self._begin_again()
            return msgspec.structs.replace(told, undo_id=undo_id)

    async def run(self) -> None:
        """Make one whenever it is time, for ever."""
        await self._rest(_SETTLE_SECONDS)
        while True:
            await self.look()
            await self._rest(_LOOK_SECONDS)

    async def look(self) -> Backup | None:
        """Make one if it is time and anything has changed; return it. What keeps it from being made is a problem."""
        try:
            if not await self._is_due():
                return None
            made = await self.create(BackupReason.SCHEDULE)
        except (BackupFailed, StoreUnavailable) as error:
            told = f"The backup that is due was not made: {error.detail}"
            if told != self._problem:
                log.warning("backup not made", extra={"reason": error.detail})
            self._problem = told
            return None
        self._kept_at = made.created_at
        return made

    async def _changes(self, backup: Backup) -> dict[str, Difference]:
        try:
            await self._cache.write_rows()
            now = await self._database.read(comparing.content)
        except StoreUnavailable:
            if self._database.damaged:  # then a backup is wanted most
                return {}
            raise
        try:
            then = await self._aside(partial(comparing.content_of, backup.path))
        except BackupDamaged:
            await self.verify(backup.backup_id)  # which remembers it
            raise
        return {
            "sessions": _difference(now.sessions, then.sessions),
            "entries": _difference(now.entries, then.entries),
            "decisions": _difference(now.decisions, then.decisions),
            "memories": _difference(now.memories, then.memories),
        }

    async def _rest(self, seconds: float) -> None:
        self._next_look = asyncio.get_running_loop().time() + seconds
        await asyncio.sleep(seconds)

    async def _is_due(self) -> bool:
        if not self._is_time():
            return False
        last, now = self._last_scheduled(), self._clock.now()
        if last is not None and await self._is_as(last):
            self._kept_at = now
            return False
        return True

    def _is_time(self) -> bool:
        """Return whether the last one is old enough, whether or not anything has changed since."""
        every, last = period(self._policy.every), self._last_scheduled()
        if every is None:
            return False
        now, made_at = self._clock.now(), None if last is None else last.created_at
        times = [at for at in (made_at, self._kept_at) if at is not None and at <= now]
        return not times or now - max(times) >= every

    def _last_scheduled(self) -> Backup | None:
        """Return the last that the schedule made; one of the future, from before the clock was set back, is none."""
        now = self._clock.now()
        made = (one for one in self.every() if one.reason is BackupReason.SCHEDULE and one.verified)
        return next((one for one in made if one.created_at <= now), None)

    async def _is_as(self, backup: Backup) -> bool:
        """Return whether nothing has changed since *backup*."""
        await self._cache.write_rows()
        now = await self._database.read(comparing.content)
        try:
            return now == await self._aside(partial(comparing.content_of, backup.path))
        except BackupDamaged:
            return False

    def _let_go(self) -> None:
        for one in outlived(self.every(), self._policy):
            try:
                backups.remove(one)
            except OSError as error:
                log.warning("backup not deleted", extra={"backup": one.backup_id, "reason": error.strerror})
            else:
                log.info("backup deleted", extra={"backup": one.backup_id})

    def _get(self, backup_id: str) -> Backup:
        found = backups.find(self._folder, backup_id)
        if found is None:
            raise BackupNotFound(f"No backup {backup_id!r}.")
        return found

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _difference(now: comparing.Counts, then: comparing.Counts) -> Difference:
    return Difference(now=now.total(), then=then.total(), gone=(now - then).total(), back=(then - now).total())

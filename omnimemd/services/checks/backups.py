"""Whether a good state of yesterday can be had back, and what is kept of damage."""

import asyncio
import shlex
from pathlib import Path
from typing import Final

from omnimem.errors import BackupFailed, BackupNotFound, StoreUnavailable
from omnimem.model import BackupReason, Verdict
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import rfc3339
from omnimemd.services.backups import Backups
from omnimemd.services.checks.wording import named
from omnimemd.services.doctor import Finding
from omnimemd.storage import quarantine

#: Bytes of damaged files from which on somebody should decide what becomes of them.
_MUCH_SET_ASIDE: Final = 500_000_000
_MAKE: Final = "`omnimem backup create` makes one now, or says why not; so does `omnimem doctor --repair`."


class BackupsCheck:
    """Whether backups are made as they should be, and the newest can be restored."""

    name = "backups"

    def __init__(self, backups: Backups) -> None:
        """Look at *backups*."""
        self._backups = backups

    async def look(self) -> Finding:
        """Return how they stand; reads all of the newest."""
        every = await asyncio.to_thread(self._backups.every)
        ill = await self._ill(every)
        if ill is not None:
            return Finding(Verdict.FAIL, ill, _MAKE)
        if damaged := [one.backup_id for one in every if not one.verified]:
            hint = "`omnimem backup delete` removes them."
            return Finding(Verdict.WARN, f"These are no whole databases: {named(damaged)}.", hint)
        return Finding(Verdict.OK, f"{self._told(every)} {self._coming()}")

    async def mend(self) -> str | None:
        """Make one, if that is what is missing."""
        if await self._ill(await asyncio.to_thread(self._backups.every)) is None:
            return None
        try:
            return f"Made {(await self._backups.create(BackupReason.SCHEDULE)).backup_id}."
        except (BackupFailed, StoreUnavailable):
            return None

    async def _ill(self, every: list[Backup]) -> str | None:
        """Return why one has to be made, None where none has."""
        if self._backups.problem is not None:
            return f"{self._backups.problem} {self._told(every)}"
        if self._backups.overdue:
            return f"One is due, and nobody tried to make it. {self._told(every)}"
        if not every:
            return None
        newest = every[0]
        if not newest.verified:
            return f"The newest, {newest.backup_id}, is damaged."
        try:
            problems = await self._backups.verify(newest.backup_id)
        except (BackupNotFound, BackupFailed):  # it was deleted meanwhile, or the daemon stops
            return None
        return f"The newest, {newest.backup_id}, cannot be restored: {problems[0]}." if problems else None

    def _told(self, every: list[Backup]) -> str:
        if not every:
            return "There is none yet."
        size = sum(one.bytes for one in every) / 1e6
        return f"{len(every)} of {size:,.1f} MB, the newest of {rfc3339(every[0].created_at)}."

    def _coming(self) -> str:
        return "More are made by themselves." if self._backups.by_themselves else "None are made by themselves."


class SetAsideCheck:
    """How much is kept of what was damaged: nothing of it ever goes by itself."""

    name = "set aside"

    def __init__(self, database: Path) -> None:
        """Look beside the file *database*."""
        self._database = database

    async def look(self) -> Finding:
        """Return how much it is, and how to remove it."""
        folders = await asyncio.to_thread(quarantine.sizes, self._database)
        if not folders:
            return Finding(Verdict.OK, "No damaged files are kept.")
        size = sum(folders.values())
        told = f"{size / 1e6:,.1f} MB of damaged files are kept in {named([str(one) for one in folders])}."
        oldest = shlex.quote(str(next(iter(folders))))
        remove = f"`rm -r {oldest}` removes the oldest for good, once nothing in it is wanted."
        return Finding(Verdict.WARN if size >= _MUCH_SET_ASIDE else Verdict.OK, told, remove)

    async def mend(self) -> str | None:
        """Do nothing: what is in them may be nowhere else."""
        return None

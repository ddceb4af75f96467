"""The daemon's own files: whose they are, and where they lie."""

import asyncio
from typing import Final

from omnimem.model import Verdict
from omnimemd.domain.ports import Machine, OwnFiles
from omnimemd.services.checks.wording import REPAIR, named
from omnimemd.services.doctor import Finding

#: Free bytes below which something should be done, and below which writes may fail any moment.
_LITTLE_ROOM: Final = 500_000_000
_NO_ROOM: Final = 50_000_000


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
        return Finding(Verdict.FAIL, f"Other users can read {named(loose)}.", REPAIR)

    async def mend(self) -> str | None:
        """Take them from everybody else."""
        tightened = await asyncio.to_thread(self._files.tighten)
        return f"Took {named(tightened)} from other users." if tightened else None


class RoomCheck:
    """Whether there is room on the disk."""

    name = "disk"

    def __init__(self, files: OwnFiles) -> None:
        """Look where *files* are."""
        self._files = files

    async def look(self) -> Finding:
        """Return how much is free."""
        try:
            free = await asyncio.to_thread(self._files.free_bytes)
        except OSError as error:
            told = f"Where the database is cannot be looked at: {error.strerror}."
            return Finding(Verdict.FAIL, told, "Put the data directory back, or restart the daemon.")
        told = f"{free / 1e9:.1f} GB are free where the database is."
        if free >= _LITTLE_ROOM:
            return Finding(Verdict.OK, told)
        return Finding(Verdict.WARN if free >= _NO_ROOM else Verdict.FAIL, told, "Make room on that disk.")

    async def mend(self) -> str | None:
        """Do nothing: what can go is for its owner to say."""
        return None


class FileSystemCheck:
    """Whether the database lies where SQLite can keep it."""

    name = "file system"

    def __init__(self, machine: Machine, folder: str) -> None:
        """Look at where *folder* is."""
        self._machine = machine
        self._folder = folder

    async def look(self) -> Finding:
        """Return what it lies on."""
        found = await asyncio.to_thread(self._machine.file_system, self._folder)
        if found is None:
            return Finding(Verdict.OK, "The system does not tell on what the database lies.")
        if found.network:
            told = f"The database lies on {found.kind}, a network: locks may not hold, and it may be gone any moment."
            return Finding(Verdict.FAIL, told, "Put data_dir on a disk of this machine, and move the files there.")
        if found.volatile:
            told = f"The database lies on {found.kind}, which is empty after a restart of the machine."
            return Finding(Verdict.WARN, told, "Put data_dir on a disk, unless that is what you want.")
        return Finding(Verdict.OK, f"The database lies on {found.kind}, on this machine.")

    async def mend(self) -> str | None:
        """Do nothing: where files go is for their owner to say."""
        return None

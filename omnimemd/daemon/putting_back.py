"""A database whose files were deleted or moved away while they are open: what they hold is put back, all of it.

The descriptors that are open still lead to it. Nothing durable is answered any more; what is open becomes a backup, the
newest there is, as the last thing that happens to it; and the daemon begins again, which finds no database, and puts
that backup in its place. Where anything else stands there, or the directory is gone, that is somebody's doing which is
left alone: the daemon says so, and refuses until the files are back or it is restarted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from omnimem.errors import BackupFailed, StoreUnavailable
from omnimemd.domain.clock import Clock
from omnimemd.storage import backups, opening
from omnimemd.storage.database import Database

log = logging.getLogger(__name__)


async def put_back(database: Database, begin_again: Callable[[], None]) -> None:
    """Have the daemon begin again once the files of *database* are missing and can be put back; never return."""
    trouble = asyncio.Event()
    database.on_trouble(trouble.set)
    while True:
        if _can_be(database):
            log.warning("beginning again to put the database back")
            begin_again()
        await trouble.wait()
        trouble.clear()


@asynccontextmanager
async def saved(database: Database, clock: Clock) -> AsyncIterator[None]:
    """Make a backup of *database* when the block has ended, if its files are not where they were."""
    try:
        yield
    finally:
        try:
            backup = await database.save(at=clock.now())
        except BackupFailed as error:
            log.error("the database was not saved", extra={"reason": error.detail})
        else:
            if backup is not None:
                log.warning("the database was saved as a backup", extra={"backup": backup.backup_id})


def _can_be(database: Database) -> bool:
    """Return whether files are missing, nothing is in their place, and there is room to put them back."""
    found = database.displaced()
    if found is None or not found.only_missing:
        return False
    try:
        backups.check_room(database.path.parent, database.read_now(opening.content_bytes))
    except (BackupFailed, StoreUnavailable, OSError) as error:
        log.error("the database cannot be put back", extra={"reason": str(error)})
        return False
    return True

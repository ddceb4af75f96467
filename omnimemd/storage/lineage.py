"""What the database continues, and so which backup is to take its place when it is lost.

At which moments a backup took its place is in a file beside it: the database that could say so is the one that is
damaged when it is asked, and the backups were made before.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec

from omnimemd.domain.backups import Return, by_trust
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups
from omnimemd.storage.private_files import put, read_plain, sync_directory

log = logging.getLogger(__name__)

#: How many are kept: more than there are backups that they could say anything of.
_MOST: Final = 100


class Spare(msgspec.Struct, frozen=True):
    """A good copy of the database, of an earlier moment."""

    name: str
    path: Path
    made_at: Millis  #: everything that was answered before is in it
    put_aside: bool = False  #: the database does not continue it: a person put an older one in its place


def spare(database: Path) -> Spare | None:
    """Return the newest whole backup that *database* continued, otherwise the newest of the others. Takes long."""
    for backup, put_aside in by_trust(backups.found(backups.folder_of(database)), read(database)):
        if backup.verified and not backups.check(backup):
            return Spare(backup.backup_id, backup.path, backup.created_at, put_aside)
    return None


def read(database: Path) -> list[Return]:
    """Return each of *database*, in the order in which they happened; nothing where that is not known."""
    try:
        return msgspec.json.decode(read_plain(_place(database)), type=list[Return])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("restores of before not known", extra={"reason": str(error)})
        return []


def add(database: Path, new: Return) -> None:
    """Note *new*, once.

    Without room for it, a database that is damaged later may become what the user did not want; the log says so.
    """
    known = read(database)
    if known[-1:] == [new]:
        return
    try:
        put(_place(database), msgspec.json.encode([*known, new][-_MOST:]), sync=True)
        sync_directory(database.parent)
    except OSError as error:
        log.warning("restore not noted", extra={"reason": str(error)})


def _place(database: Path) -> Path:
    return Path(f"{database}-line")

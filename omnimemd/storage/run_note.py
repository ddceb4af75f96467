"""What a run leaves beside the database: whether it closed it, and how the file was then.

A clean start costs nothing by it: the file that is still as it was left needs no look. A note that was not renewed at
the end says that the run did not end by itself; one that is of another file, that somebody changed it meanwhile.
"""

import contextlib
import logging
from pathlib import Path

import msgspec

from omnimemd.storage.private_files import put, read_plain

log = logging.getLogger(__name__)


class Facts(msgspec.Struct, frozen=True):
    """A database file by what changes with it."""

    size: int
    mtime_ns: int


class RunNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the last run said of itself."""

    boot: str  #: which start of the machine it was in; empty: it is not known
    schema: int
    closed: Facts | None = None  #: the database as it was left; None: the run did not come to that
    sound: bool = True  #: nobody stumbled over what is in it


def read(database: Path) -> RunNote | None:
    """Return the last run's note on *database*, None where there is none that can be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(read_plain(_place(database)), type=RunNote)
    return None


def write(database: Path, note: RunNote) -> None:
    """Leave *note* on *database*. Without room for it the next start has more to look at, and that is all."""
    try:
        put(_place(database), msgspec.json.encode(note), sync=False)
    except OSError as error:
        log.warning("no note of the run was left", extra={"reason": error.strerror})


def closing(database: Path, *, sound: bool = True) -> None:
    """Note that everything is in *database*, and that nobody writes to it any more; a start relies on a *sound* one."""
    note = read(database)
    if note is not None:
        write(database, msgspec.structs.replace(note, closed=facts(database), sound=sound))


def facts(database: Path) -> Facts | None:
    """Return what *database* is now, None when it cannot be seen. It is not opened: see fcntl(2) on locks."""
    try:
        found = database.stat()
    except OSError:
        return None
    return Facts(found.st_size, found.st_mtime_ns)


def _place(database: Path) -> Path:
    return Path(f"{database}-run")

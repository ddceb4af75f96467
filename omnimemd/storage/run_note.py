"""What a run leaves beside the database: whether it closed it, and how the file was then.

A clean start costs nothing by it: the file that is still as it was left needs no look. A note that was not renewed at
the end says that the run did not end by itself; one that is of another file, that somebody changed it meanwhile.
"""

import contextlib
import logging
from pathlib import Path

import msgspec

from omnimemd.storage.belonging import Mark
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
    mark: Mark = Mark()  #: what the file is known by, as the last checkpoint left it
    astray: bool = False  #: the run knew at its end that another file is in the place of its own


def read(database: Path) -> RunNote | None:
    """Return the last run's note on *database*, None where there is none that can be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(read_plain(_place(database)), type=RunNote)
    return None


def write(database: Path, note: RunNote, *, sync: bool = False) -> bool:
    """Leave *note* on *database*; return whether it could be. Else the next start has more to look at, and no more."""
    try:
        put(_place(database), msgspec.json.encode(note), sync=sync)
    except OSError as error:
        log.warning("no note of the run was left", extra={"reason": error.strerror})
        return False
    return True


def known_by(database: Path, mark: Mark) -> None:
    """Note that *database* is known by *mark* from now on; a note that cannot be renewed is removed, as it is wrong."""
    note = read(database)
    if note is not None and not write(database, msgspec.structs.replace(note, mark=mark)):
        with contextlib.suppress(OSError):
            _place(database).unlink()


def gone_astray(database: Path) -> None:
    """Note that another file is in the place of the run's own."""
    note = read(database)
    if note is not None:
        write(database, msgspec.structs.replace(note, astray=True))


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

"""Backups: the whole database in one file, made while others write, and what can be told of those there are.

SQLite's VACUUM INTO reads all of the database in one read transaction, so it is of one moment, and nobody who writes
waits for it or makes it begin anew; the log cannot begin anew meanwhile, and grows with what is written. It makes every
page anew, so nothing of what was deleted is in any part of the copy, as there may be in pages that are still in the log
or in a cache (see `erasing`), which a copy page by page (SQLite's backup API) would have. It is in no time longer.

A backup has its name only once it is whole, on the disk, and was read again. What has another name is none.
"""

import contextlib
import errno
import logging
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import apsw
import msgspec

from omnimem.errors import BackupFailed
from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup, new_id, read_id
from omnimemd.domain.clock import Millis
from omnimemd.storage import migrations, run_note, soundness
from omnimemd.storage.connections import open_connection
from omnimemd.storage.errors import SchemaTooNew
from omnimemd.storage.private_files import put, read_plain, sync_directory

log = logging.getLogger(__name__)

#: Where they are, beside the database.
FOLDER: Final = "backups"
_SUFFIX: Final = ".db"
_UNFINISHED: Final = ".part"
_DAMAGED: Final = ".damaged"
#: Room that is left to the others on the disk.
_SPARE_BYTES: Final = 16 * 1024 * 1024
#: Steps of SQLite's machine between two looks at whether to go on: some milliseconds.
_STEPS: Final = 5_000
#: Bytes that are brought to the disk at once: whoever wants it meanwhile waits for no more than those.
_SLICE_BYTES: Final = 8 * 1024 * 1024
#: Problems that are named.
_MOST: Final = 20
#: How a database begins, and where its numbers are (fileformat2.html, "The Database Header").
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100


def folder_of(database: Path) -> Path:
    """Return where the backups of *database* are."""
    return database.parent / FOLDER


def found(folder: Path) -> list[Backup]:
    """Return the backups in *folder*, newest first; only the first bytes of each are read."""
    try:
        paths = list(folder.iterdir())
    except OSError:  # it is not there, or is no folder, or cannot be read: making one says which
        return []
    backups = map(_told, paths)
    return sorted((one for one in backups if one is not None), key=lambda one: one.backup_id, reverse=True)


def obstacle(folder: Path) -> str | None:
    """Return in words what keeps any backup from being made in *folder*, None where nothing is seen to."""
    if not os.path.lexists(folder):
        return None  # it is made
    if not folder.is_dir():
        return f"{folder} is no folder: no backup can be made. Move it away."
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"{folder} cannot be written to: no backup can be made. See to its permissions, and to the disk."
    return None


def find(folder: Path, backup_id: str) -> Backup | None:
    """Return the backup of that id in *folder*, None where there is none."""
    return None if read_id(backup_id) is None else _told(folder / f"{backup_id}{_SUFFIX}")


def make(
    database: Path,
    folder: Path,
    *,
    reason: BackupReason,
    at: Millis,
    stop: Callable[[], bool] = lambda: False,
    opened: apsw.Connection | None = None,
) -> Backup:
    """Make a backup of *database*, and read it again. Takes long, and keeps nobody from writing.

    Args:
        database: the file; whoever has it open goes on.
        folder: where to; made if it is not there.
        reason: why.
        at: the present: everything answered before is in it.
        stop: asked now and then whether to give up.
        opened: a connection to it, where its path leads there no more; it cannot be used for anything else after.

    Raises:
        BackupFailed: there is no room, it cannot be written, or it is not whole; nothing is left of it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        _sweep(folder)
        check_room(folder, size_of(database))
        backup_id = new_id(reason, at=at, token=secrets.token_hex(2))
        unfinished = folder / f"{backup_id}{_UNFINISHED}"
        try:
            os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            unfinished.chmod(0o600)  # whatever the umask made of it
            _copy(open_connection(database, write=False) if opened is None else opened, unfinished, stop)
            sync_file(unfinished)
            problems = verify(unfinished, stop=stop)
            if problems:
                raise BackupFailed(f"The backup was made, but is not whole: {problems[0]}.")
            path = unfinished.rename(folder / f"{backup_id}{_SUFFIX}")
            sync_directory(folder)
        except BaseException:
            _sweep(folder)
            raise
    except (OSError, apsw.Error) as error:
        raise BackupFailed(_in_words(error)) from error
    backup = _told(path)
    if backup is None:
        raise BackupFailed("The backup was made, and is gone.")
    return backup


def verify(path: Path, *, stop: Callable[[], bool] = lambda: False) -> list[str]:
    """Return what is wrong with the backup at *path*; reads all of it, and leaves it as it is. Takes long.

    Raises:
        BackupFailed: it was stopped.
    """
    return _looked_over(path, stop).problems


def check(backup: Backup, *, stop: Callable[[], bool] = lambda: False) -> list[str]:
    """Return what is wrong with *backup*, as `verify` does, and remember whether it is damaged.

    Raises:
        BackupFailed: it was stopped.
    """
    found = _looked_over(backup.path, stop)
    mark = _mark_of(backup.path)
    try:
        if found.damaged:
            put(mark, msgspec.json.encode(run_note.facts(backup.path)), sync=False)
        elif not found.problems:
            mark.unlink(missing_ok=True)
    except OSError as error:
        log.warning("state of a backup not noted", extra={"backup": backup.backup_id, "reason": error.strerror})
    return found.problems


def is_newer(path: Path) -> bool:
    """Return whether the database at *path* is a newer program's, and no damage looks like it. Takes long.

    It contradicts itself nowhere, and has more than the number of its schema that is not as this program makes it.
    """
    try:
        with contextlib.closing(opened(path)) as db:
            has_any = bool(db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_schema)").get)
            return has_any and migrations.is_other(db) and bool(db.execute("PRAGMA integrity_check(1)").get == "ok")
    except apsw.Error:
        return False


def instead_of(database: Path, refused: SchemaTooNew) -> SchemaTooNew:
    """Return *refused* with the newest backup of *database* that this program can read, if there is one."""
    known = len(migrations.steps())
    readable = next((one for one in found(folder_of(database)) if 1 <= one.schema_version <= known), None)
    if readable is None:
        return refused
    return SchemaTooNew(
        f"{refused}; or go back to the newest backup this one can read: `omnimemd --restore {readable.backup_id}`"
    )


class _Found(NamedTuple):
    problems: list[str]
    damaged: bool  #: they are of what is in the file: another look finds them too


def _looked_over(path: Path, stop: Callable[[], bool]) -> _Found:
    try:
        with contextlib.closing(opened(path)) as db:
            db.set_progress_handler(stop, _STEPS)
            if db.pragma("application_id") != migrations.APPLICATION_ID:
                return _Found(["it is no database of omnimemd's"], damaged=True)
            have, known = migrations.version(db), len(migrations.steps())
            if not 1 <= have <= known:
                return _Found([f"it has schema {have}, and this omnimemd knows 1 to {known}"], damaged=have < 1)
            problems = [str(told) for (told,) in db.execute(f"PRAGMA integrity_check({_MOST})") if told != "ok"]
            if not problems:
                rows = db.execute("PRAGMA foreign_key_check")
                problems = [f"a row of {table} refers to none of {parent}" for table, _, parent, _ in rows][:_MOST]
            return _Found(problems, damaged=bool(problems))
    except apsw.InterruptError as error:
        raise BackupFailed(_in_words(error)) from error
    except (OSError, *soundness.OF_THE_MACHINE) as error:
        return _Found([f"it cannot be read ({_why(error)})"], damaged=False)
    except apsw.Error as error:
        return _Found([f"it is damaged ({_why(error)})"], damaged=True)


def remove(backup: Backup) -> None:
    """Delete *backup*.

    Raises:
        OSError: it cannot be.
    """
    backup.path.unlink(missing_ok=True)
    _mark_of(backup.path).unlink(missing_ok=True)
    sync_directory(backup.path.parent)


def size_of(database: Path) -> int:
    """Return the bytes of *database* with its log: no backup of it has more."""
    total = 0
    for path in (database, Path(f"{database}-wal")):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def check_room(folder: Path, size: int) -> None:
    """See that there is room for *size* bytes more in *folder*.

    Raises:
        BackupFailed: there is not.
    """
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < size + _SPARE_BYTES:
        raise BackupFailed(
            f"There is no room for a backup in {folder}: it needs {(size + _SPARE_BYTES) / 1e6:,.0f} MB, and "
            f"{free / 1e6:,.0f} MB are free.",
            hint="Make room on that disk, or delete old backups with `omnimem backup delete`.",
        )


def sync_file(path: Path) -> None:
    """Have what is in *path* on the disk.

    Raises:
        OSError: the disk did not confirm it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(db: apsw.Connection, place: Path, stop: Callable[[], bool]) -> None:
    written = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    synced = 0

    def look() -> bool:
        nonlocal synced
        size = os.fstat(written).st_size
        if size - synced >= _SLICE_BYTES:
            os.fsync(written)
            synced = size
        return stop()

    try:
        db.pragma("query_only", False)  # it would forbid to write the copy as well; the file itself is open to be read
        db.set_progress_handler(look, _STEPS)
        db.execute("VACUUM INTO ?", (os.fspath(place),))
    finally:
        db.close()
        os.close(written)  # only now: it drops the locks that SQLite holds on it (fcntl(2), "Advisory record locking")


def opened(path: Path) -> apsw.Connection:
    """Open the backup at *path* to be read.

    Raises:
        apsw.Error: it cannot be.
    """
    # Nobody writes to it, so nothing needs to be locked, nor a file made beside it (c3ref/open.html, "immutable").
    name = f"file:{quote(os.fsencode(path))}?immutable=1"
    return apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _told(path: Path) -> Backup | None:
    """Return what can be told of the backup at *path* by its name and its first bytes, None where it is none."""
    named = read_id(path.name.removesuffix(_SUFFIX))
    if named is None or path.suffix != _SUFFIX:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            facts, header = os.fstat(file.fileno()), file.read(_HEADER_BYTES)
    except OSError:  # it went meanwhile, or is a link, or cannot be read: nothing that could be relied on
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    looks_whole = len(header) == _HEADER_BYTES and header.startswith(_MAGIC)
    if looks_whole:
        page = int.from_bytes(header[16:18], "big")
        pages, whose = (int.from_bytes(header[at : at + 4], "big") for at in (28, 68))
        looks_whole = whose == migrations.APPLICATION_ID and pages * (65536 if page == 1 else page) == facts.st_size
    return Backup(
        backup_id=path.name.removesuffix(_SUFFIX),
        path=path,
        reason=named[1],
        created_at=named[0],
        bytes=facts.st_size,
        schema_version=int.from_bytes(header[60:64], "big") if looks_whole else 0,
        verified=looks_whole and not _is_marked(path),
    )


def _mark_of(path: Path) -> Path:
    """Return the file that says how the backup at *path* was when it was found damaged."""
    return path.with_suffix(_DAMAGED)


def _is_marked(path: Path) -> bool:
    """Return whether the backup at *path* was found damaged, and is the file that it was then."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(read_plain(_mark_of(path)), type=run_note.Facts) == run_note.facts(path)
    return False


def _sweep(folder: Path) -> None:
    """Delete what was not finished, as one is made at a time, and what is said of backups that are gone."""
    marks = (one for one in folder.glob(f"backup_*{_DAMAGED}*") if not one.with_suffix(_SUFFIX).exists())
    for path in (*folder.glob(f"backup_*{_UNFINISHED}*"), *marks):  # SQLite's journal of it too
        with contextlib.suppress(OSError):
            path.unlink()


def _in_words(error: OSError | apsw.Error) -> str:
    if isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return "There is no room for a backup: the disk is full."
    if isinstance(error, apsw.InterruptError):
        return "The backup was given up: the daemon stops."
    return f"The backup cannot be made: {_why(error)}."


def _why(error: OSError | apsw.Error) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__

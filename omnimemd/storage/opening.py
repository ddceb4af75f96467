"""From a path to an open database of the present schema: what is done before it can be served."""

import contextlib
import logging
import os
import time
from pathlib import Path

import apsw
import msgspec

from omnimem.errors import BackupFailed
from omnimem.model import BackupReason
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups, belonging, mending, migrations, place, run_note
from omnimemd.storage.belonging import Mark
from omnimemd.storage.connections import open_connection
from omnimemd.storage.errors import DatabaseUnusable, SchemaTooNew
from omnimemd.storage.presence import Presence
from omnimemd.storage.private_files import sync_directory
from omnimemd.storage.run_note import RunNote

log = logging.getLogger(__name__)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A database that is open, and what was found there."""

    writer: apsw.Connection
    reader: apsw.Connection
    file: int  #: a descriptor of the database: to be closed last, as SQLite loses its locks on it by that
    log: int  #: and one of the write-ahead log
    presence: Presence
    schema_version: int
    last_written: Millis | None  #: before it was opened, it or its log; None: it is new
    left_over: bool  #: whether there was a log: the last run did not close it


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of the database at *path*."""
    return Path(f"{path}-wal")


def size(path: Path) -> int:
    """Return the bytes of the database at *path* with its log."""
    return _bytes(path) + _bytes(log_of(path))


def content_bytes(db: apsw.Connection) -> int:
    """Return the bytes of all that is in the database, whatever became of its files."""
    pages, size = (int(db.pragma(name)) for name in ("page_count", "page_size"))
    return pages * size


def opened(path: Path, *, boot: str) -> Opened:
    """Open the database at *path*, made if it is not there, and bring it to the present schema.

    What is known to be lost is written into it. From here on it counts as not closed, until `closing`.

    Args:
        path: what `mending` made sound.
        boot: which start of the machine this is; empty: it is not known.

    Raises:
        SchemaTooNew: it was written by a newer program.
        DatabaseUnusable: it cannot be opened, or is no database of ours.
    """
    place.check(path)
    last_written, left_over = _last_written(path), _bytes(log_of(path)) > 0
    try:
        # Made here for its mode, which SQLite gives its log too; and not closed: closing a descriptor of the file
        # drops the locks SQLite holds on it (fcntl(2), "Advisory record locking").
        file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, 0o600)  # whatever the umask made of it, or somebody since
            mark = _known_by(path, file)
            writer = _writer(path)
            schema_version = migrations.migrate(writer)
            mending.record(writer, path)
            reader = open_connection(path, write=False)
            sync_directory(path.parent)  # the log's name must be as durable as what is written to it
            log = os.open(log_of(path), os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            os.close(file)
            raise
    except (apsw.Error, OSError) as error:
        raise DatabaseUnusable(f"{path} cannot be opened as omnimemd's database: {error}") from error
    mark = mark or belonging.sampled(file)
    run_note.write(path, RunNote(boot=boot, schema=schema_version, mark=mark))
    return Opened(
        writer=writer,
        reader=reader,
        file=file,
        log=log,
        presence=Presence(path, file=file, log=log, mark=mark),
        schema_version=schema_version,
        last_written=last_written,
        left_over=left_over,
    )


def _known_by(path: Path, file: int) -> Mark | None:
    """Return what the last run's note says the database is known by; None: by nothing yet, or it is another one.

    A note of another one is corrected before there is a log that would not belong to that.
    """
    note = run_note.read(path)
    if note is None:
        return None
    log = os.open(log_of(path), os.O_RDONLY | os.O_CLOEXEC) if log_of(path).exists() else None
    try:
        if note.mark.sums and belonging.belongs(note.mark, file, log):
            return note.mark
    finally:
        if log is not None:
            os.close(log)
    run_note.write(path, msgspec.structs.replace(note, mark=belonging.sampled(file)), sync=True)
    return None


def _writer(path: Path) -> apsw.Connection:
    """Return a connection to write with; of a database that is going to be migrated there is a backup by then."""
    try:
        writer = open_connection(path, write=True)
    except SchemaTooNew as error:
        raise backups.instead_of(path, error) from error
    have = migrations.version(writer)
    if 0 < have < _known():
        now = Millis(time.time_ns() // 1_000_000)
        try:
            made = backups.make(path, backups.folder_of(path), reason=BackupReason.MIGRATION, at=now)
        except BackupFailed as error:
            writer.close()
            raise DatabaseUnusable(
                f"{path} has schema {have}, and is not brought to schema {_known()} without a backup. {error.detail}"
            ) from error
        log.info("backup made before a migration", extra={"backup": made.backup_id, "schema": have})
    return writer


def _known() -> int:
    return len(migrations.steps())


def _last_written(path: Path) -> Millis | None:
    times: list[int] = []
    for name in (path, log_of(path)):
        with contextlib.suppress(OSError):
            times.append(name.stat().st_mtime_ns // 1_000_000)
    return Millis(max(times)) if times else None


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0

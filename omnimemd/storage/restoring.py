"""Put a backup in the place of the database, so that whatever interrupts it leaves the one or the other, whole.

First, while the daemon may be serving, a copy is made beside the database, read again, and brought to the present
schema; then a note says that it is to take the database's place. From then on the restore will happen. The next start
does it, before the database is opened, when nothing is written any more: what is in the log goes into the database, its
file gets a second name among the backups, and the copy takes the first one, in one step of the file system. So the
backup that undoes it has all that was answered, and costs no room but its own. Each step can be done again.
"""

import contextlib
import logging
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

import apsw
import msgspec

from omnimem.errors import BackupDamaged, BackupFailed
from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup, Return, new_id, read_id
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups, lineage, losses, migrations
from omnimemd.storage.connections import roll_back
from omnimemd.storage.errors import DatabaseUnusable
from omnimemd.storage.losses import Loss, LossReason
from omnimemd.storage.private_files import put, read_plain, sync_directory

log = logging.getLogger(__name__)

_COPY: Final = "-restored"
_NOTE: Final = "-restore"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put in place."""

    backup_id: str
    made_at: Millis
    undo_id: str  #: what the database will be called among the backups


def prepare(database: Path, backup: Backup, *, at: Millis) -> str:
    """Have *backup* take the place of *database* at the next start; return the id of the backup that undoes it.

    Takes long, and keeps nobody from writing.

    Raises:
        BackupDamaged: it is not whole, or of a newer program.
        BackupFailed: there is no room for it.
    """
    _discard(database)
    copy = _beside(database, _COPY)
    try:
        backups.check_room(database.parent, backup.bytes)
        shutil.copyfile(backup.path, copy)
        copy.chmod(0o600)
        problems = backups.verify(copy)
        if problems:
            backups.check(backup)
            raise BackupDamaged(f"Backup {backup.backup_id} cannot be restored: {problems[0]}.")
        _bring_up(copy)
        backups.sync_file(copy)
        note = Note(
            backup_id=backup.backup_id,
            made_at=backup.created_at,
            undo_id=new_id(BackupReason.RESTORE, at=at, token=secrets.token_hex(2)),
        )
        sync_directory(database.parent)
        put(_beside(database, _NOTE), msgspec.json.encode(note), sync=True)
        sync_directory(database.parent)
    except BaseException as error:
        _discard(database)
        if isinstance(error, OSError | apsw.Error):
            raise BackupFailed(f"The backup cannot be put in place: {error}.") from error
        raise
    return note.undo_id


def is_prepared(database: Path) -> bool:
    """Return whether the next start of *database* is to put a backup in its place."""
    return _noted(database) is not None


def tidy(database: Path) -> None:
    """Undo what a kill left half done of a restore, to be called before anything else.

    That is a copy which nothing says is to be put in place, or the database under two names.

    Raises:
        DatabaseUnusable: it cannot be undone.
    """
    note = _noted(database)
    try:
        if note is None:
            _discard(database)
        else:
            _take_second_name(database, backups.folder_of(database) / f"{note.undo_id}.db")
    except OSError as error:
        raise DatabaseUnusable(f"{database}: what is left of a restore cannot be removed: {error}") from error


def put_in_place(database: Path, *, now: Millis) -> Note | None:
    """Do what `prepare` noted, if it did; return what was done.

    Should it not be possible, *database* stays as it is, and the log says why.

    Args:
        database: nobody has it open.
        now: the present.

    Raises:
        DatabaseUnusable: another program's database is there.
    """
    note = _noted(database)
    if note is None:
        return None
    copy = _beside(database, _COPY)
    undo = backups.folder_of(database) / f"{note.undo_id}.db"
    try:
        if copy.exists():  # otherwise it took its place, and the note was still to go
            if database.exists():
                _fold(database)
                _name_too(database, undo)
            _record(copy, note, now=now)
            backups.sync_file(copy)
            copy.replace(database)
            sync_directory(database.parent)
        _note_return(database, note)
        _discard(database)
    except (OSError, apsw.Error) as error:
        log.error("backup not restored", extra={"backup": note.backup_id, "reason": str(error)})
        tidy(database)
        _discard(database)
        return None
    log.warning("backup restored", extra={"backup": note.backup_id, "undone_by": note.undo_id})
    return note


def _bring_up(copy: Path) -> None:
    """Bring the *copy* of a backup to the present schema; it needs no backup first, as it is one."""
    db = apsw.Connection(os.fspath(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        migrations.migrate(db)
    finally:
        db.close()


def _fold(database: Path) -> None:
    """Put what is in the log into the file, which needs no other then."""
    db = apsw.Connection(os.fspath(database), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        if db.pragma("application_id") not in (0, migrations.APPLICATION_ID):
            raise DatabaseUnusable(f"{database} is another program's: nothing takes its place")
        if db.pragma("journal_mode", "delete") != "delete":
            raise OSError("another program has the database open")
    finally:
        db.close()


def _name_too(database: Path, undo: Path) -> None:
    """Have *undo* be a second name of *database*."""
    undo.parent.mkdir(mode=0o700, exist_ok=True)
    os.link(database, undo)
    sync_directory(undo.parent)


def _take_second_name(database: Path, undo: Path) -> None:
    """Undo `_name_too`: what would be written to the one would be in the other."""
    with contextlib.suppress(FileNotFoundError):
        if undo.samefile(database):
            undo.unlink()
            sync_directory(undo.parent)


def _record(copy: Path, note: Note, *, now: Millis) -> None:
    """Note in *copy* what is gone, once: as a loss that a person knows of, and a gap in each session it had open."""
    loss = Loss(
        started_at=min(note.made_at, now),
        ended_at=now,
        found_at=now,
        reason=LossReason.RESTORED,
        kept=f"{backups.FOLDER}/{note.undo_id}.db",
        restored_from=note.backup_id,
        seen_at=now,
    )
    db = apsw.Connection(os.fspath(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.execute("BEGIN IMMEDIATE")
        if all(one.kept != loss.kept for one in losses.every(db)):
            losses.add(db, loss)
            losses.mark_sessions(db, loss)
        db.execute("COMMIT")
    finally:
        roll_back(db)
        db.close()
    # What was written last in it was written then: since then no daemon watched, as far as it knows.
    made_ns = note.made_at * 1_000_000
    os.utime(copy, ns=(made_ns, made_ns))


def _note_return(database: Path, note: Note) -> None:
    """Note that the *database* became what it had been: what was made meanwhile is not what it continues."""
    undo = read_id(note.undo_id)
    if undo is not None:
        lineage.add(database, Return(to=note.made_at, at=undo[0]))


def _noted(database: Path) -> Note | None:
    try:
        return msgspec.json.decode(read_plain(_beside(database, _NOTE)), type=Note)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        log.error("note of a restore not read", extra={"reason": str(error)})
        return None


def _discard(database: Path) -> None:
    """Forget what was noted and what was made for it; the note first."""
    for suffix in (_NOTE, f"{_NOTE}.new", _COPY, f"{_COPY}-journal"):
        with contextlib.suppress(FileNotFoundError):
            _beside(database, suffix).unlink()
            sync_directory(database.parent)


def _beside(database: Path, suffix: str) -> Path:
    return Path(f"{database}{suffix}")

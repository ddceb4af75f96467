"""How a connection to the database is set up, whoever uses it."""

import contextlib
import os
from pathlib import Path
from typing import Final

import apsw

from omnimemd.storage import migrations

#: Bytes the log file is cut to after a checkpoint, so that one storm does not leave a large file for ever.
_LOG_LIMIT: Final = 16 * 1024 * 1024


def open_connection(path: Path, *, write: bool, files: str | None = None) -> apsw.Connection:
    """Open the database at *path*, to *write* or only to read, with the *files* that SQLite knows by a name.

    Raises:
        SchemaTooNew: it was written by a newer program.
        DatabaseUnusable: it is another program's.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
    db = apsw.Connection(os.fspath(path), flags=flags, vfs=files, statementcachesize=200)
    if write:
        migrations.check(db)  # first: what follows changes the file
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "normal")
        db.pragma("wal_autocheckpoint", 0)  # a checkpoint fsyncs: never on the loop
        db.pragma("journal_size_limit", _LOG_LIMIT)
        db.pragma("foreign_keys", True)
        db.pragma("secure_delete", True)  # what is deleted is overwritten, not left in free pages
    else:
        db.pragma("query_only", True)
    db.pragma("cache_size", -2048 if write else -256)  # the next write makes what a reader holds worthless
    db.pragma("temp_store", "memory")
    return db


def roll_back(db: apsw.Connection) -> None:
    """Undo the transaction that is open, if one is."""
    if db.in_transaction:
        db.execute("ROLLBACK")


def leave(db: apsw.Connection) -> None:
    """Close *db*, and leave every file as it is: no log is brought in or removed."""
    with contextlib.suppress(apsw.Error):
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.close()

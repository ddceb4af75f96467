"""Bring the log into the database's file, on a connection of its own: a checkpoint fsyncs, so the loop does none."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import apsw

from omnimemd.storage import belonging, run_note
from omnimemd.storage.belonging import Mark
from omnimemd.storage.connections import leave, open_connection
from omnimemd.storage.erasing import Cleaning


class Checkpointer:
    """The only one that writes to the file itself. For one thread at a time."""

    def __init__(self, path: Path, known_by: Callable[[Mark], None] = lambda _: None) -> None:
        """Bring in the log of the database at *path*; it is opened when that is first needed.

        Args:
            path: the database.
            known_by: called when all of a log is in the file, before it can begin anew, with what the file has now.
        """
        self._path = path
        self._files = Cleaning(lambda sums, page_size: known_by(belonging.of_pages(sums, page_size)))
        self._db: apsw.Connection | None = None

    def open(self) -> apsw.Connection:
        """Return its connection, open from now on: who closes a database last brings in what is left, and it is that.

        Raises:
            apsw.Error: it cannot be opened.
        """
        if self._db is None:
            self._db = open_connection(self._path, write=True, files=self._files.name)
        return self._db

    def bring_in(self) -> None:
        """Bring in what no reader needs as it was before, beside those who write. Waits for the disk.

        Raises:
            apsw.Error: the store failed.
        """
        # Another program does it, or the disk has no room for it: what stays in the log is as safe there.
        with contextlib.suppress(apsw.BusyError, apsw.FullError):
            self.open().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def cut(self) -> bool:
        """Cut the log to nothing; return whether that was possible: nobody reads or writes what is in it.

        Keeps writers out for that long: a moment, when `bring_in` has just run.

        Raises:
            apsw.Error: the store failed.
        """
        try:
            self.open().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return False
        return True

    def let_go(self) -> None:
        """Close, and leave every file as it is."""
        if self._db is not None:
            leave(self._db)

    def close(self, *, sound: bool = True) -> None:
        """Bring in what is left, and close; the next start relies on a *sound* database as it is left."""
        if self._db is not None:
            with contextlib.suppress(apsw.Error, OSError):  # it stays in the log, which is as good
                if self.cut():
                    run_note.closing(
                        self._path, sound=sound
                    )  # before SQLite removes the log: without one, and a note, it is missed
            with contextlib.suppress(apsw.Error):  # closing brings in too
                self._db.close()

"""Translate what SQLite says into the errors callers know."""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from omnimem.errors import StoreUnavailable


class SchemaTooNew(Exception):
    """The database was written by a newer omnimemd; this one must not touch it."""


class DatabaseUnusable(Exception):
    """The file cannot be opened as a database of ours."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn a failure of the store itself into StoreUnavailable; a broken constraint stays apsw's: that is a bug.

    Raises:
        StoreUnavailable: the disk is full, the file is unreadable, damaged, locked or gone.
    """
    try:
        yield
    except (
        apsw.FullError,
        apsw.IOError,
        apsw.ReadOnlyError,
        apsw.CantOpenError,
        apsw.CorruptError,
        apsw.NotADBError,
        apsw.BusyError,
        apsw.LockedError,
        apsw.NoMemError,
        apsw.ConnectionClosedError,
    ) as error:
        raise StoreUnavailable(f"The database cannot be used: {type(error).__name__.removesuffix('Error')}.") from error

"""Translate what SQLite says into the errors callers know."""

from typing import Final

import apsw

from omnimem.errors import StoreUnavailable


class SchemaTooNew(Exception):
    """The database was written by a newer omnimemd; this one must not touch it."""


class DatabaseUnusable(Exception):
    """The file cannot be opened as a database of ours."""


class translated:  # noqa: N801 named for what it does in a `with`, as those of contextlib are
    """Turn a failure of the store itself into StoreUnavailable; a broken constraint stays apsw's: that is a bug.

    A class and no generator, because it is around every write.

    Raises:
        StoreUnavailable: the disk is full, the file is unreadable, damaged, locked or gone.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate what was raised."""
        if isinstance(error, _FAILURES):
            what = type(error).__name__.removesuffix("Error")
            raise StoreUnavailable(f"The database cannot be used: {what}.") from error


#: What SQLite raises when it is not our doing.
_FAILURES: Final = (
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
)

"""Translate what SQLite says into the errors callers know."""

import errno
import os
from collections.abc import Callable
from typing import Final

import apsw

from omnimem.errors import StoreUnavailable


class SchemaTooNew(Exception):
    """The database was written by a newer omnimemd; this one must not touch it."""


class DatabaseUnusable(Exception):
    """The file cannot be opened as a database of ours."""


class translated:  # noqa: N801 named for what it does in a `with`, as those of contextlib are
    """Turn a failure of the store itself into StoreUnavailable; a broken constraint stays apsw's: that is a bug.

    A class and no generator, because it is around every write. One can be entered again and again.

    Raises:
        StoreUnavailable: the disk is full, the file is unreadable, damaged, locked or gone.
    """

    __slots__ = ("_failed", "_on")

    def __init__(
        self, on: apsw.Connection | None = None, failed: Callable[[BaseException], None] = lambda _: None
    ) -> None:
        """Have *failed* called, on the same thread, with what was raised when the store failed.

        *on* is the connection that is used.
        """
        self._on = on
        self._failed = failed

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate what was raised."""
        if isinstance(error, StoreUnavailable):
            self._failed(error)
        elif isinstance(error, _FAILURES):
            self._failed(error)
            hint = "`omnimem doctor` says what to do." if is_damage(error) else None
            raise StoreUnavailable(_told(error, self._on), hint=hint) from error


def is_damage(error: BaseException) -> bool:
    """Return whether *error*, or what it was translated from, says that the file is not what was written to it."""
    return isinstance(error, _DAMAGE) or isinstance(error.__cause__, _DAMAGE)


def _told(error: BaseException, on: apsw.Connection | None) -> str:
    if isinstance(error, _DAMAGE):
        return "The database's file is damaged."
    if isinstance(error, apsw.IOError | apsw.CantOpenError) and on is not None and (code := on.system_errno):
        said = _CODES.get(code)
        return f"Nothing can be stored: {said}." if said else f"The database cannot be used: {os.strerror(code)}."
    for kind, why in _REASONS.items():
        if isinstance(error, kind):
            return f"Nothing can be stored: {why}."
    return f"The database cannot be used: {type(error).__name__.removesuffix('Error')}."


#: What SQLite raises when it stumbles over what is in the file.
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError)

_FULL: Final = "the disk is full"
#: Those that a person can do something about, as SQLite has them.
_REASONS: Final[dict[type[apsw.Error], str]] = {
    apsw.FullError: _FULL,
    apsw.ReadOnlyError: "the file system, or the database's file, is read-only",
    apsw.BusyError: "another program holds the database",
}
#: The same where SQLite only says that the system refused: errno(3).
_CODES: Final = {
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "this user's share of the disk is full",
}

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

"""Whether a database that nobody uses yet is sound, and what can be mended in it without anything being lost.

An index says nothing that its table does not say, and the search index is made of what is stored: both are made anew.
Everything else is nowhere else.
"""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from omnimemd.storage import migrations, search_pending
from omnimemd.storage.connections import roll_back

#: Problems that are named.
_MOST: Final = 20
#: What SQLite says of an index that is not as its table has it (sqlite3 vdbe of "PRAGMA integrity_check").
_OF_INDEX: Final = re.compile(r"row .* missing from index (?P<missing>\S+)|wrong # of entries in index (?P<count>\S+)")
_OF_SEARCH: Final = re.compile(r"(malformed inverted index|unable to validate the inverted index) for FTS5 table .*")
#: Steps of SQLite's machine between two looks at how long it takes.
_STEPS: Final = 1_000_000
#: What says nothing of what is in the file.
OF_THE_MACHINE: Final = (
    apsw.IOError,
    apsw.FullError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.NoMemError,
)


class Unsound(Exception):
    """What is in the file cannot be relied on, and cannot be mended; the text is for a person."""


def check(path: Path, *, schema: int | None, going_on: Callable[[], None]) -> list[str]:
    """Read the whole database at *path* with its log, and mend what can be; return what was mended.

    Args:
        path: nobody else has it open.
        schema: which one the last run left in it, None where that is not known.
        going_on: called now and then while it lasts.

    Raises:
        Unsound: it is damaged.
        apsw.Error: it cannot be opened; that says nothing of what is in it.
    """
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # what is in the log stays there until all is known
        db.set_progress_handler(partial(_go_on, going_on), _STEPS)
        try:
            _check_header(db, schema)
            if db.readonly("main") and os.access(path, os.W_OK):
                raise Unsound("its header says that it may only be read")  # a format that SQLite does not know
            return _mended(db, _problems(db))
        except OF_THE_MACHINE:
            raise
        except apsw.Error as error:  # whatever SQLite stumbles over is in the file
            raise Unsound(str(error)) from error
    finally:
        db.close()


def _go_on(going_on: Callable[[], None]) -> bool:
    going_on()
    return False  # it is not to be interrupted


def _check_header(db: apsw.Connection, schema: int | None) -> None:
    """Find numbers that neither this program nor another one wrote; what another one wrote is not looked at."""
    have = migrations.version(db)
    if schema is None:
        return
    if db.pragma("application_id") != migrations.APPLICATION_ID:
        raise Unsound("its header does not say whose it is")
    if have < 1 or have > max(schema, len(migrations.steps())):
        raise Unsound(f"its header says that it has schema {have}")


def _problems(db: apsw.Connection) -> list[str]:
    try:
        return [str(told) for (told,) in db.execute(f"PRAGMA integrity_check({_MOST})") if told != "ok"]
    except apsw.SQLError as error:
        if "fts5" not in str(error):
            raise
        return ["malformed inverted index for FTS5 table main.search_text"]  # so much so that it cannot be looked at


def _mended(db: apsw.Connection, problems: list[str]) -> list[str]:
    if not problems:
        return []
    indexes = {name for one in problems if (match := _OF_INDEX.fullmatch(one)) for name in match.groups() if name}
    search = any(map(_OF_SEARCH.fullmatch, problems))
    if not all(_OF_INDEX.fullmatch(one) or _OF_SEARCH.fullmatch(one) for one in problems):
        raise Unsound("; ".join(problems[:3]))
    for name in indexes:
        if _says_more(db, name):
            raise Unsound(f"rows are gone that index {name} has")
    db.pragma("foreign_keys", False)
    db.execute("BEGIN IMMEDIATE")
    try:
        for name in indexes:
            quoted = name.replace('"', '""')
            db.execute(f'REINDEX "{quoted}"')
        if search:
            search_pending.restart(db)
        db.execute("COMMIT")
    finally:
        roll_back(db)
    left = _problems(db)
    if left:
        raise Unsound("; ".join(left[:3]))
    mended = [f"index {name}" for name in sorted(indexes)]
    return [*mended, "the search index"] if search else mended


def _says_more(db: apsw.Connection, index: str) -> bool:
    """Tell whether *index* has more entries than its table rows: then it is the table that lacks them."""
    found = db.execute("SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND name = ?", (index,)).fetchall()
    if not found or " WHERE " in str(found[0][1]).upper():
        return not found
    table = found[0][0]
    try:
        rows = db.execute(f'SELECT count(*) FROM "{table}" NOT INDEXED').get  # noqa: S608 names of the schema
        entries = db.execute(f'SELECT count(*) FROM "{table}" INDEXED BY "{index}"').get  # noqa: S608
    except apsw.SQLError:  # an index of a constraint cannot be asked for by its name
        return False
    return bool(entries > rows)

"""Bring a database to the schema of this program: each step is one file in `schema/`, one transaction, never edited."""

import re
from importlib.resources import files
from typing import Final

import apsw

from omnimemd.storage.errors import DatabaseUnusable, SchemaTooNew

#: "omnm" in ASCII: says that a SQLite file is ours (PRAGMA application_id).
APPLICATION_ID: Final = 0x6F6D6E6D
_SHAPE: Final = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"


def steps() -> list[str]:
    """Return the SQL of every step, in order; step n brings user_version n-1 to n.

    Raises:
        RuntimeError: the files' numbers are not 1, 2, 3 …: a broken installation.
    """
    found = sorted(
        (int(match[1]), path)
        for path in files("omnimemd.storage").joinpath("schema").iterdir()
        if (match := re.fullmatch(r"(\d{4})_\w+\.sql", path.name))
    )
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise RuntimeError("the schema files of this installation are incomplete: install omnimemd again")
    return [path.read_text("utf-8") for _, path in found]


def version(db: apsw.Connection) -> int:
    """Return the schema version of *db*; 0 is an empty one."""
    return int(db.pragma("user_version"))


def check(db: apsw.Connection) -> None:
    """Refuse a database that this program must not touch.

    Raises:
        SchemaTooNew: it is newer than this program.
        DatabaseUnusable: it is another program's.
    """
    if db.pragma("application_id") not in (0, APPLICATION_ID):
        raise DatabaseUnusable("the database is another program's")
    if version(db) > len(steps()):
        raise too_new(version(db))


def too_new(have: int) -> SchemaTooNew:
    """Return the refusal of a database that has schema *have*."""
    return SchemaTooNew(
        f"the database has schema {have}, this omnimemd knows {len(steps())}: it was written by a newer version; "
        "install that one (or a newer) again"
    )


def is_other(db: apsw.Connection) -> bool:
    """Return whether *db* has other tables, indexes or triggers than this program makes."""
    ours = apsw.Connection(":memory:")
    try:
        migrate(ours)
        return bool(db.execute(_SHAPE).fetchall() != ours.execute(_SHAPE).fetchall())
    finally:
        ours.close()


def migrate(db: apsw.Connection) -> int:
    """Apply the missing steps to *db*, which `check` passed; return the version it has now."""
    todo = steps()
    have = version(db)
    for number, sql in enumerate(todo[have:], start=have + 1):
        db.execute("BEGIN EXCLUSIVE")
        try:
            db.execute(sql)
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", number)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    return len(todo)

"""The database, looked at from outside: only ever a copy, because the file is the daemon's alone."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager

import apsw

from tests.e2e.homes import Home


@contextmanager
def a_copy(home: Home) -> Iterator[apsw.Connection]:
    """Open a copy of the database with its log; no daemon may run."""
    place = home.base / "copy"
    place.mkdir()
    for file in home.data_dir.glob("omnimem.db*"):
        shutil.copy(file, place)
    with closing(apsw.Connection(str(place / "omnimem.db"))) as db:
        yield db
    shutil.rmtree(place)


def assert_sound(home: Home) -> None:
    """Check the database to its last page, as SQLite does and as its foreign keys say."""
    with a_copy(home) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def has_baselines(home: Home, count: int = 1) -> bool:
    """Tell whether the running daemon has complete baselines of *count* roots."""
    return _looked_up(home, "SELECT count(*) FROM baselines WHERE complete") == [(count,)]


def baseline_of(home: Home, directory: str) -> bool:
    """Tell whether the running daemon knows files of *directory*, below a root."""
    found = _looked_up(home, "SELECT 1 FROM baseline_directories WHERE directory = ?", directory.encode())
    return found != []


def segments_held(home: Home) -> int:
    """Return how many segments of older entries the running daemon has made."""
    return len(_looked_up(home, "SELECT 1 FROM entry_segments"))


def _looked_up(home: Home, sql: str, *values: bytes) -> list[tuple[object, ...]]:
    """Read, and only read, the database of a running daemon: more readers are fine (sqlite.org/wal.html)."""
    with closing(apsw.Connection(str(home.database), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return db.execute(sql, values).fetchall()

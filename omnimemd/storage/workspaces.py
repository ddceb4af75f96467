"""Workspaces added by hand, in the database."""

import apsw

from omnimemd.domain.clock import Millis


def add(db: apsw.Connection, path: str, *, at: Millis) -> None:
    """Remember *path*; one that is remembered keeps its time."""
    db.execute("INSERT INTO workspaces (path, added_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (path, at))


def remove(db: apsw.Connection, path: str) -> None:
    """Forget *path*."""
    db.execute("DELETE FROM workspaces WHERE path = ?", (path,))


def every(db: apsw.Connection) -> dict[str, Millis]:
    """Return every path with the time it was added."""
    return {path: Millis(at) for path, at in db.execute("SELECT path, added_at FROM workspaces ORDER BY path")}

"""What one database has and another has not: by sessions, their entries and decisions, and versions of memories."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from omnimem.errors import BackupDamaged
from omnimem.model import EntryKind
from omnimemd.storage import backups
from omnimemd.storage.entry_rows import KINDS

#: Of every session: what it is known by, and how many there are of it.
_SESSIONS: Final = "SELECT session_id || ' ' || created_at, 1 FROM sessions"
_ENTRIES: Final = (
    "SELECT session_id || ' ' || created_at, (SELECT count(*) FROM entries WHERE session = session_key) FROM sessions"
)
_PACKED: Final = (
    "SELECT session_id || ' ' || created_at, "
    "(SELECT coalesce(sum(entries), 0) FROM entry_segments WHERE session = session_key) FROM sessions"
)
_DECISIONS: Final = (
    "SELECT session_id || ' ' || created_at, (SELECT count(*) FROM entries "  # noqa: S608 constants
    f"WHERE session = session_key AND kind = {KINDS[EntryKind.DECISION]}) FROM sessions"
)
_MEMORIES: Final = "SELECT memory_id || ' ' || version || ' ' || created_at, 1 FROM memory_versions"
_REST: Final = (
    "SELECT 'settings', coalesce(sum(length(settings_json) + length(name)), 0) FROM projects",
    "SELECT 'sessions', coalesce(sum(pinned + 2 * archived + last_activity), 0) FROM sessions",
    "SELECT 'memories', coalesce(sum(updated_at + last_accessed), 0) FROM project_memories",
    "SELECT 'workspaces', count(*) FROM workspaces",
)

Counts = Counter[str]


class Content(NamedTuple):
    """How much there is of what."""

    sessions: Counts
    entries: Counts  #: by session
    decisions: Counts  #: by session
    memories: Counts  #: versions
    rest: Counts


def content(db: apsw.Connection) -> Content:
    """Return what there is in *db*, of any schema so far. Reads much of it."""
    packed = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'entry_segments'").get
    return Content(
        sessions=_counted(db, _SESSIONS),
        entries=_counted(db, _ENTRIES, *([_PACKED] if packed else [])),
        decisions=_counted(db, _DECISIONS),
        memories=_counted(db, _MEMORIES),
        rest=_counted(db, *_REST),
    )


def content_of(backup: Path) -> Content:
    """Return what there is in the file *backup*.

    Raises:
        BackupDamaged: it cannot be read.
    """
    try:
        with closing(backups.opened(backup)) as db:
            return content(db)
    except (apsw.Error, OSError) as error:
        raise BackupDamaged(f"Backup {backup.stem} cannot be read: {error}.") from error


def _counted(db: apsw.Connection, *queries: str) -> Counts:
    found: Counts = Counter()
    for query in queries:
        for name, count in db.execute(query):
            found[name] += count
    return found

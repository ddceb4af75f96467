"""What is due to go by the rules of retention, and what went."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import apsw

from omnimem.model import EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.retention import Rule, Run
from omnimemd.storage.entry_rows import KINDS, codes
from omnimemd.storage.segment_codec import decode
from omnimemd.storage.segments import bits

#: Never touched: what is pinned, what is active.
_ENDED: Final = "s.ended_at < :before AND NOT s.pinned AND NOT s.going"
#: Of those, what does not go with its session anyway, by the rules for sessions.
_LEFT: Final = (
    "AND (:whole IS NULL OR s.ended_at >= :whole) "
    "AND (:archived_whole IS NULL OR NOT s.archived OR s.ended_at >= :archived_whole)"
)
_DELETED: Final = "deleted AND updated_at < :before"


def count_sessions(db: apsw.Connection, *, before: Millis, archived: bool, whole: Millis | None) -> int:
    """Return how many sessions ended before *before*, all of them or the archived ones, that are not pinned.

    Those that ended before *whole* are left out: they go by another rule.
    """
    return int(
        db.execute(
            f"SELECT count(*) FROM sessions AS s WHERE {_ENDED} AND s.archived >= :archived {_LEFT}",  # noqa: S608
            {"before": before, "archived": archived, "whole": whole, "archived_whole": None},
        ).get
    )


def sessions(db: apsw.Connection, *, before: Millis, archived: bool, limit: int) -> list[str]:
    """Return the ids of up to *limit* of them, those that ended first before the others."""
    rows = db.execute(
        f"SELECT s.session_id FROM sessions AS s WHERE {_ENDED} AND s.archived >= :archived "  # noqa: S608 constants
        "ORDER BY s.ended_at, s.session_key LIMIT :limit",
        {"before": before, "archived": archived, "limit": limit},
    )
    return [str(session_id) for (session_id,) in rows]


def count_entries(
    db: apsw.Connection,
    kinds: Collection[EntryKind],
    *,
    before: Millis,
    whole: Millis | None,
    archived_whole: Millis | None,
) -> int:
    """Return how many entries of *kinds* from before *before* there are in sessions that ended before it.

    Sessions that ended before *whole*, and archived ones before *archived_whole*, are left out: they go as a whole.
    """
    going = {KINDS[kind] for kind in kinds}
    values = {"before": before, "whole": whole, "archived_whole": archived_whole}
    rows = db.execute(
        "SELECT count(*) FROM entries AS e JOIN sessions AS s ON s.session_key = e.session "  # noqa: S608 constants
        f"WHERE {_ENDED} AND e.at < :before AND e.kind IN ({codes(kinds)}) {_LEFT}",
        values,
    ).get
    packed = db.execute(
        "SELECT g.entries, iif(g.newest < :before AND NOT g.kinds & ~:kinds, NULL, g.packed) "  # noqa: S608 constants
        "FROM entry_segments AS g JOIN sessions AS s ON s.session_key = g.session "
        f"WHERE {_ENDED} AND g.oldest < :before AND g.kinds & :kinds {_LEFT}",
        values | {"kinds": bits(kinds)},
    )
    return int(rows) + sum(
        count if some is None else sum(row[2] in going and row[1] < before for row in decode(some))
        for count, some in packed
    )


def sessions_with(
    db: apsw.Connection, kinds: Collection[EntryKind], *, before: Millis, behind: int, limit: int
) -> list[tuple[int, str]]:
    """Return the key and id of up to *limit* sessions behind the key *behind* that have such entries."""
    rows = db.execute(
        f"SELECT s.session_key, s.session_id FROM sessions AS s WHERE {_ENDED} AND s.session_key > :behind "  # noqa: S608
        f"AND EXISTS (SELECT 1 FROM entries AS e WHERE e.session = s.session_key AND e.kind IN ({codes(kinds)}) "
        "AND e.at < :before UNION ALL SELECT 1 FROM entry_segments AS g WHERE g.session = s.session_key "
        "AND g.kinds & :kinds AND g.oldest < :before) ORDER BY s.session_key LIMIT :limit",
        {"before": before, "behind": behind, "limit": limit, "kinds": bits(kinds)},
    )
    return [(int(key), str(session_id)) for key, session_id in rows]


def count_deleted_memories(db: apsw.Connection, *, before: Millis) -> int:
    """Return how many memories were deleted, or expired, before *before*."""
    return int(db.execute(f"SELECT count(*) FROM project_memories WHERE {_DELETED}", {"before": before}).get)  # noqa: S608


def deleted_memories(db: apsw.Connection, *, before: Millis, limit: int) -> list[str]:
    """Return the ids of up to *limit* of them."""
    rows = db.execute(
        f"SELECT memory_id FROM project_memories WHERE {_DELETED} ORDER BY updated_at LIMIT :limit",  # noqa: S608
        {"before": before, "limit": limit},
    )
    return [str(memory_id) for (memory_id,) in rows]


def note(db: apsw.Connection, removed: Mapping[Rule, int], *, at: Millis) -> None:
    """Remember a run."""
    db.executemany(
        "INSERT INTO retention_runs (rule, ran_at, removed, total) VALUES (:rule, :at, :removed, :removed) "
        "ON CONFLICT (rule) DO UPDATE SET ran_at = :at, removed = :removed, total = total + :removed",
        [{"rule": rule, "at": at, "removed": count} for rule, count in removed.items()],
    )


def last(db: apsw.Connection) -> Run | None:
    """Return the latest run, None when there was none."""
    rows: list[tuple[Any, ...]] = db.execute("SELECT rule, ran_at, removed FROM retention_runs").fetchall()
    if not rows:
        return None
    latest = max(at for _, at, _ in rows)
    known = {str(rule) for rule in Rule}  # a database may come from a program that knows others
    return Run(Millis(latest), {Rule(rule): removed for rule, at, removed in rows if at == latest and rule in known})


def latest_activity(db: apsw.Connection) -> Millis | None:
    """Return the latest moment at which a session is known to have been active, None when there is no session."""
    found = db.execute("SELECT max(last_activity) FROM sessions").get
    return None if found is None else Millis(int(found))


def total(db: apsw.Connection) -> int:
    """Return how much went in all runs together."""
    return int(db.execute("SELECT coalesce(sum(total), 0) FROM retention_runs").get)

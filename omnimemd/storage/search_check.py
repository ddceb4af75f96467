"""Whether the search index says what is stored."""

import apsw

from omnimemd.storage.search_pending import OF_SESSIONS


def count(db: apsw.Connection) -> int:
    """Return how many documents are in the index."""
    return int(db.execute("SELECT count(*) FROM search_documents").get)


def count_missing(db: apsw.Connection) -> int:
    """Return how much of what is stored is neither in the index nor waits for it."""
    memories = db.execute(
        "SELECT count(*) FROM project_memories AS m WHERE NOT deleted "
        "AND NOT EXISTS (SELECT 1 FROM search_documents AS d WHERE d.memory_id = m.memory_id) "
        "AND NOT EXISTS (SELECT 1 FROM search_pending AS p WHERE p.memory_id = m.memory_id)"
    ).get
    entries = db.execute(
        "SELECT count(*) FROM entries AS e WHERE kind IN (2, 3) "
        "AND NOT EXISTS (SELECT 1 FROM search_documents AS d WHERE d.session = e.session AND d.seq = e.seq) "
        "AND NOT EXISTS (SELECT 1 FROM search_pending_entries AS p WHERE p.session = e.session AND p.seq = e.seq)"
    ).get
    others = db.execute(
        f"SELECT count(*) FROM ({OF_SESSIONS}) AS o "  # noqa: S608 constants
        "WHERE NOT EXISTS (SELECT 1 FROM search_documents AS d WHERE d.session = o.session AND d.seq = o.seq) "
        "AND NOT EXISTS (SELECT 1 FROM search_pending_entries AS p WHERE p.session = o.session AND p.seq = o.seq)"
    ).get
    return int(memories) + int(entries) + int(others)


def count_stale(db: apsw.Connection) -> int:
    """Return how many documents are of another version than the stored one, of nothing, or without terms."""
    memories = db.execute(
        "SELECT count(*) FROM search_documents AS d JOIN project_memories AS m ON m.memory_id = d.memory_id "
        "WHERE (d.version <> m.version OR m.deleted) "
        "AND NOT EXISTS (SELECT 1 FROM search_pending AS p WHERE p.memory_id = m.memory_id)"
    ).get
    entries = db.execute(
        "SELECT count(*) FROM search_documents AS d WHERE d.seq > 0 "
        "AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.session = d.session AND e.seq = d.seq)"
    ).get
    others = db.execute(
        "SELECT count(*) FROM search_documents AS d WHERE d.seq <= 0 "  # noqa: S608 constants
        f"AND NOT EXISTS (SELECT 1 FROM ({OF_SESSIONS}) AS o WHERE o.session = d.session AND o.seq = d.seq)"
    ).get
    lost = db.execute("SELECT count(*) FROM search_documents WHERE document NOT IN (SELECT rowid FROM search_text)").get
    return int(memories) + int(entries) + int(others) + int(lost)


def is_sound(db: apsw.Connection) -> bool:
    """Return whether the full text index agrees with itself, and the figures of each project with its documents."""
    try:
        said = db.execute("PRAGMA integrity_check('search_text')").fetchall()
    except apsw.CorruptError:
        return False
    counted = db.execute(
        "SELECT document >> 33 AS project, sum(kind = 1), sum((kind = 1) * length), sum(kind > 1), "
        "sum((kind > 1) * length) FROM search_documents GROUP BY project"
    ).fetchall()
    kept = db.execute(
        "SELECT project, memories, memory_length, others, other_length FROM search_projects WHERE memories OR others"
    ).fetchall()
    return said == [("ok",)] and sorted(counted) == sorted(kept)

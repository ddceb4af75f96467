"""Project memories in the database: the current version of each, and every version."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import apsw
import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory, MemoryVersion, Past, version_of
from omnimemd.storage import memory_files
from omnimemd.storage.packing import packed, unpacked

_COLUMNS: Final = (
    "memory_id, project_id, memory_key, memory_value, compressed_value, version, deleted, created_at, updated_at, "
    "last_accessed, accessed_count, ttl_seconds, expires_at, metadata_json, files_json, session_id, confirmed_at, "
    "expired"
)
#: As `Memory.live`, for rows that have these columns; the one predicate of expiry in SQL.
LIVE: Final = "NOT deleted AND (expires_at IS NULL OR expires_at > :now)"
#: The latest amendment up to `:at`, if any, of the version that is row v; what it says holds instead.
_AMENDMENT: Final = (
    "LEFT JOIN memory_amendments AS a ON a.memory_id = v.memory_id AND a.version = v.version AND a.number = "
    "(SELECT number FROM memory_amendments WHERE memory_id = v.memory_id AND version = v.version AND at <= :at "
    "ORDER BY number DESC LIMIT 1)"
)
_AMENDED: Final = (
    "CASE WHEN a.number IS NULL THEN v.ttl_seconds ELSE a.ttl_seconds END AS ttl_seconds, "
    "CASE WHEN a.number IS NULL THEN v.expires_at ELSE a.expires_at END AS expires_at, "
    "coalesce(a.files_json, v.files_json) AS files_json, a.confirmed_at AS confirmed_at"
)
#: The memories as they were at `:at`. One whose version of then is not kept is left out: that is one where an older one
#: is the latest left, with the next missing.
_THEN: Final = (
    "SELECT m.memory_id, m.project_id, m.memory_key, v.memory_value, v.compressed_value, v.version, v.deleted, "  # noqa: S608
    "m.created_at, v.created_at AS updated_at, m.last_accessed, m.accessed_count, v.metadata_json, v.session_id, "
    f"v.expired, {_AMENDED} "
    "FROM project_memories AS m JOIN memory_versions AS v ON v.memory_id = m.memory_id AND v.version = "
    "(SELECT version FROM memory_versions WHERE memory_id = m.memory_id AND created_at <= :at "
    f"ORDER BY version DESC LIMIT 1) {_AMENDMENT} "
    "WHERE m.project_id = :project AND (v.version = m.version OR EXISTS "
    "(SELECT 1 FROM memory_versions WHERE memory_id = v.memory_id AND version = v.version + 1))"
)
#: Later than every moment.
_EVER: Final = 2**63 - 1


def find_by_key(db: apsw.Connection, project_id: str, key: str) -> Memory | None:
    """Return the memory of *key*, live or not, None when there never was one."""
    return _one(db, "project_id = ? AND memory_key = ?", (project_id, key))


def find(db: apsw.Connection, project_id: str, memory_id: str) -> Memory | None:
    """Return the memory of *memory_id* in *project_id*, live or not, None when there is none."""
    return _one(db, "memory_id = ? AND project_id = ?", (memory_id, project_id))


def find_anywhere(db: apsw.Connection, memory_id: str) -> Memory | None:
    """Return the memory of *memory_id* in whatever project, live or not, None when there is none."""
    return _one(db, "memory_id = ?", (memory_id,))


def exists(db: apsw.Connection, memory_id: str) -> bool:
    """Return whether *memory_id* is taken, in whatever project."""
    return db.execute("SELECT 1 FROM project_memories WHERE memory_id = ?", (memory_id,)).fetchone() is not None


def each(db: apsw.Connection, project_id: str) -> Iterator[Memory]:
    """Yield every memory of a project, live or not, by key; the connection is not to write meanwhile."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM project_memories WHERE project_id = ? ORDER BY memory_key",  # noqa: S608 constants
        (project_id,),
    )
    return map(_memory, rows)


def latest(db: apsw.Connection, project_id: str, *, now: Millis, limit: int, stale: bool = False) -> list[Memory]:
    """Return up to *limit* live memories, or only those that are *stale*, last accessed first."""
    which = f"AND {memory_files.IS_STALE}" if stale else ""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM project_memories WHERE project_id = :project AND {LIVE} {which} "  # noqa: S608 constants
        "ORDER BY last_accessed DESC, updated_at DESC, memory_id LIMIT :limit",
        {"project": project_id, "now": now, "limit": limit},
    )
    return [memory_files.with_files(db, _memory(row)) for row in rows.fetchall()]


def gone(db: apsw.Connection, project_id: str, *, now: Millis, limit: int) -> list[Memory]:
    """Return up to *limit* memories that are deleted or expired, those that went last first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM project_memories WHERE project_id = :project AND NOT ({LIVE}) "  # noqa: S608 constants
        "ORDER BY max(updated_at, coalesce(expires_at, 0)) DESC, memory_id LIMIT :limit",
        {"project": project_id, "now": now, "limit": limit},
    )
    return [_memory(row) for row in rows]


def then(db: apsw.Connection, project_id: str, *, at: Millis, limit: int) -> list[Memory]:
    """Return up to *limit* memories that were live at *at*, as they were then, those written last first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM ({_THEN}) WHERE {LIVE} "  # noqa: S608 constants
        "ORDER BY updated_at DESC, memory_id LIMIT :limit",
        {"project": project_id, "at": at, "now": at, "limit": limit},
    )
    return [_memory(row) for row in rows]


def past(db: apsw.Connection, memory: Memory, *, at: Millis) -> Past:
    """Return what *memory* was at *at*."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM ({_THEN} AND m.memory_id = :memory)",  # noqa: S608 constants
        {"project": memory.project_id, "memory": memory.memory_id, "at": at},
    ).fetchone()
    return Past(None, memory.created_at > at) if row is None else Past(_memory(row), known=True)


def changed_since(db: apsw.Connection, project_id: str, *, at: Millis) -> list[Memory]:
    """Return the memories that got a version or an amendment after *at*, by key."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM project_memories AS m WHERE project_id = :project AND (updated_at > :at OR EXISTS "  # noqa: S608
        "(SELECT 1 FROM memory_amendments AS a WHERE a.memory_id = m.memory_id AND a.at > :at)) ORDER BY memory_key",
        {"project": project_id, "at": at},
    )
    return [_memory(row) for row in rows]


def due(db: apsw.Connection, *, now: Millis, limit: int) -> list[Memory]:
    """Return up to *limit* memories of any project that have expired and do not say so yet, longest ago first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM project_memories WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",  # noqa: S608
        (now, limit),
    )
    return [_memory(row) for row in rows]


def next_expiry(db: apsw.Connection) -> Millis | None:
    """Return when the next memory of any project expires, None when none does."""
    at: int | None = db.execute("SELECT min(expires_at) FROM project_memories WHERE expires_at IS NOT NULL").get
    return None if at is None else Millis(at)


def save(db: apsw.Connection, memory: Memory, *, at: Millis) -> None:
    """Store *memory*, and its version if that is new; if not, what is amended of it as of *at*."""
    news = memory_files.is_news(db, memory)
    plain, compressed = packed(None if memory.deleted else memory.value)
    values = {
        "memory_id": memory.memory_id,
        "project_id": memory.project_id,
        "memory_key": memory.key,
        "memory_value": plain,
        "compressed_value": compressed,
        "version": memory.version,
        "deleted": memory.deleted,
        "created_at": memory.created_at,
        "updated_at": memory.updated_at,
        "last_accessed": memory.last_accessed,
        "accessed_count": memory.accessed_count,
        "ttl_seconds": memory.ttl_seconds,
        "expires_at": memory.expires_at,
        "metadata_json": _json(memory.metadata),
        "files_json": _json(memory.files),
        "session_id": memory.session_id,
        "confirmed_at": memory.confirmed_at,
        "expired": memory.expired,
    }
    changes = ", ".join(f"{name} = :{name}" for name in values if name not in ("memory_id", "accessed_count"))
    db.execute(
        f"INSERT INTO project_memories ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)}) "  # noqa: S608
        f"ON CONFLICT (memory_id) DO UPDATE SET {changes}",
        values,
    )
    if news:
        memory_files.due(db, memory, since=at)
    version = version_of(memory)
    db.execute(
        "INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, "
        "created_at, session_id, deleted, expired, ttl_seconds, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            memory.memory_id,
            version.version,
            plain,
            compressed,
            values["metadata_json"],
            values["files_json"],
            version.created_at,
            version.session_id,
            version.deleted,
            version.expired,
            version.ttl_seconds,
            version.expires_at,
        ),
    )
    _amend(db, values, at=at)


def _amend(db: apsw.Connection, values: Mapping[str, Any], *, at: Millis) -> None:
    """Note what *values* say otherwise than their version, as it was amended last; nothing where they say the same."""
    db.execute(
        "INSERT INTO memory_amendments "  # noqa: S608 constants
        "SELECT :memory_id, :version, coalesce(a.number, 0) + 1, max(:now, coalesce(a.at, v.created_at)), "
        ":ttl_seconds, :expires_at, :files_json, :confirmed_at "
        f"FROM memory_versions AS v {_AMENDMENT} WHERE v.memory_id = :memory_id AND v.version = :version AND "
        "(:ttl_seconds, :expires_at, :files_json, :confirmed_at) IS NOT (CASE WHEN a.number IS NULL THEN v.ttl_seconds "
        "ELSE a.ttl_seconds END, CASE WHEN a.number IS NULL THEN v.expires_at ELSE a.expires_at END, "
        "coalesce(a.files_json, v.files_json), a.confirmed_at)",
        {**values, "at": _EVER, "now": at},
    )


def versions(db: apsw.Connection, memory_id: str) -> list[MemoryVersion]:
    """Return every version, newest first."""
    rows = db.execute(
        "SELECT v.version, memory_value, compressed_value, metadata_json, created_at, session_id, deleted, expired, "  # noqa: S608
        f"{_AMENDED} FROM memory_versions AS v {_AMENDMENT} WHERE v.memory_id = :memory ORDER BY v.version DESC",
        {"memory": memory_id, "at": _EVER},
    )
    return [kept_version(row) for row in rows]


def kept_version(row: tuple[Any, ...]) -> MemoryVersion:
    """Return the version a row of the history holds.

    Args:
        row: version, value, packed value, metadata, moment, session, whether it says deleted and that it expired, ttl,
            expiry, files; what follows is not looked at.
    """
    version, plain, packed, metadata, created_at, session_id, deleted, expired, ttl_seconds, expires_at, files, *_ = row
    return MemoryVersion(
        version=version,
        value=None if deleted else unpacked(plain, packed),
        metadata=msgspec.json.decode(metadata),
        files=msgspec.json.decode(files, type=tuple[str, ...]),
        created_at=created_at,
        session_id=session_id,
        deleted=bool(deleted),
        expired=bool(expired),
        ttl_seconds=ttl_seconds,
        expires_at=expires_at,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def purge(db: apsw.Connection, memory_id: str) -> None:
    """Erase the memory with every version."""
    db.execute("DELETE FROM project_memories WHERE memory_id = ?", (memory_id,))


def count_accesses(db: apsw.Connection, accesses: Mapping[str, tuple[int, Millis]]) -> None:
    """Add to each memory_id its number of accesses, and note the time of the latest."""
    db.executemany(
        "UPDATE project_memories SET accessed_count = accessed_count + ?, last_accessed = max(last_accessed, ?) "
        "WHERE memory_id = ?",
        [(count, at, memory_id) for memory_id, (count, at) in accesses.items()],
    )


def _one(db: apsw.Connection, where: str, values: tuple[str, ...]) -> Memory | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM project_memories WHERE {where}", values).fetchone()  # noqa: S608 fragments
    return memory_files.with_files(db, _memory(row)) if row else None


def _memory(row: tuple[Any, ...]) -> Memory:
    (
        memory_id,
        project_id,
        key,
        plain,
        packed,
        version,
        deleted,
        created_at,
        updated_at,
        last_accessed,
        accessed_count,
        ttl_seconds,
        expires_at,
        metadata,
        files,
        session_id,
        confirmed_at,
        expired,
    ) = row
    return Memory(
        memory_id=memory_id,
        project_id=project_id,
        key=key,
        value="" if deleted else unpacked(plain, packed),
        version=version,
        deleted=bool(deleted),
        expired=bool(expired),
        created_at=created_at,
        updated_at=updated_at,
        last_accessed=last_accessed,
        accessed_count=accessed_count,
        ttl_seconds=ttl_seconds,
        expires_at=expires_at,
        metadata=msgspec.json.decode(metadata),
        files=msgspec.json.decode(files, type=tuple[str, ...]),
        session_id=session_id,
        confirmed_at=confirmed_at,
    )

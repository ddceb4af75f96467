"""Project memories in the database: the current version of each, and every version."""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import apsw
import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory, MemoryVersion, version_of

#: Values longer than this are kept compressed.
_COMPRESS_OVER_BYTES: Final = 8 * 1024
_COLUMNS: Final = (
    "memory_id, project_id, memory_key, memory_value, compressed_value, version, deleted, created_at, updated_at, "
    "last_accessed, accessed_count, ttl_seconds, expires_at, metadata_json, files_json, session_id, confirmed_at"
)
#: As `Memory.live`, for the rows of a list.
_LIVE: Final = "NOT deleted AND (expires_at IS NULL OR expires_at > :now)"


def find_by_key(db: apsw.Connection, project_id: str, key: str) -> Memory | None:
    """Return the memory of *key*, live or not, None when there never was one."""
    return _one(db, "project_id = ? AND memory_key = ?", (project_id, key))


def find(db: apsw.Connection, project_id: str, memory_id: str) -> Memory | None:
    """Return the memory of *memory_id* in *project_id*, live or not, None when there is none."""
    return _one(db, "memory_id = ? AND project_id = ?", (memory_id, project_id))


def latest(db: apsw.Connection, project_id: str, *, now: Millis, limit: int) -> list[Memory]:
    """Return up to *limit* live memories, last accessed first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM project_memories WHERE project_id = :project AND {_LIVE} "  # noqa: S608 constants
        "ORDER BY last_accessed DESC, updated_at DESC, memory_id LIMIT :limit",
        {"project": project_id, "now": now, "limit": limit},
    )
    return [_memory(row) for row in rows]


def save(db: apsw.Connection, memory: Memory) -> None:
    """Store *memory*, and its version if that is new."""
    plain, packed = _packed(None if memory.deleted else memory.value)
    values = {
        "memory_id": memory.memory_id,
        "project_id": memory.project_id,
        "memory_key": memory.key,
        "memory_value": plain,
        "compressed_value": packed,
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
    }
    changes = ", ".join(f"{name} = :{name}" for name in values if name not in ("memory_id", "accessed_count"))
    db.execute(
        f"INSERT INTO project_memories ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)}) "  # noqa: S608
        f"ON CONFLICT (memory_id) DO UPDATE SET {changes}",
        values,
    )
    version = version_of(memory)
    db.execute(
        "INSERT INTO memory_versions (memory_id, version, memory_value, compressed_value, metadata_json, files_json, "
        "created_at, session_id, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            memory.memory_id,
            version.version,
            plain,
            packed,
            _json(version.metadata),
            _json(version.files),
            version.created_at,
            version.session_id,
            version.deleted,
        ),
    )


def versions(db: apsw.Connection, memory_id: str) -> list[MemoryVersion]:
    """Return every version, newest first."""
    rows = db.execute(
        "SELECT version, memory_value, compressed_value, metadata_json, files_json, created_at, session_id, deleted "
        "FROM memory_versions WHERE memory_id = ? ORDER BY version DESC",
        (memory_id,),
    )
    return [
        MemoryVersion(
            version=version,
            value=None if deleted else _unpacked(plain, packed),
            metadata=msgspec.json.decode(metadata),
            files=msgspec.json.decode(files, type=tuple[str, ...]),
            created_at=created_at,
            session_id=session_id,
            deleted=bool(deleted),
        )
        for version, plain, packed, metadata, files, created_at, session_id, deleted in rows
    ]


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
    return _memory(row) if row else None


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
    ) = row
    return Memory(
        memory_id=memory_id,
        project_id=project_id,
        key=key,
        value="" if deleted else _unpacked(plain, packed),
        version=version,
        deleted=bool(deleted),
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


def _packed(value: str | None) -> tuple[str | None, bytes | None]:
    if value is None or len(value.encode()) <= _COMPRESS_OVER_BYTES:
        return value, None
    return None, zlib.compress(value.encode())


def _unpacked(plain: str | None, packed: bytes | None) -> str:
    return zlib.decompress(packed).decode() if packed is not None else plain or ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

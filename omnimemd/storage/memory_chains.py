"""The whole history of a memory, read as it is kept; `memories.save` writes it."""

from collections.abc import Iterator

import apsw
import msgspec

from omnimemd.domain.memory_chains import Amendment, Link
from omnimemd.storage import memories as memory_rows


def links(db: apsw.Connection, memory_id: str) -> Iterator[Link]:
    """Yield every version with its amendments, oldest first; the connection is not to write meanwhile."""
    rows = db.execute(
        "SELECT version, memory_value, compressed_value, metadata_json, created_at, session_id, deleted, expired, "
        "ttl_seconds, expires_at, files_json, "
        "EXISTS (SELECT 1 FROM memory_amendments AS a WHERE a.memory_id = v.memory_id AND a.version = v.version) "
        "FROM memory_versions AS v WHERE memory_id = ? ORDER BY version",
        (memory_id,),
    )
    for row in rows:
        version = memory_rows.kept_version(row)
        *_, amended = row
        yield Link(version, _amendments(db, memory_id, version.version) if amended else ())


def _amendments(db: apsw.Connection, memory_id: str, version: int) -> tuple[Amendment, ...]:
    rows = db.execute(
        "SELECT at, ttl_seconds, expires_at, files_json, confirmed_at FROM memory_amendments "
        "WHERE memory_id = ? AND version = ? ORDER BY number",
        (memory_id, version),
    )
    return tuple(
        Amendment(
            at=at,
            ttl_seconds=ttl,
            expires_at=expires_at,
            files=msgspec.json.decode(files, type=tuple[str, ...]),
            confirmed_at=confirmed_at,
        )
        for at, ttl, expires_at, files, confirmed_at in rows
    )

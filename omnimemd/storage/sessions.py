"""Sessions in the database."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import apsw
import msgspec

from omnimem.model import EndReason, SessionMetrics
from omnimemd.domain.clock import Millis
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.domain.sessions import BoundProcess, Session
from omnimemd.storage.compressing import compressed, decompressed

_COLUMNS: Final = (
    "session_key, session_id, tool_id, user_id, workspace_path, project_id, created_at, last_activity, ended_at, "
    "end_reason, end_detail, continues, process_id, process_start, process_boot, process_started_at, seen_alive_at, "
    "pinned, archived, metadata_json, metrics_json, context_size_bytes"
)
#: Begins what stands for the id of a session that goes; no id begins so.
_GOING: Final = "~"
#: Folded contexts longer than this are kept compressed.
_COMPRESS_OVER_BYTES: Final = 2 * 1024
#: Segments are of what was folded; they follow it once a folded context was given up.
_HAS_TAIL: Final = (
    "(EXISTS (SELECT 1 FROM entries WHERE session = session_key AND seq > folded_through) "
    "OR EXISTS (SELECT 1 FROM entry_segments WHERE session = session_key AND first_seq > folded_through))"
)


class Stored(msgspec.Struct, frozen=True):
    """A session with the key its rows are filed under."""

    key: int
    session: Session


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the next one begins behind it."""

    last_activity: Annotated[Millis, msgspec.Meta(ge=0, le=2**62)]
    key: Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list; None chooses all."""

    active: bool | None = None
    project_id: str | None = None
    workspace: str | None = None
    tool_id: str | None = None
    process_id: int | None = None
    pinned: bool | None = None
    archived: bool | None = None
    behind: Cursor | None = None
    limit: int


def insert(db: apsw.Connection, session: Session) -> int:
    """Store a new *session*; return its key."""
    values = _values(session)
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO sessions ({names}) VALUES ({marks})", values)  # noqa: S608 our own column names
    return db.last_insert_rowid()


def update(db: apsw.Connection, stored: Stored) -> None:
    """Write *stored* over the row of its key, unless it goes; the folded context stays as it is."""
    values = _values(stored.session)
    changes = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(f"UPDATE sessions SET {changes} WHERE session_key = :key AND NOT going", values | {"key": stored.key})  # noqa: S608


def save_fold(db: apsw.Connection, key: int, *, snapshot: bytes, through: int) -> None:
    """Keep the context folded up to the entry *through*; a long one compressed."""
    long = len(snapshot) > _COMPRESS_OVER_BYTES
    db.execute(
        "UPDATE sessions SET context_json = ?, compressed_context = ?, folded_through = ? WHERE session_key = ?",
        (None if long else snapshot.decode(), compressed(snapshot, quickly=True) if long else None, through, key),
    )


def fold_of(db: apsw.Connection, key: int) -> bytes | None:
    """Return the folded context that was kept, None when there is none."""
    row = db.execute("SELECT context_json, compressed_context FROM sessions WHERE session_key = ?", (key,)).fetchone()
    return snapshot_of(*row) if row else None


def snapshot_of(plain: str | None, packed: bytes | None) -> bytes | None:
    """Return the folded context that the two columns hold, None when there is none.

    Raises:
        Damaged: it cannot be decompressed.
    """
    if packed is not None:
        return decompressed(packed)
    return None if plain is None else plain.encode()


def find(db: apsw.Connection, session_id: str) -> Stored | None:
    """Return the session of *session_id*, None when there is none."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE session_id = ?",  # noqa: S608 constants
        (session_id,),
    ).fetchone()
    return _stored(row) if row else None


def open_sessions(db: apsw.Connection) -> list[Stored]:
    """Return every session that has not ended."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM sessions WHERE ended_at IS NULL")  # noqa: S608 constants
    return [_stored(row) for row in rows]


def has_tail(db: apsw.Connection, key: int) -> bool:
    """Return whether entries follow the folded context."""
    row = db.execute(
        f"SELECT {_HAS_TAIL} FROM sessions WHERE session_key = ?",  # noqa: S608 constants
        (key,),
    ).fetchone()
    return bool(row and row[0])


def with_tail(db: apsw.Connection) -> list[str]:
    """Return the id of each session whose entries go on behind its folded context."""
    rows = db.execute(
        f"SELECT session_id FROM sessions WHERE {_HAS_TAIL} AND NOT going"  # noqa: S608 constants
    )
    return [str(session_id) for (session_id,) in rows.fetchall()]


def choose(db: apsw.Connection, choice: Choice) -> list[Stored]:
    """Return up to `choice.limit` sessions, newest activity first."""
    wanted = {
        "project_id = :project_id": choice.project_id,
        "workspace_path = :workspace": choice.workspace,
        "tool_id = :tool_id": choice.tool_id,
        "process_id = :process_id": choice.process_id,
        "pinned = :pinned": choice.pinned,
        "archived = :archived": choice.archived,
    }
    where = ["NOT going", *(fragment for fragment, value in wanted.items() if value is not None)]
    if choice.active is not None:
        where.append("ended_at IS NULL" if choice.active else "ended_at IS NOT NULL")
    if choice.behind is not None:
        where.append("(last_activity, session_key) < (:behind_activity, :behind_key)")
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE {' AND '.join(where)} "  # noqa: S608 fragments
        "ORDER BY last_activity DESC, session_key DESC LIMIT :limit",
        {
            "project_id": choice.project_id,
            "workspace": choice.workspace,
            "tool_id": choice.tool_id,
            "process_id": choice.process_id,
            "pinned": choice.pinned,
            "archived": choice.archived,
            "behind_activity": choice.behind and choice.behind.last_activity,
            "behind_key": choice.behind and choice.behind.key,
            "limit": choice.limit,
        },
    )
    return [_stored(row) for row in rows]


def each(db: apsw.Connection, project_id: str) -> Iterator[Stored]:
    """Yield every session of a project, the first begun first; the connection is not to write meanwhile."""
    # Sorted by what is small, as the sort holds all of it.
    keys = db.execute(
        "SELECT session_key FROM sessions WHERE project_id = ? AND NOT going ORDER BY created_at, session_id",
        (project_id,),
    )
    for key in keys:
        row = db.execute(f"SELECT {_COLUMNS} FROM sessions WHERE session_key = ?", key).fetchone()  # noqa: S608 constants
        if row is not None:
            yield _stored(row)


def continuing(db: apsw.Connection, session_id: str) -> list[Session]:
    """Return every session that continues the one of *session_id*, the first begun first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE continues = ? AND NOT going ORDER BY created_at, session_id",  # noqa: S608 constants
        (session_id,),
    )
    return [_stored(row).session for row in rows]


def let_go(db: apsw.Connection, key: int) -> None:
    """Have the session of *key* be gone for all who ask, while its entries are deleted; its id is free for another."""
    db.execute("UPDATE sessions SET going = 1, session_id = ? WHERE session_key = ?", (f"{_GOING}{key}", key))


def going(db: apsw.Connection) -> list[int]:
    """Return the key of each session that was let go and is not deleted yet."""
    return [int(key) for (key,) in db.execute("SELECT session_key FROM sessions WHERE going ORDER BY session_key")]


def goes(db: apsw.Connection, key: int) -> bool:
    """Return whether the session of *key* was let go and is not deleted yet."""
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM sessions WHERE session_key = ? AND going)", (key,)).get)


def delete(db: apsw.Connection, key: int) -> None:
    """Delete the session of *key*, which was let go, with what is left of its entries."""
    db.execute("DELETE FROM sessions WHERE session_key = ? AND going", (key,))


def count(db: apsw.Connection) -> tuple[int, int]:
    """Return how many sessions are active and how many have ended."""
    row = db.execute(
        "SELECT (SELECT count(*) FROM sessions WHERE ended_at IS NULL), "
        "(SELECT count(*) FROM sessions) - (SELECT count(*) FROM sessions WHERE going)"
    ).fetchone()
    active, every = row or (0, 0)
    return active, every - active


def _values(session: Session) -> dict[str, Any]:
    process = session.process
    identity = process.identity if process else None
    return {
        "session_id": session.session_id,
        "tool_id": session.tool_id,
        "user_id": session.user_id,
        "workspace_path": session.workspace,
        "project_id": session.project_id,
        "created_at": session.created_at,
        "last_activity": session.last_activity,
        "ended_at": session.ended_at,
        "end_reason": session.end_reason,
        "end_detail": session.end_detail,
        "continues": session.continues,
        "process_id": identity and identity.pid,
        "process_start": identity and identity.start,
        "process_boot": identity and identity.boot,
        "process_started_at": process and process.started_at,
        "seen_alive_at": session.seen_alive_at,
        "pinned": session.pinned,
        "archived": session.archived,
        "metadata_json": msgspec.json.encode(session.metadata).decode(),
        "metrics_json": msgspec.json.encode(session.metrics).decode(),
        "context_size_bytes": session.size_bytes,
    }


def _stored(row: tuple[Any, ...]) -> Stored:
    (
        key,
        session_id,
        tool_id,
        user_id,
        workspace,
        project_id,
        created_at,
        last_activity,
        ended_at,
        end_reason,
        end_detail,
        continues,
        pid,
        start,
        boot,
        started_at,
        seen_alive_at,
        pinned,
        archived,
        metadata,
        metrics,
        size_bytes,
    ) = row
    process = None if pid is None else BoundProcess(ProcessIdentity(pid, start, boot), started_at)
    session = Session(
        session_id=session_id,
        tool_id=tool_id,
        user_id=user_id,
        workspace=workspace,
        project_id=project_id,
        created_at=created_at,
        last_activity=last_activity,
        ended_at=ended_at,
        end_reason=None if end_reason is None else EndReason(end_reason),
        end_detail=end_detail,
        continues=continues,
        process=process,
        seen_alive_at=seen_alive_at,
        pinned=bool(pinned),
        archived=bool(archived),
        metadata=msgspec.json.decode(metadata),
        metrics=msgspec.json.decode(metrics, type=SessionMetrics),
        size_bytes=size_bytes,
    )
    return Stored(key, session)

"""Checkpoints in the database: each in its place, and each content once."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import apsw
import msgspec

from omnimem.model import CheckpointReason
from omnimemd.domain.checkpoints import Checkpoint, Packed, unpacked
from omnimemd.domain.clock import Millis

_REASONS: Final = {reason: code for code, reason in enumerate(CheckpointReason, start=1)}
_REASON_OF: Final = {code: reason for reason, code in _REASONS.items()}
_SELECT: Final = (
    "SELECT c.checkpoint_id, s.session_id, s.project_id, c.name, c.note, c.reason, c.created_at, c.entries_through, "
    "p.packed FROM checkpoints AS c JOIN sessions AS s ON s.session_key = c.session AND NOT s.going "
    "JOIN checkpoint_contents AS p USING (content)"
)
_NEWEST_FIRST: Final = "ORDER BY c.created_at DESC, c.number DESC"


class Mark(msgspec.Struct, frozen=True):
    """The last checkpoint of a session, as far as the next one has to know it."""

    created_at: Millis
    entries_through: int


class Noted(msgspec.Struct, frozen=True):
    """A checkpoint that somebody gave a name, or wrote a note to; "" where there is none."""

    checkpoint_id: str
    session_id: str
    created_at: Millis
    name: str
    note: str


def insert(db: apsw.Connection, session_key: int, one: Checkpoint, content: Packed) -> None:
    """Store a checkpoint of the session of that key, with its *content*: one that is there already is so once."""
    db.execute(
        "INSERT INTO checkpoint_contents (digest, packed) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (content.digest, content.data),
    )
    db.execute(
        "INSERT INTO checkpoints (checkpoint_id, session, name, note, reason, created_at, entries_through, content) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT content FROM checkpoint_contents WHERE digest = ?))",
        (
            one.checkpoint_id,
            session_key,
            one.name,
            one.note,
            _REASONS[one.reason],
            one.created_at,
            one.entries_through,
            content.digest,
        ),
    )


def change(db: apsw.Connection, checkpoint_id: str, content: Packed) -> None:
    """Have a checkpoint hold another *content*."""
    db.execute(
        "INSERT INTO checkpoint_contents (digest, packed) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (content.digest, content.data),
    )
    db.execute(
        "UPDATE checkpoints SET content = (SELECT content FROM checkpoint_contents WHERE digest = ?) "
        "WHERE checkpoint_id = ?",
        (content.digest, checkpoint_id),
    )


def find(db: apsw.Connection, checkpoint_id: str) -> Checkpoint | None:
    """Return the checkpoint of that id, None when there is none."""
    row = db.execute(f"{_SELECT} WHERE c.checkpoint_id = ?", (checkpoint_id,)).fetchone()
    return _checkpoint(row) if row else None


def numbered(db: apsw.Connection, number: int) -> Checkpoint | None:
    """Return the checkpoint of that *number*, None when there is none."""
    row = db.execute(f"{_SELECT} WHERE c.number = ?", (number,)).fetchone()
    return _checkpoint(row) if row else None


def of_session(db: apsw.Connection, session_key: int, *, limit: int) -> list[Checkpoint]:
    """Return up to *limit* checkpoints of a session, newest first."""
    rows = db.execute(f"{_SELECT} WHERE c.session = ? {_NEWEST_FIRST} LIMIT ?", (session_key, limit))
    return [_checkpoint(row) for row in rows]


def of_project(db: apsw.Connection, project_id: str, *, limit: int) -> list[Checkpoint]:
    """Return up to *limit* checkpoints of a project's sessions, newest first."""
    rows = db.execute(
        f"{_SELECT} WHERE c.number IN (SELECT c.number FROM sessions AS s JOIN checkpoints AS c "  # noqa: S608 constants
        f"ON c.session = s.session_key WHERE s.project_id = ? {_NEWEST_FIRST} LIMIT ?) {_NEWEST_FIRST}",
        (project_id, limit),
    )
    return [_checkpoint(row) for row in rows]


def noted(db: apsw.Connection, sessions: Collection[str], *, limit: int) -> list[Noted]:
    """Return up to *limit* checkpoints of *sessions*, by their ids, that have a name or a note, newest first."""
    rows = db.execute(
        "SELECT c.checkpoint_id, s.session_id, c.created_at, coalesce(c.name, ''), coalesce(c.note, '') "
        "FROM sessions AS s JOIN checkpoints AS c ON c.session = s.session_key "
        "WHERE s.session_id IN (SELECT value FROM json_each(?)) AND (c.name NOTNULL OR c.note NOTNULL) "
        "ORDER BY c.number DESC LIMIT ?",
        (msgspec.json.encode(list(sessions)).decode(), limit),
    )
    return [Noted(*row) for row in rows]


def each(db: apsw.Connection, session_key: int) -> Iterator[Checkpoint]:
    """Yield every checkpoint of a session, oldest first; the connection is not to write meanwhile."""
    rows = db.execute(f"{_SELECT} WHERE c.session = ? ORDER BY c.created_at, c.number", (session_key,))
    return map(_checkpoint, rows)


def before(db: apsw.Connection, checkpoint_id: str) -> Checkpoint | None:
    """Return the checkpoint of the same session before the one of that id, None when that is the first."""
    row = db.execute(
        f"{_SELECT} JOIN checkpoints AS o ON o.session = c.session WHERE o.checkpoint_id = ? "
        f"AND (c.created_at, c.number) < (o.created_at, o.number) {_NEWEST_FIRST} LIMIT 1",
        (checkpoint_id,),
    ).fetchone()
    return _checkpoint(row) if row else None


def last(db: apsw.Connection, session_key: int) -> Mark | None:
    """Return the last checkpoint of a session, None when it has none."""
    row = db.execute(
        f"SELECT created_at, entries_through FROM checkpoints AS c WHERE session = ? {_NEWEST_FIRST} LIMIT 1",  # noqa: S608
        (session_key,),
    ).fetchone()
    return Mark(*row) if row else None


def automatic(db: apsw.Connection, session_key: int) -> list[tuple[str, Millis]]:
    """Return the id of each checkpoint of a session that was taken unasked, and when it was, oldest first."""
    rows = db.execute(
        "SELECT checkpoint_id, created_at FROM checkpoints WHERE session = ? AND reason <> ? "
        "ORDER BY created_at, number",
        (session_key, _REASONS[CheckpointReason.CLIENT]),
    )
    return [(checkpoint_id, created_at) for checkpoint_id, created_at in rows]


def delete(db: apsw.Connection, checkpoint_id: str) -> None:
    """Delete the checkpoint of that id."""
    db.execute("DELETE FROM checkpoints WHERE checkpoint_id = ?", (checkpoint_id,))


def every_due(db: apsw.Connection) -> list[str]:
    """Return the id of every session that ended and of which the last checkpoint is still to be taken."""
    rows = db.execute(
        "SELECT session_id FROM checkpoints_due JOIN sessions ON session_key = session WHERE NOT going ORDER BY session"
    )
    return [str(session_id) for (session_id,) in rows]


def due(db: apsw.Connection, session_key: int) -> CheckpointReason | None:
    """Return for what reason the last checkpoint of a session is still to be taken, None when it is not."""
    row = db.execute("SELECT reason FROM checkpoints_due WHERE session = ?", (session_key,)).fetchone()
    return _REASON_OF[row[0]] if row else None


def was_due(db: apsw.Connection, session_key: int) -> bool:
    """Have the last checkpoint of a session be due no more; return whether it was."""
    db.execute("DELETE FROM checkpoints_due WHERE session = ?", (session_key,))
    return bool(db.changes())


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    checkpoint_id, session_id, project_id, name, note, reason, created_at, entries_through, data = row
    return Checkpoint(
        checkpoint_id=checkpoint_id,
        session_id=session_id,
        project_id=project_id,
        name=name,
        note=note,
        reason=_REASON_OF[reason],
        created_at=created_at,
        entries_through=entries_through,
        content=unpacked(data),
    )

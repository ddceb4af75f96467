"""The digests of sessions: what each was about, one row a session, of which lists are read without its entries."""

import zlib
from collections.abc import Collection
from typing import Any, Final

import apsw
import msgspec

from omnimem.model import EndReason, EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import MOST_MEMORIES, Content, DigestFold, How, Noted, Work
from omnimemd.domain.sessions import Session

#: The last entry of a session that has a row of its own; not counted: what is held compressed.
_LAST_ROW: Final = "coalesce((SELECT max(seq) FROM entries AS e WHERE e.session = s.session_key), 0)"
#: What a digest says of a session itself: it lies before the folded context in its row, which may be long.
_HEAD: Final = (
    "s.session_id, s.tool_id, s.workspace_path, s.project_id, s.created_at, s.last_activity, s.ended_at, "
    "s.end_reason, s.end_detail, s.continues, s.archived"
)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Content).decode


class Recent(msgspec.Struct, frozen=True):
    """A session with its digest as it was kept."""

    session: Session  #: no more of it than a digest says
    content: Content | None  #: None: there is none, or entries follow it
    used: list[Noted]  #: the memories that it read


class State(msgspec.Struct, frozen=True):
    """How far a digest that is kept goes."""

    through: int  #: 0: there is none
    ended_at: Millis | None  #: when the session had ended as it was summarised; None: it was not, or is no more


def find(db: apsw.Connection, key: int) -> Content | None:
    """Return the digest of the session of *key*, None when none was made."""
    row = db.execute("SELECT content FROM session_digests WHERE session = ?", (key,)).fetchone()
    return _decode(row[0]) if row else None


def state(db: apsw.Connection, key: int) -> State:
    """Return how far what is kept of the session of *key* goes."""
    row = db.execute("SELECT through, ended_at FROM session_digests WHERE session = ?", (key,)).fetchone()
    return State(*row) if row else State(0, None)


def fold_of(db: apsw.Connection, key: int) -> DigestFold:
    """Return the fold that the digest of the session of *key* was made of, to go on from; an empty one without."""
    row = db.execute("SELECT content, rest FROM session_digests WHERE session = ?", (key,)).fetchone()
    return DigestFold.restore(_decode(row[0]), zlib.decompress(row[1])) if row else DigestFold()


def used(db: apsw.Connection, key: int) -> list[Noted]:
    """Return the memories that the session of *key* read, the latest last, of many the latest; none that are deleted.

    One that was no more than the first that a search of it found is left out.
    """
    rows = db.execute(
        "SELECT r.last_at, r.memory_id, m.memory_key FROM memory_reads AS r "
        "JOIN project_memories AS m ON m.memory_id = r.memory_id "
        "WHERE r.session = ? AND NOT r.found AND NOT m.deleted ORDER BY r.last_at DESC, r.memory_id DESC LIMIT ?",
        (key, MOST_MEMORIES),
    ).fetchall()
    return [Noted(0, at, memory_id, memory_key, How.USED) for at, memory_id, memory_key in reversed(rows)]


def save(db: apsw.Connection, key: int, content: Content, rest: bytes) -> None:
    """Keep *content* as the digest of the session of *key*, unless one is kept that goes further.

    With *rest* it can be gone on from.
    """
    db.execute(
        "INSERT INTO session_digests (session, through, content, rest) VALUES (:key, :through, :content, :rest) "
        "ON CONFLICT (session) DO UPDATE SET through = :through, content = :content, rest = :rest "
        "WHERE :through >= through",
        {"key": key, "through": content.through, "content": _encode(content), "rest": zlib.compress(rest)},
    )


def save_summary(db: apsw.Connection, key: int, text: str, *, through: int, ended_at: Millis) -> None:
    """Keep the summary of a session that ended at *ended_at*, made of its digest up to *through*, for the search."""
    db.execute(
        "UPDATE session_digests SET summary = ?, ended_at = ? WHERE session = ? AND through = ?",
        (text, ended_at, key, through),
    )


def forget(db: apsw.Connection, key: int, kinds: Collection[EntryKind], *, before: Millis | None, work: Work) -> None:
    """Let the digest of the session of *key* go of what entries of *kinds*, from before *before* or all, said.

    *work* is what the folded context says that has let go of it. A summary goes as a whole, to be made anew.
    """
    fold = fold_of(db, key)
    if fold.through:
        fold.forget(kinds, before=before)
        save(db, key, fold.content(work), fold.rest())
        db.execute("UPDATE session_digests SET summary = NULL, ended_at = NULL WHERE session = ?", (key,))


def recent(db: apsw.Connection, project_id: str, *, limit: int) -> list[Recent]:
    """Return up to *limit* sessions of a project in which anything was recorded, newest activity first."""
    rows: list[tuple[Any, ...]] = db.execute(
        f"SELECT s.session_key, {_HEAD}, iif({_LAST_ROW} <= d.through, d.content, NULL) "  # noqa: S608 constants
        "FROM sessions AS s LEFT JOIN session_digests AS d ON d.session = s.session_key "
        f"WHERE s.project_id = ? AND NOT s.going AND (d.session NOTNULL OR {_LAST_ROW} > 0) "
        "ORDER BY s.last_activity DESC, s.session_key DESC LIMIT ?",
        (project_id, limit),
    ).fetchall()
    return [
        Recent(_head(head), None if content is None else _decode(content), used(db, key))
        for key, *head, content in rows
    ]


def due(db: apsw.Connection, *, tail: int, limit: int) -> list[str]:
    """Return the ids of up to *limit* sessions whose digest is behind, by *tail* entries where they still run.

    Also of those that ended since they were summarised. The latest begun come first.
    """
    rows = db.execute(
        "SELECT session_id FROM (SELECT s.session_id, s.session_key, s.ended_at, d.ended_at AS summarised, "  # noqa: S608 constants
        f"max(s.folded_through, {_LAST_ROW}) AS last, coalesce(d.through, 0) AS through "
        "FROM sessions AS s LEFT JOIN session_digests AS d ON d.session = s.session_key WHERE NOT s.going) "
        "WHERE (last > through AND (ended_at NOTNULL OR last >= through + :tail)) "
        "OR (last > 0 AND ended_at NOTNULL AND ended_at IS NOT summarised) "
        "ORDER BY session_key DESC LIMIT :limit",
        {"tail": tail, "limit": limit},
    )
    return [str(session_id) for (session_id,) in rows]


def _head(row: list[Any]) -> Session:
    (
        session_id,
        tool_id,
        workspace,
        project_id,
        created_at,
        last_activity,
        ended_at,
        reason,
        detail,
        before,
        archived,
    ) = row
    return Session(
        session_id=session_id,
        tool_id=tool_id,
        workspace=workspace,
        project_id=project_id,
        created_at=created_at,
        last_activity=last_activity,
        ended_at=ended_at,
        end_reason=None if reason is None else EndReason(reason),
        end_detail=detail,
        continues=before,
        archived=bool(archived),
    )

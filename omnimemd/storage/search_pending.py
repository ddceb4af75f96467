"""What waits to be indexed, and how it gets into the index.

Triggers (schema/0003_memory.sql) note it in the transaction that writes it: memories in the order they are written,
which is their order in a session; entries, which have one, by their keys alone: that costs an append half as much. The
summary of a session is its entry number 0, a checkpoint that of its number, negated.
"""

from collections.abc import Sequence
from typing import Any, Final

import apsw
import msgspec

from omnimem.model import ResultKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory
from omnimemd.storage import memories as memory_rows
from omnimemd.storage.search_index import KINDS, told

#: What is told of sessions as a whole: their summaries, and their checkpoints by their numbers, negated.
OF_SESSIONS: Final = (
    "SELECT session, 0 AS seq FROM session_digests WHERE summary NOTNULL "
    "UNION ALL SELECT session, -number FROM checkpoints_told"
)
_Row = tuple[Any, ...]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is to be indexed."""

    number: int | None = None  #: of a memory: which of its writings it is
    kind: ResultKind
    project_id: str
    memory_id: str | None = None
    version: int | None = None
    session: int | None = None
    seq: int | None = None
    session_id: str | None
    at: Millis
    text: str | None  #: None: it is deleted, and to be taken out of the index


def count_waiting(db: apsw.Connection, *, most: int = -1) -> int:
    """Return how many documents wait to be indexed; *most* if there are more and it is not negative."""
    return int(
        db.execute(
            "SELECT count(*) FROM ("
            "SELECT 1 FROM search_pending UNION ALL SELECT 1 FROM search_pending_entries LIMIT ?)",
            (most,),
        ).get
    )


def waiting(db: apsw.Connection, *, limit: int, characters: int) -> list[Waiting]:
    """Return what waits first, memories before entries, each in their order, with the text it is found by.

    Up to *limit* of it, and none after the texts have that many *characters* together.
    """
    rows: list[_Row] = db.execute(
        "SELECT * FROM (SELECT number, memory_id, NULL, NULL FROM search_pending ORDER BY number LIMIT :limit) "
        "UNION ALL SELECT * FROM (SELECT NULL, NULL, session, seq FROM search_pending_entries "
        "ORDER BY session, seq LIMIT :limit) LIMIT :limit",
        {"limit": limit},
    ).fetchall()
    found: list[Waiting] = []
    for number, memory_id, session, seq in rows:
        if characters <= 0:
            break
        one = _entry(db, session, seq) if memory_id is None else _memory(db, number, memory_id)
        if one is not None:
            found.append(one)
            characters -= len(one.text or "")
    return found


def waiting_memories(db: apsw.Connection, project_id: str, *, latest: int) -> list[Memory]:
    """Return the memories of a project among the *latest* that wait, the last written first."""
    rows: list[_Row] = db.execute(
        "SELECT memory_id FROM search_pending ORDER BY number DESC LIMIT ?", (latest,)
    ).fetchall()
    found = [memory_rows.find_anywhere(db, memory_id) for (memory_id,) in rows]
    return [one for one in found if one is not None and one.project_id == project_id]


def put(db: apsw.Connection, one: Waiting, terms: Sequence[str]) -> None:
    """Put *one* into the index, by its *terms*, in place of what it said before; nothing if it waits no more."""
    if not _taken(db, one):
        return
    before = _document_of(db, one)
    if before is not None:
        db.execute("DELETE FROM search_documents WHERE document = ?", (before,))
    if one.text is None:
        return
    document = before or _new_document(db, one)
    db.execute(
        "INSERT INTO search_documents "
        "(document, kind, memory_id, version, session, seq, session_id, place, at, length) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            document,
            KINDS[one.kind],
            one.memory_id,
            one.version,
            one.session,
            one.seq,
            one.session_id,
            _next_place(db, one.session_id, document >> 32),
            one.at,
            len(terms),
        ),
    )
    db.execute("INSERT INTO search_text (rowid, terms) VALUES (?, ?)", (document, " ".join(terms)))


def restart(db: apsw.Connection) -> None:
    """Make the full text index anew, empty, however damaged it is, and have everything wait for it again.

    What is in the index stays numbered as it is, and is found again once its turn comes.
    """
    remade: list[str] = []
    for name in ("search_words", "search_text"):
        made = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).get
        db.execute(f"DROP TABLE {name}")
        remade.insert(0, str(made))
    for sql in remade:
        db.execute(sql)
    db.execute("INSERT INTO search_text (search_text, rank) VALUES ('secure-delete', 1)")
    db.execute(
        "DELETE FROM search_documents WHERE seq > 0 AND NOT EXISTS "
        "(SELECT 1 FROM entries AS e WHERE e.session = search_documents.session AND e.seq = search_documents.seq)"
    )
    db.execute(
        "DELETE FROM search_documents AS d WHERE seq <= 0 AND NOT EXISTS "  # noqa: S608 constants
        f"(SELECT 1 FROM ({OF_SESSIONS}) AS o WHERE o.session = d.session AND o.seq = d.seq)"
    )
    db.execute(
        "UPDATE search_projects SET (memories, memory_length, others, other_length) = ("
        "SELECT coalesce(sum(kind = 1), 0), coalesce(sum((kind = 1) * length), 0), "
        "coalesce(sum(kind > 1), 0), coalesce(sum((kind > 1) * length), 0) "
        "FROM search_documents WHERE document >> 33 = project)"
    )
    db.execute("DELETE FROM search_pending")
    db.execute(
        "INSERT INTO search_pending (memory_id) SELECT memory_id FROM project_memories ORDER BY updated_at, rowid"
    )
    db.execute(
        "INSERT OR IGNORE INTO search_pending_entries (session, seq) "  # noqa: S608 constants
        "SELECT session, seq FROM entries WHERE kind IN (2, 3) "
        f"UNION ALL {OF_SESSIONS} ORDER BY session, seq"
    )


def _memory(db: apsw.Connection, number: int, memory_id: str) -> Waiting | None:
    memory = memory_rows.find_anywhere(db, memory_id)
    if memory is None:
        return None
    words = [memory.key, memory.value, *_strings(memory.metadata)]
    return Waiting(
        number=number,
        kind=ResultKind.MEMORY,
        project_id=memory.project_id,
        memory_id=memory_id,
        version=memory.version,
        session_id=memory.session_id,
        at=memory.updated_at,
        text=None if memory.deleted else "\n".join(words),
    )


def _entry(db: apsw.Connection, session: int, seq: int) -> Waiting | None:
    found = told(db, session, seq)
    if found is None:
        return None
    return Waiting(
        kind=found.kind,
        project_id=found.project_id,
        session=session,
        seq=seq,
        session_id=found.session_id,
        at=found.at,
        text=found.text,
    )


def _taken(db: apsw.Connection, one: Waiting) -> bool:
    """Take *one* from what waits; return whether it still did, and still says the same."""
    if one.memory_id is not None:
        db.execute("DELETE FROM search_pending WHERE number = ?", (one.number,))
        return bool(db.changes())
    if one != _entry(db, one.session or 0, one.seq or 0):  # its key is another's now
        return False
    db.execute("DELETE FROM search_pending_entries WHERE session = ? AND seq = ?", (one.session, one.seq))
    return bool(db.changes())


def _strings(value: object) -> list[str]:
    """Return every text in *value*, which is JSON."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for one in value.values() for text in _strings(one)]
        case list():
            return [text for one in value for text in _strings(one)]
    return []


def _document_of(db: apsw.Connection, one: Waiting) -> int | None:
    if one.memory_id is not None:
        found = db.execute("SELECT document FROM search_documents WHERE memory_id = ?", (one.memory_id,)).get
    else:
        values = (one.session, one.seq)
        found = db.execute("SELECT document FROM search_documents WHERE session = ? AND seq = ?", values).get
    return None if found is None else int(found)


def _new_document(db: apsw.Connection, one: Waiting) -> int:
    project = db.execute("SELECT project FROM search_projects WHERE project_id = ?", (one.project_id,)).get
    if project is None:
        db.execute("INSERT INTO search_projects (project_id) VALUES (?)", (one.project_id,))
        project = db.last_insert_rowid()
    low = project << 33 | (one.kind is not ResultKind.MEMORY) << 32
    last = db.execute(
        "SELECT max(document) FROM search_documents WHERE document BETWEEN ? AND ?", (low, low | 0xFFFF_FFFF)
    ).get
    return low if last is None else int(last) + 1


def _next_place(db: apsw.Connection, session_id: str | None, group: int) -> int:
    if session_id is None:
        return 0
    last = db.execute(
        "SELECT max(place) FROM search_documents WHERE session_id = ? AND document >> 32 = ?", (session_id, group)
    ).get
    return 1 if last is None else int(last) + 1

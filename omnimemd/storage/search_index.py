"""The search index in the database: what is in it, and what it finds.

Triggers (schema/0003_memory.sql) take out of the index what is deleted, in the transaction that deletes it: FTS5's
`secure-delete` overwrites its terms there and then. What gets into it, and when, is in `search_pending`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw
import msgspec

from omnimem.model import ResultKind
from omnimemd.domain import ranking
from omnimemd.domain.checkpoints import words_of
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory
from omnimemd.domain.ranking import Candidate, Corpus
from omnimemd.storage import checkpoints
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import search_words as words

#: Candidates that are weighed, besides the neighbours of the first.
_CANDIDATES: Final = 120
_PROMISING: Final = 30
#: Documents the terms of a question may be in, all together, that are weighed by SQLite: a microsecond each. The rarest
#: terms come first; what only holds common ones is passed over where there is more.
_WEIGHED: Final = 4_000
#: As `search_documents` has them.
KINDS: Final = {kind: code for code, kind in enumerate(ResultKind, start=1)}
#: The number that the summary of a session has among its entries, which begin with 1.
SUMMARY: Final = 0
_ENTRY_KINDS: Final = {ResultKind.SEARCH: 2, ResultKind.DECISION: 3}  # as `entries` has them

#: A member of the metadata is the value, or a list that holds it; numbers and truth values as JSON writes them.
_HAS_METADATA: Final = (
    "AND EXISTS (SELECT 1 FROM project_memories AS m, json_each(m.metadata_json) AS j "
    "WHERE m.memory_id = d.memory_id AND j.key = :nameNUMBER AND (CAST(j.atom AS TEXT) = :valueNUMBER "
    "OR (j.type IN ('true', 'false') AND j.type = :valueNUMBER) OR (j.type = 'array' AND EXISTS "
    "(SELECT 1 FROM json_each(j.value) AS i WHERE CAST(i.atom AS TEXT) = :valueNUMBER))))"
)
_SELECT_CANDIDATES: Final = (
    "SELECT t.rowid, t.terms, d.length, d.at, d.session_id, d.place "
    "FROM search_text AS t CROSS JOIN search_documents AS d ON d.document = t.rowid"
)
#: Memories of one session that make it a conversation, in which an answer need not hold a word of the question.
_CONVERSATION: Final = 8
_Row = tuple[Any, ...]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look."""

    project_id: str | None = None
    memories_only: bool = False
    kind: ResultKind | None = None
    session_id: str | None = None
    since: Millis | None = None
    metadata: tuple[tuple[str, str], ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something told in a session, a decision or a search; or of it: its summary, a checkpoint."""

    id: str
    kind: ResultKind
    session_id: str
    project_id: str
    seq: int  #: SUMMARY of a summary
    at: Millis
    text: str
    said: bool = True  #: rather than put together from what was said


class Found(msgspec.Struct, frozen=True):
    """The candidates for an answer, and what the documents that were searched are like."""

    asked: list[str]  #: the terms that were looked for: where a word is nowhere, those it may mean
    candidates: list[Candidate]
    corpus: Corpus


def find(db: apsw.Connection, question: Sequence[str], scope: Scope) -> Found:
    """Return the candidates for the terms of a *question* within *scope*."""
    asked, within = list(question), span(db, scope)
    corpus = _corpus(db, asked, within, scope)
    if within is not None and (unknown := ranking.unknown(asked, corpus)):
        known = {term: words.meant(db, term, within) for term in unknown}
        asked = [other for term in asked for other in known.get(term) or [term]]
        corpus = _corpus(db, asked, within, scope)
    chosen: list[str] = []
    weighed = 0
    for term in ranking.telling(asked, corpus):
        weighed += corpus.frequency[term]
        if chosen and weighed > _WEIGHED:
            break
        chosen.append(f'"{term}"')
    if not chosen or within is None:
        return Found(asked, [], corpus)
    where, values = _filters(scope)
    rows = db.execute(
        f"{_SELECT_CANDIDATES} WHERE search_text MATCH :terms AND t.rowid BETWEEN :low AND :high {where} "
        "ORDER BY t.rank LIMIT :limit",
        {"terms": " OR ".join(chosen), "low": within[0], "high": within[1], "limit": _CANDIDATES} | values,
    )
    found = [_candidate(row) for row in rows]
    return Found(asked, [*found, *_beside(db, found, where, values)], corpus)


def candidates(db: apsw.Connection, documents: Iterable[int]) -> list[Candidate]:
    """Return *documents* as candidates; those that are not in the index are left out."""
    found = []
    for document in documents:
        row = db.execute(f"{_SELECT_CANDIDATES} WHERE t.rowid = ?", (document,)).fetchone()
        if row is not None:
            found.append(_candidate(row))
    return found


def span(db: apsw.Connection, scope: Scope) -> tuple[int, int] | None:
    """Return the first and the last number that a document of *scope* can have, None when there is none."""
    if scope.project_id is None:
        return 0, 1 << 62
    project = db.execute("SELECT project FROM search_projects WHERE project_id = ?", (scope.project_id,)).get
    if project is None:
        return None
    low = project << 33
    return low, low | (0xFFFF_FFFF if scope.memories_only else 0x1_FFFF_FFFF)


def eligible(db: apsw.Connection, scope: Scope) -> list[int] | None:
    """Return the documents within *scope*; None where `span` says all there is to say."""
    within = span(db, scope)
    where, values = _filters(scope)
    if within is None or not where:
        return None
    rows = db.execute(
        f"SELECT d.document FROM search_documents AS d WHERE d.document BETWEEN :low AND :high {where}",  # noqa: S608
        {"low": within[0], "high": within[1]} | values,
    )
    return [document for (document,) in rows]


def source(db: apsw.Connection, document: int) -> Memory | Told | None:
    """Return what *document* is, as it is now, None when it is gone; a memory may be live or not."""
    row = db.execute("SELECT memory_id, session, seq FROM search_documents WHERE document = ?", (document,)).fetchone()
    if row is None:
        return None
    memory_id, session, seq = row
    return memory_rows.find_anywhere(db, memory_id) if memory_id is not None else told(db, session, seq)


def told(db: apsw.Connection, session: int, seq: int) -> Told | None:
    """Return the decision or search of a session's entry, its summary or checkpoint, None when it is gone.

    A *seq* below 0 is a checkpoint's number, negated.
    """
    if seq == SUMMARY:
        return _summary(db, session)
    if seq < SUMMARY:
        return _checkpoint(db, -seq)
    row = db.execute(
        "SELECT e.kind, e.at, e.subject, s.session_id, s.project_id FROM entries AS e "
        "JOIN sessions AS s ON s.session_key = e.session WHERE e.session = ? AND e.seq = ? AND NOT s.going",
        (session, seq),
    ).fetchone()
    if row is None:
        return None
    kind, at, text, session_id, project_id = row
    return Told(
        id=f"{session_id}:{seq}",
        kind=next(one for one, code in _ENTRY_KINDS.items() if code == kind),
        session_id=session_id,
        project_id=project_id,
        seq=seq,
        at=at,
        text=text,
    )


def _summary(db: apsw.Connection, session: int) -> Told | None:
    row = db.execute(
        "SELECT s.session_id, s.project_id, d.ended_at, d.summary FROM session_digests AS d "
        "JOIN sessions AS s ON s.session_key = d.session WHERE d.session = ? AND d.summary NOTNULL AND NOT s.going",
        (session,),
    ).fetchone()
    if row is None:
        return None
    session_id, project_id, at, text = row
    return Told(
        id=session_id,
        kind=ResultKind.SUMMARY,
        session_id=session_id,
        project_id=project_id,
        seq=SUMMARY,
        at=at,
        text=text,
    )


def _checkpoint(db: apsw.Connection, number: int) -> Told | None:
    one = checkpoints.numbered(db, number)
    if one is None:
        return None
    return Told(
        id=one.checkpoint_id,
        kind=ResultKind.CHECKPOINT,
        session_id=one.session_id,
        project_id=one.project_id,
        seq=-number,
        at=one.created_at,
        text=words_of(one),
        said=one.name is not None or one.note is not None,
    )


def _corpus(db: apsw.Connection, asked: Sequence[str], within: tuple[int, int] | None, scope: Scope) -> Corpus:
    if within is None:
        return Corpus(documents=0, length=0, frequency={})
    counted = "memories, memory_length" if scope.memories_only else "memories + others, memory_length + other_length"
    where, values = ("", ()) if scope.project_id is None else ("WHERE project_id = ?", (scope.project_id,))
    counts: list[_Row] = db.execute(f"SELECT {counted} FROM search_projects {where}", values).fetchall()  # noqa: S608 fragments
    frequency = {term: words.count(db, term, within) for term in dict.fromkeys(asked)}
    return Corpus(
        documents=sum(number for number, _ in counts), length=sum(length for _, length in counts), frequency=frequency
    )


def _beside(db: apsw.Connection, known: Sequence[Candidate], where: str, values: dict[str, Any]) -> list[Candidate]:
    """Return what stands up to two places from the first of *known* in a conversation, without those."""
    have = {one.document for one in known}
    wanted: dict[str, set[int]] = {}
    for one in known[:_PROMISING]:
        if one.session is not None:
            wanted.setdefault(one.session, set()).update(range(one.place - 2, one.place + 3))
    found: list[Candidate] = []
    for session, places in wanted.items():
        group, _, session_id = session.partition(":")
        ids = {"of": session_id, "group": int(group)}
        size = db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM search_documents "
            "WHERE session_id = :of AND document >> 32 = :group LIMIT :most)",
            ids | {"most": _CONVERSATION},
        ).get
        if size == _CONVERSATION:
            rows = db.execute(
                f"{_SELECT_CANDIDATES} WHERE t.rowid IN (SELECT d.document FROM search_documents AS d "  # noqa: S608
                f"WHERE d.session_id = :of AND d.document >> 32 = :group {where} "
                "AND d.place IN (SELECT value FROM json_each(:places)))",
                ids | values | {"places": str(sorted(places))},
            )
            found += [one for row in rows if (one := _candidate(row)).document not in have]
    return found


def _filters(scope: Scope) -> tuple[str, dict[str, Any]]:
    parts: list[str] = []
    values: dict[str, Any] = {}
    if scope.kind is not None:
        parts.append("AND d.kind = :kind")
        values["kind"] = KINDS[scope.kind]
    if scope.session_id is not None:
        parts.append("AND d.session_id = :session_id")
        values["session_id"] = scope.session_id
    if scope.since is not None:
        parts.append("AND d.at >= :since")
        values["since"] = scope.since
    for number, (name, value) in enumerate(scope.metadata):
        parts.append(_HAS_METADATA.replace("NUMBER", str(number)))
        values[f"name{number}"], values[f"value{number}"] = name, value
    return " ".join(parts), values


def _candidate(row: _Row) -> Candidate:
    document, terms, length, at, session_id, place = row
    session = None if session_id is None else f"{document >> 32}:{session_id}"
    return Candidate(document=document, terms=terms, length=length, at=at, session=session, place=place)

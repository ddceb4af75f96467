"""Entries in the database: one row each, clustered by session."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import apsw
import msgspec

from omnimem.model import Access, Attribution, EntryKind, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import (
    CheckpointTaken,
    Decision,
    Entry,
    FileAccess,
    Gap,
    MemoryNote,
    Numbered,
    Scan,
    Search,
)
from omnimemd.domain.paths import escaped, unescaped

_KINDS: Final = {kind: code for code, kind in enumerate(EntryKind, start=1)}
_SOURCES: Final = {source: code for code, source in enumerate(Source, start=1)}
_ACCESSES: Final = {access: code for code, access in enumerate(Access, start=1)}
_ATTRIBUTIONS: Final = {attribution: code for code, attribution in enumerate(Attribution, start=1)}
_SOURCE_OF: Final = {code: source for source, code in _SOURCES.items()}
_ACCESS_OF: Final = {code: access for access, code in _ACCESSES.items()}
_ATTRIBUTION_OF: Final = {code: attribution for attribution, code in _ATTRIBUTIONS.items()}
#: The integers of a row and its key, in SQLite's record format, rounded up: what a row costs besides its text.
_FIXED_BYTES: Final = 22

_INSERT: Final = (
    "INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS: Final = "seq, at, kind, source, access, attribution, importance, subject, details"

_Row = tuple[Any, ...]
_encode = msgspec.json.Encoder().encode


def insert(db: apsw.Connection, session_key: int, entries: Sequence[Numbered]) -> list[int]:
    """Store *entries*; return the bytes each of them takes."""
    rows = [_row(session_key, one.seq, one.entry) for one in entries]
    if len(rows) == 1:
        db.execute(_INSERT, rows[0])
    else:
        db.executemany(_INSERT, rows)
    return [_size(row) for row in rows]


def after(db: apsw.Connection, session_key: int, seq: int) -> list[tuple[Numbered, int]]:
    """Return every entry after *seq* in order, each with the bytes it takes."""
    rows = db.execute(
        f"SELECT session, {_COLUMNS} FROM entries WHERE session = ? AND seq > ? ORDER BY seq",  # noqa: S608 constants
        (session_key, seq),
    )
    return [(_numbered(row[1:]), _size(row)) for row in rows]


def each(db: apsw.Connection, session_key: int) -> Iterator[Numbered]:
    """Yield every entry in order; the connection is not to write meanwhile."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM entries WHERE session = ? ORDER BY seq", (session_key,))  # noqa: S608 constants
    return map(_numbered, rows)


def find(db: apsw.Connection, session_key: int, seq: int) -> Numbered | None:
    """Return the entry of that *seq*, None when there is none."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE session = ? AND seq = ?",  # noqa: S608 constants
        (session_key, seq),
    ).fetchone()
    return _numbered(row) if row else None


def codes(kinds: Collection[EntryKind]) -> str:
    """Return *kinds* as SQL has them in an IN."""
    return ", ".join(str(_KINDS[kind]) for kind in kinds)


def remove(
    db: apsw.Connection, session_key: int, kinds: Collection[EntryKind], *, before: Millis | None, limit: int
) -> tuple[int, int]:
    """Delete up to *limit* entries of *kinds*, from before *before* or all; return how many, and their bytes."""
    rows = db.execute(
        f"SELECT session, {_COLUMNS} FROM entries WHERE session = :session AND kind IN ({codes(kinds)}) "  # noqa: S608
        "AND (:before IS NULL OR at < :before) ORDER BY seq LIMIT :limit",
        {"session": session_key, "before": before, "limit": limit},
    ).fetchall()
    removed = 0
    for row in rows:
        db.execute("DELETE FROM entries WHERE session = ? AND seq = ?", (session_key, row[1]))
        removed += db.changes()
    return removed, sum(map(_size, rows))


def page(db: apsw.Connection, session_key: int, *, after: int, kind: EntryKind | None, limit: int) -> list[Numbered]:
    """Return up to *limit* entries after the seq *after*, oldest first, of one *kind* or of all."""
    only = "" if kind is None else "AND kind = :kind"
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE session = :session AND seq > :after {only} "  # noqa: S608 constants
        "ORDER BY seq LIMIT :limit",
        {"session": session_key, "after": after, "kind": kind and _KINDS[kind], "limit": limit},
    )
    return [_numbered(row) for row in rows]


def changes_since(db: apsw.Connection, at: Millis) -> list[FileAccess]:
    """Return every access since *at* that changed a file, in whatever session, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE kind = :access AND access <> :read AND at >= :at "  # noqa: S608 constants
        "AND session IN (SELECT session_key FROM sessions WHERE last_activity >= :at) ORDER BY at, seq",
        {"access": _KINDS[EntryKind.ACCESS], "read": _ACCESSES[Access.READ], "at": at},
    )
    return [entry for row in rows if isinstance(entry := _numbered(row).entry, FileAccess)]


class _AccessDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    old_path: str | None = None  # bytes as in latin-1, so that JSON can hold any path
    others: tuple[str, ...] = ()
    burst_id: str | None = None
    agent_id: str | None = None
    same_as: int | None = None
    restored_from: str | None = None


class _ScanDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    started_at: Millis
    ended_at: Millis
    files: int
    directories: int
    reads: int
    writes: int
    top: tuple[str, ...]
    attribution: Attribution = Attribution.PROBABLE
    others: tuple[str, ...] = ()


class _GapDetails(msgspec.Struct, frozen=True):
    started_at: Millis
    ended_at: Millis
    reads_unknown: bool
    recovered: int


def _row(session_key: int, seq: int, entry: Entry) -> _Row:
    kind, subject, details = _parts(entry)
    source = _SOURCES[entry.source]
    access = attribution = importance = None
    if isinstance(entry, FileAccess):
        access, attribution, importance = _ACCESSES[entry.access], _ATTRIBUTIONS[entry.attribution], entry.importance
    return session_key, seq, entry.at, _KINDS[kind], source, access, attribution, importance, subject, details


def _parts(entry: Entry) -> tuple[EntryKind, str | bytes, str | None]:
    match entry:
        case FileAccess():
            odd = entry.old_path or entry.burst_id or entry.agent_id or entry.same_as or entry.others
            if not (odd or entry.restored_from):
                return EntryKind.ACCESS, _stored_path(entry.path), None
            details = _AccessDetails(
                old_path=None if entry.old_path is None else escaped(entry.old_path),
                others=entry.others,
                burst_id=entry.burst_id,
                agent_id=entry.agent_id,
                same_as=entry.same_as,
                restored_from=entry.restored_from,
            )
            return EntryKind.ACCESS, _stored_path(entry.path), _text(details)
        case Search():
            return EntryKind.SEARCH, entry.query, None
        case Decision():
            return EntryKind.DECISION, entry.text, entry.restored_from
        case MemoryNote():
            return EntryKind.MEMORY, entry.memory_id, entry.memory_key
        case Scan():
            scan = _ScanDetails(
                entry.started_at,
                entry.ended_at,
                entry.files,
                entry.directories,
                entry.reads,
                entry.writes,
                tuple(map(escaped, entry.top)),
                entry.attribution,
                entry.others,
            )
            return EntryKind.SCAN, entry.burst_id, _text(scan)
        case Gap():
            gap = _GapDetails(entry.started_at, entry.ended_at, entry.reads_unknown, entry.recovered)
            return EntryKind.GAP, entry.reason, _text(gap)
        case CheckpointTaken():
            return EntryKind.CHECKPOINT, entry.checkpoint_id, None


def _numbered(row: _Row) -> Numbered:
    seq, at, kind, source_code, access, attribution, importance, subject, details = row
    source = _SOURCE_OF[source_code]
    entry: Entry
    match kind:
        case 1:
            more = msgspec.json.decode(details, type=_AccessDetails) if details else _AccessDetails()
            entry = FileAccess(
                at=at,
                source=source,
                path=_path_of(subject),
                access=_ACCESS_OF[access],
                attribution=_ATTRIBUTION_OF[attribution],
                importance=importance,
                old_path=None if more.old_path is None else unescaped(more.old_path),
                others=more.others,
                burst_id=more.burst_id,
                agent_id=more.agent_id,
                same_as=more.same_as,
                restored_from=more.restored_from,
            )
        case 2:
            entry = Search(at=at, source=source, query=subject)
        case 3:
            entry = Decision(at=at, source=source, text=subject, restored_from=details)
        case 4:
            entry = MemoryNote(at=at, source=source, memory_id=subject, memory_key=details)
        case 5:
            scan = msgspec.json.decode(details, type=_ScanDetails)
            entry = Scan(
                at=at,
                source=source,
                burst_id=subject,
                started_at=scan.started_at,
                ended_at=scan.ended_at,
                files=scan.files,
                directories=scan.directories,
                reads=scan.reads,
                writes=scan.writes,
                top=tuple(map(unescaped, scan.top)),
                attribution=scan.attribution,
                others=scan.others,
            )
        case 6:
            gap = msgspec.json.decode(details, type=_GapDetails)
            entry = Gap(
                at=at,
                source=source,
                reason=subject,
                started_at=gap.started_at,
                ended_at=gap.ended_at,
                reads_unknown=gap.reads_unknown,
                recovered=gap.recovered,
            )
        case _:
            entry = CheckpointTaken(at=at, source=source, checkpoint_id=subject)
    return Numbered(seq, entry)


def _size(row: _Row) -> int:
    *_, subject, details = row
    size = _FIXED_BYTES + len(subject if isinstance(subject, bytes) else subject.encode())
    return size + len(details.encode()) if details else size


def _stored_path(path: str) -> str | bytes:
    if path.isascii():
        return path
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape")
    return path


def _path_of(subject: str | bytes) -> str:
    return subject if isinstance(subject, str) else subject.decode("utf-8", "surrogateescape")


def _text(details: msgspec.Struct) -> str:
    return _encode(details).decode()

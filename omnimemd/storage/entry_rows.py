"""Entries as rows: what each column of the table `entries` says, and what an entry takes.

A row is a tuple in the order of `COLUMNS`; whoever keeps rows otherwise (`segments`) gives back the same tuples.
"""

from collections.abc import Collection
from typing import Any, Final

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

Row = tuple[Any, ...]
COLUMNS: Final = "seq, at, kind, source, access, attribution, importance, subject, details"
KINDS: Final = {kind: code for code, kind in enumerate(EntryKind, start=1)}
ACCESSES: Final = {access: code for code, access in enumerate(Access, start=1)}
_SOURCES: Final = {source: code for code, source in enumerate(Source, start=1)}
_ATTRIBUTIONS: Final = {attribution: code for code, attribution in enumerate(Attribution, start=1)}
_SOURCE_OF: Final = {code: source for source, code in _SOURCES.items()}
_ACCESS_OF: Final = {code: access for access, code in ACCESSES.items()}
_ATTRIBUTION_OF: Final = {code: attribution for attribution, code in _ATTRIBUTIONS.items()}
#: The integers of a row and its key, in SQLite's record format, rounded up: what a row costs besides its text.
_FIXED_BYTES: Final = 22
_encode = msgspec.json.Encoder().encode


def codes(kinds: Collection[EntryKind]) -> str:
    """Return *kinds* as SQL has them in an IN."""
    return ", ".join(str(KINDS[kind]) for kind in kinds)


def row_of(numbered: Numbered) -> Row:
    """Return *numbered* as a row."""
    entry = numbered.entry
    kind, subject, details = _parts(entry)
    source = _SOURCES[entry.source]
    access = attribution = importance = None
    if isinstance(entry, FileAccess):
        access, attribution, importance = ACCESSES[entry.access], _ATTRIBUTIONS[entry.attribution], entry.importance
    return numbered.seq, entry.at, KINDS[kind], source, access, attribution, importance, subject, details


def entry_of(row: Row) -> Numbered:
    """Return the entry that *row* is."""
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


def size_of(row: Row) -> int:
    """Return the bytes that *row* takes in the table."""
    *_, subject, details = row
    size = _FIXED_BYTES + len(subject if isinstance(subject, bytes) else subject.encode())
    return size + len(details.encode()) if details else size


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

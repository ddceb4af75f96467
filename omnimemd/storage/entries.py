"""Entries in the database: one row each, clustered by session; older ones may be held compressed (`segments`).

Whoever reads entries reads both here, in order, and cannot tell which were which.
"""

from collections.abc import Collection, Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Final

import apsw
import msgspec

from omnimem.model import Access, EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import FileAccess, Numbered
from omnimemd.storage import segments
from omnimemd.storage.entry_rows import ACCESSES, COLUMNS, KINDS, Row, codes, entry_of, row_of, size_of

_INSERT: Final = f"INSERT INTO entries (session, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 constants
_seq = itemgetter(0)


class Removed(msgspec.Struct, frozen=True):
    """What went at once."""

    count: int
    size: int  #: bytes that it took, or would have taken as rows
    more: bool  #: whether more may be left


def insert(db: apsw.Connection, session_key: int, entries: Sequence[Numbered]) -> list[int]:
    """Store *entries*; return the bytes each of them takes."""
    rows = [row_of(one) for one in entries]
    if len(rows) == 1:
        db.execute(_INSERT, (session_key, *rows[0]))
    else:
        db.executemany(_INSERT, [(session_key, *row) for row in rows])
    return [size_of(row) for row in rows]


def after(db: apsw.Connection, session_key: int, seq: int) -> list[tuple[Numbered, int]]:
    """Return every entry after *seq* in order, each with the bytes it takes as a row."""
    return [(entry_of(row), size_of(row)) for row in _rows(db, session_key, after=seq)]


def each(db: apsw.Connection, session_key: int) -> Iterator[Numbered]:
    """Yield every entry in order; the connection is not to write meanwhile."""
    return map(entry_of, _rows(db, session_key, after=0))


def page(db: apsw.Connection, session_key: int, *, after: int, kind: EntryKind | None, limit: int) -> list[Numbered]:
    """Return up to *limit* entries after the seq *after*, oldest first, of one *kind* or of all."""
    kinds = tuple(EntryKind) if kind is None else (kind,)
    return [entry_of(row) for row in islice(_rows(db, session_key, after=after, kinds=kinds, limit=limit), limit)]


def find(db: apsw.Connection, session_key: int, seq: int) -> Numbered | None:
    """Return the entry of that *seq*, None when there is none."""
    found = page(db, session_key, after=seq - 1, kind=None, limit=1)
    return found[0] if found and found[0].seq == seq else None


def remove(
    db: apsw.Connection, session_key: int, kinds: Collection[EntryKind], *, before: Millis | None, limit: int
) -> Removed:
    """Delete up to *limit* rows of *kinds*, from before *before* or all; where there are fewer, from a segment too."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM entries WHERE session = :session AND kind IN ({codes(kinds)}) "  # noqa: S608
        "AND (:before IS NULL OR at < :before) ORDER BY seq LIMIT :limit",
        {"session": session_key, "before": before, "limit": limit},
    ).fetchall()
    removed = 0
    for row in rows:
        db.execute("DELETE FROM entries WHERE session = ? AND seq = ?", (session_key, row[0]))
        removed += db.changes()
    size = sum(map(size_of, rows))
    if len(rows) == limit:
        return Removed(removed, size, more=True)
    thinned, thinned_size = segments.thin(db, session_key, kinds, before=before)
    return Removed(removed + thinned, size + thinned_size, more=thinned > 0)


def changes_since(db: apsw.Connection, at: Millis) -> list[FileAccess]:
    """Return every access since *at* that changed a file, in whatever session, oldest first."""
    values = {"access": KINDS[EntryKind.ACCESS], "read": ACCESSES[Access.READ], "at": at}
    lately = "session IN (SELECT session_key FROM sessions WHERE last_activity >= :at)"
    rows: list[Row] = db.execute(
        f"SELECT {COLUMNS} FROM entries WHERE kind = :access AND access <> :read AND at >= :at AND {lately}",  # noqa: S608
        values,
    ).fetchall()
    packed = segments.rows_since(db, at)
    rows += [row for row in packed if row[1] >= at and row[2] == values["access"] and row[4] != values["read"]]
    rows.sort(key=itemgetter(1, 0))
    return [entry for row in rows if isinstance(entry := entry_of(row).entry, FileAccess)]


def _rows(
    db: apsw.Connection,
    session_key: int,
    *,
    after: int,
    kinds: Collection[EntryKind] = tuple(EntryKind),
    limit: int = -1,
) -> Iterator[Row]:
    """Yield every row of *kinds* after the seq *after*, or at least *limit*; what is compressed is read when needed."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM entries WHERE session = ? AND seq > ? AND kind IN ({codes(kinds)}) "  # noqa: S608
        "ORDER BY seq LIMIT ?",
        (session_key, after, limit),
    )
    return merge(rows, segments.rows(db, session_key, after=after, kinds=kinds), key=_seq)

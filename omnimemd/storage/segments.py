"""Older entries of a session, held compressed: some hundred to a thousand in one row of `entry_segments`.

What was observed moves here (`OBSERVED`), which is most; what was said stays a row, since the search index and others
refer to it. A segment takes the place of its rows in the transaction that deletes them, so each entry is there once,
whenever the daemon is killed. It holds all that was observed between its first and its last entry, and segments of a
session follow each other.
"""

from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import Final

import apsw
import msgspec

from omnimem.model import EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.storage.entry_rows import COLUMNS, KINDS, Row, codes, size_of
from omnimemd.storage.segment_codec import CODEC, decode, encode

#: The kinds of entries that are held compressed.
OBSERVED: Final = (EntryKind.ACCESS, EntryKind.SCAN, EntryKind.GAP)
#: Entries in one segment: more would save little, and a page of entries has to take one apart.
MOST: Final = 1_000
#: The fewest that are compressed; what is left of an ended session below that stays as it is.
FEWEST: Final = 64
#: Of a session that runs, the latest entries stay rows: they are asked for.
KEPT: Final = 500


class Changed(Exception):
    """The rows that were compressed are not there any more as they were: some were let go of meanwhile."""


class Segment(msgspec.Struct, frozen=True):
    """Entries that are to be held compressed."""

    rows: list[Row]  #: ≥ 1, in order; all that was observed between the first and the last
    packed: bytes

    @property
    def last(self) -> int:
        """The seq of its last entry."""
        return int(self.rows[-1][0])


class Totals(msgspec.Struct, frozen=True):
    """What compression does for a session."""

    segments: int = 0
    through: int = 0  #: the last entry that is
    spared: int = 0  #: bytes that its entries would take more as rows


def totals(db: apsw.Connection, session_key: int) -> Totals:
    """Return how much of a session is held compressed."""
    row: Row = db.execute(
        "SELECT count(*), coalesce(max(last_seq), 0), coalesce(sum(row_bytes - length(packed)), 0) "
        "FROM entry_segments WHERE session = ?",
        (session_key,),
    ).fetchall()[0]
    return Totals(*row)


def due(db: apsw.Connection) -> list[str]:
    """Return the ids of the sessions of which something may be to be compressed, the latest begun first."""
    left = (
        f"EXISTS (SELECT 1 FROM entries AS e WHERE e.session = s.session_key AND e.kind IN ({codes(OBSERVED)}) "  # noqa: S608
        f"AND e.seq > {_last('s.session_key')} LIMIT 1 OFFSET "
    )
    rows = db.execute(
        f"SELECT session_id FROM sessions AS s WHERE NOT s.going "  # noqa: S608
        f"AND iif(s.ended_at ISNULL, {left} :most - 1), {left} :fewest - 1)) "
        "ORDER BY session_key DESC",
        {"most": MOST, "fewest": FEWEST},
    )
    return [str(session_id) for (session_id,) in rows]


def prepare(db: apsw.Connection, session_key: int, *, active: bool) -> Segment | None:
    """Return what is to be compressed next of a session, None when that is nothing; writes nothing.

    Of an *active* one the latest entries stay, of another what its folded context does not know yet: the last row is
    what tells that there is something behind that.
    """
    through = "(SELECT max(seq) - :kept FROM entries WHERE session = :session)"
    if not active:
        through = "(SELECT folded_through FROM sessions WHERE session_key = :session)"
    rows: list[Row] = db.execute(
        f"SELECT {COLUMNS} FROM entries WHERE session = :session AND kind IN ({codes(OBSERVED)}) "  # noqa: S608
        f"AND seq > {_last(':session')} AND seq <= {through} ORDER BY seq LIMIT :most",
        {"session": session_key, "kept": KEPT, "most": MOST},
    ).fetchall()
    if len(rows) < (MOST if active else FEWEST):
        return None
    packed = encode(rows)
    if decode(packed) != rows:  # before anything is let go of
        raise RuntimeError("entries do not come back from their segment as they are")
    return Segment(rows, packed)


def put(db: apsw.Connection, session_key: int, segment: Segment) -> None:
    """Have *segment* take the place of its rows.

    Raises:
        Changed: they are not there any more as they were.
    """
    span = (session_key, segment.rows[0][0], segment.last)
    taken: list[Row] = db.execute(
        f"DELETE FROM entries WHERE session = ? AND seq BETWEEN ? AND ? AND kind IN ({codes(OBSERVED)}) "  # noqa: S608
        f"RETURNING {COLUMNS}",
        span,
    ).fetchall()
    taken.sort(key=itemgetter(0))  # SQLite promises no order here
    if taken != segment.rows:
        raise Changed
    _insert(db, session_key, segment.rows, segment.packed)


def rows(db: apsw.Connection, session_key: int, *, after: int, kinds: Collection[EntryKind]) -> Iterator[Row]:
    """Yield the rows of *kinds* after the seq *after* that are held compressed, in order.

    Raises:
        StoreUnavailable: a segment is damaged.
    """
    wanted = {KINDS[kind] for kind in kinds}
    found = db.execute(
        "SELECT packed FROM entry_segments WHERE session = :session AND kinds & :kinds AND first_seq >= coalesce("
        "(SELECT max(first_seq) FROM entry_segments WHERE session = :session AND first_seq <= :after), 0) "
        "ORDER BY first_seq",
        {"session": session_key, "kinds": bits(kinds), "after": after},
    )
    for (packed,) in found:
        for row in decode(packed):
            if row[0] > after and row[2] in wanted:
                yield row


def rows_since(db: apsw.Connection, at: Millis) -> Iterator[Row]:
    """Yield the rows of each segment that has any from *at* on, of sessions that were active since."""
    found = db.execute(
        "SELECT packed FROM entry_segments WHERE newest >= :at "
        "AND session IN (SELECT session_key FROM sessions WHERE last_activity >= :at)",
        {"at": at},
    )
    for (packed,) in found:
        yield from decode(packed)


def thin(
    db: apsw.Connection, session_key: int, kinds: Collection[EntryKind], *, before: Millis | None
) -> tuple[int, int]:
    """Delete the entries of *kinds*, from before *before* or all, from the first segment that has any.

    Returns:
        How many went, and the bytes that they would take as rows.

    Raises:
        StoreUnavailable: the segment is damaged, and not all of it is to go.
    """
    going = {KINDS[kind] for kind in kinds}
    found: list[Row] = db.execute(
        "SELECT first_seq, entries, row_bytes, NOT kinds & ~:kinds AND (:before ISNULL OR newest < :before) "
        "FROM entry_segments WHERE session = :session AND kinds & :kinds AND (:before ISNULL OR oldest < :before) "
        "ORDER BY first_seq",
        {"session": session_key, "kinds": bits(kinds), "before": before},
    ).fetchall()
    for first, count, size, whole in found:
        if whole:
            _delete(db, session_key, first)
            return count, size
        packed = db.execute(
            "SELECT packed FROM entry_segments WHERE session = ? AND first_seq = ?", (session_key, first)
        ).get
        rows = decode(packed)
        left = [row for row in rows if row[2] not in going or (before is not None and row[1] >= before)]
        if len(left) < len(rows):
            _delete(db, session_key, first)
            if left:
                _insert(db, session_key, left, encode(left))
            return len(rows) - len(left), size - sum(map(size_of, left))
    return 0, 0


def bits(kinds: Collection[EntryKind]) -> int:
    """Return *kinds* as the column of that name has them."""
    return sum(1 << KINDS[kind] for kind in set(kinds))


def _last(session_key: str) -> str:
    """Return what says in SQL which is the last entry of a session that is held compressed; 0 when none is."""
    return (
        f"coalesce((SELECT last_seq FROM entry_segments AS g WHERE g.session = {session_key} "  # noqa: S608 fragments
        "ORDER BY first_seq DESC LIMIT 1), 0)"
    )


def _delete(db: apsw.Connection, session_key: int, first: int) -> None:
    db.execute("DELETE FROM entry_segments WHERE session = ? AND first_seq = ?", (session_key, first))


def facts(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return what the table says of a segment of *rows*: its columns from `first_seq` to `row_bytes`."""
    times = [row[1] for row in rows]
    kinds = sum(1 << kind for kind in {row[2] for row in rows})
    return rows[0][0], rows[-1][0], len(rows), kinds, min(times), max(times), sum(map(size_of, rows))


def _insert(db: apsw.Connection, session_key: int, rows: Sequence[Row], packed: bytes) -> None:
    db.execute(
        "INSERT INTO entry_segments "
        "(session, first_seq, last_seq, entries, kinds, oldest, newest, row_bytes, codec, packed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (session_key, *facts(rows), CODEC, packed),
    )

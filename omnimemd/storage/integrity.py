"""Whether what is in the database is whole. Long reads: on a connection of their own."""

from collections.abc import Iterable, Iterator

import apsw
import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.domain.context import ContextFold
from omnimemd.storage import segments
from omnimemd.storage.compressing import Damaged
from omnimemd.storage.entry_rows import codes
from omnimemd.storage.segment_codec import decode
from omnimemd.storage.sessions import snapshot_of

#: Problems that are named.
_MOST = 20


def problems(db: apsw.Connection) -> Iterator[str]:
    """Yield what SQLite finds wrong with its file, and rows that refer to none; reads all of it."""
    for (told,) in db.execute(f"PRAGMA integrity_check({_MOST})"):
        if told != "ok":
            yield str(told)
    for table, _, parent, _ in db.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} refers to none of {parent}"


def broken_folds(db: apsw.Connection) -> Iterator[str]:
    """Yield the id of each session whose folded context cannot be read, or is of more entries than there are."""
    rows = db.execute(
        "SELECT session_id, workspace_path, context_json, compressed_context, folded_through, "
        "max(coalesce((SELECT max(seq) FROM entries WHERE session = session_key), 0), "
        "coalesce((SELECT max(last_seq) FROM entry_segments WHERE session = session_key), 0)) FROM sessions "
        "WHERE context_json NOTNULL OR compressed_context NOTNULL"
    )
    for session_id, workspace, plain, packed, through, last in rows:
        try:
            fold = ContextFold.restore(snapshot_of(plain, packed) or b"", workspace=workspace)
            broken = fold.through != through or (through > last and not fold.thinned)
        except (msgspec.MsgspecError, ValueError, Damaged):
            broken = True
        if broken:
            yield session_id


def broken_segments(db: apsw.Connection) -> Iterator[str]:
    """Yield the id of each session of which what is held compressed cannot be read, or is not what is said of it."""
    rows = db.execute(
        "SELECT s.session_id, g.session, first_seq, last_seq, entries, kinds, oldest, newest, row_bytes, packed "
        "FROM entry_segments AS g JOIN sessions AS s ON s.session_key = g.session ORDER BY g.session, first_seq"
    )
    behind, told = (0, 0), ""
    for session_id, key, *said, packed in rows:
        try:
            sound = segments.facts(decode(packed)) == tuple(said)
        except StoreUnavailable:
            sound = False
        overlaps = behind[0] == key and said[0] <= behind[1]
        twice = db.execute(
            f"SELECT EXISTS (SELECT 1 FROM entries WHERE session = ? AND seq BETWEEN ? AND ? "  # noqa: S608 constants
            f"AND kind IN ({codes(segments.OBSERVED)}))",
            (key, said[0], said[1]),
        ).get
        if (not sound or overlaps or twice) and told != session_id:
            told = session_id
            yield session_id
        behind = key, said[1]


def unfold(db: apsw.Connection, session_ids: Iterable[str]) -> None:
    """Forget the folded contexts of sessions: they are made anew from the entries."""
    db.executemany(
        "UPDATE sessions SET context_json = NULL, compressed_context = NULL, folded_through = 0 WHERE session_id = ?",
        [(one,) for one in session_ids],
    )

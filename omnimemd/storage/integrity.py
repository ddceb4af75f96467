"""Whether what is in the database is whole. Long reads: on a connection of their own."""

from collections.abc import Iterable, Iterator

import apsw
import msgspec

from omnimemd.domain.context import ContextFold

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
        "SELECT session_id, workspace_path, context_json, folded_through, "
        "coalesce((SELECT max(seq) FROM entries WHERE session = session_key), 0) FROM sessions "
        "WHERE context_json IS NOT NULL"
    )
    for session_id, workspace, snapshot, through, last in rows:
        try:
            fold = ContextFold.restore(snapshot.encode(), workspace=workspace)
            broken = fold.through != through or (through > last and not fold.thinned)
        except (msgspec.MsgspecError, ValueError):
            broken = True
        if broken:
            yield session_id


def unfold(db: apsw.Connection, session_ids: Iterable[str]) -> None:
    """Forget the folded contexts of sessions: they are made anew from the entries."""
    db.executemany(
        "UPDATE sessions SET context_json = NULL, folded_through = 0 WHERE session_id = ?",
        [(one,) for one in session_ids],
    )

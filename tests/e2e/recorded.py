"""What a session recorded, in forms that a test can compare."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from omnimem import Client
from omnimem.model import Access, AccessEntry, Entry, FileAccessed, Session, SessionMetrics, SessionState
from tests.e2e.waiting import eventually

_WRITES = (Access.WRITE, Access.CREATE, Access.MOVE)


class Touch(NamedTuple):
    """One access: what was done to which file, the path relative to the workspace."""

    access: str
    path: str


def millis(timestamp: str | None) -> int:
    """Return a time of the API as UTC milliseconds."""
    assert timestamp is not None
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def entries(client: Client, session_id: str, *, after: int = 0) -> list[Entry]:
    """Return every entry after the one numbered *after*, over as many pages as there are."""
    found: list[Entry] = []
    cursor: int | None = after
    while cursor is not None:
        page = client.list_entries(session_id, after=cursor, limit=1000)
        found += page.entries
        cursor = page.next_after
    return found


def accesses(client: Client, session_id: str, *, after: int = 0) -> list[AccessEntry]:
    """Return the accesses among the entries."""
    return [entry for entry in entries(client, session_id, after=after) if isinstance(entry, AccessEntry)]


def touches(client: Client, session: Session, *, after: int = 0) -> list[Touch]:
    """Return what was done to which file, in order, once everything that happened is recorded."""
    client.flush()
    found = accesses(client, session.session_id, after=after)
    return [Touch(str(entry.access), relative(entry.path, session)) for entry in found]


def relative(path: str, session: Session) -> str:
    """Return *path* as seen from the session's workspace."""
    assert path.startswith(session.workspace_path + "/"), path
    return path.removeprefix(session.workspace_path + "/")


def files(client: Client, session: Session) -> dict[str, FileAccessed]:
    """Return the rows of the context by path relative to the workspace."""
    rows = client.get_context(session.session_id).context.files_accessed
    found = {relative(row.path, session): row for row in rows}
    assert len(found) == len(rows), "a path has two rows"
    return found


def ended(client: Client, session_id: str, *, within: float = 15.0) -> Session:
    """Wait until the session has ended; return it."""

    def look() -> Session | None:
        session = client.get_session(session_id)
        return session if session.state is SessionState.ENDED else None

    found = eventually(look, f"{session_id} ended", within=within)
    assert found is not None
    return found


def assert_consistent(client: Client, session_id: str) -> list[Entry]:
    """Check that numbering, context and figures are what the entries say; return the entries."""
    client.flush()  # a gap that a kill left is recorded by and by
    every = entries(client, session_id)
    assert [entry.entry_id for entry in every] == list(range(1, len(every) + 1))
    shown = client.get_context(session_id).context
    folded: dict[str, list[tuple[int, AccessEntry]]] = {}
    told = [entry for entry in every if isinstance(entry, AccessEntry)]
    touched = [entry for entry in told if entry.same_as is None]  # what names an earlier entry counts for nothing
    of_path: dict[str, list[AccessEntry]] = {}
    for entry in told:
        of_path.setdefault(entry.path, []).append(entry)
    for order, entry in enumerate(touched, start=1):
        folded.setdefault(entry.path, []).append((order, entry))
    by_latest = sorted(folded.items(), key=lambda item: item[1][-1][0])
    assert [row.path for row in shown.files_accessed] == [path for path, _ in by_latest]
    for row, (_, found) in zip(shown.files_accessed, by_latest, strict=True):
        order, latest = found[-1]
        assert row.order == order
        assert row.accessed_at == latest.timestamp
        assert row.source in (latest.source, of_path[row.path][-1].source)
        assert row.access_count == len(found)
        assert row.reads == sum(entry.access is Access.READ for _, entry in found)
        assert row.writes == sum(entry.access in _WRITES for _, entry in found)
        said = [entry.importance for entry in of_path[row.path] if entry.importance is not None]
        assert row.importance == said[-1] if said else 0 <= row.importance <= 1
    assert shown.file_importance_scores == {row.path: row.importance for row in shown.files_accessed}
    kinds = Counter(str(entry.kind) for entry in every)
    assert len(shown.recent_searches) == kinds["search"]
    assert len(shown.decisions) == kinds["decision"]
    assert len(shown.saved_memories) == kinds["memory"]
    assert client.get_session(session_id).metrics == SessionMetrics(
        accesses=len(touched),
        reads=sum(entry.access is Access.READ for entry in touched),
        writes=sum(entry.access in _WRITES for entry in touched),
        files=len(folded),
        searches=kinds["search"],
        decisions=kinds["decision"],
        memories=kinds["memory"],
        scans=kinds["scan"],
        gaps=kinds["gap"],
    )
    return every


def below(folder: Path, *names: str) -> set[str]:
    """Return the absolute paths of *names* in *folder*."""
    return {str(folder / name) for name in names}

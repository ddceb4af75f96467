"""The files that memories speak of, in the database: as they were, and which of them are not so any more."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw
import msgspec
from msgspec.structs import replace

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import FileFacts
from omnimemd.domain.memories import ChangedFile, Memory
from omnimemd.domain.mentions import may_mention
from omnimemd.domain.staleness import RememberedFile

#: A path as it is shown: absolute, below where the project's folder is now.
_ABSOLUTE: Final = "CASE WHEN f.path LIKE '/%' THEN f.path ELSE rtrim(p.root, '/') || '/' || f.path END"
#: For the conditions of a list of memories.
IS_STALE: Final = (
    "EXISTS (SELECT 1 FROM memory_files AS f WHERE f.memory_id = project_memories.memory_id "
    "AND f.changed_at IS NOT NULL)"
)
_ROW: Final = (
    f"f.memory_id, m.project_id, p.root, {_ABSOLUTE}, f.path, f.size, f.digest, f.inode, f.mtime_ns, f.ctime_ns, "
    "f.changed_at"
)
_FROM: Final = (
    "memory_files AS f JOIN project_memories AS m USING (memory_id) JOIN projects AS p ON p.project_id = m.project_id"
)
#: Inodes have 64 bits, integers of SQLite 63 and a sign.
_SIGN: Final = 1 << 63
#: Folders in which sessions of a project were at work that are tried for a relative path.
_WORKSPACES: Final = 4


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A memory whose files are to be looked at."""

    memory_id: str
    since: Millis | None  #: when it was written or confirmed
    token: int
    project_id: str
    root: str | None  #: the project's
    workspaces: tuple[str, ...]  #: where it was written, or the project is worked at; the likeliest first


class KnownFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a memory."""

    memory_id: str
    project_id: str
    root: str | None  #: the folder that it is below of, if that is the project's
    path: str  #: absolute
    file: RememberedFile


class KnownPath(msgspec.Struct, frozen=True):
    """A path that at least one memory of a project speaks of."""

    project_id: str
    path: str  #: absolute


def is_news(db: apsw.Connection, memory: Memory) -> bool:
    """Return whether *memory*, which is about to be stored, says or confirms something that the stored one does not."""
    row = db.execute(
        "SELECT version, confirmed_at, files_json, EXISTS (SELECT 1 FROM memory_files WHERE memory_id = :memory) "
        "FROM project_memories WHERE memory_id = :memory",
        {"memory": memory.memory_id},
    ).fetchone()
    says = (memory.version, memory.confirmed_at, msgspec.json.encode(memory.files).decode())
    return row is None or row[:3] != says or (bool(row[3]) and not memory.known_files)


def due(db: apsw.Connection, memory: Memory, *, since: Millis) -> None:
    """Forget how the files of *memory*, which was stored at *since*, were: they are to be looked at anew."""
    db.execute("DELETE FROM memory_files WHERE memory_id = ?", (memory.memory_id,))
    if memory.deleted or not (memory.files or may_mention(memory.value)):
        db.execute("DELETE FROM memory_files_due WHERE memory_id = ?", (memory.memory_id,))
        return
    db.execute(
        "INSERT INTO memory_files_due (memory_id, since, token) VALUES (:memory, :since, 1) "
        "ON CONFLICT (memory_id) DO UPDATE SET since = :since, token = token + 1",
        {"memory": memory.memory_id, "since": since},
    )


def take_as_they_are(db: apsw.Connection, memory_id: str) -> None:
    """Have the files of a memory that was written elsewhere count as unchanged when they are looked at."""
    db.execute("UPDATE memory_files_due SET since = NULL WHERE memory_id = ?", (memory_id,))


def every_due(db: apsw.Connection, *, limit: int) -> list[Due]:
    """Return up to *limit* memories whose files are to be looked at."""
    rows = db.execute(
        "SELECT d.memory_id, d.since, d.token, m.project_id, p.root FROM memory_files_due AS d "
        "JOIN project_memories AS m USING (memory_id) JOIN projects AS p ON p.project_id = m.project_id LIMIT ?",
        (limit,),
    )
    return [_due(db, row) for row in list(rows)]


def remember(db: apsw.Connection, which: Due, files: Iterable[RememberedFile]) -> bool:
    """Store *files* as those of a memory; return False, and store none, when it was written again meanwhile."""
    db.execute("DELETE FROM memory_files_due WHERE memory_id = ? AND token = ?", (which.memory_id, which.token))
    if not db.changes():
        return False
    db.executemany(
        "INSERT INTO memory_files (memory_id, path, size, digest, inode, mtime_ns, ctime_ns, changed_at) "
        "VALUES (:memory, :path, :size, :digest, :inode, :mtime, :ctime, :changed)",
        [_values(which.memory_id, one) for one in files],
    )
    return True


def update(db: apsw.Connection, memory_id: str, file: RememberedFile) -> None:
    """Store what is known of *file* now, if the memory still has it."""
    db.execute(
        "UPDATE memory_files SET size = :size, digest = :digest, inode = :inode, mtime_ns = :mtime, ctime_ns = :ctime, "
        "changed_at = :changed WHERE memory_id = :memory AND path = :path",
        _values(memory_id, file),
    )


def any_path(db: apsw.Connection) -> bool:
    """Return whether any file of any memory is known."""
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM memory_files)").get)


def every_path(db: apsw.Connection) -> list[KnownPath]:
    """Return every path that is known, once for each project; a long read."""
    rows = db.execute(
        f"SELECT DISTINCT m.project_id, {_ABSOLUTE} FROM {_FROM} WHERE p.root IS NOT NULL OR f.path LIKE '/%'"  # noqa: S608
    )
    return [KnownPath(project_id, path) for project_id, path in rows]


def at(db: apsw.Connection, paths: Iterable[str]) -> list[KnownFile]:
    """Return the files of every memory that are at any of *paths*, which are absolute."""
    found: list[KnownFile] = []
    for path in paths:
        names = [path, *_tails(path)]
        marks = ", ".join("?" * len(names))
        rows = db.execute(
            f"SELECT {_ROW} FROM {_FROM} WHERE f.path IN ({marks}) AND {_ABSOLUTE} = ?",  # noqa: S608 marks
            (*names, path),
        )
        found += map(_known, rows)
    return found


def of_project(db: apsw.Connection, project_id: str) -> list[KnownFile]:
    """Return the files of every memory of a project."""
    rows = db.execute(
        f"SELECT {_ROW} FROM {_FROM} WHERE m.project_id = ? AND (p.root IS NOT NULL OR f.path LIKE '/%')",  # noqa: S608
        (project_id,),
    )
    return [_known(row) for row in rows]


def with_files(db: apsw.Connection, memory: Memory) -> Memory:
    """Return *memory*, at its current version, with the files that it is held against, and which of them changed."""
    rows = db.execute(
        f"SELECT {_ABSOLUTE}, f.changed_at FROM {_FROM} WHERE f.memory_id = ? ORDER BY f.path",  # noqa: S608 constants
        (memory.memory_id,),
    )
    known: list[str] = []
    changed: list[ChangedFile] = []
    for path, at in rows:
        known.append(path)
        if at is not None:
            changed.append(ChangedFile(path, at))
    return replace(memory, known_files=tuple(known), changed_files=tuple(changed)) if known else memory


def _due(db: apsw.Connection, row: tuple[Any, ...]) -> Due:
    memory_id, since, token, project_id, root = row
    workspaces = _workspaces(db, project_id, memory_id)
    return Due(memory_id=memory_id, since=since, token=token, project_id=project_id, root=root, workspaces=workspaces)


def _workspaces(db: apsw.Connection, project_id: str, memory_id: str) -> tuple[str, ...]:
    """Return where sessions that wrote the memory were at work, the latest first, then where others of its project."""
    rows = db.execute(
        "SELECT workspace_path FROM sessions LEFT JOIN (SELECT session_id, max(version) AS version "
        "FROM memory_versions WHERE memory_id = :memory GROUP BY session_id) "
        "USING (session_id) WHERE version IS NOT NULL OR project_id = :project "
        "GROUP BY workspace_path ORDER BY max(version) DESC NULLS LAST, max(last_activity) DESC LIMIT :limit",
        {"memory": memory_id, "project": project_id, "limit": _WORKSPACES},
    )
    return tuple(path for (path,) in rows)


def _tails(path: str) -> Sequence[str]:
    """Return what *path* may be called below the folders above it."""
    names = path[1:].split("/")
    return ["/".join(names[start:]) for start in range(len(names))]


def _values(memory_id: str, file: RememberedFile) -> dict[str, Any]:
    facts = file.facts
    return {
        "memory": memory_id,
        "path": file.path,
        "size": facts and facts.size,
        "digest": file.digest,
        "inode": facts and _signed(facts.inode),
        "mtime": facts and facts.mtime_ns,
        "ctime": facts and facts.ctime_ns,
        "changed": file.changed_at,
    }


def _known(row: tuple[Any, ...]) -> KnownFile:
    memory_id, project_id, root, absolute, path, size, digest, inode, mtime_ns, ctime_ns, changed_at = row
    facts = None if size is None else FileFacts(path.rpartition("/")[2], inode % (1 << 64), size, mtime_ns, ctime_ns)
    return KnownFile(
        memory_id=memory_id,
        project_id=project_id,
        root=None if path.startswith("/") else root,
        path=absolute,
        file=RememberedFile(path=path, facts=facts, digest=digest, changed_at=changed_at),
    )


def _signed(number: int) -> int:
    return number - 2 * _SIGN if number >= _SIGN else number

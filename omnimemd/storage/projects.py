"""Projects in the database."""

from collections.abc import Iterator
from typing import Any, Final

import apsw
import msgspec

from omnimem.model import ProjectKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.projects import FolderIdentity, Place, Project
from omnimemd.storage.memories import LIVE

_COLUMNS: Final = (
    "project_id, name, kind, root, device, inode, birth_ns, created_at, "  # noqa: S608 constants
    "max(last_activity, coalesce((SELECT max(s.last_activity) FROM sessions AS s "
    "WHERE s.project_id = projects.project_id), 0)) AS latest, settings_json, "
    "(SELECT count(*) FROM sessions AS s WHERE s.project_id = projects.project_id AND NOT s.going), "
    f"(SELECT count(*) FROM project_memories AS m WHERE m.project_id = projects.project_id AND {LIVE})"
)


def save(db: apsw.Connection, project: Project) -> None:
    """Store *project*, or write it over the one of its id."""
    identity = project.identity
    db.execute(
        "INSERT INTO projects "
        "(project_id, name, kind, root, device, inode, birth_ns, created_at, last_activity, settings_json) "
        "VALUES (:project_id, :name, :kind, :root, :device, :inode, :birth_ns, :created_at, :last_activity, :settings) "
        "ON CONFLICT (project_id) DO UPDATE SET name = :name, kind = :kind, root = :root, device = :device, "
        "inode = :inode, birth_ns = :birth_ns, last_activity = :last_activity, settings_json = :settings",
        {
            "project_id": project.project_id,
            "name": project.name,
            "kind": project.kind,
            "root": project.root,
            "device": identity and identity.device,
            "inode": identity and identity.inode,
            "birth_ns": identity and identity.birth_ns,
            "created_at": project.created_at,
            "last_activity": project.last_activity,
            "settings": msgspec.json.encode(project.settings).decode(),
        },
    )


def touch(db: apsw.Connection, project_id: str, *, at: Millis) -> None:
    """Note activity in a project."""
    db.execute("UPDATE projects SET last_activity = max(last_activity, ?) WHERE project_id = ?", (at, project_id))


def ensure(db: apsw.Connection, project_id: str, *, now: Millis) -> None:
    """Make the project of *project_id* if there is none: somebody used the id."""
    db.execute(
        "INSERT INTO projects (project_id, name, kind, created_at, last_activity) "
        "VALUES (:id, :id, 'named', :now, :now) ON CONFLICT DO NOTHING",
        {"id": project_id, "now": now},
    )


def find(db: apsw.Connection, project_id: str, *, now: Millis) -> Project | None:
    """Return the project of *project_id*, None when there is none."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM projects WHERE project_id = :id",  # noqa: S608 constants
        {"id": project_id, "now": now},
    ).fetchone()
    return _project(row) if row else None


def name_and_root(db: apsw.Connection, project_id: str) -> tuple[str, str | None] | None:
    """Return what the project of *project_id* is called, and its folder if it has one; None when there is none."""
    row = db.execute("SELECT name, root FROM projects WHERE project_id = ?", (project_id,)).fetchone()
    return (row[0], row[1]) if row else None


def keeps_secrets(db: apsw.Connection, project_id: str) -> bool:
    """Return whether the project's setting says that nothing is to be removed."""
    row = db.execute(
        "SELECT json_type(settings_json, '$.redact') = 'false' FROM projects WHERE project_id = ?", (project_id,)
    ).fetchone()
    return bool(row and row[0])


def every(db: apsw.Connection, *, now: Millis) -> list[Project]:
    """Return every project, newest activity first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM projects ORDER BY latest DESC, project_id",  # noqa: S608 constants
        {"now": now},
    )
    return [_project(row) for row in rows]


def each(db: apsw.Connection, project_id: str | None, *, now: Millis) -> Iterator[Project]:
    """Yield the project of *project_id*, or every project, by id; the connection is not to write meanwhile."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM projects WHERE :id IS NULL OR project_id = :id ORDER BY project_id",  # noqa: S608 constants
        {"id": project_id, "now": now},
    )
    return map(_project, rows)


def candidates(db: apsw.Connection, place: Place, *, now: Millis) -> list[Project]:
    """Return the projects that *place* may be: of the same inode, root or id."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM projects "  # noqa: S608 constants
        "WHERE inode = :inode OR root = :root OR project_id = :project_id ORDER BY created_at",
        {"inode": place.identity.inode, "root": place.root, "project_id": place.project_id, "now": now},
    )
    return [_project(row) for row in rows]


def _project(row: tuple[Any, ...]) -> Project:
    project_id, name, kind, root, device, inode, birth_ns, created_at, last_activity, settings, sessions, memories = row
    return Project(
        project_id=project_id,
        name=name,
        kind=ProjectKind(kind),
        root=root,
        identity=None if inode is None else FolderIdentity(device, inode, birth_ns),
        created_at=created_at,
        last_activity=last_activity,
        settings=msgspec.json.decode(settings),
        sessions=sessions,
        memories=memories,
    )

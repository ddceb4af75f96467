"""What makes two paths one project, and what survives when its folder is moved."""

import re
from collections.abc import Sequence

import msgspec

from omnimem.model import JsonObject, ProjectKind
from omnimemd.domain.clock import Millis


class FolderIdentity(msgspec.Struct, frozen=True):
    """What of a folder survives a move on its file system (stat(2), statx(2))."""

    device: int
    inode: int
    birth_ns: int | None  #: when it was made; None where the file system does not say


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when a path was looked at: which project it is, as far as the file system tells."""

    kind: ProjectKind  #: git, marker or path
    root: str  #: absolute real path of the project's folder
    worktree: str | None  #: the working tree's root; None outside git
    identity: FolderIdentity  #: of the git common directory, or of the folder itself outside git
    project_id: str | None = None  #: what `.omnimem.toml` says
    name: str | None = None  #: what `.omnimem.toml` says
    track: bool = True  #: what `.omnimem.toml` says


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """One project as it is remembered."""

    project_id: str
    name: str
    kind: ProjectKind
    root: str | None  #: where it was last seen; None when it was made through the API
    identity: FolderIdentity | None = None
    created_at: Millis
    last_activity: Millis
    settings: JsonObject = {}
    sessions: int = 0
    memories: int = 0


def recognise(place: Place, known: Sequence[Project]) -> Project | None:
    """Return the project among *known* that *place* is, None when it is a new one.

    A git repository is the one of its common directory's device, inode and birth. A device number may change with a
    reboot, so the same inode and birth at the remembered root count too. Outside git the path is the identity. A clone,
    a copy or a directory made anew has another inode or birth: another project.
    """
    if place.kind is ProjectKind.MARKER:
        return next((one for one in known if one.project_id == place.project_id), None)
    same_kind = [one for one in known if one.kind is place.kind]
    if place.kind is ProjectKind.PATH:
        return next((one for one in same_kind if one.root == place.root), None)
    for one in same_kind:
        if one.identity == place.identity:
            return one
    for one in same_kind:
        if (
            one.root == place.root
            and one.identity is not None
            and (one.identity.inode, one.identity.birth_ns) == (place.identity.inode, place.identity.birth_ns)
        ):
            return one
    return None


def new_id(place: Place, *, token: str) -> str:
    """Return an id for the new project at *place*: its folder's name, readable, and *token*, unique."""
    words = re.sub(r"[^A-Za-z0-9_.-]+", "-", default_name(place)).strip("-.")[:40]
    return f"{words}-{token}" if words else f"project-{token}"


def default_name(place: Place) -> str:
    """Return what to call the project at *place*."""
    return place.name or place.root.rstrip("/").rpartition("/")[2] or "/"

"""Projects and workspaces on the wire."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from omnimem.model.vocabulary import (
    CleanedReply,
    ExplainReason,
    JsonObject,
    PathText,
    ProjectKind,
    Reply,
    Request,
    Timestamp,
    WorkspaceState,
)

ProjectName = Annotated[str, Meta(min_length=1, max_length=200)]


class ProjectResolve(Request, frozen=True, kw_only=True):
    """Ask which project a path belongs to."""

    path: PathText


class ResolvedProject(Reply, frozen=True, kw_only=True):
    """The project a path belongs to."""

    project_id: str
    name: str
    root: str
    worktree: str | None  #: the working tree's root; None outside git
    kind: ProjectKind
    track: bool  #: whether what happens there is recorded; false where `.omnimem.toml` says so


class Project(CleanedReply, frozen=True, kw_only=True):
    """One project and how much it holds."""

    project_id: str
    name: str
    root: str | None  #: None for a project that was made through the API
    kind: ProjectKind
    created_at: Timestamp
    last_activity: Timestamp
    sessions: int
    memories: int
    settings: JsonObject


class ProjectList(Reply, frozen=True, kw_only=True):
    """Every project, newest activity first."""

    projects: list[Project]
    count: int


class ProjectUpdate(Request, frozen=True, kw_only=True):
    """Rename a project or set its settings; a member left out stays as it is."""

    name: ProjectName | UnsetType = UNSET
    settings: JsonObject | UnsetType = UNSET


class Workspace(Reply, frozen=True, kw_only=True):
    """One watched folder."""

    path: str
    project_id: str
    state: WorkspaceState
    directories: int
    reads_observed: bool
    by_hand: bool  #: added by somebody, so watched without a session too
    since: Timestamp
    problem: str | None


class WorkspaceList(Reply, frozen=True, kw_only=True):
    """Every watched folder, by path."""

    workspaces: list[Workspace]
    count: int


class WorkspaceAdd(Request, frozen=True, kw_only=True):
    """Watch a folder whether or not a session is active in it."""

    path: PathText


class WorkspaceQuery(Request, frozen=True, kw_only=True):
    """Name a watched folder."""

    path: PathText


class ExplainQuery(Request, frozen=True, kw_only=True):
    """Ask whether what happens to a path, which need not exist, is recorded."""

    path: PathText


class PathRule(Reply, frozen=True, kw_only=True):
    """One line of a file that says what is ignored."""

    source: str  #: the file, or "built-in"
    line: int | None  #: counted from 1; None where the rule is no line of its own
    pattern: str  #: as written


class Explanation(Reply, frozen=True, kw_only=True):
    """Whether what happens to a path is recorded, and why."""

    path: str  #: as it was asked for
    real_path: str  #: without links
    exists: bool  #: one that does not is judged by its name
    recorded: bool
    reads_observed: bool
    workspace: str | None  #: the watched folder that decides
    project_id: str | None
    reason: ExplainReason
    detail: str  #: the reason as a sentence
    rule: PathRule | None  #: the rule that decides
    hint: str | None  #: what would change it

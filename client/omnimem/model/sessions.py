"""Sessions on the wire: one run of one tool in one workspace, bound to one process."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from omnimem.model.vocabulary import (
    CleanedReply,
    EndReason,
    Id,
    JsonObject,
    PathText,
    Reply,
    Request,
    SessionState,
    Timestamp,
)

Pid = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class SessionMetrics(Reply, frozen=True, kw_only=True):
    """How much was recorded in a session."""

    accesses: int = 0
    reads: int = 0
    writes: int = 0  #: write, create and move-onto
    files: int = 0  #: distinct paths
    searches: int = 0
    decisions: int = 0
    memories: int = 0
    scans: int = 0
    gaps: int = 0


class Session(CleanedReply, frozen=True, kw_only=True):
    """One run of one tool in one workspace."""

    session_id: str
    tool_id: str
    user_id: str | None
    workspace_path: str
    project_id: str
    state: SessionState
    created_at: Timestamp
    last_activity: Timestamp
    ended_at: Timestamp | None
    end_reason: EndReason | None
    end_detail: str | None
    continues: str | None
    process_id: int | None
    process_started_at: Timestamp | None
    pinned: bool
    archived: bool
    context_size_bytes: int
    metrics: SessionMetrics
    metadata: JsonObject


class SessionList(Reply, frozen=True, kw_only=True):
    """A page of sessions, newest activity first."""

    sessions: list[Session]
    count: int
    next_cursor: str | None


class SessionCreate(Request, frozen=True, kw_only=True):
    """Begin a session, take one up again, or rebind it."""

    tool_id: Id
    workspace_path: PathText
    session_id: Id | None = None
    user_id: Id | None = None
    process_id: Pid | None = None
    project_id: Id | None = None
    continues: Id | None = None
    metadata: JsonObject | None = None


class SessionUpdate(Request, frozen=True, kw_only=True):
    """Change what is the user's to change; a member left out stays as it is."""

    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    user_id: Id | UnsetType | None = UNSET
    metadata: JsonObject | UnsetType = UNSET


class SessionEnd(Request, frozen=True, kw_only=True):
    """End a session."""

    reason: Annotated[str, Meta(max_length=200)] | None = None


class SessionQuery(Request, frozen=True, kw_only=True):
    """Choose and page sessions."""

    active: bool | None = None
    project_id: Id | None = None
    workspace_path: PathText | None = None
    tool_id: Id | None = None
    process_id: Pid | None = None
    pinned: bool | None = None
    archived: Literal["false", "true", "all"] = "false"
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None

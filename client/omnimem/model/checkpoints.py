"""Checkpoints on the wire: what a session had come to at a moment."""

from typing import Annotated, Literal

from msgspec import Meta

from omnimem.model.context import Decision
from omnimem.model.sessions import Pid, Session
from omnimem.model.vocabulary import (
    CheckpointReason,
    CleanedReply,
    Id,
    Importance,
    PathText,
    Reply,
    Request,
    Timestamp,
)

CheckpointName = Annotated[str, Meta(min_length=1, max_length=200)]
CheckpointNote = Annotated[str, Meta(min_length=1, max_length=10_000)]


class CheckpointFile(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """A file the session worked on."""

    path: str
    importance: Importance
    accessed_at: Timestamp
    reads: int
    writes: int
    created: bool = False
    gone: bool = False  #: deleted, or moved away


class CheckpointDecision(Decision, frozen=True, kw_only=True):
    """Something that was decided."""

    entry_id: int  #: of its session, as in the next two
    superseded: bool  #: a later one took its place


class CheckpointSearch(Reply, frozen=True, kw_only=True):
    """A search, and the files that it led to."""

    query: str
    timestamp: Timestamp
    entry_id: int
    led_to: list[str]


class CheckpointMemory(Reply, frozen=True, kw_only=True):
    """A memory that was written or used."""

    id: str
    key: str | None
    timestamp: Timestamp
    entry_id: int
    how: str  #: "written" or "used"


class Checkpoint(CleanedReply, frozen=True, kw_only=True):
    """What a session had come to at a moment."""

    checkpoint_id: str
    session_id: str
    project_id: str
    name: str | None
    note: str | None
    reason: CheckpointReason
    created_at: Timestamp
    summary: str  #: markdown
    files: list[CheckpointFile]  #: most important first
    more_files: int  #: so many besides
    decisions: list[CheckpointDecision]  #: oldest first, as are the next
    searches: list[CheckpointSearch]
    memories: list[CheckpointMemory]
    open_points: list[str]
    entries_through: int  #: the last entry of the session that went into it


class CheckpointList(Reply, frozen=True, kw_only=True):
    """Checkpoints, newest first."""

    checkpoints: list[Checkpoint]
    count: int


class CheckpointCreate(Request, frozen=True, kw_only=True):
    """Take a checkpoint."""

    name: CheckpointName | None = None
    note: CheckpointNote | None = None
    #: `compaction`: the agent is about to forget; where nothing is new since the last checkpoint, that one is answered.
    reason: Literal["client", "compaction"] = "client"


class CheckpointQuery(Request, frozen=True, kw_only=True):
    """Choose checkpoints."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class CheckpointRestore(Request, frozen=True, kw_only=True):
    """Begin a session that starts from a checkpoint."""

    tool_id: Id
    workspace_path: PathText
    process_id: Pid | None = None


class CheckpointKeep(Request, frozen=True, kw_only=True):
    """Keep a checkpoint as a project memory."""

    key: Annotated[str, Meta(min_length=1)] | None = (
        None  #: the memory's; of the checkpoint's name or id where left out
    )


class CheckpointDiffQuery(Request, frozen=True, kw_only=True):
    """Compare a checkpoint with an earlier one."""

    against: Id | None = None  #: which; left out, the one before it in its session


class CheckpointFileChange(Reply, frozen=True, kw_only=True):
    """A file that was worked on between two checkpoints."""

    path: str
    importance: Importance
    importance_before: Importance
    reads: int  #: since
    writes: int  #: since
    created: bool  #: since
    gone: bool  #: since


class CheckpointDiff(Reply, frozen=True, kw_only=True):
    """What is another in a checkpoint than in the one it is compared with."""

    checkpoint_id: str
    against: str | None  #: null: it is the first of its session, compared with nothing
    files_added: list[CheckpointFile]
    files_removed: list[CheckpointFile]  #: no more among the most important ones
    files_changed: list[CheckpointFileChange]
    decisions_added: list[CheckpointDecision]
    decisions_superseded: list[CheckpointDecision]  #: of those that were there before
    decisions_removed: list[CheckpointDecision]
    open_points_added: list[str]
    open_points_closed: list[str]


class SessionChain(Reply, frozen=True, kw_only=True):
    """What a session goes on from, and what went on from it."""

    session_id: str
    ancestors: list[Session]  #: the one it continues, the one that one continues and so on
    successors: list[Session]  #: those that continue it, and those that continue them, the first begun first
    #: The id that the last of `ancestors`, or the session itself, continues and of which nothing is known (any more).
    unknown: str | None
    complete: bool  #: false where the chain is longer than what is shown

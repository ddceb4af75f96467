"""What was recorded in a session, on the wire: the folded context and the single entries."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from omnimem.model.vocabulary import (
    Access,
    Attribution,
    CleanedReply,
    EntryKind,
    Id,
    Importance,
    PathText,
    Reply,
    Request,
    Source,
    Timestamp,
)

Text = Annotated[str, Meta(min_length=1)]


class FileAccessed(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """One file a session touched, all its accesses folded."""

    path: str
    accessed_at: Timestamp
    order: int  #: counts the accesses in the session; the latest of this file
    importance: Importance
    access_count: int
    reads: int
    writes: int
    source: Source
    path_raw: str | None = None  #: base64 of the bytes, where the path is not UTF-8


class RecentSearch(Reply, frozen=True, kw_only=True):
    """Something that was searched for."""

    query: str
    timestamp: Timestamp


class Decision(Reply, frozen=True, kw_only=True):
    """Something that was decided."""

    decision: str
    timestamp: Timestamp


class SavedMemory(Reply, frozen=True, kw_only=True):
    """A project memory that was written in the session."""

    id: str
    key: str | None
    timestamp: Timestamp


class ContextMembers(Reply, frozen=True, kw_only=True):
    """The folded context; all five members are always there."""

    files_accessed: list[FileAccessed]
    file_importance_scores: dict[str, float]
    recent_searches: list[RecentSearch]
    decisions: list[Decision]
    saved_memories: list[SavedMemory]


class SessionContext(CleanedReply, frozen=True, kw_only=True):
    """The context of a session, oldest first in every list."""

    session_id: str
    context: ContextMembers
    compressed: bool
    size_bytes: int  #: of `context` in this answer


class ContextAppend(Request, frozen=True, kw_only=True):
    """One request, one transaction, up to one entry of each kind; at least one member that makes an entry."""

    file_path: PathText | None = None
    file_importance: Importance | None = None
    access: Access | None = None
    search_query: Text | None = None
    decision: Text | None = None
    memory_id: Id | None = None
    memory_key: Text | None = None
    timestamp: Annotated[datetime, Meta(tz=True)] | None = None
    old_path: PathText | None = None  #: with access "move": where it came from
    agent_id: Id | None = None  #: with file_path: which agent of several in one process it was


class ContextBatch(Request, frozen=True, kw_only=True):
    """Up to 1,000 appends, all or nothing."""

    entries: Annotated[list[ContextAppend], Meta(max_length=1000)]


class BatchAccepted(CleanedReply, frozen=True, kw_only=True):
    """How many appends were taken."""

    accepted: int


class _Entry(Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    entry_id: int  #: increasing within the session
    timestamp: Timestamp
    source: Source
    session_id: str | None = None  #: only in /events


class AccessEntry(_Entry, frozen=True, kw_only=True, tag="access"):
    """One access to one file."""

    kind: ClassVar[EntryKind] = EntryKind.ACCESS
    path: str
    access: Access
    importance: float | None
    attribution: Attribution
    old_path: str | None = None  #: of a move
    others: list[str] | None = None  #: of an ambiguous access: the other sessions it may be of, 16 at most
    path_raw: str | None = None  #: base64 of the bytes, where the path is not UTF-8
    burst_id: str | None = None  #: of the burst (a `scan` entry) it was part of
    agent_id: str | None = None  #: which of the agents in the session's process, where the tool said so
    same_as: int | None = None  #: an earlier entry, of the same access: that one is counted, this one is not
    restored_from: str | None = None  #: the checkpoint the session began with and has it of: no access of its own


class SearchEntry(_Entry, frozen=True, kw_only=True, tag="search"):
    """One search."""

    kind: ClassVar[EntryKind] = EntryKind.SEARCH
    query: str


class DecisionEntry(_Entry, frozen=True, kw_only=True, tag="decision"):
    """One decision."""

    kind: ClassVar[EntryKind] = EntryKind.DECISION
    decision: str
    restored_from: str | None = None  #: the checkpoint the session began with and has it of


class MemoryEntry(_Entry, frozen=True, kw_only=True, tag="memory"):
    """One project memory written in the session."""

    kind: ClassVar[EntryKind] = EntryKind.MEMORY
    memory_id: str
    memory_key: str | None = None


class ScanEntry(_Entry, frozen=True, kw_only=True, tag="scan"):
    """A burst: grep -r, a checkout, a build."""

    kind: ClassVar[EntryKind] = EntryKind.SCAN
    burst_id: str
    started_at: Timestamp
    ended_at: Timestamp
    files: int
    directories: int
    reads: int
    writes: int
    top: list[str]  #: the directories with the most files, most first
    attribution: Attribution
    others: list[str] | None = None  #: of an ambiguous scan: the other sessions it may be of, 16 at most


class GapEntry(_Entry, frozen=True, kw_only=True, tag="gap"):
    """An interval in which events are known to be lost."""

    kind: ClassVar[EntryKind] = EntryKind.GAP
    started_at: Timestamp
    ended_at: Timestamp
    reason: str
    reads_unknown: bool
    recovered: int


class CheckpointEntry(_Entry, frozen=True, kw_only=True, tag="checkpoint"):
    """A checkpoint was taken."""

    kind: ClassVar[EntryKind] = EntryKind.CHECKPOINT
    checkpoint_id: str


Entry = AccessEntry | SearchEntry | DecisionEntry | MemoryEntry | ScanEntry | GapEntry | CheckpointEntry


class EntryList(Reply, frozen=True, kw_only=True):
    """A page of entries, oldest first."""

    entries: list[Entry]
    next_after: int | None  #: give it as `after` for the next page; None at the end


class EntryQuery(Request, frozen=True, kw_only=True):
    """Choose and page entries."""

    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    kind: EntryKind | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200

"""Project memories on the wire: one chain of versions per project and key."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from omnimem.model.vocabulary import CleanedReply, Id, JsonObject, PathText, Reply, Request, RewindChange, Timestamp

MemoryKey = Annotated[str, Meta(min_length=1, max_length=1024)]
MemoryValue = Annotated[str, Meta(min_length=1)]
#: Up to 100 years, so that an expiry is always a date people use.
TtlSeconds = Annotated[int, Meta(gt=0, le=3_155_760_000)] | Annotated[float, Meta(gt=0, le=3_155_760_000)]
Version = Annotated[int, Meta(ge=0, le=2**53)]
Moment = Annotated[datetime, Meta(tz=True)]
MemoryFiles = Annotated[list[PathText], Meta(max_length=1000)]


class SimilarMemory(Reply, frozen=True, kw_only=True):
    """A live memory of the project that nearly repeats what was written."""

    memory_id: str
    key: str
    score: float  #: 0.6 to 1: the share of their words that the two have in common


class Memory(CleanedReply, frozen=True, kw_only=True):
    """One project memory at its current version."""

    memory_id: str
    project_id: str
    memory_key: str
    memory_value: str
    version: int
    created_at: Timestamp
    updated_at: Timestamp
    last_accessed: Timestamp
    accessed_count: int
    ttl_seconds: float | int | None
    expires_at: Timestamp | None
    metadata_json: str
    metadata: JsonObject
    files: list[str]
    session_id: str | None
    confirmed_at: Timestamp | None  #: when somebody last said that this version still holds
    stale: bool  #: a file that it speaks of is not what it was when this version was written or confirmed
    changed_files: list[str]  #: absolute paths of those files
    stale_since: Timestamp | None  #: when the first of them changed, as far as that is known; else when it was noticed
    deleted: bool = False  #: true where it is told or listed as deleted; it has no value then
    expired: bool = False  #: true where it is deleted because it expired
    #: In the answer to a change, others that nearly repeat it, the most alike first; not there when none does.
    similar: list[SimilarMemory] | UnsetType = UNSET


class MemoryWritten(CleanedReply, frozen=True, kw_only=True):
    """What became of a write."""

    memory_id: str
    project_id: str
    key: str
    version: int
    message: str
    #: Others that nearly repeat it, the most alike first; not there when none does.
    similar: list[SimilarMemory] | UnsetType = UNSET


class MemoryList(Reply, frozen=True, kw_only=True):
    """Live memories, last accessed first."""

    project_id: str
    memories: list[Memory]
    count: int


class MemoryByKey(Reply, frozen=True, kw_only=True):
    """The memory of one key."""

    project_id: str
    memory: Memory


class MemoryVersion(Reply, frozen=True, kw_only=True):
    """One version of a memory."""

    version: int
    memory_value: str | None  #: None in a version that says deleted
    metadata: JsonObject
    created_at: Timestamp
    session_id: str | None
    deleted: bool
    expired: bool  #: it says deleted because the memory expired
    files: list[str]
    expires_at: Timestamp | None  #: as it was set last; an expiry may be set anew without a new version


class MemoryVersions(Reply, frozen=True, kw_only=True):
    """Every version of a memory, newest first."""

    memory_id: str
    versions: list[MemoryVersion]
    count: int


class MemoryCreate(Request, frozen=True, kw_only=True):
    """Write the memory of a key."""

    key: MemoryKey
    value: MemoryValue
    metadata: JsonObject | None = None
    ttl_seconds: TtlSeconds | None = None
    expected_version: Version | None = None
    session_id: Id | None = None
    files: MemoryFiles | None = None


class MemoryUpdate(Request, frozen=True, kw_only=True):
    """Change a memory; a member left out stays as it is."""

    value: MemoryValue | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    ttl_seconds: TtlSeconds | UnsetType | None = UNSET
    files: MemoryFiles | UnsetType = UNSET
    expected_version: Version | None = None
    session_id: Id | None = None  #: the session that writes it


class MemoryRestore(Request, frozen=True, kw_only=True):
    """Write an earlier version again."""

    version: Annotated[int, Meta(ge=1, le=2**53)]
    session_id: Id | None = None  #: the session that writes it


class MemoryRewind(Request, frozen=True, kw_only=True):
    """Have every memory of a project say again what it said at a moment."""

    to: Moment
    dry_run: bool = False  #: true: only say what would be done
    session_id: Id | None = None  #: the session that writes the versions


class RewoundMemory(Reply, frozen=True, kw_only=True):
    """What a rewind does to one memory."""

    memory_id: str
    memory_key: str
    change: RewindChange
    from_version: int  #: the current one before
    to_version: int | None  #: the version of then, whose words it has again; None where it is deleted or left
    version: int  #: the current one afterwards


class Rewound(Reply, frozen=True, kw_only=True):
    """What a rewind did, or would do, by key."""

    project_id: str
    to: Timestamp
    dry_run: bool
    memories: list[RewoundMemory]
    count: int


class MemoryListQuery(Request, frozen=True, kw_only=True):
    """List a project's memories, or read the one of a key."""

    key: MemoryKey | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    touch: bool = True  #: false: do not count this read as an access
    as_of: Moment | None = None  #: as they were then, those written last first; never counts as an access
    deleted: bool = False  #: true: those deleted or expired, latest first, without their values; never counts
    stale: bool = False  #: true: only those that are stale
    asked_by: Id | None = None  #: the session that reads; else that of the process that calls, if it has one


class MemoryGetQuery(Request, frozen=True, kw_only=True):
    """Read one memory."""

    touch: bool = True  #: false: do not count this read as an access
    as_of: Moment | None = None  #: as it was then; never counts as an access
    asked_by: Id | None = None  #: the session that reads; else that of the process that calls, if it has one


class MemoryDeleteQuery(Request, frozen=True, kw_only=True):
    """Delete a memory."""

    purge: bool = False  #: true: erase every version, not only mark it deleted
    session_id: Id | None = None  #: the session that deletes it

"""The chain of versions of a project memory. A chain only grows: a change, a deletion, a restoration are versions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from omnimem.errors import VersionMismatch
from omnimemd.domain.clock import Millis


class ChangedFile(msgspec.Struct, frozen=True):
    """A file that is not what it was when a memory that speaks of it was written or confirmed."""

    path: str  #: absolute
    at: Millis  #: when it changed, as far as that is known; else when that was noticed


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """One project memory at its current version."""

    memory_id: str
    project_id: str
    key: str
    value: str  #: "" when deleted
    version: int
    deleted: bool = False
    expired: bool = False  #: deleted because it expired
    created_at: Millis
    updated_at: Millis
    last_accessed: Millis
    accessed_count: int = 0
    ttl_seconds: float | None = None
    expires_at: Millis | None = None
    metadata: Mapping[str, Any] = {}
    files: tuple[str, ...] = ()
    session_id: str | None = None
    confirmed_at: Millis | None = None  #: when somebody last said that the current version still holds
    known_files: tuple[str, ...] = ()  #: those that it is held against: of its files, or of its words, what is there
    changed_files: tuple[ChangedFile, ...] = ()  #: those of them that are not what they were

    def live(self, *, now: Millis) -> bool:
        """Return whether it can be read at *now*: not deleted, not expired. The one predicate of expiry."""
        return not self.deleted and (self.expires_at is None or self.expires_at > now)


class MemoryVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a memory; files and expiry as they were last, which may change without a new version."""

    version: int
    value: str | None  #: None in one that says deleted
    metadata: Mapping[str, Any]
    files: tuple[str, ...]
    created_at: Millis
    session_id: str | None
    deleted: bool
    expired: bool
    ttl_seconds: float | None
    expires_at: Millis | None


class Past(msgspec.Struct, frozen=True):
    """What a memory was at an earlier moment."""

    memory: Memory | None  #: as it was then, live or not; None when there was none yet
    known: bool  #: false when the version of then is not kept any more


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants a memory to say."""

    value: str
    metadata: Mapping[str, Any] = {}
    files: tuple[str, ...] | None = None  #: None: not said
    ttl_seconds: float | None = None
    session_id: str | None = None


def check_version(memory: Memory | None, expected: int | None, *, now: Millis) -> None:
    """Hold the caller's *expected* version against the current one; 0 expects that there is no live one.

    Raises:
        VersionMismatch: it is another.
    """
    current = memory.version if memory is not None and memory.live(now=now) else 0
    if expected is not None and expected != current:
        is_now = f"its version is {current}" if current else "there is no live one"
        raise VersionMismatch(f"The memory was expected at version {expected}, but {is_now}.")


def begin(draft: Draft, *, memory_id: str, project_id: str, key: str, now: Millis) -> Memory:
    """Return the first version of a new chain."""
    first = Memory(
        memory_id=memory_id,
        project_id=project_id,
        key=key,
        value="",
        version=0,
        created_at=now,
        updated_at=now,
        last_accessed=now,
    )
    return _next(first, draft, now=now)


def write(memory: Memory, draft: Draft, *, now: Millis) -> Memory:
    """Return *memory* saying what *draft* says: a new version, or the same one with its expiry set anew.

    A live memory that says it already gets no new version; a deleted or expired one always does.
    """
    if memory.live(now=now) and same_content(memory, draft):
        files = memory.files if draft.files is None else draft.files
        if files != memory.files:
            memory = _held_against_none_yet(replace(memory, files=files))
        return replace(memory, **_expiry(draft.ttl_seconds, now=now))
    return _next(memory, draft, now=now)


def same_content(one: Memory | Draft, other: Memory | Draft) -> bool:
    """Return whether both say the same: then one is no new version of the other."""
    return one.value == other.value and _json(one.metadata) == _json(other.metadata)


def restore(memory: Memory, version: MemoryVersion, *, now: Millis, session_id: str | None = None) -> Memory:
    """Return *memory* saying again what its *version*, which does not say deleted, said: always a new version."""
    draft = Draft(value=version.value or "", metadata=version.metadata, files=version.files, session_id=session_id)
    return _next(memory, draft, now=now)


def confirm(memory: Memory, *, now: Millis) -> Memory:
    """Return *memory* confirmed at *now*; its version stays."""
    return _held_against_none_yet(replace(memory, confirmed_at=now))


def delete(memory: Memory, *, now: Millis, session_id: str | None = None) -> Memory:
    """Return *memory* with a version on top that says deleted, and nothing else."""
    return replace(
        _gone(memory), version=memory.version + 1, updated_at=max(now, memory.updated_at), session_id=session_id
    )


def expire(memory: Memory) -> Memory:
    """Return *memory*, which has expired, with a version on top that says so, as of the moment it did."""
    at = memory.updated_at if memory.expires_at is None else max(memory.expires_at, memory.updated_at)
    return replace(_gone(memory), version=memory.version + 1, updated_at=at, expired=True)


def tombstone(memory: Memory) -> Memory:
    """Return of *memory*, which is not live, only that it was; its version need not say that it expired yet."""
    return memory if memory.deleted else replace(_gone(memory), expired=True)


def version_of(memory: Memory) -> MemoryVersion:
    """Return the current version of *memory* as its history keeps it."""
    return MemoryVersion(
        version=memory.version,
        value=None if memory.deleted else memory.value,
        metadata=memory.metadata,
        files=memory.files,
        created_at=memory.updated_at,
        session_id=memory.session_id,
        deleted=memory.deleted,
        expired=memory.expired,
        ttl_seconds=memory.ttl_seconds,
        expires_at=memory.expires_at,
    )


def find_version(versions: Sequence[MemoryVersion], version: int) -> MemoryVersion | None:
    """Return the *version* that can be written again, None when there is none or it says deleted."""
    return next((one for one in versions if one.version == version and not one.deleted), None)


def _next(memory: Memory, draft: Draft, *, now: Millis) -> Memory:
    at = max(now, memory.updated_at)
    return replace(
        _held_against_none_yet(memory),
        value=draft.value,
        version=memory.version + 1,
        deleted=False,
        expired=False,
        updated_at=at,
        last_accessed=max(at, memory.last_accessed),
        metadata=draft.metadata,
        files=draft.files or (),
        session_id=draft.session_id,
        confirmed_at=None,
        **_expiry(draft.ttl_seconds, now=now),
    )


def _gone(memory: Memory) -> Memory:
    return replace(
        _held_against_none_yet(memory),
        value="",
        deleted=True,
        metadata={},
        files=(),
        ttl_seconds=None,
        expires_at=None,
        session_id=None,
        confirmed_at=None,
    )


def _held_against_none_yet(memory: Memory) -> Memory:
    """Return *memory* before its files were looked at: they are, as soon as it is stored."""
    return replace(memory, known_files=(), changed_files=())


def _expiry(ttl_seconds: float | None, *, now: Millis) -> dict[str, Any]:
    if ttl_seconds is None:
        return {"ttl_seconds": None, "expires_at": None}
    # A float in any case: callers may give whole numbers, and the database gives back floats.
    return {"ttl_seconds": float(ttl_seconds), "expires_at": Millis(now + max(round(ttl_seconds * 1000), 1))}


def _json(metadata: Mapping[str, Any]) -> bytes:
    """Return *metadata* to be compared: in Python 1, 1.0 and True are equal, in JSON they are not."""
    return msgspec.json.encode(metadata, order="sorted")

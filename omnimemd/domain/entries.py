"""What can happen in a session: one frozen value per kind of entry."""

from collections.abc import Sequence
from typing import Final

import msgspec

from omnimem.model import Access, Attribution, Source
from omnimemd.domain.clock import Millis


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    at: Millis
    source: Source


class FileAccess(_Entry, frozen=True, kw_only=True):
    """One access to one file."""

    path: str
    access: Access
    attribution: Attribution
    importance: float | None = None  #: 0…1; None: nobody said
    old_path: str | None = None  #: of a move
    others: tuple[str, ...] = ()  #: session ids; of an ambiguous access
    burst_id: str | None = None  #: of the burst it was part of
    agent_id: str | None = None  #: which of the agents in the session's process, where the tool says so
    same_as: int | None = None  #: the number of an earlier entry of the session that is of the same access
    restored_from: str | None = None  #: the checkpoint the session started from and had it of: no access of its own


class Search(_Entry, frozen=True, kw_only=True):
    """One search."""

    query: str


class Decision(_Entry, frozen=True, kw_only=True):
    """One decision."""

    text: str
    restored_from: str | None = None  #: the checkpoint the session started from and had it of


class MemoryNote(_Entry, frozen=True, kw_only=True):
    """One project memory written in the session."""

    memory_id: str
    memory_key: str | None = None


class Scan(_Entry, frozen=True, kw_only=True):
    """A burst: many files in one go."""

    burst_id: str
    started_at: Millis
    ended_at: Millis
    files: int
    directories: int
    reads: int
    writes: int
    top: tuple[str, ...] = ()  #: the directories with the most files, most first
    attribution: Attribution = Attribution.PROBABLE
    others: tuple[str, ...] = ()  #: session ids; of an ambiguous scan


class Gap(_Entry, frozen=True, kw_only=True):
    """An interval in which events are known to be lost."""

    started_at: Millis
    ended_at: Millis
    reason: str
    reads_unknown: bool = True
    recovered: int = 0


class CheckpointTaken(_Entry, frozen=True, kw_only=True):
    """A checkpoint was taken."""

    checkpoint_id: str


Entry = FileAccess | Search | Decision | MemoryNote | Scan | Gap | CheckpointTaken


class Numbered(msgspec.Struct, frozen=True):
    """An entry at its place in its session."""

    seq: int  #: 1, 2, 3 … within the session
    entry: Entry


def said(entries: Sequence[Entry]) -> bool:
    """Return whether any of *entries* was said rather than observed: it must be on the disk before it is answered."""
    return any(map(_SAID.__contains__, map(type, entries)))


_SAID: Final = frozenset((Decision, MemoryNote, CheckpointTaken))

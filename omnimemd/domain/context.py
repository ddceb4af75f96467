"""The folded context of a session: one row per file, every search, decision and memory, and how many there were.

Folding an entry costs the same however long the session is. What callers are shown is encoded row by row and kept, so
that reading a context again costs only the rows that changed.
"""

from typing import Final

import msgspec

from omnimem.model import Access, FileAccessed, RecentSearch, SavedMemory, SessionMetrics, Source
from omnimem.model import Decision as DecisionShown
from omnimemd.domain.clock import Millis, rfc3339
from omnimemd.domain.entries import (
    CheckpointTaken,
    Decision,
    Entry,
    FileAccess,
    Gap,
    MemoryNote,
    Numbered,
    Scan,
    Search,
)
from omnimemd.domain.paths import escaped, raw, shown, unescaped

#: What a file is worth until something better is known.
DEFAULT_IMPORTANCE: Final = 0.5
_WRITES: Final = frozenset((Access.WRITE, Access.CREATE, Access.MOVE))
_encode = msgspec.json.Encoder().encode


class _File:
    """All accesses of one file, folded."""

    __slots__ = ("access_count", "accessed_at", "encoded", "importance", "order", "path", "reads", "source", "writes")

    def __init__(self, path: str) -> None:
        self.path = path
        self.accessed_at = Millis(0)
        self.order = 0
        self.importance: float | None = None
        self.access_count = 0
        self.reads = 0
        self.writes = 0
        self.source = Source.API
        self.encoded: tuple[bytes, bytes] | None = None  # its row and its score, as callers are shown them

    def shown(self) -> tuple[bytes, bytes]:
        if self.encoded is None:
            path = shown(self.path)
            importance = DEFAULT_IMPORTANCE if self.importance is None else self.importance
            row = FileAccessed(
                path=path,
                accessed_at=rfc3339(self.accessed_at),
                order=self.order,
                importance=importance,
                access_count=self.access_count,
                reads=self.reads,
                writes=self.writes,
                source=self.source,
                path_raw=raw(self.path),
            )
            self.encoded = _encode(row), _encode(path) + b":" + _encode(importance)
        return self.encoded


class ContextFold:
    """The context of one session, up to the entry `through`. Mutable; belongs to the event loop's thread."""

    def __init__(self) -> None:
        """Begin with nothing recorded."""
        self.through = 0  #: seq of the last entry folded
        self.size_bytes = 0  #: bytes stored for the entries folded
        self._files: dict[str, _File] = {}  # in the order of their latest access
        self._searches: list[bytes] = []
        self._decisions: list[bytes] = []
        self._memories: list[bytes] = []
        self._accesses = self._reads = self._writes = self._scans = self._gaps = 0

    def apply(self, numbered: Numbered, *, size: int) -> None:
        """Fold one more entry, of *size* stored bytes; entries come in the order of their seq."""
        self.through = numbered.seq
        self.size_bytes += size
        self._fold(numbered.entry)

    def metrics(self) -> SessionMetrics:
        """Return how much there is of each kind."""
        return SessionMetrics(
            accesses=self._accesses,
            reads=self._reads,
            writes=self._writes,
            files=len(self._files),
            searches=len(self._searches),
            decisions=len(self._decisions),
            memories=len(self._memories),
            scans=self._scans,
            gaps=self._gaps,
        )

    def shown(self) -> bytes:
        """Return the `context` object of the API, encoded."""
        files = [file.shown() for file in self._files.values()]
        return b"".join(
            (
                b'{"files_accessed":[',
                b",".join(row for row, _ in files),
                b'],"file_importance_scores":{',
                b",".join(score for _, score in files),
                b'},"recent_searches":[',
                b",".join(self._searches),
                b'],"decisions":[',
                b",".join(self._decisions),
                b'],"saved_memories":[',
                b",".join(self._memories),
                b"]}",
            )
        )

    def snapshot(self) -> bytes:
        """Return everything folded, to be given to `restore` later."""
        return _encode(
            _Snapshot(
                through=self.through,
                size_bytes=self.size_bytes,
                files=[_file_row(file) for file in self._files.values()],
                searches=[msgspec.Raw(one) for one in self._searches],
                decisions=[msgspec.Raw(one) for one in self._decisions],
                memories=[msgspec.Raw(one) for one in self._memories],
                counts=(self._accesses, self._reads, self._writes, self._scans, self._gaps),
            )
        )

    @classmethod
    def restore(cls, snapshot: bytes) -> "ContextFold":
        """Return the fold that *snapshot* was made of."""
        kept = msgspec.json.decode(snapshot, type=_Snapshot)
        fold = cls()
        fold.through, fold.size_bytes = kept.through, kept.size_bytes
        for row in kept.files:
            path = unescaped(row.path)
            file = fold._files[path] = _File(path)
            file.accessed_at, file.order, file.importance = row.accessed_at, row.order, row.importance
            file.access_count, file.reads, file.writes, file.source = row.count, row.reads, row.writes, row.source
        fold._searches = [bytes(one) for one in kept.searches]
        fold._decisions = [bytes(one) for one in kept.decisions]
        fold._memories = [bytes(one) for one in kept.memories]
        fold._accesses, fold._reads, fold._writes, fold._scans, fold._gaps = kept.counts
        return fold

    def _fold(self, entry: Entry) -> None:
        match entry:
            case FileAccess():
                self._fold_access(entry)
            case Search():
                self._searches.append(_encode(RecentSearch(query=entry.query, timestamp=rfc3339(entry.at))))
            case Decision():
                self._decisions.append(_encode(DecisionShown(decision=entry.text, timestamp=rfc3339(entry.at))))
            case MemoryNote():
                note = SavedMemory(id=entry.memory_id, key=entry.memory_key, timestamp=rfc3339(entry.at))
                self._memories.append(_encode(note))
            case Scan():
                self._scans += 1
            case Gap():
                self._gaps += 1
            case CheckpointTaken():
                pass

    def _fold_access(self, entry: FileAccess) -> None:
        self._accesses += 1
        # Taken out and put back: a dict keeps the order of insertion, so the latest access stands last.
        file = self._files.pop(entry.path, None) or _File(entry.path)
        self._files[entry.path] = file
        file.order = self._accesses
        file.accessed_at = entry.at
        file.source = entry.source
        file.access_count += 1
        if entry.importance is not None:
            file.importance = entry.importance
        if entry.access is Access.READ:
            file.reads += 1
            self._reads += 1
        elif entry.access in _WRITES:
            file.writes += 1
            self._writes += 1
        file.encoded = None


class _FileRow(msgspec.Struct, frozen=True, array_like=True):
    path: str  # escaped, because JSON is Unicode and a path is bytes
    accessed_at: Millis
    order: int
    importance: float | None
    count: int
    reads: int
    writes: int
    source: Source


def _file_row(file: _File) -> _FileRow:
    return _FileRow(
        path=escaped(file.path),
        accessed_at=file.accessed_at,
        order=file.order,
        importance=file.importance,
        count=file.access_count,
        reads=file.reads,
        writes=file.writes,
        source=file.source,
    )


class _Snapshot(msgspec.Struct, frozen=True):
    through: int
    size_bytes: int
    files: list[_FileRow]
    searches: list[msgspec.Raw]
    decisions: list[msgspec.Raw]
    memories: list[msgspec.Raw]
    counts: tuple[int, int, int, int, int]

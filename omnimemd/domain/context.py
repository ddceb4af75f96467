"""The folded context of a session: one row per file, every search, decision and memory, and how many there were.

Folding an entry costs the same however long the session is. What callers are shown is encoded row by row and kept, so
that reading a context again costs only the rows that changed. How important a file is changes with its use, and, as the
session goes on, with the time since: then the rows of files that were not used are looked at again, once in a while.
"""

import heapq
from collections.abc import Collection
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.model import Access, EntryKind, FileAccessed, RecentSearch, SavedMemory, SessionMetrics, Source
from omnimem.model import Decision as DecisionShown
from omnimemd.domain.clock import Millis, rfc3339
from omnimemd.domain.digest import MOST_FILES, FileWork, Work
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
from omnimemd.domain.importance import Use, importance, is_noise, slot_of
from omnimemd.domain.paths import escaped, raw, shown, unescaped

_WRITES: Final = frozenset((Access.WRITE, Access.CREATE, Access.MOVE))
#: From this importance on, as somebody said it is, a file matters.
_MATTERS: Final = 0.5
_encode = msgspec.json.Encoder().encode


class _File:
    """All accesses of one file, folded."""

    __slots__ = (
        *("access_count", "accessed_at", "created", "encoded", "noise", "order", "path", "reads"),
        *("said", "score", "source", "use", "writes"),
    )

    def __init__(self, path: str, *, noise: bool) -> None:
        self.path = path
        self.noise = noise
        self.accessed_at = Millis(0)
        self.order = 0
        self.said: float | None = None  # how important somebody said it is
        self.use = Use()
        self.access_count = 0
        self.reads = 0
        self.writes = 0
        self.created = False  # it came to be in the session
        self.source = Source.API
        self.score = 0.0  # as it is in `encoded`
        self.encoded: tuple[bytes, bytes] | None = None  # its row and its score, as callers are shown them

    def importance(self, slot: int) -> float:
        return importance(self.use, now=slot, noise=self.noise) if self.said is None else self.said

    @property
    def worked_with(self) -> bool:
        """Whether the session wrote it, came back to it, or was told that it matters."""
        if self.said is not None:
            return self.said >= _MATTERS
        return not self.noise and (self.use.writes > 0 or self.use.reads > 1)

    def work(self, importance: float) -> FileWork:
        return FileWork(
            path=shown(self.path),
            importance=importance,
            reads=self.use.reads,
            writes=self.use.writes,
            created=self.created,
            gone=self.use.gone,
            at=self.accessed_at,
        )

    def shown(self, slot: int) -> tuple[bytes, bytes]:
        if self.encoded is None:
            path = shown(self.path)
            self.score = self.importance(slot)
            row = FileAccessed(
                path=path,
                accessed_at=rfc3339(self.accessed_at),
                order=self.order,
                importance=self.score,
                access_count=self.access_count,
                reads=self.reads,
                writes=self.writes,
                source=self.source,
                path_raw=raw(self.path),
            )
            self.encoded = _encode(row), _encode(path) + b":" + _encode(self.score)
        return self.encoded


class ContextFold:
    """The context of one session, up to the entry `through`. Mutable; belongs to the event loop's thread."""

    def __init__(self, *, workspace: str) -> None:
        """Begin with nothing recorded of a session in the folder *workspace*."""
        self._workspace = workspace
        self.through = 0  #: seq of the last entry folded
        self.size_bytes = 0  #: bytes stored for the entries folded
        self.thinned = False  #: whether some of those entries were let go of since
        self._files: dict[str, _File] = {}  # in the order of their latest access
        self._searches: list[bytes] = []
        self._decisions: list[bytes] = []
        self._memories: list[bytes] = []
        self._accesses = self._reads = self._writes = self._scans = self._gaps = 0
        self._clock_slot = -1  # the latest in which a file was used, of the clock's
        self._slot = 0  # the same of the session's own, which are counted from 1
        self._slot_shown = 0  # the one whose importance is in the rows that are kept

    def apply(self, numbered: Numbered, *, size: int) -> None:
        """Fold one more entry, of *size* stored bytes; entries come in the order of their seq."""
        self.through = numbered.seq
        self.size_bytes += size
        self._fold(numbered.entry)

    def forget(self, kinds: Collection[EntryKind], *, before: Millis | None) -> bool:
        """Note that entries of *kinds* go, from before *before* or all: what they said goes; return whether any did."""
        self.thinned = True
        until = None if before is None else rfc3339(before)

        def kept(shown: list[bytes], kind: EntryKind) -> list[bytes]:
            if kind not in kinds:
                return shown
            return [one for one in shown if until is not None and _time_of(one) >= until]

        searches, decisions = kept(self._searches, EntryKind.SEARCH), kept(self._decisions, EntryKind.DECISION)
        forgotten = len(searches) + len(decisions) < len(self._searches) + len(self._decisions)
        self._searches, self._decisions = searches, decisions
        return forgotten

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

    def work(self) -> Work:
        """Return what a digest of the session says of its files, and of how much there was of the rest."""
        scores: dict[tuple[Use, bool], float] = {}  # most files of a long session were used the same
        ranked: list[tuple[float, Millis, str]] = []
        worked_with: list[str] = []
        for path, file in self._files.items():
            if not file.use.slots and file.said is None:
                continue  # it is known from bursts only
            score = file.said
            if score is None and (score := scores.get(key := (file.use, file.noise))) is None:
                score = scores[key] = file.importance(self._slot)
            ranked.append((score, file.accessed_at, path))
            if file.worked_with:
                worked_with.append(path)
        most = heapq.nlargest(MOST_FILES, ranked)
        return Work(
            through=self.through,
            files=tuple(self._files[path].work(score) for score, _, path in most),
            more_files=len(self._files) - len(most),
            decisions=len(self._decisions),
            searches=len(self._searches),
            scans=self._scans,
            gaps=self._gaps,
            worked_with=frozenset(map(shown, worked_with)),
        )

    def shown(self) -> bytes:
        """Return the `context` object of the API, encoded."""
        if self._slot != self._slot_shown:
            self._slot_shown = self._slot
            for file in self._files.values():
                if file.encoded is not None and file.importance(self._slot) != file.score:
                    file.encoded = None
        files = [file.shown(self._slot) for file in self._files.values()]
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
                clock_slot=self._clock_slot,
                slot=self._slot,
                thinned=self.thinned,
            )
        )

    @classmethod
    def restore(cls, snapshot: bytes, *, workspace: str) -> "ContextFold":
        """Return the fold, of a session in the folder *workspace*, that *snapshot* was made of."""
        kept = msgspec.json.decode(snapshot, type=_Snapshot)
        fold = cls(workspace=workspace)
        fold.through, fold.size_bytes = kept.through, kept.size_bytes
        for row in kept.files:
            file = fold._file(unescaped(row.path))
            file.accessed_at, file.order, file.said = row.accessed_at, row.order, row.said
            file.access_count, file.reads, file.writes, file.source = row.count, row.reads, row.writes, row.source
            file.created = row.created
            # A snapshot without it is from before there were bursts.
            file.use = row.use or Use(reads=row.reads, writes=row.count - row.reads, slots=1)
        fold._searches = [bytes(one) for one in kept.searches]
        fold._decisions = [bytes(one) for one in kept.decisions]
        fold._memories = [bytes(one) for one in kept.memories]
        fold._accesses, fold._reads, fold._writes, fold._scans, fold._gaps = kept.counts
        fold._clock_slot, fold._slot = kept.clock_slot, kept.slot
        fold.thinned = kept.thinned
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
        if entry.same_as is not None:
            self._fold_again(entry)
            return
        if entry.restored_from is not None:
            self._fold_restored(entry)
            return
        self._accesses += 1
        file = self._file(entry.path)
        file.order = self._accesses
        file.accessed_at = entry.at
        file.source = entry.source
        file.access_count += 1
        if entry.old_path is not None and entry.old_path != entry.path:
            self._move(entry.old_path, file)
        if entry.importance is not None:
            file.said = entry.importance
        if entry.access is Access.READ:
            file.reads += 1
            self._reads += 1
        elif entry.access in _WRITES:
            file.writes += 1
            self._writes += 1
        if entry.access is Access.CREATE and file.access_count == 1:
            file.created = True
        self._note_use(file, entry)
        file.encoded = None

    def _fold_again(self, entry: FileAccess) -> None:
        """Have the row of a file take from an access that is counted already what the tool says of it."""
        file = self._files.get(entry.path)
        if file is None:
            return
        if entry.source is not Source.WATCH:
            file.source = entry.source
        if entry.importance is not None:
            file.said = entry.importance
        if not file.use.slots:  # it was counted in a burst, and yet somebody meant it
            self._note_use(file, entry)
        file.encoded = None

    def _fold_restored(self, entry: FileAccess) -> None:
        """Have a row for a file that mattered to the session this one goes on from; here, nothing was done to it."""
        file = self._file(entry.path)
        file.accessed_at, file.source, file.said, file.encoded = entry.at, entry.source, entry.importance, None

    def _file(self, path: str) -> _File:
        """Return the row of *path*, the last one from now on."""
        # Taken out and put back: a dict keeps the order of insertion, so the latest access stands last.
        file = self._files.pop(path, None) or _File(path, noise=is_noise(path, workspace=self._workspace))
        self._files[path] = file
        return file

    def _note_use(self, file: _File, entry: FileAccess) -> None:
        """Count an access as a use, unless it was part of a burst; the time in which work is done goes on with it."""
        if entry.burst_id is None:
            if not file.noise and slot_of(entry.at) > self._clock_slot:
                self._clock_slot = slot_of(entry.at)
                self._slot += 1
            file.use = file.use.again(write=entry.access is not Access.READ, slot=max(self._slot, 1))
        gone = entry.access is Access.DELETE
        if file.use.gone is not gone:
            file.use = replace(file.use, gone=gone)

    def _move(self, old_path: str, file: _File) -> None:
        """Have *file* mean what it meant under its old name, which keeps nothing: it may move back, again and again."""
        old = self._files.get(old_path)
        if old is not None:
            file.use = file.use.taking_over(old.use)
            if file.access_count == 1:  # nothing is known that was there before
                file.created = old.created
            if old.said is not None:
                file.said = old.said
            old.use = Use(gone=True)
            old.encoded = None


class _Timed(msgspec.Struct, frozen=True):
    timestamp: str


_decode_timed = msgspec.json.Decoder(_Timed).decode


def _time_of(shown: bytes) -> str:
    return _decode_timed(shown).timestamp  # such texts sort as the times they stand for


class _FileRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: str  # escaped, because JSON is Unicode and a path is bytes
    accessed_at: Millis
    order: int
    said: float | None
    count: int
    reads: int
    writes: int
    source: Source
    use: Use | None = None
    created: bool = False


def _file_row(file: _File) -> _FileRow:
    return _FileRow(
        path=escaped(file.path),
        accessed_at=file.accessed_at,
        order=file.order,
        said=file.said,
        count=file.access_count,
        reads=file.reads,
        writes=file.writes,
        source=file.source,
        use=file.use,
        created=file.created,
    )


class _Snapshot(msgspec.Struct, frozen=True):
    through: int
    size_bytes: int
    files: list[_FileRow]
    searches: list[msgspec.Raw]
    decisions: list[msgspec.Raw]
    memories: list[msgspec.Raw]
    counts: tuple[int, int, int, int, int]
    clock_slot: int = -1
    slot: int = 0
    thinned: bool = False

"""Whether what a briefing showed to a session was of use to it: what of it the session came back to afterwards.

What can be seen is that a session reads a file that it was shown, not why. So how a use was seen is kept with it. Plain
are a read or a write of the thing itself; weak is what may as well have happened without the briefing: that the session
touches a file of which a shown memory or decision speaks, decides something in much the same words, or works at what
another session worked at. A plain use takes the place of a weak one. What a burst swept up (grep -r) uses nothing, nor
does what may have been another session's.
"""

import enum
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Final

import msgspec

from omnimem.model import Access, Attribution
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Decision, Entry, FileAccess, MemoryNote, Numbered
from omnimemd.domain.paths import shown
from omnimemd.domain.statements import Keys, keys_of

#: A decision in much the same words as another has so many of its words, and that part of them.
_WORDS: Final = 2
_PART: Final = 0.4


class ItemKind(enum.StrEnum):
    """What an item of a briefing is."""

    MEMORY = "memory"
    DECISION = "decision"
    OPEN_POINT = "open_point"
    DEAD_END = "dead_end"
    SEARCH = "search"
    SESSION = "session"
    FILE = "file"
    CHECKPOINT = "checkpoint"


class Used(enum.StrEnum):
    """How a use was seen."""

    READ = "read"  #: the session read the file, or asked for the memory
    WRITTEN = "written"  #: it wrote the file, or a version of the memory
    FOUND = "found"  #: it searched, and the memory was the first that was found
    CONTINUED = "continued"  #: it says that it continues the session, or the checkpoint's
    TOUCHED = "touched"  #: weak: it read or wrote a file that the item speaks of, or that the other session worked at
    SAID = "said"  #: weak: it decided something in much the same words


WEAK: Final = frozenset((Used.TOUCHED, Used.SAID))


class Item(msgspec.Struct, frozen=True):
    """Something that a briefing showed: by what it can be looked up, and nothing of what it says."""

    kind: ItemKind
    source: str  #: as in the briefing
    file: str = ""  #: of a file, `mark_of` its path


def mark_of(path: str) -> str:
    """Return by what a file is known again whose *path*, as it is shown, is not kept.

    What was shown outlives the session that it is from: of one that is deleted no path may stay.
    """
    return hashlib.sha256(path.encode()).hexdigest()[:32]


class Use(msgspec.Struct, frozen=True):
    """When an item was used first, and how, as plainly as it was seen."""

    at: Millis
    how: Used


class Watched(msgspec.Struct, frozen=True):
    """An item of which a use is looked for."""

    item: Item
    shown_at: Millis
    after: int  #: entries up to this one were there when it was shown
    use: Use | None = None  #: a weak one that was seen already
    paths: frozenset[str] = frozenset()  #: it speaks of, or its session worked at; absolute, as they are shown
    tails: frozenset[str] = frozenset()  #: the last parts of paths that it speaks of: "src/a.py"
    words: Keys = frozenset()  #: it speaks of; of decisions


def find_uses(watched: Iterable[Watched], entries: Iterable[Numbered]) -> dict[Item, Use]:
    """Return what of *watched* was used, as far as that is news.

    Args:
        watched: of one session.
        entries: of that session, oldest first; those before an item was shown are no use of it.
    """
    look = _Look(watched)
    for one in entries:
        look.entry(one.seq, one.entry)
    return look.found


class _Look:
    """Takes down uses as they come by. Mutable."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        self.found: dict[Item, Use] = {}
        self._watched = {one.item: one for one in watched}
        self._by_path: dict[str, list[Watched]] = {}
        self._by_mark: dict[str, list[Watched]] = {}
        self._by_name: dict[str, list[tuple[str, Watched]]] = {}
        self._by_memory: dict[str, list[Watched]] = {}
        self._worded = [one for one in self._watched.values() if one.words]
        for one in self._watched.values():
            for path in one.paths:
                self._by_path.setdefault(path, []).append(one)
            if one.item.file:
                self._by_mark.setdefault(one.item.file, []).append(one)
            for tail in one.tails:
                self._by_name.setdefault(tail.rpartition("/")[2], []).append((f"/{tail}", one))
            if one.item.kind is ItemKind.MEMORY:
                self._by_memory.setdefault(one.item.source, []).append(one)

    def entry(self, seq: int, entry: Entry) -> None:
        """Take down what the entry *seq* of the session uses."""
        match entry:
            case FileAccess() if entry.burst_id is None and entry.attribution is not Attribution.AMBIGUOUS:
                for path in dict.fromkeys((shown(entry.path), shown(entry.old_path or entry.path))):
                    self._access(seq, entry, path)
            case MemoryNote(memory_id=memory_id):
                for one in self._by_memory.get(memory_id, ()):
                    if seq > one.after:
                        self._use(one, entry.at, Used.WRITTEN)
            case Decision(text=text):
                words = keys_of(text) if self._worded else Keys()
                for one in self._worded:
                    if seq > one.after and len(one.words & words) >= max(_WORDS, _PART * len(one.words)):
                        self._use(one, entry.at, Used.SAID)

    def _access(self, seq: int, access: FileAccess, path: str) -> None:
        how = Used.READ if access.access is Access.READ else Used.WRITTEN
        speaking = [one for tail, one in self._by_name.get(path.rpartition("/")[2], ()) if path.endswith(tail)]
        itself = self._by_mark.get(mark_of(path), ()) if self._by_mark else ()
        for one in (*itself, *self._by_path.get(path, ()), *speaking):
            if seq > one.after:
                self._use(one, access.at, how if one in itself else Used.TOUCHED)

    def _use(self, one: Watched, at: Millis, how: Used) -> None:
        before = self.found.get(one.item, one.use)
        if before is None:
            self.found[one.item] = Use(at, how)
        elif before.how in WEAK and how not in WEAK:
            self.found[one.item] = Use(min(before.at, at), how)


class KindReport(msgspec.Struct, frozen=True):
    """Of the items of one kind: how many were shown and used, how, and how soon."""

    kind: ItemKind
    shown: int
    used: int
    how: Mapping[Used, int]
    median_ms: int | None  #: from the briefing to the first use; None: none was used

    @property
    def plainly(self) -> int:
        """How many were used in a way that is not weak."""
        return sum(count for how, count in self.how.items() if how not in WEAK)


class Outcome(msgspec.Struct, frozen=True):
    """An item that was shown to a session, and its use."""

    kind: ItemKind
    shown_at: Millis
    use: Use | None


def reported(outcomes: Iterable[Outcome]) -> list[KindReport]:
    """Return what became of *outcomes*, one for each kind that was shown, those shown most first."""
    by_kind: dict[ItemKind, list[Outcome]] = {}
    for one in outcomes:
        by_kind.setdefault(one.kind, []).append(one)
    found = []
    for kind, ones in by_kind.items():
        delays = [max(one.use.at - one.shown_at, 0) for one in ones if one.use is not None]
        how = Counter(one.use.how for one in ones if one.use is not None)
        found.append(
            KindReport(
                kind=kind,
                shown=len(ones),
                used=len(delays),
                how={one: how[one] for one in Used if how[one]},
                median_ms=int(median(delays)) if delays else None,
            )
        )
    return sorted(found, key=lambda one: (-one.shown, one.kind))

"""What processes did between two looks at them: the evidence for whose an access is.

The kernel says what happened to a file, not who did it. It does count, for each process, the bytes that were read and
written and the time on a processor: whoever read a file of ten thousand bytes has read at least as many more than
before. A look takes down these figures for every process of some sessions, and which files they have open.
"""

import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Container, Mapping, Sequence
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.identity import ProcessIdentity

#: How long after it happened an event may be told of: what a look saw that was taken in this time may be its effect.
_LAG_MS: Final = 5
#: Looks that are remembered: some seconds of work without a pause.
_REMEMBERED: Final = 256
#: Times in which nothing happened to files that are remembered of each tree.
_CALM_TIMES: Final = 8
#: Of what a tree does in a long time when nothing happens, so much may come in any short one.
_AT_ONCE: Final = 4


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What one process has used since it began; the first two with what children had when it took note of their end."""

    read: int  #: bytes (proc(5), /proc/pid/io, rchar)
    written: int  #: bytes (wchar)
    cpu_ns: int  #: on any processor, by any of its threads (clock_getcpuclockid(3))


class OpenFile(msgspec.Struct, frozen=True, gc=False):
    """A file that a process has open at this moment."""

    path: str
    tree: ProcessIdentity  #: the bound process whose tree it is in
    pid: int
    writing: bool


class LookOrder(msgspec.Struct, frozen=True):
    """What to look at."""

    bound: frozenset[ProcessIdentity]  #: whose trees: each ends where the next one's begins
    folders: tuple[str, ...] = ()  #: absolute; files open below these are told
    paths: tuple[str, ...] = ()  #: files whose sizes are told


class Look(msgspec.Struct, frozen=True):
    """What was seen."""

    at: Millis  #: when it began
    trees: Mapping[ProcessIdentity, Mapping[int, Usage]] = {}  #: by pid; without trees of which a part cannot be read
    above: Mapping[ProcessIdentity, ProcessIdentity] = {}  #: the nearest bound ancestor of a bound process
    open: Sequence[OpenFile] = ()
    sizes: Mapping[str, int] = {}  #: bytes; without files that are gone

    def descends(self, one: ProcessIdentity, from_any: Container[ProcessIdentity]) -> bool:
        """Return whether a bound process is below one of *from_any*."""
        above = self.above.get(one)
        while above is not None and above not in from_any:
            above = self.above.get(above)
        return above is not None


class Moved(msgspec.Struct, frozen=True, gc=False):
    """What the processes of one tree did between two looks."""

    read: int = 0
    written: int = 0
    cpu_ns: int = 0

    def __bool__(self) -> bool:
        return bool(self.read or self.written or self.cpu_ns)


class Span(msgspec.Struct, frozen=True):
    """The time between two looks."""

    before: Look
    after: Look
    _moved: dict[ProcessIdentity, Moved | None] = {}

    def moved(self, tree: ProcessIdentity) -> Moved | None:
        """Return what the processes of *tree* did; None when that cannot be told.

        Bytes are of the tree as a whole: what a child had counted goes over to its parent with its end. If they
        became fewer, a child ended and nobody took note: then nothing can be told.
        """
        if tree not in self._moved:
            self._moved[tree] = self._told_apart(tree)
        return self._moved[tree]

    def _told_apart(self, tree: ProcessIdentity) -> Moved | None:
        was, now = self.before.trees.get(tree), self.after.trees.get(tree)
        if was is None or now is None:
            return None
        read = sum(one.read for one in now.values()) - sum(one.read for one in was.values())
        written = sum(one.written for one in now.values()) - sum(one.written for one in was.values())
        if read < 0 or written < 0:
            return None
        gone = was.keys() - now.keys()  # with what they did since; at least that they ended
        busy = sum(max(0, one.cpu_ns - was[pid].cpu_ns if pid in was else one.cpu_ns) for pid, one in now.items())
        return Moved(read, written, busy + len(gone))

    def holds(self, at: Millis) -> bool:
        """Return whether what was told of at *at* surely happened after the first look."""
        return self.before.at <= at - _LAG_MS

    def foremost(self, tree: ProcessIdentity, *, ratio: int) -> int | None:
        """Return the pid of the process below the bound one that did *ratio* times as much as all others of *tree*."""
        was, now = self.before.trees.get(tree, {}), self.after.trees.get(tree, {})
        nothing = Usage(0, 0, 0)
        read = {pid: one.read - was.get(pid, nothing).read for pid, one in now.items()}
        busiest = max(read, key=read.__getitem__, default=tree.pid)
        others = sum(count for pid, count in read.items() if pid != busiest)
        return busiest if busiest != tree.pid and read[busiest] > ratio * others else None


class Looks:
    """The latest looks, by time. One thread's."""

    def __init__(self) -> None:
        """Begin with none."""
        self._looks: list[Look] = []
        self._times: list[Millis] = []  # of each look; they are searched for every access
        self._numbers: list[int] = []  # the same
        self._spans: dict[tuple[int, int], Span] = {}  # until the next look: many are asked for again and again
        self._calm: dict[ProcessIdentity, deque[tuple[Millis, Moved]]] = {}  # how long, and what it did

    def add(self, look: Look, *, number: int, calm: bool = False) -> None:
        """Remember *look*, the *number*-th; those from before the clock was set back are forgotten.

        Args:
            look: what was seen.
            number: greater than that of any before.
            calm: nothing happened to files since the look before, nor just before that.
        """
        self._spans.clear()
        if calm and self._looks and look.at > self._looks[-1].at:
            self._take_note(Span(self._looks[-1], look))
        if self._looks and look.at < self._looks[-1].at:
            self._looks.clear()
            self._times.clear()
            self._numbers.clear()
        self._looks.append(look)
        self._times.append(look.at)
        self._numbers.append(number)
        if len(self._looks) > 2 * _REMEMBERED:
            del self._looks[:_REMEMBERED], self._times[:_REMEMBERED], self._numbers[:_REMEMBERED]

    @property
    def latest(self) -> Look | None:
        """The newest look."""
        return self._looks[-1] if self._looks else None

    def number_after(self, at: Millis) -> int:
        """Return the number of the first look that is surely later than *at*, or a greater one than any has."""
        index = bisect_right(self._times, at)
        return self._numbers[index] if index < len(self._numbers) else sys.maxsize

    def span(self, started_at: Millis, number: int) -> Span | None:
        """Return the two looks closest around what was told of; None without such two.

        Args:
            started_at: when the first of it was told of.
            number: of the first look that was begun after the last of it was told of.
        """
        first = bisect_left(self._times, started_at - _LAG_MS) - 1
        last = bisect_left(self._numbers, number)
        return self._span(first, last) if 0 <= first < last < len(self._looks) else None

    def until_now(self, started_at: Millis) -> Span | None:
        """Return the last look before *started_at* and the newest of all; None without such two."""
        first = bisect_left(self._times, started_at - _LAG_MS) - 1
        last = len(self._looks) - 1
        return self._span(first, last) if 0 <= first < last else None

    def usual(self, tree: ProcessIdentity, span: Span) -> Moved:
        """Return the most that *tree* does in so long a time as *span* when nothing happens to files, with a margin.

        The quarter in which it did most does not count: it may have been about something that was told of only later.
        """
        length = max(1, span.after.at - span.before.at)
        seen = self._calm.get(tree, ())

        def most(amounts: list[float]) -> float:
            return sorted(amounts)[-1 - max(1, len(amounts) // 4)] if len(amounts) > 1 else 0

        return Moved(
            read=int(2 * most([one.read * length / lasted for lasted, one in seen])),
            written=int(2 * most([one.written * length / lasted for lasted, one in seen])),
            cpu_ns=int(4 * most([one.cpu_ns * max(length / lasted, 1 / _AT_ONCE) for lasted, one in seen])),
        )

    def size_between(self, span: Span, *, at_most: int) -> float:
        """Return the bytes of a file, on the average, of those seen in *span*; none counts for more than *at_most*."""
        sizes: dict[str, int] = {}
        for look in self.between(span.before.at, span.after.at):
            sizes.update(look.sizes)
        return sum(min(size, at_most) for size in sizes.values()) / max(len(sizes), 1)

    def between(self, started_at: Millis, ended_at: Millis) -> list[Look]:
        """Return the looks taken from *started_at* to *ended_at*, oldest first."""
        return self._looks[bisect_left(self._times, started_at) : bisect_right(self._times, ended_at)]

    def _take_note(self, span: Span) -> None:
        for tree in self._calm.keys() - span.after.trees.keys():
            del self._calm[tree]
        for tree in span.after.trees:
            moved = span.moved(tree)
            if moved is not None:
                lasted = Millis(span.after.at - span.before.at)
                self._calm.setdefault(tree, deque(maxlen=_CALM_TIMES)).append((lasted, moved))

    def _span(self, first: int, last: int) -> Span:
        if (first, last) not in self._spans:
            self._spans[first, last] = Span(self._looks[first], self._looks[last])
        return self._spans[first, last]

"""Fold what the kernel says of a file into the accesses a person would name.

One save of an editor is a dozen kernel events: made, modified, closed, renamed. They are folded while they are fresh:
what repeats within the window is one access; a file that was made and written is one creation; a temporary file renamed
over the real one is one write of the real one; the two halves of a rename are one move. The reads of a burst are folded
into its parts. Nothing is folded across windows, and nothing is dropped: what is folded is counted.
"""

import itertools
import posixpath
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from omnimem.model import Access
from omnimemd.domain.bursts import BurstPart, Bursts, Scope
from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.domain.temporary import becomes, is_dropping, is_fleeting, is_temporary

#: How long everything is held to be folded: the second half of a rename is no further behind the first.
_WINDOW_MS: Final = 100
#: How long what is settled waits for what came before it and is not.
_IN_ORDER_MS: Final = 200
#: How long a file just opened is waited for to be closed before it is told; longer, if it may be renamed over another.
_STILL_OPEN_MS: Final = 200
_TEMPORARY_MS: Final = 1_000
#: How long after the first of it the closing of a file that was told while it was open is still the same write.
_SAME_WRITE_MS: Final = 1_000
#: How long what was found by looking may be ahead of what the kernel says of the same file.
_FOUND_MS: Final = 200
#: How often a file that is kept open and written to (a log) is told again.
_KEPT_OPEN_MS: Final = 30_000
_KEPT_OPEN_FILES: Final = 4_096
#: What is given out at a time, so that the loop does other things between.
_SLICE: Final = 250
#: What is told of as held.
_AROUND: Final = 32
#: What each event is compared with: before Python 3.12 to name a member takes as long as to call a function.
_READ: Final = Change.READ
_CREATED: Final = Change.CREATED
_MODIFIED: Final = Change.MODIFIED
_WRITTEN: Final = Change.WRITTEN
_FOUND: Final = Change.FOUND
_MOVED_FROM: Final = Change.MOVED_FROM
_LOCKS: Final = frozenset((Change.LOCKED, Change.UNLOCKED))
_OPENING: Final = frozenset((_CREATED, _MODIFIED))
_WRITES: Final = frozenset((Access.CREATE, Access.WRITE))


class Observed(msgspec.Struct, frozen=True, gc=False):
    """One access, as a person would name it."""

    workspaces: tuple[str, ...]
    path: str
    access: Access
    at: Millis
    old_path: str | None = None
    burst_id: str | None = None  #: of the burst that changed it, among others


#: What is given out.
Settled = Observed | BurstPart


class Coalescer:
    """Holds what is fresh and gives out what is settled, in the order it began. One thread's."""

    def __init__(self, new_burst_id: Callable[[], str]) -> None:
        """Begin empty; *new_burst_id* makes the ids of bursts."""
        self.folded = 0  #: events that became part of another access, or of a burst
        self._bursts = Bursts(new_burst_id)
        self._steps: OrderedDict[int, _Step] = OrderedDict()
        self._latest: dict[str, _Step] = {}  # by path: the step an event may still fold into
        self._half_moves: dict[int, _Step] = {}  # by cookie
        self._kept_open: OrderedDict[str, _Told] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        """Return how many accesses, and parts of bursts, are held."""
        return len(self._steps) + len(self._bursts.under_way())

    @property
    def mark(self) -> int:
        """A number that stands for everything taken so far, see `holds`."""
        return self._next

    def holds(self, *, before: int) -> bool:
        """Return whether anything that was taken before the mark *before* is still held."""
        return next(iter(self._steps), before) < before

    def add(self, events: Iterable[FileEvent]) -> None:
        """Take the next events, in the kernel's order.

        A storm's reads are the daemon's hottest: they cost a few tests and a place in a list.
        """
        workspaces: tuple[str, ...] | None = None
        scope = self._bursts.scope(())
        reads: list[str] = []
        at = Millis(0)
        for event in events:
            if event.workspaces is not workspaces or event.at != at:
                self._count(scope, reads, at)
                workspaces, at = event.workspaces, event.at
                scope = self._bursts.scope(workspaces)
                scope.catch_up(at)
            if scope.tally is not None and event.change is _READ:
                reads.append(event.path)
            else:
                self._take_note(event, scope)
        self._count(scope, reads, at)

    def _count(self, scope: Scope, reads: list[str], at: Millis) -> None:
        if reads:
            scope.read(reads, at)
            self.folded += len(reads)
            reads.clear()

    def _take_note(self, event: FileEvent, scope: Scope) -> None:
        """Look for a burst in one event, then fold it."""
        if event.change in _LOCKS:
            self._take_note_of_lock(event)
            return
        if event.change is _READ:
            if scope.begins(event.path, event.at, read=True):
                self._withdraw_reads(scope)
                self._count(scope, [event.path], event.at)
                return
        elif scope.tally is not None:
            scope.change(event.path, event.at)
        elif scope.begins(event.path, event.at, read=False):
            self._withdraw_reads(scope)
        self._fold_in(event)

    def _take_note_of_lock(self, event: FileEvent) -> None:
        if event.change is Change.LOCKED:
            for begun in self._bursts.locked(event.workspaces, event.at):
                self._withdraw_reads(begun)
        else:
            self._bursts.unlocked(event.workspaces, event.at)
        self.folded += 1

    def _withdraw_reads(self, scope: Scope) -> None:
        """Give the burst that has begun its first reads, which were held till now."""
        reads = [
            step
            for step in self._steps.values()
            if step.access is Access.READ and step.at >= scope.began_at and step.workspaces == scope.workspaces
        ]
        for step in reads:
            self._let_go(step)
        self._count(scope, [step.path for step in reads], reads[-1].at if reads else scope.began_at)

    def _fold_in(self, event: FileEvent) -> None:
        latest, change = self._latest.get(event.path), event.change
        if change is _MODIFIED:
            self._modified(event, latest)
        elif change is _WRITTEN:
            told = self._kept_open.pop(event.path, None)
            if latest is not None and latest.access in _WRITES:
                self._fold(latest, event)
            elif told is not None and 0 <= event.at - told.at < _SAME_WRITE_MS:
                self.folded += 1
            else:
                self._begin(event, Access.WRITE)
        elif change is _CREATED or change is _FOUND:
            if latest is not None and latest.access is Access.CREATE:
                self._fold(latest, event)
            else:
                self._begin(event, Access.CREATE)
        elif change is _READ:
            if latest is not None and latest.access is Access.READ:
                self._fold(latest, event)
            else:
                self._begin(event, Access.READ)
        elif change is Change.MOVED_TO:
            self._moved_to(event)
        else:  # it is gone from here
            self._kept_open.pop(event.path, None)
            step = self._begin(event, Access.DELETE)
            if change is _MOVED_FROM:
                self._half_moves[event.cookie] = step

    def take(self, *, now: Millis, everything: bool = False) -> list[Settled]:
        """Return what is settled, in order; with *everything*, all that is held, and what bursts counted so far."""
        return [one for some in self.slices(now=now, everything=everything) for one in some]

    def slices(self, *, now: Millis, everything: bool = False) -> Iterator[list[Settled]]:
        """Yield what `take` returns, some hundreds at a time; events may be added between two slices."""
        settled = list(self._steps.values()) if everything else self._settled(now)
        for start in range(0, len(settled), _SLICE):
            some = settled[start : start + _SLICE]
            yield [*self._given_out([step for step in some if step.index in self._steps])]
        parts = self._parts(self._bursts.under_way(), now, cut=everything)
        self._bursts.forget(now)
        if parts:
            yield [*parts]

    def _settled(self, now: Millis) -> "list[_Step]":
        settled: list[_Step] = []
        held: set[str] = set()  # paths of which something is not settled: what follows there waits too
        for step in self._steps.values():
            age = now - step.at
            if 0 <= age < _WINDOW_MS:
                break  # what follows is as young
            if (
                self._is_settled(step, now)
                and (not held or age >= _IN_ORDER_MS or age < 0)
                and held.isdisjoint((step.path, step.old_path or step.path))
            ):
                settled.append(step)
            else:
                held |= {step.path, step.old_path or step.path}
        return settled

    def held(self) -> list[Observed]:
        """Return the oldest of what is held and stays so, as it looks by now: it may explain what is given out."""
        oldest = itertools.islice(self._steps.values(), _AROUND)
        return [Observed(step.workspaces, step.path, step.access, step.at, step.old_path) for step in oldest]

    def take_of(self, workspace: str, *, now: Millis) -> list[Settled]:
        """Return, in order, all that is held of one *workspace*, settled or not."""
        observed = self._given_out([step for step in self._steps.values() if workspace in step.workspaces])
        scopes = [one for one in self._bursts.under_way() if workspace in one.workspaces]
        return [*observed, *self._parts(scopes, now, cut=True)]

    def _parts(self, scopes: Iterable[Scope], now: Millis, *, cut: bool) -> list[BurstPart]:
        parts: list[BurstPart] = []
        for scope in scopes:
            if cut:
                scope.cut()
            else:
                scope.catch_up(now)
            parts += scope.parts
            scope.parts.clear()
        return parts

    def _given_out(self, settled: Iterable["_Step"]) -> list[Observed]:
        observed: list[Observed] = []
        for step in settled:
            self._let_go(step)
            if step.open:
                self._keep_open(step.path, step.at, written=step.written)
            observed.append(Observed(step.workspaces, step.path, step.access, step.at, step.old_path))
        observed = self._without_droppings(observed)
        self._half_moves = {cookie: step for cookie, step in self._half_moves.items() if step.index in self._steps}
        return [self._claimed(one) for one in observed] if self._bursts.under_way() else observed

    def _claimed(self, one: Observed) -> Observed:
        """Mark a change that a burst made."""
        scope = None if one.access is Access.READ else self._bursts.find(one.workspaces)
        burst_id = None if scope is None else scope.claim(one.path, one.at)
        return one if burst_id is None else msgspec.structs.replace(one, burst_id=burst_id)

    def _let_go(self, step: "_Step") -> None:
        del self._steps[step.index]
        if self._latest.get(step.path) is step:
            del self._latest[step.path]

    def _without_droppings(self, observed: list[Observed]) -> list[Observed]:
        """Leave out what editors make beside the file; one moved aside, or deleted, and made anew is a write of it."""
        kept: list[Observed] = []
        aside: dict[str, int] = {}  # path deleted, or moved to a backup's name → where its deletion stands in *kept*
        fleeting: dict[str, int] = {}  # temporary file that was made → where that stands in *kept*
        passed: set[int] = set()  # places in *kept* of those that are gone again
        for one in observed:
            name = posixpath.basename(one.path)
            if one.access is Access.DELETE and one.path in fleeting:
                self.folded += 2
                passed.add(fleeting.pop(one.path))
                continue
            if is_dropping(name):
                if one.old_path is not None and not is_dropping(posixpath.basename(one.old_path)):
                    aside[one.old_path] = len(kept)
                    kept.append(Observed(one.workspaces, one.old_path, Access.DELETE, one.at))
                else:
                    self.folded += 1
                continue
            saved = one.old_path is not None and is_dropping(posixpath.basename(one.old_path))
            if one.path in aside and (saved or one.access in _WRITES):
                self.folded += 1
                place = aside.pop(one.path)
                kept[place] = Observed(one.workspaces, one.path, Access.WRITE, kept[place].at)
                continue
            if one.access is Access.DELETE:
                aside[one.path] = len(kept)
            elif one.access is Access.CREATE and is_fleeting(name):
                fleeting[one.path] = len(kept)
            kept.append(Observed(one.workspaces, one.path, Access.WRITE, one.at) if saved else one)
        return [one for place, one in enumerate(kept) if place not in passed] if passed else kept

    def _is_settled(self, step: "_Step", now: Millis) -> bool:
        age = now - step.at
        if age < 0:  # the clock was set back
            return True
        if step.access is Access.READ:
            scope = self._bursts.find(step.workspaces)
            return scope is None or not scope.holds(step.at, now)
        if step.found and age < _FOUND_MS:
            return False
        if step.open:
            return age >= (_TEMPORARY_MS if is_temporary(posixpath.basename(step.path)) else _STILL_OPEN_MS)
        return True

    def _modified(self, event: FileEvent, latest: "_Step | None") -> None:
        if latest is not None and latest.access in _WRITES:
            self._fold(latest, event)
            return
        told = self._kept_open.get(event.path)
        if told is not None and told.written and 0 <= event.at - told.at < _KEPT_OPEN_MS:
            self.folded += 1
            return
        self._keep_open(event.path, event.at, written=True)
        self._begin(event, Access.WRITE)

    def _keep_open(self, path: str, at: Millis, *, written: bool) -> None:
        self._kept_open[path] = _Told(at, written)
        if len(self._kept_open) > _KEPT_OPEN_FILES:
            self._kept_open.popitem(last=False)

    def _moved_to(self, event: FileEvent) -> None:
        source = self._half_moves.pop(event.cookie, None)
        if source is None:  # it came from where nobody looks
            self._begin(event, Access.CREATE).open = False
            return
        born = source.before
        if (
            born is not None
            and born.index in self._steps  # not told already
            and born.access is Access.CREATE
            and becomes(posixpath.basename(source.path), posixpath.basename(event.path))
        ):
            del self._steps[born.index]
            self._replace(source, event, Access.WRITE, old_path=None)
            self.folded += 2
        else:
            self._replace(source, event, Access.MOVE, old_path=source.path)

    def _replace(self, source: "_Step", event: FileEvent, access: Access, *, old_path: str | None) -> None:
        """Make the first half of a rename the whole of it, at its place in the order."""
        left = tuple(one for one in source.workspaces if one not in event.workspaces)
        if left and old_path is not None:  # there it is a file that went
            gone = FileEvent(left, source.path, Change.DELETED, source.at)
            self._begin(gone, Access.DELETE)
        elif old_path is not None:
            self.folded += 1
        self._latest.pop(source.path, None)
        source.path, source.access, source.old_path = event.path, access, old_path
        source.workspaces, source.cookie, source.before = event.workspaces, 0, None
        self._latest[event.path] = source

    def _begin(self, event: FileEvent, access: Access) -> "_Step":
        step = _Step(self._next, event, access, before=self._latest.get(event.path))
        self._next += 1
        self._steps[step.index] = self._latest[event.path] = step
        return step

    def _fold(self, step: "_Step", event: FileEvent) -> None:
        self.folded += 1
        step.open = event.change in _OPENING
        step.written = step.written or event.change is _MODIFIED
        step.found = step.found and event.change is _FOUND


class _Told(msgspec.Struct, frozen=True, gc=False):
    """What was told of a file while it seemed to be open: the rest of that is not told again."""

    at: Millis
    written: bool  #: False: only made so far (or another name of one, link(2)); what is written to it is told


class _Step:
    """One access in the making."""

    __slots__ = (
        "access",
        "at",
        "before",
        "cookie",
        "found",
        "index",
        "old_path",
        "open",
        "path",
        "workspaces",
        "written",
    )

    def __init__(self, index: int, event: FileEvent, access: Access, *, before: "_Step | None") -> None:
        self.index = index
        self.path = event.path
        self.workspaces = event.workspaces
        self.access = access
        self.at = event.at
        self.old_path: str | None = None
        #: The first half of a rename waits for its second.
        self.cookie = event.cookie if event.change is _MOVED_FROM else 0
        self.open = event.change in _OPENING
        self.written = event.change is _MODIFIED
        self.found = event.change is _FOUND
        #: What was held of the same file before; only the creation of a temporary file is ever asked for.
        self.before = before if before is not None and before.access is Access.CREATE else None

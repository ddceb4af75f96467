"""Fold what the kernel says of a file into the accesses a person would name.

One save of an editor is a dozen kernel events: made, modified, closed, renamed. They are folded while they are fresh:
what repeats within the window is one access; a file that was made and written is one creation; a temporary file renamed
over the real one is one write of the real one; the two halves of a rename are one move. Nothing is folded across
windows, and nothing is dropped: what is folded is counted.
"""

import posixpath
from collections import OrderedDict
from typing import Final

import msgspec

from omnimem.model import Access
from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.domain.temporary import becomes, is_dropping

#: How long the second half of a rename may be behind the first, and a file just opened stay open, before it is told.
_HALF_MOVE_MS: Final = 50
_STILL_OPEN_MS: Final = 1_000
#: How long what was found by looking may be ahead of what the kernel says of the same file.
_FOUND_MS: Final = 200
#: How often a file that is kept open and written to (a log) is told again.
_KEPT_OPEN_MS: Final = 30_000
_KEPT_OPEN_FILES: Final = 4_096


class Observed(msgspec.Struct, frozen=True, gc=False):
    """One access, as a person would name it."""

    workspaces: tuple[str, ...]
    path: str
    access: Access
    at: Millis
    old_path: str | None = None


class Coalescer:
    """Holds what is fresh and gives out what is settled, in the order it began. One thread's."""

    def __init__(self) -> None:
        """Begin empty."""
        self.folded = 0  #: events that became part of another access
        self._steps: OrderedDict[int, _Step] = OrderedDict()
        self._latest: dict[str, _Step] = {}  # by path: the step an event may still fold into
        self._half_moves: dict[int, _Step] = {}  # by cookie
        self._kept_open: OrderedDict[str, Millis] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        """Return how many accesses are held."""
        return len(self._steps)

    def add(self, event: FileEvent) -> None:
        """Take the next event, in the kernel's order."""
        latest = self._latest.get(event.path)
        match event.change:
            case Change.READ:
                if latest is not None and latest.access is Access.READ:
                    self._fold(latest, event)
                else:
                    self._begin(event, Access.READ)
            case Change.CREATED | Change.FOUND:
                if latest is not None and latest.access is Access.CREATE:
                    self._fold(latest, event)
                else:
                    self._begin(event, Access.CREATE)
            case Change.MODIFIED:
                self._modified(event, latest)
            case Change.WRITTEN:
                self._kept_open.pop(event.path, None)
                if latest is not None and latest.access in (Access.CREATE, Access.WRITE):
                    self._fold(latest, event)
                else:
                    self._begin(event, Access.WRITE)
            case Change.DELETED:
                self._begin(event, Access.DELETE)
            case Change.MOVED_FROM:
                self._half_moves[event.cookie] = self._begin(event, Access.DELETE)
            case Change.MOVED_TO:
                self._moved_to(event)

    def take(self, *, now: Millis, everything: bool = False) -> list[Observed]:
        """Return what is settled, in order; with *everything*, all that is held."""
        settled = []
        held: set[str] = set()  # paths of which something is not settled: what follows there waits too
        for index, step in self._steps.items():
            if everything or (self._is_settled(step, now) and held.isdisjoint((step.path, step.old_path or step.path))):
                settled.append(index)
            else:
                held |= {step.path, step.old_path or step.path}
        return self._given_out(settled)

    def take_of(self, workspace: str) -> list[Observed]:
        """Return, in order, all that is held of one *workspace*, settled or not."""
        return self._given_out([index for index, step in self._steps.items() if workspace in step.workspaces])

    def _given_out(self, settled: list[int]) -> list[Observed]:
        observed: list[Observed] = []
        for index in settled:
            step = self._steps.pop(index)
            if self._latest.get(step.path) is step:
                del self._latest[step.path]
            observed.append(Observed(step.workspaces, step.path, step.access, step.at, step.old_path))
        observed = self._without_droppings(observed)
        self._half_moves = {cookie: step for cookie, step in self._half_moves.items() if step.index in self._steps}
        return observed

    def _without_droppings(self, observed: list[Observed]) -> list[Observed]:
        """Leave out what editors make beside the file; one moved aside and made anew is a write of that file."""
        kept: list[Observed] = []
        aside: dict[str, int] = {}  # path moved to a backup's name → where its deletion stands in *kept*
        for one in observed:
            if is_dropping(posixpath.basename(one.path)):
                if one.old_path is not None and not is_dropping(posixpath.basename(one.old_path)):
                    aside[one.old_path] = len(kept)
                    kept.append(Observed(one.workspaces, one.old_path, Access.DELETE, one.at))
                else:
                    self.folded += 1
                continue
            saved = one.old_path is not None and is_dropping(posixpath.basename(one.old_path))
            if one.path in aside and (saved or one.access in (Access.CREATE, Access.WRITE)):
                self.folded += 1
                kept[aside.pop(one.path)] = Observed(one.workspaces, one.path, Access.WRITE, one.at)
            else:
                kept.append(Observed(one.workspaces, one.path, Access.WRITE, one.at) if saved else one)
        return kept

    def _is_settled(self, step: "_Step", now: Millis) -> bool:
        age = now - step.at
        if age < 0:  # the clock was set back
            return True
        if step.cookie and age < _HALF_MOVE_MS:
            return False
        if step.found and age < _FOUND_MS:
            return False
        return not (step.open and age < _STILL_OPEN_MS)

    def _modified(self, event: FileEvent, latest: "_Step | None") -> None:
        if latest is not None and latest.access in (Access.CREATE, Access.WRITE):
            self._fold(latest, event)
            return
        told = self._kept_open.get(event.path)
        if told is not None and 0 <= event.at - told < _KEPT_OPEN_MS:
            self.folded += 1
            return
        self._kept_open[event.path] = event.at
        if len(self._kept_open) > _KEPT_OPEN_FILES:
            self._kept_open.popitem(last=False)
        self._begin(event, Access.WRITE)

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
            self.folded += 1

    def _replace(self, source: "_Step", event: FileEvent, access: Access, *, old_path: str | None) -> None:
        """Make the first half of a rename the whole of it, at its place in the order."""
        left = tuple(one for one in source.workspaces if one not in event.workspaces)
        if left and old_path is not None:  # there it is a file that went
            gone = FileEvent(left, source.path, Change.DELETED, source.at)
            self._begin(gone, Access.DELETE)
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
        step.open = event.change in (Change.CREATED, Change.MODIFIED)
        step.found = step.found and event.change is Change.FOUND


class _Step:
    """One access in the making."""

    __slots__ = ("access", "at", "before", "cookie", "found", "index", "old_path", "open", "path", "workspaces")

    def __init__(self, index: int, event: FileEvent, access: Access, *, before: "_Step | None") -> None:
        self.index = index
        self.path = event.path
        self.workspaces = event.workspaces
        self.access = access
        self.at = event.at
        self.old_path: str | None = None
        #: The first half of a rename waits for its second.
        self.cookie = event.cookie if event.change is Change.MOVED_FROM else 0
        self.open = event.change in (Change.CREATED, Change.MODIFIED)
        self.found = event.change is Change.FOUND
        #: What was held of the same file before; only the creation of a temporary file is ever asked for.
        self.before = before if before is not None and before.access is Access.CREATE else None

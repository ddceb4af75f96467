"""Who has a watch while there are not enough: the directories in use.

Where something happened, more will: such a directory gets a watch, if need be that of one in which nothing happened
for long. So the watches there are follow the work, and a sweep finds what begins elsewhere. Watches that come free
are used again.
"""

import contextlib
from collections.abc import Callable, Generator, Sequence
from time import perf_counter
from typing import Final

from omnimemd.system.watcher.budget import WatchBudget
from omnimemd.system.watcher.directories import NO_ROOM, Directory, DirectoryTable
from omnimemd.system.watcher.gate import Steps
from omnimemd.system.watcher.inotify import LIVE, SPENT, Inotify
from omnimemd.system.watcher.removal import Removal
from omnimemd.system.watcher.sentinels import Sentinels
from omnimemd.system.watcher.snapshots import Snapshot, look
from omnimemd.system.watcher.unwatched import Unwatched

#: Watches that change hands in one sweep at most.
_EXCHANGES: Final = 256
#: Seconds for which a directory keeps its watch after something happened in it, at least.
_KEPT_S: Final = 60.0


class Dealer:
    """Gives watches to directories of the table and takes them back. Belongs to the dispatcher's thread."""

    def __init__(
        self,
        *,
        table: DirectoryTable,
        unwatched: Unwatched,
        inotify: Inotify,
        budget: WatchBudget,
        sentinels: Sentinels,
        removal: Removal,
    ) -> None:
        self.touched: set[Directory] | None = None  #: takes where something happens, while there are not enough
        self._table = table
        self._unwatched = unwatched
        self._inotify = inotify
        self._budget = budget
        self._sentinels = sentinels
        self._removal = removal
        self._touched_before: set[Directory] = set()
        self._touched_since = 0.0  # perf_counter()
        self._retiring: dict[int, Snapshot] = {}  # by watch, until the kernel says that it is gone

    def deal(self, active: Sequence[Directory], catch_up: Callable[[Directory], Steps]) -> Steps:
        """Give watches to the directories that are *active*, then to others, as far as there are any.

        Args:
            catch_up: tells what happened in a directory before its watch stood.
        """
        self._budget.renew()
        wanting = [node for node in self._unwatched.snapshots if node.wd == NO_ROOM]
        if not wanting:
            self.touched = None
            return
        self._age()
        first = dict.fromkeys(node for node in active if node.wd == NO_ROOM)
        for node in first | dict.fromkeys(wanting):
            if not self._budget.left(self._taken) or not (yield from self._give(node, catch_up)):
                break
            first.pop(node, None)
            yield
        for node, victim in zip(first, self._idle(min(len(first), _EXCHANGES)), strict=False):
            yield from self._retire(victim)
            if not (yield from self._give(node, catch_up)):
                break

    @property
    def _taken(self) -> int:
        return len(self._table.by_wd) - len(self._retiring)

    def retired(self, wd: int) -> bool:
        """Take note that the kernel removed the watch *wd*; return whether it was taken back here."""
        snapshot = self._retiring.pop(wd, None)
        if snapshot is None:
            return False
        node = self._table.by_wd.get(wd)
        if node is not None:
            self._table.rewatch(node, NO_ROOM)
            self._unwatched.snapshots[node] = snapshot
        return True

    def retires(self, wd: int) -> bool:
        """Tell whether the watch *wd* was taken back here, and the kernel has not said so yet."""
        return wd in self._retiring

    def retire_all(self) -> None:
        """Wait no more for the kernel to say what it may have dropped."""
        for wd in list(self._retiring):
            self.retired(wd)

    def _give(self, node: Directory, catch_up: Callable[[Directory], Steps]) -> Generator[None, None, bool]:
        """Watch *node*; return whether there may be more watches."""
        if node.wd != NO_ROOM:
            return True  # it went, or a walk was here
        try:
            wd = self._inotify.add(node.path, LIVE)
        except OSError as error:
            if error.errno in SPENT:
                self._budget.refused(self._taken)
                return False
            return True  # it went
        if wd not in self._table.by_wd:  # else it has two names, a bind mount: the other one is watched
            self._removal.spare(wd)  # it was watched until a moment ago, somewhere else in the table
            self._table.rewatch(node, wd)
            yield from catch_up(node)
            self._unwatched.snapshots.pop(node, None)
        return True

    def _retire(self, node: Directory) -> Steps:
        """Take the watch of *node* back. What it saw until then is still in the kernel's queue, and is told."""
        with contextlib.suppress(OSError):
            snapshot = yield from look(node.path)
            if node.wd >= 0:
                self._retiring[node.wd] = snapshot
                self._inotify.remove(node.wd)

    def _idle(self, count: int) -> list[Directory]:
        """Return up to *count* directories in which nothing happened for long; the others go to the end of the row."""
        idle: list[Directory] = []
        in_use: list[int] = []
        busy = self._touched_before | (self.touched or set())
        for wd, node in self._table.by_wd.items():
            if len(idle) >= count:
                break
            if node in busy or node.parent is None or node.arrival or wd in self._retiring or self._sentinels.at(wd):
                in_use.append(wd)
            else:
                idle.append(node)
        for wd in in_use:
            self._table.by_wd[wd] = self._table.by_wd.pop(wd)
        return idle

    def _age(self) -> None:
        now = perf_counter()
        if self.touched is None or now - self._touched_since > _KEPT_S:
            self._touched_before, self.touched, self._touched_since = self.touched or set(), set(), now

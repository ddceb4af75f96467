"""Watches of which nobody wants to hear any more: removed when there is time, known until the kernel has let go."""

from typing import Final

from omnimemd.system.watcher.gate import Steps
from omnimemd.system.watcher.inotify import Inotify
from omnimemd.system.watcher.sentinels import Sentinels

#: How many watches that the kernel removed are remembered. It gives their numbers to no others (idr_alloc_cyclic).
_REMEMBERED: Final = 4096


class Removal:
    """Removes watches. Belongs to the dispatcher's thread."""

    def __init__(self, *, inotify: Inotify, sentinels: Sentinels) -> None:
        """Remove watches of *inotify*, but for those that *sentinels* need."""
        self._inotify = inotify
        self._sentinels = sentinels
        self._doomed: set[int] = set()
        self._gone: dict[int, None] = {}  # in the order in which the kernel removed them
        self._under_way = False

    def add(self, wd: int) -> None:
        """Remove the watch *wd* when there is time; below zero it stands for none."""
        if wd >= 0:
            self._doomed.add(wd)

    def spare(self, wd: int) -> None:
        """Leave the watch *wd*, which is needed again."""
        self._doomed.discard(wd)

    def concerns(self, wd: int) -> bool:
        """Tell whether *wd* is to be removed, or was and may still have records in the queue."""
        return wd in self._doomed or wd in self._inotify.leaving or wd in self._gone

    def done(self, wd: int) -> None:
        """Take note that the kernel has removed *wd*.

        What another processor was telling of it at that moment comes behind the IN_IGNORED: with one program at work in
        a directory whose watch is added and removed again and again, one removal in a hundred.
        """
        self._doomed.discard(wd)
        self._inotify.leaving.discard(wd)
        self._gone[wd] = None
        if len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]

    @property
    def is_due(self) -> bool:
        """Tell whether `steps` has something to do that is not under way."""
        return bool(self._doomed) and not self._under_way

    def steps(self) -> Steps:
        """Return the work of removing the watches; each removal makes the kernel queue an IN_IGNORED."""
        self._under_way = True
        return self._remove()

    def _remove(self) -> Steps:
        while self._doomed:
            wd = self._doomed.pop()
            if not self._sentinels.keep(wd):
                self._inotify.remove(wd)
            yield
        self._under_way = False

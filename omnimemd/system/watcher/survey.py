"""A survey of a root: its files with their facts, for whoever has to find out what was missed.

It goes through the table of directories rather than the disk, so what it lists is what is watched, by the rules
that are in force. It leaves the watches alone, so the reads of others stay seen. The walk that started a root, or
went over it after a loss, has left the names of the files: those are looked at one by one, which makes no event. Only
a directory without them is opened; the kernel tells of that, and nobody wants to know.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.file_events import FileFacts, Listing
from omnimemd.system.watcher.directories import REMOVED, UNREADABLE, Directory, DirectoryTable, Root
from omnimemd.system.watcher.facts import facts_of
from omnimemd.system.watcher.gate import Steps
from omnimemd.system.watcher.walked import Walked

#: Files looked at between two yields: some 3 µs each.
_STRIDE: Final = 256
#: Files in a batch, and how many batches may be on their way: some hundred kilobytes in all, half of them the paths
#: of directories with one file each.
_BATCH: Final = 256
_AHEAD: Final = 2


class Survey:
    """One survey under way. Belongs to the dispatcher's thread, once it is given to that."""

    def __init__(
        self, path: str, *, clock: Clock, give: Callable[[Sequence[Listing]], None], end: Callable[[bool], None]
    ) -> None:
        """List what is below the root *path*; *give* takes the batches, *end* whether they are all."""
        self.path = path
        self._clock = clock
        self._give = give
        self._end = end
        self._top: Directory | None = None
        self._work: Steps = iter(())
        self._batch: list[Listing] = []
        self._size = 0
        self._on_their_way = 0
        self._begun = self._resting = self._over = False

    def steps(self, root: Root | None, table: DirectoryTable) -> Steps:
        """Go on, until all below *root* is listed or too many batches are on their way: then `taken` says when."""
        if not self._begun and root is not None and root.node is not None:
            walked, root.walked = root.walked, None
            self._top, self._work = root.node, self._list_all(root.node, walked, table)
        self._begun, self._resting = True, False
        while not self._over and self._stands(root):
            if self._on_their_way >= _AHEAD:
                self._resting = True
                return
            if next(self._work, self) is self:
                break
            yield
        if not self._over:
            self._over = True
            self._hand_over()
            self._end(self._stands(root))

    def taken(self) -> bool:
        """Take note that a batch has arrived; tell whether `steps` is to be called again."""
        self._on_their_way -= 1
        goes_on, self._resting = self._resting and not self._over, False
        return goes_on

    def cancel(self) -> None:
        """List no more: nobody takes it."""
        self._over = True

    def _stands(self, root: Root | None) -> bool:
        return root is not None and root.node is not None and root.node is self._top

    def _list_all(self, top: Directory, walked: Walked | None, table: DirectoryTable) -> Steps:
        """List the directories of which a walk has left the names, then all others below *top*."""
        listed: set[int] = set()  # the watches of the former
        if walked is not None:
            for wd, names in walked:
                node = table.by_wd.get(wd)
                if node is not None:
                    listed.add(node.wd)
                    yield from self._list(node, names, walked.since)
                yield
        stack = [top]
        while stack:
            node = stack.pop()
            if node.wd != REMOVED and node.children is not None:
                stack.extend(node.children.values())
            if node.wd not in listed:
                yield from self._list(node, None, self._clock.now())
            yield

    def _list(self, node: Directory, names: Sequence[str] | None, since: Millis) -> Steps:
        if node.wd in (REMOVED, UNREADABLE):  # what became of its files is told
            return
        path, coverage = node.path, node.coverage
        files: list[FileFacts] = []
        try:
            for number, (name, look) in enumerate(_opened(path) if names is None else _known(path, names), 1):
                if self.path in coverage.seen_by(path, name):
                    with contextlib.suppress(FileNotFoundError):
                        status = look()
                        if not stat.S_ISDIR(status.st_mode):
                            files.append(facts_of(name, status))
                if not number % _STRIDE:
                    yield
        except OSError:  # it vanished or was moved: its events say so
            return
        if files:
            self._batch.append(Listing(coverage.roots, path, tuple(files), since))
            self._size += len(files)
            if self._size >= _BATCH:
                self._hand_over()

    def _hand_over(self) -> None:
        if self._batch:
            self._on_their_way += 1
            self._give(self._batch)
            self._batch, self._size = [], 0


def _opened(path: str) -> Iterator[tuple[str, Callable[[], os.stat_result]]]:
    with os.scandir(path or "/") as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry.name, partial(entry.stat, follow_symlinks=False)


def _known(path: str, names: Sequence[str]) -> Iterator[tuple[str, Callable[[], os.stat_result]]]:
    for name in names:
        yield name, partial(os.lstat, f"{path}/{name}")

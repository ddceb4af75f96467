"""Sweeps: what has no watch is looked through instead, now and then and before each barrier.

A sweep compares every such directory with what it held before and tells of the difference, once all are compared:
a file that went from one and came to another has moved. Then watches are dealt out anew (dealing.py).

A sweep is done in slices between batches, takes a twentieth of the time at most, and there is none while everything
has a watch. Reads leave no trace: a sweep cannot find them.
"""

import os
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final

from omnimemd.domain.clock import Clock
from omnimemd.domain.file_events import FileEvent
from omnimemd.system.watcher.dealing import Dealer
from omnimemd.system.watcher.directories import REMOVED, UNREADABLE, Directory, DirectoryTable
from omnimemd.system.watcher.findings import Findings
from omnimemd.system.watcher.gate import Steps
from omnimemd.system.watcher.rule_files import TELLING
from omnimemd.system.watcher.snapshots import Snapshot, look
from omnimemd.system.watcher.unwatched import Unwatched
from omnimemd.system.watcher.walk import Walker, Why

#: Seconds between two sweeps at least, and how much longer than a sweep the rest behind it is.
_INTERVAL_S: Final = 2.0
_REST: Final = 20


class _Change:
    """What a sweep saw of directories: they are followed when all is compared."""

    def __init__(self) -> None:
        self.active: list[Directory] = []  # something happened in them
        self.came: list[tuple[Directory, str, int]] = []  # parent, name, inode
        self.went: dict[int, Directory] = {}  # by inode


class Sweeper:
    """Sweeps when it is time, or when it is asked to. Belongs to the dispatcher's thread."""

    def __init__(
        self,
        *,
        unwatched: Unwatched,
        table: DirectoryTable,
        walker: Walker,
        dealer: Dealer,
        clock: Clock,
        cookies: Iterator[int],
        tell: Callable[[FileEvent], None],
        arrived: Callable[[Directory, Directory, str], None],
        change_rules: Callable[[Directory], None],
        begin: Callable[[Steps], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        """Begin idle.

        Args:
            arrived: takes a directory that moved, its new parent and its new name.
            change_rules: is told of each directory in which a file that says what is ignored changed.
            begin: takes the steps of a sweep.
            later: calls back after so many seconds.
        """
        self._unwatched = unwatched
        self._table = table
        self._walker = walker
        self._dealer = dealer
        self._clock = clock
        self._cookies = cookies
        self._tell = tell
        self._arrived = arrived
        self._change_rules = change_rules
        self._begin = begin
        self._later = later
        self._under_way = False
        self._due = False  # a sweep will begin by itself
        self._waiting: list[Callable[[], None]] = []

    def look_out(self) -> None:
        """See to it that there are sweeps while something has no watch."""
        if not self._due and not self._under_way and self._unwatched:
            self._due = True
            self._later(_INTERVAL_S, self._sweep_now)

    def sweep(self, done: Callable[[], None]) -> None:
        """Look through what has no watch, from now on; call *done* when everything is told."""
        self._waiting.append(done)
        if not self._under_way:
            self._under_way = True
            self._begin(self._run())

    def _sweep_now(self) -> None:
        self._due = False
        if self._unwatched and not self._under_way:
            self.sweep(lambda: None)

    def _run(self) -> Steps:
        cost = 0.0
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                steps = self._sweep()
                while True:
                    began = perf_counter()
                    ended = next(steps, self) is self
                    cost += perf_counter() - began
                    if ended:
                        break
                    yield
                for done in waiting:
                    done()
        finally:
            self._under_way = False
        if self._unwatched and not self._due:
            self._due = True
            self._later(max(_INTERVAL_S, _REST * cost), self._sweep_now)

    def _sweep(self) -> Steps:
        findings, change = Findings(self._cookies), _Change()
        for node in list(self._unwatched.snapshots):
            if node.wd == REMOVED:
                self._unwatched.snapshots.pop(node, None)
            elif node.wd == UNREADABLE:
                yield from self._try_again(node)
            else:
                yield from self._compare(node, findings, change)
            yield
        yield from self._follow(change)
        self._find_what_left(findings)
        self._tell_of(findings)
        yield from self._dealer.deal(change.active, self._catch_up)

    def _catch_up(self, node: Directory) -> Steps:
        """Tell of what happened in one directory since it was looked at last."""
        findings, change = Findings(self._cookies), _Change()
        yield from self._compare(node, findings, change)
        yield from self._follow(change)
        self._tell_of(findings)

    def _try_again(self, node: Directory) -> Steps:
        """Walk a directory that could not be read, if it can be now; what is in there is not new."""
        if os.access(node.path, os.R_OK | os.X_OK):
            yield from self._walker.walk(node.parent, node.name, Why.START)

    def _compare(self, node: Directory, findings: Findings, change: _Change) -> Steps:
        """Find what happened in one directory since it was looked at last."""
        path, before = node.path, self._unwatched.snapshots.get(node)
        if before is None:
            return
        try:
            now = yield from look(path, before)
        except OSError:
            if node.parent is None:  # a root; of any other, its parent tells
                self._walker.drop(node)
            return
        if self._unwatched.snapshots.get(node) is not before or node.path != path:
            return  # it went, or moved: the next sweep knows more
        self._unwatched.snapshots[node] = now
        if not now.holds_the_same_files(before):
            self._compare_files(node, path, before, now, findings, change)
        if now.directories is not before.directories:
            self._compare_directories(node, path, before, now, change)

    def _compare_files(
        self, node: Directory, path: str, before: Snapshot, now: Snapshot, findings: Findings, change: _Change
    ) -> None:
        had, has = before.files(), now.files()
        active = False
        for name in had.keys() | has.keys():
            old, new = had.get(name), has.get(name)
            if old == new:
                continue
            active = True
            if name in TELLING:
                self._change_rules(node)
            for root in node.coverage.seen_by(path, name):
                if old is not None and (new is None or new.inode != old.inode):
                    findings.gone(root, path, old)
                if new is not None and (old is None or new.inode != old.inode):
                    findings.born(root, path, new)
                elif new is not None:
                    findings.written(root, path, new)
        if active:
            change.active.append(node)

    def _compare_directories(
        self, node: Directory, path: str, before: Snapshot, now: Snapshot, change: _Change
    ) -> None:
        if now.directories != before.directories:
            change.active.append(node)
        for name, inode in before.directories.items():
            if now.directories.get(name) != inode:
                child = self._table.child(node, name)
                if child is not None:
                    change.went[inode] = child
                if name in TELLING:
                    self._change_rules(node)
        for name, inode in now.directories.items():
            if before.directories.get(name) != inode:
                change.came.append((node, name, inode))
                if name in TELLING:
                    self._change_rules(node)
            elif self._table.child(node, name) is None and self._walker.covering(node, path, name):
                change.came.append((node, name, inode))  # it was elsewhere for the moment in which a walk was here

    def _follow(self, change: _Change) -> Steps:
        """Follow directories that moved, forget those that went, walk those that came."""
        came: list[tuple[Directory, str]] = []
        for parent, name, inode in change.came:
            child = change.went.get(inode)
            if parent.wd == REMOVED:
                continue
            if (
                child is None
                or child.wd == REMOVED
                or not self._is(child, f"{parent.path}/{name}")
                or self._table.is_below(parent, child)  # the two changed places; this one is forgotten, and found anew
            ):
                came.append((parent, name))
            else:
                del change.went[inode]
                self._arrived(child, parent, name)
        for child in change.went.values():
            if child.wd >= 0:
                self._walker.lose(child)
            elif child.wd != REMOVED:
                self._walker.drop(child)
        for parent, name in came:
            yield from self._walker.walk(parent, name, Why.BORN)

    def _is(self, node: Directory, path: str) -> bool:
        """Tell whether *path* is where *node* is now; an inode alone may have been given to another directory."""
        if node.wd >= 0:
            return self._walker.is_at(node, path)
        snapshot = self._unwatched.snapshots.get(node)
        try:
            return snapshot is not None and os.lstat(path).st_mtime_ns == snapshot.mtime_ns
        except OSError:
            return False

    def _find_what_left(self, findings: Findings) -> None:
        """Find the files that went with their directory."""
        left, self._unwatched.left = self._unwatched.left, []
        for one in left:
            for name, facts in one.snapshot.files().items():
                if not os.path.lexists(f"{one.path}/{name}"):
                    for root in one.coverage.seen_by(one.path, name):
                        findings.gone(root, one.path, facts)

    def _tell_of(self, findings: Findings) -> None:
        for event in findings.events(self._clock.now()):
            self._tell(event)

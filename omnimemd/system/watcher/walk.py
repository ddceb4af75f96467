"""Walks: bring the table of directories, and the kernel's watches, in line with what is on disk.

One algorithm serves a root that is watched anew, a directory that is born or moved, rules that changed and
events that were lost. For each directory it adds the watch first and scans then, so that whatever comes into
being meanwhile is seen by one of the two. The watch stays narrow until everything below was scanned
(post-order): scanning a directory opens it, and a live watch on it or on its parent would report that. Rules
are read while it is narrow too.

A directory that moved gets the rules of its new place before the next record is taken, without a look at the
disk; the walk comes later and takes them from there.

A walk is a generator that yields after each directory: the dispatcher runs it in slices between batches, on
its own thread. So the table needs no lock, and an event that follows an entry's report in the kernel's queue
follows it to the listener too.
"""

import enum
import errno
import itertools
import os
from collections.abc import Callable, Collection, Container
from typing import Final

import msgspec

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.system.watcher.budget import WatchBudget
from omnimemd.system.watcher.directories import (
    NO_ROOM,
    NOBODY,
    REMOVED,
    UNREADABLE,
    Arrival,
    Coverage,
    Directory,
    DirectoryTable,
    Place,
    Root,
    Scope,
    with_own_rules,
)
from omnimemd.system.watcher.facts import are_same, is_directory
from omnimemd.system.watcher.gate import Gate, Steps
from omnimemd.system.watcher.inotify import IN_MASK_ADD, LIVE, MARKER, NARROW, SPENT, Inotify
from omnimemd.system.watcher.lookouts import Lookouts
from omnimemd.system.watcher.markers import Markers
from omnimemd.system.watcher.moves import Listing, Moves
from omnimemd.system.watcher.removal import Removal
from omnimemd.system.watcher.rule_files import DOT_GIT, TELLING, RuleFiles
from omnimemd.system.watcher.unwatched import Unwatched
from omnimemd.system.watcher.walked import Walked

#: Entries of one directory between two yields: 1,024 take about a millisecond.
_STRIDE: Final = 1024
#: Directories below one whose rules change that are judged by them at once; the others are when the walk is there.
_NEAR: Final = 256
_VANISHED: Final = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE))


class Why(enum.Enum):
    """What a walk is for, which decides what it reports about the files it comes by."""

    START = enum.auto()  #: nothing
    RULES = enum.auto()  #: nothing; live directories stay live
    RESYNC = enum.auto()  #: nothing: whoever hears of the loss looks; directories that are no more are dropped
    BORN = enum.auto()  #: files of directories that are new are FOUND
    MOVED = enum.auto()  #: the same; files of directories that are known have moved


class _Frame(msgspec.Struct, eq=False):
    """One directory of the walk's stack."""

    node: Directory
    path: str
    fresh: bool  #: it is new in the table
    narrow: bool  #: its watch is, until all below is scanned
    todo: list[str] | None = None  #: subdirectories to enter, None before the scan


class Walker:
    """Owns the kernel's watches of all directories."""

    def __init__(
        self,
        *,
        table: DirectoryTable,
        roots: dict[str, Root],
        inotify: Inotify,
        rule_files: RuleFiles,
        clock: Clock,
        tell: Callable[[FileEvent], None],
        markers: Markers,
        gate: Gate,
        moves: Moves,
        budget: WatchBudget,
        unwatched: Unwatched,
        removal: Removal,
        lookouts: Lookouts,
        blind: Container[str],
    ) -> None:
        self._table = table
        self._roots = roots
        self._inotify = inotify
        self._rule_files = rule_files
        self._clock = clock
        self._tell = tell
        self._markers = markers
        self._gate = gate
        self._moves = moves
        self._budget = budget
        self._unwatched = unwatched
        self._removal = removal
        self._lookouts = lookouts
        self._blind = blind  # paths that are never entered

    def walk(self, parent: Directory | None, name: str, why: Why, walked: Walked | None = None) -> Steps:
        """Walk the directory *name* of *parent* (a path when there is none) and all below.

        Args:
            walked: takes the names of the files, if they are wanted.
        """
        if parent is not None and parent.wd == REMOVED:
            return
        moves = self._table.moves
        first = self._enter(parent, "" if parent is None else parent.path, name, why)
        stack = [first] if first is not None else []
        listings: list[Listing] = []
        quiet = why not in (Why.BORN, Why.MOVED)
        while stack:
            if moves != self._table.moves:
                moves = self._table.moves
                for each in stack:
                    each.path = each.node.path
            frame = stack[-1]
            if frame.todo is None:
                yield from self._scan(frame, why, listings, walked)
                yield
            elif frame.node.wd == REMOVED or not frame.todo:
                self._widen(stack.pop())
            elif quiet and (new := self._enter_and_scan(frame.node, frame.path, frame.todo[-1], walked)) is not None:
                frame.todo.pop()
                stack.append(new)
                yield
            else:
                entered = self._enter(frame.node, frame.path, frame.todo.pop(), why)
                if entered is not None:
                    stack.append(entered)
        if listings:
            self._gate.after(self._markers.set(), self._moves.tell(listings))

    def arrive(self, top: Directory, was: str) -> None:
        """Give a directory that moved, and all below, the rules of its new place; forget what is ignored there.

        Args:
            was: its path until now.
        """
        stack = [(top, was, NOBODY)]
        while stack:
            node, was, above = stack.pop()
            path, before = node.path, node.coverage
            if node.arrival is None:
                node.arrival = Arrival(Place(was, before))
            node.arrival.moves += 1
            coverage = self.covering(node.parent, path.rpartition("/")[0], node.name)
            if not coverage or path in self._blind:
                self._hide(node)
                continue
            if before is not above:  # it has rules of its own, or is seen by others than its parent
                coverage = with_own_rules(coverage, before, was=was, path=path)
            self._table.cover(node, coverage)
            if node.children is not None:
                stack.extend((child, f"{was}/{child.name}", before) for child in node.children.values())

    def refresh(self, top: Directory) -> None:
        """Judge by the rules of now what happens in *top*, and near below, from the next record on; a walk follows."""
        path, before = top.path, top.coverage
        telling = [name for name in TELLING if os.path.lexists(f"{path}/{name}")]
        self._table.cover(top, self.covering(top.parent, path.rpartition("/")[0], top.name))
        if telling:
            self._read_rules(top, path, telling, silent=top.wd < 0)
        stack = [(top, path)]
        for _ in range(_NEAR):
            if not stack:
                break
            node, path = stack.pop()
            for child in node.children.values() if node.children is not None else ():
                if child.coverage is before:
                    self._table.cover(child, self.covering(node, path, child.name))
                    stack.append((child, f"{path}/{child.name}"))

    def lose(self, node: Directory) -> None:
        """Forget a directory that moved out of sight, and say so."""
        self._tell_deleted(node.told)
        self._unwatched.leave(node, told=True)
        self.drop(node)

    def drop(self, node: Directory) -> None:
        """Forget a directory that is no more, or out of sight, and all below."""
        self._unwatched.leave(node, told=False)
        for wd in self._table.remove(node):
            self._removal.add(wd)

    def uncover(self, top: Directory, keep: Callable[[Scope], bool]) -> Steps:
        """Take the scopes that are not to *keep* from *top* and all below; forget directories that nobody sees then."""
        stack = [top]
        while stack:
            node = stack.pop()
            coverage = node.coverage.only(keep)
            if node.wd == REMOVED or (coverage and coverage is node.coverage):
                continue
            if node.children is not None:
                stack.extend(node.children.values())
            if coverage:
                self._table.cover(node, coverage)
            else:
                self._removal.add(self._table.remove_one(node))
            yield

    def parent_of(self, path: str) -> tuple[Directory | None, str]:
        """Return the directory that the directory *path* is seen in, None when there is none, and its name there."""
        above, _, name = path.rpartition("/")
        parent = self._table.find(above, [each.node for each in self._roots.values() if each.node is not None])
        return (parent if parent is not None and parent.coverage.entering(above, name) else None), name

    def covering(self, parent: Directory | None, above: str, name: str) -> Coverage:
        """Return who sees the directory *name* of *parent*, found at *above*, before its own rules are read."""
        coverage = NOBODY if parent is None else parent.coverage.entering(above, name)
        root = self._roots.get(name if parent is None else f"{above}/{name}")
        if root is not None and root.state is not WorkspaceState.GONE:
            coverage = Coverage((*coverage.scopes, Scope(root, root.rules)))
        return coverage

    def _enter(self, parent: Directory | None, above: str, name: str, why: Why) -> _Frame | None:
        """Add the watch of a directory and take it into the table; None when it is not there or not to be watched."""
        path = name if parent is None else f"{above}/{name}"
        coverage = self.covering(parent, above, name)
        known = self._table.child(parent, name) if parent is not None else None
        root = self._roots.get(path)
        if root is not None and root.state is WorkspaceState.GONE:
            root = None
        if known is None and root is not None and root.node is not None and root.node.path == path:
            known = root.node
        if not coverage or path in self._blind:
            if known is not None:
                self._hide(known)
            return None
        stays = known is not None and known.wd >= 0 and why is not Why.RESYNC
        wd = NO_ROOM if known is not None and known.wd == NO_ROOM else None  # a sweep gives it one, and catches up
        if wd is None:
            wd = self._add(path, LIVE | IN_MASK_ADD if stays else NARROW, new=not stays)
        if wd is None:
            if known is not None and why is Why.RESYNC:
                self.drop(known)
            return None
        if known is not None and known.wd != wd:
            self.drop(known)
            known = None
        elif known is not None and why is Why.BORN:
            return None  # a walk was here before the event of its birth was taken
        node = known or self._table.by_wd.get(wd)
        if node is not None and (node.parent is not parent or node.name != name):
            if node.path == path:  # it hung elsewhere in the table only: a root, inside another root now
                self._table.move(node, parent, name)
            elif are_same(node.path, path):  # two names of one directory: a bind mount
                self._add(path, LIVE)
                return None
            else:
                # The walk sees the disk as it is, the events that led there may still be in the queue. The old place
                # is forgotten, and the directory taken for new: whatever those events say, they say of names that
                # are free then, or are asked about once more.
                self.drop(node)
                node = None
        if parent is not None and parent.wd == REMOVED:
            if wd not in self._table.by_wd:
                self._removal.add(wd)
            return None
        self._removal.spare(wd)
        fresh = node is None
        if node is None:
            node = self._table.insert(wd, parent, name, coverage)
        else:
            self._table.cover(node, coverage)
        if root is not None:
            root.node = node
        return _Frame(node, path, fresh, not stays)

    def _enter_and_scan(self, parent: Directory, above: str, name: str, walked: Walked | None) -> _Frame | None:
        """Do at once what `_enter` and `_scan` do in a directory that nobody knows and of which nothing is told.

        A start is little else than this, hence the one body. Returns None where there is more to it, as they see then;
        what is special inside is left to `_scan` (the directory's `todo` is None).
        """
        path, by_wd = f"{above}/{name}", self._table.by_wd
        coverage = parent.coverage.entering(above, name)
        known = parent.children is not None and name in parent.children
        if known or not coverage.scopes or path in self._roots or path in self._blind:
            return None
        try:
            wd = self._inotify.add(path, NARROW) if self._budget.left(len(by_wd)) else NO_ROOM
        except OSError:
            return None
        if wd in by_wd or wd in (self._markers.wd, NO_ROOM):
            return None
        self._removal.spare(wd)
        frame = _Frame(self._table.insert(wd, parent, name, coverage), path, True, True)
        directories: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(path) as entries:
                for entry in itertools.islice(entries, _STRIDE):
                    (directories if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        except OSError:
            return frame
        plain = TELLING.isdisjoint(files) and TELLING.isdisjoint(directories)
        if plain and len(directories) + len(files) < _STRIDE:
            if walked is not None:
                walked.add(wd, files)
            directories.reverse()
            frame.todo = directories
        return frame

    def _add(self, path: str, mask: int, *, new: bool = False) -> int | None:
        """Watch *path*; return what stands for it in the table, None when it vanished or is our own place."""
        if new and not self._budget.left(len(self._table.by_wd)):
            return NO_ROOM if is_directory(path) and path != self._markers.path else None
        try:
            wd = self._inotify.add(path, mask)
        except OSError as error:
            if error.errno in _VANISHED:
                return None
            if error.errno not in SPENT:
                return UNREADABLE
            self._budget.refused(len(self._table.by_wd))
            return NO_ROOM
        if wd == self._markers.wd:
            self._inotify.add(path, MARKER)
            return None
        return wd

    def is_at(self, node: Directory, path: str) -> bool:
        """Ask the kernel whether *node*, which is watched, is the directory at *path*."""
        return self._mask(node, path, LIVE | IN_MASK_ADD)

    def _hide(self, node: Directory) -> None:
        """Stop watching a directory that is ignored now, but not the roots inside it."""
        path = node.path
        if node.arrival is not None:
            self._tell_deleted(node.arrival.was)
        inside = f"{path}/"
        for _ in self.uncover(node, lambda scope: scope.root.path == path or scope.root.path.startswith(inside)):
            pass

    def _tell_deleted(self, place: Place) -> None:
        if place.coverage:
            self._tell(FileEvent(place.coverage.roots, place.path, Change.DELETED, self._clock.now()))

    def _scan(self, frame: _Frame, why: Why, listings: list[Listing], walked: Walked | None) -> Steps:
        """List a directory, read its rules, report its files, note the subdirectories to enter."""
        node, path = frame.node, frame.path
        directories: list[str] = []
        frame.todo = directories
        if node.wd < 0:
            yield from self._unwatched.enter(node, path)
        if node.wd == UNREADABLE:
            return
        files: list[str] = []
        try:
            with os.scandir(path or "/") as entries:
                for number, entry in enumerate(entries, 1):
                    (directories if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
                    if not number % _STRIDE:
                        yield
        except OSError:  # it vanished or was moved: its events say so
            directories.clear()
            return
        if node.wd == REMOVED:
            return
        if walked is not None:
            walked.add(node.wd, files)
        telling = TELLING.intersection((*files, *directories))
        if DOT_GIT in telling:
            self._lookouts.of_repository(node, path)
        elif not frame.fresh:
            self._lookouts.let_go(node)
        if telling:
            self._read_rules(node, path, telling, silent=frame.narrow)
        if why is Why.RESYNC and node.children is not None:
            for gone in node.children.keys() - set(directories):
                self.drop(node.children[gone])
                if node.children is None:
                    break
        if frame.fresh:
            if why in (Why.BORN, Why.MOVED):
                yield from self._report(frame, files)
        elif why is Why.MOVED and node.arrival is not None:
            listings.append(Listing(node, node.arrival, node.arrival.moves, files))
        left_for_a_sweep = self._unwatched.newer(node, directories)  # it tells of what came
        if left_for_a_sweep:
            known = node.children or {}
            directories[:] = [name for name in directories if name not in left_for_a_sweep or name in known]
        directories.reverse()  # entered from the end: in the directory's own order

    def _read_rules(self, node: Directory, path: str, telling: Collection[str], *, silent: bool) -> None:
        """Read the rules of a directory; *silent* if no live watch would see that."""
        if not silent:
            self._mask(node, path, NARROW)
        scopes: list[Scope] = []
        for scope in node.coverage.scopes:
            top = scope.root.path == path or DOT_GIT in telling
            scopes.append(Scope(scope.root, self._rule_files.inside(scope.rules, path, telling, top=top)))
        if not silent:
            self._mask(node, path, LIVE)
        self._table.cover(node, Coverage(tuple(scopes)))

    def _report(self, frame: _Frame, files: list[str]) -> Steps:
        """Tell of the files in a directory that is new."""
        at, path, coverage = self._clock.now(), frame.path, frame.node.coverage
        for number, name in enumerate(files, 1):
            roots = coverage.seen_by(path, name)
            if roots:
                self._tell(FileEvent(roots, f"{path}/{name}", Change.FOUND, at))
            if not number % _STRIDE:
                yield

    def _widen(self, frame: _Frame) -> None:
        """Make a directory live whose scan, and that of all below, is over."""
        node = frame.node
        if frame.narrow and node.wd >= 0 and not self._mask(node, frame.path, LIVE):
            self._mask(node, node.path, LIVE)

    def _mask(self, node: Directory, path: str, mask: int) -> bool:
        """Set the events of *node*, found at *path*; False when another directory is there now, or none."""
        try:
            wd = self._inotify.add(path, mask)
        except OSError:
            return False
        if wd == node.wd:
            return True
        if wd not in self._table.by_wd:
            self._removal.add(wd)
        return False

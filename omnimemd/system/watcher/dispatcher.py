"""The observer's handler: turns the kernel's records into file events, and keeps the table of directories true.

Everything the watcher knows is owned by this one thread. Three kinds of message reach it through watchdog's
queue: batches of records, calls from the loop, and ticks. Long work (walks) is a generator, done in slices:
births at once, while a batch is taken, as far as its budget goes; the rest on ticks. At most one tick is in
the queue, behind the batches that came meanwhile, so nothing waits for a walk longer than a slice.

How a directory's move is understood: the kernel queues IN_MOVED_FROM, IN_MOVED_TO (same cookie), then
IN_MOVE_SELF of the directory. If the last comes and the second did not, it left our sight. No timer is
needed, nothing is delayed.
"""

import itertools
import logging
import os
from collections import deque
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.file_events import Change, FileEvent, Loss, WatchReport
from omnimemd.system.watcher.directories import NOBODY, REMOVED, Directory, DirectoryTable, Place, Root
from omnimemd.system.watcher.emitter import Batch, Message
from omnimemd.system.watcher.gate import Gate, Steps
from omnimemd.system.watcher.inotify import (
    DRAINED_BYTES,
    IN_CLOSE_NOWRITE,
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_IGNORED,
    IN_ISDIR,
    IN_MODIFY,
    IN_MOVE_SELF,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_Q_OVERFLOW,
    RECORD,
    Inotify,
)
from omnimemd.system.watcher.markers import Markers
from omnimemd.system.watcher.moves import Moves
from omnimemd.system.watcher.outlet import Outlet
from omnimemd.system.watcher.reports import report_of
from omnimemd.system.watcher.rule_files import NAMES, RuleFiles
from omnimemd.system.watcher.walk import Walker, Why

log = logging.getLogger(__name__)

#: How long walks may keep a batch waiting; two such slices and the loop's turn stay below the 25 ms of a
#: storm.
_SLICE_S: Final = 0.004

#: What a file's record means; each record carries one event. A directory's has IN_ISDIR and is not in here.
_CHANGES: Final = {
    IN_CLOSE_NOWRITE: Change.READ,
    IN_CREATE: Change.CREATED,
    IN_MODIFY: Change.MODIFIED,
    IN_CLOSE_WRITE: Change.WRITTEN,
    IN_DELETE: Change.DELETED,
    IN_MOVED_FROM: Change.MOVED_FROM,
    IN_MOVED_TO: Change.MOVED_TO,
}


class Call(Message):
    """Something the loop wants done on the dispatcher's thread."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self.call = call


class Tick(Message):
    """Time for a slice of the work that waits."""


class Dispatcher(FileSystemEventHandler):
    """See the module. All methods are called on the observer's thread; the counters may be read from any."""

    def __init__(
        self,
        *,
        inotify: Inotify,
        clock: Clock,
        rule_files: RuleFiles,
        outlet: Outlet,
        send: Callable[[Message], None],
        markers: Markers,
        blind: Collection[str],
    ) -> None:
        self.events_seen = 0
        self.events_ignored = 0
        self.overflows = 0
        self.resyncs = 0
        self.table = DirectoryTable()
        self._clock = clock
        self._outlet = outlet
        self._send = send
        self._markers = markers
        self._rule_files = rule_files
        self._roots: dict[str, Root] = {}
        self._out: list[FileEvent] = []
        self._gate = Gate(self._pass)
        self._moves = Moves(clock=clock, tell=self._out.append)
        self._walker = Walker(
            table=self.table,
            roots=self._roots,
            inotify=inotify,
            rule_files=rule_files,
            clock=clock,
            tell=self._out.append,
            markers=markers,
            gate=self._gate,
            moves=self._moves,
            blind=frozenset(blind),
        )
        self._leaving: dict[Directory, int] = {}  # directories after IN_MOVED_FROM, with its cookie
        self._births: deque[Steps] = deque()  # in order; a marker waits behind those before it
        self._walks: deque[Steps] = deque()  # in turns
        self._rules_changed: set[Directory] = set()
        self._resync_again: bool | None = None  # None: no resync is under way
        self._lost_since = Millis(0)
        self._drained_at = clock.now()  # when the kernel's queue was last seen empty: what is lost is younger
        self._tick_sent = False
        self._until = 0.0  # perf_counter() when the slice of this message is over
        self._removing = False  # watches, in a walk of their own
        self._stirred = False  # the table or a root may have changed: look at the roots

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take one message from watchdog's queue."""
        self._until = perf_counter() + _SLICE_S
        places = 0
        try:
            if isinstance(event, Batch):
                places = 1
                self._take(event.records, event.at)
                if len(event.records) <= DRAINED_BYTES:
                    self._drained_at = event.at
                self._hand_over(places=places)
                places = 0
                self._look_into_births()
            elif isinstance(event, Call):
                event.call()
                self._stirred = True
            else:
                self._tick_sent = False
                if self._work(self._births):
                    self._work(self._walks)
        except Exception:
            # A net below everything: without it the thread would end, and the daemon look healthy while it is blind.
            log.exception("watch message failed")
            self._lose(tuple(self._roots), since=self._drained_at, reason="fault")
        self._hand_over(places=places)
        if self._stirred:
            self._look_at_roots()
        if not self._tick_sent and (self._births or self._walks):
            self._tick_sent = True
            self._send(Tick())

    def watch(self, path: str, reply: Callable[[WatchReport], None]) -> None:
        """Begin to watch *path*; *reply* is called on the loop once it is live, or cannot be."""
        root = self._roots.get(path)
        if root is not None and root.state is WorkspaceState.WATCHING and root.identity != _identity(path):
            self._walks.append(self._stop(root))
        if root is None or root.state is WorkspaceState.GONE:
            root = self._roots[path] = Root(path)
            self._outlet.report(report_of(root))
            self._walks.append(self._start(root))
        root.waiting.append(reply)

    def unwatch(self, path: str, done: Callable[[], None]) -> None:
        """Stop watching *path*; *done* is called on the loop, after its last event."""
        root = self._roots.pop(path, None)
        if root is None:
            self._outlet.post(done)
        else:
            self._walks.append(itertools.chain(self._stop(root), self._then(done)))
            self._answer(root)

    # ---- records

    def _take(self, records: bytes, at: Millis) -> None:
        """Turn *records* into file events; the loop is the daemon's hottest, hence its one long body."""
        out, by_wd, unpack = self._out, self.table.by_wd, RECORD.unpack_from
        modified: set[tuple[int, bytes]] = set()
        seen = ignored = 0
        last_wd = None
        directory, coverage, arrival = "", NOBODY, None
        offset, end = 0, len(records)
        while offset < end:
            wd, mask, cookie, length = unpack(records, offset)
            offset += 16
            raw = records[offset : offset + length].rstrip(b"\0")
            offset += length
            seen += 1
            change = _CHANGES.get(mask)
            if change is None or wd not in by_wd:
                ignored += 1
                if mask != IN_CLOSE_NOWRITE | IN_ISDIR:
                    self._structural(wd, mask, cookie, os.fsdecode(raw))
                    last_wd = None
                continue
            if wd != last_wd:
                node = by_wd[wd]
                directory, coverage, arrival, last_wd = node.path, node.coverage, node.arrival, wd
            name = raw.decode("utf-8", "surrogateescape")
            seen_by = coverage.seen_by(directory, name)
            if change is not Change.READ:
                if change is Change.MODIFIED:
                    if (wd, raw) in modified:
                        continue
                    modified.add((wd, raw))
                else:
                    modified.discard((wd, raw))
                    if name in NAMES:
                        self._change_rules(by_wd[wd])
            if arrival is not None:
                self._moves.meet(arrival, name, change, here=Place(directory, coverage), at=at)
            if seen_by:
                out.append(FileEvent(seen_by, f"{directory}/{name}", change, at, cookie))
            else:
                ignored += 1
        self.events_seen += seen
        self.events_ignored += ignored

    def _structural(self, wd: int, mask: int, cookie: int, name: str) -> None:
        """Follow what happened to a directory, to a watch or to the queue itself."""
        self._stirred = True
        node = self.table.by_wd.get(wd)
        if mask & IN_Q_OVERFLOW:
            self._overflow()
        elif node is None:
            if wd == self._markers.wd and mask & IN_MOVED_TO:
                self._births.append(self._gate.arrive(int(name)))
        elif mask & IN_IGNORED:
            self._walker.drop(node)
        elif mask & IN_MOVE_SELF:
            self._moved(node)
        elif mask & IN_CREATE:
            self._born(node, name)
        elif mask & IN_DELETE:
            child = self.table.child(node, name)
            if child is not None:
                self._walker.drop(child)
        elif mask & IN_MOVED_FROM:
            child = self.table.child(node, name)
            if child is not None:
                self._leaving[child] = cookie
        elif mask & IN_MOVED_TO:
            self._arrived(node, name, cookie)

    def _born(self, parent: Directory, name: str) -> None:
        self._births.append(self._walker.walk(parent, name, Why.BORN))
        self._look_into_births()

    def _arrived(self, parent: Directory, name: str, cookie: int) -> None:
        """Give a directory its new place, if it is one of ours."""
        child = next((each for each, left_with in self._leaving.items() if left_with == cookie), None)
        if child is None:
            self._born(parent, name)
            return
        del self._leaving[child]
        if child.wd == REMOVED or self.table.is_below(parent, child):
            # A walk saw what came after this move, before the move itself was taken.
            self._born(parent, name)
            return
        occupant = self.table.child(parent, name)
        if occupant is not None and occupant is not child:
            self._walker.drop(occupant)
        was = child.path
        self.table.move(child, parent, name)
        self._walker.arrive(child, was)
        self._births.append(self._walker.walk(parent, name, Why.MOVED))

    def _moved(self, node: Directory) -> None:
        """Take the end of a directory's move: it is out of sight if it did not arrive anywhere."""
        if self._leaving.pop(node, None) is None:
            self._births.append(self._check(node))
        else:
            self._walker.lose(node)

    def _check(self, node: Directory) -> Steps:
        """Forget a directory that is not where the table has it; what moved it there is walked on its own."""
        if node.wd != REMOVED and not self._walker.is_there(node):
            self._walker.drop(node)
        yield

    def _change_rules(self, node: Directory) -> None:
        if node not in self._rules_changed:
            self._rules_changed.add(node)
            self._gate.close()
            self._walks.append(self._follow_rules(node))

    def _overflow(self) -> None:
        """Note that the kernel dropped events, and walk all roots again: directories may have been missed."""
        self.overflows += 1
        self._leaving.clear()
        self._markers.set()  # in place of those that were dropped
        if self._resync_again is None:
            self._lost_since = self._drained_at
            self._gate.close()
            self._walks.append(self._resync())
        self._resync_again = True

    # ---- work in slices

    def _work(self, tasks: deque[Steps]) -> bool:
        """Go on with *tasks* until the message's slice is over; return whether they are done."""
        self._stirred = True
        while tasks:
            for _ in tasks[0]:
                if perf_counter() >= self._until:
                    if tasks is self._walks:
                        tasks.rotate(-1)
                    return False
            tasks.popleft()
        return True

    def _look_into_births(self) -> None:
        """Scan what is born at once; what takes longer than a slice goes on with the ticks, behind the batches."""
        if self._births and not self._tick_sent:
            self._work(self._births)

    def _start(self, root: Root) -> Steps:
        began = self._clock.now()
        root.identity = _identity(root.path)
        root.rules = self._rule_files.above(root.path)
        yield
        yield from self._walk_root(root, Why.START)
        if root.state is WorkspaceState.STARTING:
            root.state = WorkspaceState.GONE if root.node is None else WorkspaceState.WATCHING
        if root.no_room or root.unreadable:
            self._lose((root.path,), since=began, reason="watch_failed")
            root.told_unseen = root.no_room + root.unreadable

    def _stop(self, root: Root) -> Steps:
        """Let go of *root*; what only it sees is forgotten in the steps returned."""
        root.state = WorkspaceState.GONE
        node, root.node = root.node, None
        return iter(()) if node is None else self._walker.uncover(node, lambda scope: scope.root is not root)

    def _follow_rules(self, node: Directory) -> Steps:
        try:
            self._rules_changed.discard(node)
            if node.wd != REMOVED:
                yield from self._walker.walk(node.parent, node.name, Why.RULES)
        finally:
            self._gate.open()

    def _resync(self) -> Steps:
        try:
            while self._resync_again:
                self._resync_again = False
                for root in list(self._roots.values()):
                    if root.node is not None:
                        yield from self._walk_root(root, Why.RESYNC)
        finally:
            self._resync_again = None
            self.resyncs += 1
            self._lose(tuple(self._roots), since=self._lost_since, reason="overflow")
            self._gate.open()

    def _walk_root(self, root: Root, why: Why) -> Steps:
        above, _, name = root.path.rpartition("/")
        tops = (each.node for each in self._roots.values() if each.node is not None)
        parent = self.table.find(above, tops)
        if parent is not None and parent.coverage.entering(above, name):
            return self._walker.walk(parent, name, why)
        return self._walker.walk(None, root.path, why)

    def _remove_watches(self) -> Steps:
        yield from self._walker.remove_watches()
        self._removing = False

    def _pass(self, marker: int) -> None:
        self._hand_over(places=0)
        self._look_at_roots()
        self._outlet.marker(marker)

    def _then(self, done: Callable[[], None]) -> Steps:
        self._hand_over(places=0)
        self._outlet.post(done)
        yield

    # ---- what the loop hears

    def _hand_over(self, *, places: int) -> None:
        events = self._out.copy()
        self._out.clear()
        self._outlet.events(events, places=places)

    def _lose(self, workspaces: tuple[str, ...], *, since: Millis, reason: str) -> None:
        self._hand_over(places=0)
        if workspaces:
            self._outlet.loss(Loss(workspaces, since, self._clock.now(), reason))

    def _look_at_roots(self) -> None:
        """Notice roots that are gone, report every root of which something changed, answer who waits for it."""
        self._stirred = False
        if self._walker.has_watches_to_remove and not self._removing:
            self._removing = True
            self._walks.append(self._remove_watches())
        for child in [child for child in self._leaving if child.wd == REMOVED]:
            del self._leaving[child]
        for root in list(self._roots.values()):
            node = root.node
            if node is not None and (node.wd == REMOVED or node.path != root.path):
                self._walks.append(self._stop(root))
            unseen = root.no_room + root.unreadable
            if root.state is WorkspaceState.WATCHING and unseen > root.told_unseen:
                self._lose((root.path,), since=self._drained_at, reason="watch_failed")
            if root.state is not WorkspaceState.STARTING:
                root.told_unseen = unseen
                report = report_of(root)
                if report != root.reported:
                    root.reported = report
                    self._outlet.report(report)
                self._answer(root)

    def _answer(self, root: Root) -> None:
        for reply in root.waiting:
            self._outlet.post(reply, report_of(root))
        root.waiting.clear()


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

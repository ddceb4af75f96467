"""The observer's handler: has the kernel's records taken (records.py), and keeps the table of directories true.

Everything the watcher knows is owned by this one thread. Three kinds of message reach it through watchdog's
queue: batches of records, calls from the loop, and ticks. Long work (walks) is a generator, done in slices:
births at once, while a batch is taken, as far as its budget goes; the rest on ticks. At most one tick is in
the queue, behind the batches that came meanwhile, so nothing waits for a walk longer than a slice.
"""

import itertools
import logging
from collections import deque
from collections.abc import Callable, Container, Iterable
from time import perf_counter
from typing import Final

import msgspec
from watchdog.events import FileSystemEvent, FileSystemEventHandler

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.explaining import Sight
from omnimemd.domain.file_events import FileEvent, Loss, WatchReport
from omnimemd.system.watcher.budget import WatchBudget
from omnimemd.system.watcher.dealing import Dealer
from omnimemd.system.watcher.directories import REMOVED, Directory, DirectoryTable, Root
from omnimemd.system.watcher.emitter import Batch, Message
from omnimemd.system.watcher.facts import identity_of
from omnimemd.system.watcher.gate import Gate, Steps
from omnimemd.system.watcher.inotify import DRAINED_BYTES, Inotify
from omnimemd.system.watcher.lookouts import Lookouts
from omnimemd.system.watcher.markers import Markers
from omnimemd.system.watcher.moves import Moves
from omnimemd.system.watcher.outlet import Outlet
from omnimemd.system.watcher.quiet import Quiet
from omnimemd.system.watcher.records import Records
from omnimemd.system.watcher.removal import Removal
from omnimemd.system.watcher.reports import report_of
from omnimemd.system.watcher.resync import Resync
from omnimemd.system.watcher.rule_files import RuleFiles
from omnimemd.system.watcher.sentinels import Sentinels
from omnimemd.system.watcher.sight import sight
from omnimemd.system.watcher.survey import Survey
from omnimemd.system.watcher.sweep import Sweeper
from omnimemd.system.watcher.unwatched import Unwatched
from omnimemd.system.watcher.walk import Walker, Why
from omnimemd.system.watcher.walked import Walked

log = logging.getLogger(__name__)

#: How long walks may keep a batch waiting; two such slices and the loop's turn stay below the 25 ms of a
#: storm.
_SLICE_S: Final = 0.004


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
        quiet: Quiet,
        blind: Container[str],
    ) -> None:
        self.told = 0  #: events that were handed over
        self.overflows = 0
        self.table = DirectoryTable()
        self._clock = clock
        self._outlet = outlet
        self._send = send
        self._markers = markers
        self._roots: dict[str, Root] = {}
        self._blind = blind
        self._out: list[FileEvent] = []
        self._gate = Gate(self._pass)
        self._moves = Moves(clock=clock, tell=self._out.append)
        self._sentinels = Sentinels(inotify=inotify, table=self.table)
        self._lookouts = Lookouts(
            sentinels=self._sentinels,
            rule_files=rule_files,
            tell=self._out.append,
            change_rules=self._change_rules,
            change_outer_rules=self._change_outer_rules,
            moved_above=self._look_after,
            appeared=self._tell_of_return,
        )
        self._budget = WatchBudget()
        self._unwatched = Unwatched()
        self._removal = Removal(inotify=inotify, sentinels=self._sentinels)
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
            budget=self._budget,
            unwatched=self._unwatched,
            removal=self._removal,
            lookouts=self._lookouts,
            blind=self._blind,
        )
        self._births: deque[Steps] = deque()  # in order; a marker waits behind those before it
        self._dealer = Dealer(
            table=self.table,
            unwatched=self._unwatched,
            inotify=inotify,
            budget=self._budget,
            sentinels=self._sentinels,
            removal=self._removal,
        )
        self.records = Records(
            table=self.table,
            walker=self._walker,
            moves=self._moves,
            gate=self._gate,
            markers=markers,
            quiet=quiet,
            sentinels=self._sentinels,
            removal=self._removal,
            dealer=self._dealer,
            out=self._out,
            begin=self._births.append,
            marked=self._meet_marker,
            hurry=self._look_into_births,
            change_rules=self._change_rules,
            overflowed=self._overflow,
            unknown=lambda: self.resync.because("unknown_watch", since=self._drained_at),
        )
        self._walks: deque[Steps] = deque()  # in turns
        self._surveys: deque[Steps] = deque()  # when there is nothing else to do
        self._sweeper = Sweeper(
            unwatched=self._unwatched,
            table=self.table,
            walker=self._walker,
            dealer=self._dealer,
            clock=clock,
            cookies=self._moves.cookies,
            tell=self._out.append,
            arrived=self.records.arrive,
            change_rules=self._change_rules,
            begin=self._walks.append,
            later=self._later,
        )
        self._rules_changed: set[Directory | Root] = set()
        self.resync = Resync(
            gate=self._gate,
            markers=markers,
            walk=self._walk_all,
            begin=self._walks.append,
            lose=lambda since, reason: self._lose(tuple(self._roots), since=since, reason=reason),
        )
        self._drained_at = clock.now()  # when the kernel's queue was last seen empty: what is lost is younger
        self._tick_sent = False
        self._until = 0.0  # perf_counter() when the slice of this message is over

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take one message from watchdog's queue."""
        self._until = perf_counter() + _SLICE_S
        room = 0
        try:
            if isinstance(event, Batch):
                room = len(event.records)
                self.records.take(event.records, event.at)
                drained = len(event.records) <= DRAINED_BYTES
                self._drained_at = event.at if drained else self._drained_at
                self.resync.queue_was_read(empty=drained)
                self._hand_over(room=room)
                room = 0
                self._look_into_births()
            elif isinstance(event, Call):
                event.call()
                self.records.stirred = True
            else:
                self._tick_sent = False
                if self._work(self._births) and self._work(self._walks):
                    self._work(self._surveys)
        except Exception:
            # A net below everything: without it the thread would end, and the daemon look healthy while it is blind.
            log.exception("watch message failed")
            self._lose(tuple(self._roots), since=self._drained_at, reason="fault")
            if isinstance(event, Batch):  # the rest of it is lost, markers among it, as if the kernel had dropped it
                self._send(Call(self._overflow))
        self._hand_over(room=room)
        if self.records.stirred:
            self._look_at_roots()
        if not self._tick_sent and (self._births or self._walks or self._surveys):
            self._tick_sent = True
            self._send(Tick())

    def watch(self, path: str, reply: Callable[[WatchReport], None]) -> None:
        """Begin to watch *path*; *reply* is called on the loop once it is live, or cannot be."""
        root = self._roots.get(path)
        if root is not None and root.state is WorkspaceState.WATCHING and root.identity != identity_of(path):
            self._walks.append(self._stop(root))
        if root is not None and root.state is WorkspaceState.GONE:
            self._lookouts.let_go(root)
        if root is None or root.state is WorkspaceState.GONE:
            root = self._roots[path] = Root(path)
            self._outlet.report(self._report(root))
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

    def remounted(self, places: Iterable[str]) -> None:
        """Look again at the directories *places*, below roots: another file system is there now."""
        self._walks.extend(map(self._remount, places))

    def survey(self, survey: Survey) -> None:
        """Go on with *survey*."""
        self._surveys.append(survey.steps(self._roots.get(survey.path), self.table))

    def sight(self, path: str, below: str, *, is_dir: bool) -> Sight | None:
        """Return what the root *path* sees of *below*; None when it is not watched."""
        root = self._roots.get(path)
        return None if root is None else sight(self.table, root, below, is_dir=is_dir, blind=self._blind)

    @property
    def sees_all(self) -> bool:
        """Whether every directory has a watch; may be asked from any thread."""
        return not self._unwatched

    def sweep(self, done: Callable[[], None]) -> None:
        """Look through what has no watch, from now on; *done* is called on the loop when everything is told."""
        self._sweeper.sweep(lambda: self._say(done))

    # ---- what records ask for

    def _change_rules(self, node: Directory) -> None:
        if node not in self._rules_changed:
            self._rules_changed.add(node)
            self._gate.close()
            self._walks.append(self._follow_rules(node))

    def _change_outer_rules(self, changed: Root | None) -> None:
        if changed is None:
            self._lookouts.of_user()
        for root in self._roots.values() if changed is None else (changed,):
            if root not in self._rules_changed:
                self._rules_changed.add(root)
                self._gate.close()
                self._walks.append(self._follow_outer_rules(root))

    def _overflow(self) -> None:
        """Note that the kernel dropped events."""
        self.overflows += 1
        self._markers.set()  # in place of those that were dropped
        self._dealer.retire_all()
        self.resync.because("overflow", since=self._drained_at)

    # ---- work in slices

    def _work(self, tasks: deque[Steps]) -> bool:
        """Go on with *tasks* until the message's slice is over; return whether they are done."""
        self.records.stirred = True
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

    def _meet_marker(self, steps: Steps) -> None:
        """Let a marker pass at once if nothing is born before it, so that what follows is handed over after it."""
        self._births.append(steps)
        if len(self._births) == 1:
            self._work(self._births)

    def _start(self, root: Root) -> Steps:
        began = self._clock.now()
        root.identity = identity_of(root.path)
        self._lookouts.of_user()
        root.rules = self._lookouts.of_root(root)
        yield
        yield from self._walk_root(root, Why.START)
        if root.state is WorkspaceState.STARTING:
            root.state = WorkspaceState.WATCHING
            if root.node is None:
                self._walks.append(self._lose_root(root))
        if root.no_room or root.unreadable:
            self._lose((root.path,), since=began, reason="watch_failed")
            root.told_unseen = root.no_room + root.unreadable

    def _stop(self, root: Root) -> Steps:
        """Let go of *root*; what only it sees is forgotten in the steps returned."""
        root.state = WorkspaceState.GONE
        self._lookouts.let_go(root)
        node, root.node = root.node, None
        return iter(()) if node is None else self._walker.uncover(node, lambda scope: scope.root is not root)

    def _lose_root(self, root: Root) -> Steps:
        """Let go of a root that is not there any more, and look out for it."""
        steps = self._stop(root)
        self._lookouts.of_gone(root)
        if identity_of(root.path) is not None:  # another directory has its place already
            self._tell_of_return(root)
        return steps

    def _look_after(self, root: Root) -> None:
        """See whether a root is still there, after a directory above it went."""
        if root.state is WorkspaceState.GONE:
            return
        self.records.stirred = True
        if identity_of(root.path) == root.identity:
            self._lookouts.of_root(root)
        else:
            self._walks.append(self._lose_root(root))

    def _tell_of_return(self, root: Root) -> None:
        if root.state is WorkspaceState.GONE:
            root.reported = msgspec.structs.replace(self._report(root), back=True)
            self._outlet.report(root.reported)

    def _follow_rules(self, node: Directory) -> Steps:
        try:
            self._rules_changed.discard(node)
            if node.wd != REMOVED:
                yield from self._walker.walk(node.parent, node.name, Why.RULES)
                for scope in node.coverage.scopes:
                    scope.root.rule_changes += 1
                    scope.root.rules_read += 1
        finally:
            self._gate.open()

    def _follow_outer_rules(self, root: Root) -> Steps:
        try:
            self._rules_changed.discard(root)
            if root.state is not WorkspaceState.GONE:
                before, root.rules = root.rules, self._lookouts.of_root(root)
                root.rules_read += 1
                if not root.rules.says_what(before):
                    yield from self._walk_root(root, Why.RULES)
                    root.rule_changes += 1
        finally:
            self._gate.open()

    def _walk_all(self) -> Steps:
        for root in list(self._roots.values()):
            if root.node is not None:
                yield from self._walk_root(root, Why.RESYNC)

    def _remount(self, place: str) -> Steps:
        parent, name = self._walker.parent_of(place)
        if parent is not None:
            since, roots = self._drained_at, parent.coverage.roots
            yield from self._walker.walk(parent, name, Why.START)
            self._lose(roots, since=since, reason="remounted")

    def _walk_root(self, root: Root, why: Why) -> Steps:
        parent, name = self._walker.parent_of(root.path)
        root.walked = None if why is Why.RULES else Walked(self._clock.now())
        return self._walker.walk(parent, root.path if parent is None else name, why, root.walked)

    def _pass(self, marker: int) -> None:
        self._hand_over(room=0)
        self._look_at_roots()
        self._outlet.marker(marker)

    def _then(self, done: Callable[[], None]) -> Steps:
        self._say(done)
        yield

    def _say(self, done: Callable[[], None]) -> None:
        self._hand_over(room=0)
        self._outlet.post(done)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._outlet.later(seconds, lambda: self._send(Call(call)))

    # ---- what the loop hears

    def _hand_over(self, *, room: int) -> None:
        events = self._out.copy()
        self._out.clear()
        if events:
            self.told += len(events)
            self.records.told_at = events[-1].at
        self._outlet.events(events, room=room)

    def _lose(self, workspaces: tuple[str, ...], *, since: Millis, reason: str) -> None:
        self._hand_over(room=0)
        if workspaces:
            self._outlet.loss(Loss(workspaces, since, self._clock.now(), reason))

    def _look_at_roots(self) -> None:
        """Notice roots that are gone, report every root of which something changed, answer who waits for it."""
        self.records.stirred = False
        if self._removal.is_due:
            self._walks.append(self._removal.steps())
        self._sweeper.look_out()
        self.records.forget_removed()
        self._lookouts.forget_removed()
        for root in list(self._roots.values()):
            node = root.node
            if node is not None and (node.wd == REMOVED or node.path != root.path):
                self._walks.append(self._lose_root(root))
            unseen = root.no_room + root.unreadable
            if root.state is WorkspaceState.WATCHING and unseen > root.told_unseen:
                self._lose((root.path,), since=self._drained_at, reason="watch_failed")
            if root.state is not WorkspaceState.STARTING:
                root.told_unseen = max(unseen, root.told_unseen) if unseen else 0  # watches change hands
                report = self._report(root)
                told = root.reported
                if told is None or report != msgspec.structs.replace(told, back=False):
                    root.reported = report
                    self._outlet.report(report)
                self._answer(root)

    def _answer(self, root: Root) -> None:
        for reply in root.waiting:
            self._outlet.post(reply, self._report(root))
        root.waiting.clear()

    def _report(self, root: Root) -> WatchReport:
        return report_of(root, self._budget)

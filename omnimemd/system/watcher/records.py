"""What the kernel's records mean: file events, and what happened to a directory or a watch.

How a directory's move is understood: the kernel queues IN_MOVED_FROM, IN_MOVED_TO (same cookie), then
IN_MOVE_SELF of the directory. If the last comes and the second did not, it left our sight. No timer is
needed, nothing is delayed.
"""

import logging
import os
from collections.abc import Callable
from typing import Final

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.system.watcher.dealing import Dealer
from omnimemd.system.watcher.directories import NOBODY, REMOVED, Directory, DirectoryTable, Place
from omnimemd.system.watcher.gate import Gate, Steps
from omnimemd.system.watcher.inotify import (
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
)
from omnimemd.system.watcher.markers import Markers
from omnimemd.system.watcher.moves import Moves
from omnimemd.system.watcher.quiet import Quiet
from omnimemd.system.watcher.removal import Removal
from omnimemd.system.watcher.rule_files import TELLING
from omnimemd.system.watcher.sentinels import Sentinels
from omnimemd.system.watcher.walk import Walker, Why

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

#: By how much what a walk finds may be ahead of what is read; more, and the clock was set back.
_ASIDE_MS: Final = 1_000


log = logging.getLogger(__name__)


class Records:
    """Takes records in the kernel's order. Belongs to the dispatcher's thread; the counters may be read from any."""

    def __init__(
        self,
        *,
        table: DirectoryTable,
        walker: Walker,
        moves: Moves,
        gate: Gate,
        markers: Markers,
        quiet: Quiet,
        sentinels: Sentinels,
        removal: Removal,
        dealer: Dealer,
        out: list[FileEvent],
        begin: Callable[[Steps], None],
        marked: Callable[[Steps], None],
        hurry: Callable[[], None],
        change_rules: Callable[[Directory], None],
        overflowed: Callable[[], None],
        unknown: Callable[[], None],
    ) -> None:
        """Put the file events in *out*, hand each work that follows from a record to *begin*, in order.

        Args:
            marked: takes what is done when a marker is met, in order with what was begun.
            hurry: does what was begun, as far as that takes no longer than a slice.
            change_rules: is told of each directory in which a file that says what is ignored changed.
            overflowed: is told that the kernel dropped events.
            unknown: is told that the kernel watches a directory that nobody here knows.
        """
        self.repeated = 0  #: writes to a file that the same read of the queue has told of already
        self.ignored = 0
        self.told_at = Millis(0)  #: the time of the last event that was handed over
        self.stirred = False  #: the table or a root may have changed; whoever looked at it sets it back
        self._table = table
        self._walker = walker
        self._moves = moves
        self._gate = gate
        self._markers = markers
        self._quiet = quiet
        self._sentinels = sentinels
        self._removal = removal
        self._dealer = dealer
        self._out = out
        self._begin = begin
        self._marked = marked
        self._hurry = hurry
        self._change_rules = change_rules
        self._overflowed = overflowed
        self._unknown = unknown
        self._at = Millis(0)  # when the records under way were read
        self._leaving: dict[Directory, int] = {}  # directories after IN_MOVED_FROM, with its cookie

    def take(self, records: bytes, at: Millis) -> None:
        """Turn *records*, read *at*, into file events; the loop is the daemon's hottest, hence its one long body."""
        out, by_wd, unpack = self._out, self._table.by_wd, RECORD.unpack_from
        at = self._at = self._in_order(at)
        worth_a_look, touched, ours = self._sentinels.names, self._dealer.touched, self._quiet.expected
        markers_wd = self._markers.wd
        modified: set[tuple[int, bytes]] = set()
        repeated = ignored = 0
        last_wd = None
        directory, coverage, arrival = "", NOBODY, None
        offset, end = 0, len(records)
        while offset < end:
            wd, mask, cookie, length = unpack(records, offset)
            offset += 16
            raw = records[offset : offset + length].rstrip(b"\0")
            offset += length
            change = _CHANGES.get(mask)
            if change is None or wd not in by_wd:
                ignored += wd != markers_wd  # what we did ourselves is no event
                if mask != IN_CLOSE_NOWRITE | IN_ISDIR:
                    self.repeated += repeated
                    self.ignored += ignored  # a marker may pass: whoever waits for it counts what came before
                    repeated = ignored = 0
                    self._structural(wd, mask, cookie, os.fsdecode(raw))
                    last_wd = None
                    at = self._at = self._in_order(at)
                continue
            if wd != last_wd:
                node = by_wd[wd]
                directory, coverage, arrival, last_wd = node.path, node.coverage, node.arrival, wd
                if touched is not None:
                    touched.add(node)
            name = raw.decode("utf-8", "surrogateescape")
            seen_by = coverage.seen_by(directory, name)
            if change is not Change.READ:
                if change is Change.MODIFIED:
                    if (wd, raw) in modified:
                        repeated += 1
                        continue
                    modified.add((wd, raw))
                else:
                    modified.discard((wd, raw))
                    if name in worth_a_look:
                        self._look_at(wd, mask, name)
                        last_wd = None
            elif ours and (path := f"{directory}/{name}") in ours:
                ours.remove(path)
                ignored += 1
                continue
            if arrival is not None:
                self._moves.meet(arrival, name, change, here=Place(directory, coverage), at=at)
            if seen_by:
                out.append(FileEvent(seen_by, f"{directory}/{name}", change, at, cookie))
            else:
                ignored += 1
        self.repeated += repeated
        self.ignored += ignored

    def _in_order(self, at: Millis) -> Millis:
        """Return *at*, or the time of what was told last if that is a little later: walks find things after a read."""
        last = self._out[-1].at if self._out else self.told_at
        return last if at < last < at + _ASIDE_MS else at

    def forget_removed(self) -> None:
        """Wait no more for directories that are out of the table."""
        for child in [child for child in self._leaving if child.wd == REMOVED]:
            del self._leaving[child]

    def _structural(self, wd: int, mask: int, cookie: int, name: str) -> None:
        """Follow what happened to a directory, to a watch or to the queue itself."""
        self.stirred = True
        node = self._table.by_wd.get(wd)
        self._look_at(wd, mask & ~IN_ISDIR, name)
        if mask & IN_Q_OVERFLOW:
            self._leaving.clear()
            self._overflowed()
        elif mask & IN_IGNORED:
            if not self._dealer.retired(wd) and node is not None:
                self._walker.drop(node)
            self._removal.done(wd)
        elif node is None:
            if wd == self._markers.wd:
                if mask & IN_MOVED_TO:
                    self._quiet.passed(int(name))
                    self._marked(self._gate.arrive(int(name)))
            elif not self._sentinels.at(wd) and not self._removal.concerns(wd):
                log.warning("event of an unknown watch", extra={"mask": hex(mask)})
                self._removal.add(wd)
                self._unknown()
        elif mask & IN_MOVE_SELF:
            self._moved(node)
        elif mask & IN_CREATE:
            self._born(node, name)
        elif mask & IN_DELETE:
            child = self._table.child(node, name)
            if child is not None:
                self._walker.drop(child)
        elif mask & IN_MOVED_FROM:
            child = self._table.child(node, name)
            if child is not None:
                self._leaving[child] = cookie
                if child.wd < 0:  # there will be no IN_MOVE_SELF
                    self._gate.after(self._markers.set(), self._lose_unless_arrived(child, cookie))
        elif mask & IN_MOVED_TO:
            self._arrived(node, name, cookie)

    def _look_at(self, wd: int, mask: int, name: str) -> None:
        """Pass on what may change the rules, or is waited for."""
        node = self._table.by_wd.get(wd)
        if node is not None and name in TELLING:
            self._walker.refresh(node)
            self._change_rules(node)
        self._sentinels.hear(wd, mask, name, self._at)

    def _born(self, parent: Directory, name: str) -> None:
        occupant = self._table.child(parent, name)
        if occupant is not None and self._leaving.pop(occupant, None) is not None:
            # The one before has left. A walk may have been here already and taken this one for it: it looks again.
            self._walker.lose(occupant)
        self._begin(self._walker.walk(parent, name, Why.BORN))
        self._hurry()

    def _arrived(self, parent: Directory, name: str, cookie: int) -> None:
        """Give a directory its new place, if it is one of ours."""
        child = next((each for each, left_with in self._leaving.items() if left_with == cookie), None)
        if child is None:
            self._born(parent, name)
            return
        del self._leaving[child]
        if child.wd == REMOVED or self._table.is_below(parent, child):
            # A walk saw what came after this move, before the move itself was taken.
            self._born(parent, name)
            return
        self.arrive(child, parent, name)

    def arrive(self, child: Directory, parent: Directory, name: str) -> None:
        """Follow *child* to its new place; it must not be above that."""
        occupant = self._table.child(parent, name)
        if occupant is not None and occupant is not child:
            self._walker.drop(occupant)
        was = child.path
        self._table.move(child, parent, name)
        self._walker.arrive(child, was)
        self._begin(self._walker.walk(parent, name, Why.MOVED))

    def _moved(self, node: Directory) -> None:
        """Take the end of a directory's move: it is out of sight if it did not arrive anywhere."""
        if self._leaving.pop(node, None) is None:
            self._begin(self._check(node))
        else:
            self._walker.lose(node)

    def _check(self, node: Directory) -> Steps:
        """Forget a directory that is not where the table has it; what moved it there is walked on its own."""
        left_for_a_sweep = (node.parent is not None and node.parent.wd < 0) or self._dealer.retires(node.wd)
        if node.wd >= 0 and not left_for_a_sweep and not self._walker.is_at(node, node.path):
            self._walker.drop(node)
        yield

    def _lose_unless_arrived(self, child: Directory, cookie: int) -> Steps:
        if self._leaving.get(child) == cookie:
            del self._leaving[child]
            if child.wd != REMOVED:
                self._walker.lose(child)
        yield

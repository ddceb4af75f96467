"""What the dispatcher does when records were lost: walk all roots again, as directories may have been missed.

Not before the kernel's queue was empty, though: while it is not, more happens than is taken, and to walk besides
would make it worse. What is lost until the walk is over is one loss, told when it is.
"""

from collections.abc import Callable

from omnimemd.domain.clock import Millis
from omnimemd.system.watcher.gate import Gate, Steps
from omnimemd.system.watcher.markers import Markers


class Resync:
    """One at a time. Belongs to the dispatcher's thread."""

    def __init__(
        self,
        *,
        gate: Gate,
        markers: Markers,
        walk: Callable[[], Steps],
        begin: Callable[[Steps], None],
        lose: Callable[[Millis, str], None],
    ) -> None:
        """Have *begin* do what *walk* says, then tell *lose* since when something was lost, and why."""
        self.count = 0  #: how many were done
        self._gate = gate
        self._markers = markers
        self._walk = walk
        self._begin = begin
        self._lose = lose
        self._reason: str | None = None  # None: nothing is lost that is not told
        self._since = Millis(0)
        self._due = self._under_way = False

    def because(self, reason: str, *, since: Millis) -> None:
        """Begin as soon as the kernel's queue was empty: *since* then something is lost."""
        if self._reason is None:
            self._reason, self._since = reason, since
            self._gate.close()
        self._due = True

    def queue_was_read(self, *, empty: bool) -> None:
        """Take note that a read of the kernel's queue was dispatched, and whether it left nothing."""
        if not self._due:
            return
        if not empty:
            self._markers.set()  # so that there is another read, whatever happens
        elif not self._under_way:
            self._due, self._under_way = False, True
            self._begin(self._steps())

    def _steps(self) -> Steps:
        try:
            yield from self._walk()
        finally:
            self.count += 1
            self._under_way = False
            if self._due:  # more was lost meanwhile
                self._markers.set()
            elif self._reason is not None:
                self._lose(self._since, self._reason)
                self._reason = None
                self._gate.open()

"""Deaths on macOS and BSD: one kernel queue tells of every exit (kqueue(2), EVFILT_PROC, NOTE_EXIT)."""

import asyncio
import contextlib
import select
import sys
from collections.abc import Callable

assert sys.platform != "linux"  # noqa: S101 tells the type checker that this file is for the others


class KqueueDeaths:
    """Tells of deaths by pid. Belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the queue and use *loop* to wait."""
        self._loop = loop
        self._died: dict[int, Callable[[int], None]] = {}
        self._queue = select.kqueue()
        loop.add_reader(self._queue.fileno(), self._read)

    def watch(self, pid: int, died: Callable[[int], None]) -> bool:
        """Begin to hear of *pid*."""
        try:
            self._queue.control([self._event(pid, select.KQ_EV_ADD | select.KQ_EV_ONESHOT)], 0)
        except ProcessLookupError:
            return False
        self._died[pid] = died
        return True

    def unwatch(self, pid: int) -> None:
        """Stop hearing of *pid*."""
        if self._died.pop(pid, None) is not None:
            with contextlib.suppress(OSError):  # it has fired already
                self._queue.control([self._event(pid, select.KQ_EV_DELETE)], 0)

    def close(self) -> None:
        """Stop hearing of any."""
        self._loop.remove_reader(self._queue.fileno())
        self._queue.close()
        self._died.clear()

    def _event(self, pid: int, flags: int) -> select.kevent:
        return select.kevent(pid, filter=select.KQ_FILTER_PROC, flags=flags, fflags=select.KQ_NOTE_EXIT)

    def _read(self) -> None:
        for event in self._queue.control(None, 64, 0):
            died = self._died.pop(event.ident, None)
            if died is not None:
                died(event.ident)

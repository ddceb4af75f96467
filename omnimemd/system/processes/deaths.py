"""Hear of a process's death the moment it happens: pidfd on Linux, kqueue on macOS and BSD, a poll elsewhere.

The three do the same: `watch` opens the hearing and says whether there was something to open, `unwatch` closes it. Who
wants to know of one process is the table's concern.
"""

import asyncio
import select
import sys
from collections.abc import Callable
from typing import Final, Protocol

from omnimemd.system.processes.facts import start_of

#: Seconds between two looks, where the platform offers nothing better.
_POLL_SECONDS: Final = 1.0


class Deaths(Protocol):
    """Tells of deaths by pid. Belongs to the event loop's thread."""

    def watch(self, pid: int, died: Callable[[int], None]) -> bool:
        """Begin to hear of *pid*; *died* is called with it, once. Return False when there is no such process."""
        ...

    def unwatch(self, pid: int) -> None:
        """Stop hearing of *pid*; an unknown one is ignored."""
        ...

    def close(self) -> None:
        """Stop hearing of any."""
        ...


def open_deaths() -> Deaths:
    """Return the best this platform has."""
    loop = asyncio.get_running_loop()
    if sys.platform == "linux":
        from omnimemd.system.processes.pidfd import PidfdDeaths  # each exists only where its kernel does

        return PidfdDeaths(loop)
    else:  # noqa: RET505 the type checker skips the branch of the other platform
        if hasattr(select, "kqueue"):
            from omnimemd.system.processes.kqueue import KqueueDeaths

            return KqueueDeaths(loop)
        return PolledDeaths(loop)


class PolledDeaths:
    """Elsewhere: look once a second, and only while there is somebody to look for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use *loop* to wait."""
        self._loop = loop
        self._watched: dict[int, tuple[int, Callable[[int], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, pid: int, died: Callable[[int], None]) -> bool:
        """Begin to hear of *pid*."""
        start = start_of(pid)
        if start is None:
            return False
        self._watched[pid] = start, died
        self._schedule()
        return True

    def unwatch(self, pid: int) -> None:
        """Stop hearing of *pid*."""
        self._watched.pop(pid, None)

    def close(self) -> None:
        """Stop hearing of any."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        if self._timer is None and self._watched:
            self._timer = self._loop.call_later(_POLL_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        for pid, (start, died) in list(self._watched.items()):
            if start_of(pid) != start:
                del self._watched[pid]
                died(pid)
        self._schedule()

"""Deaths where the platform tells nobody of them, or has no descriptor left: look once a second who is there."""

import asyncio
from collections.abc import Callable
from typing import Final

from omnimemd.system.processes.facts import start_of

#: Seconds between two looks.
_POLL_SECONDS: Final = 1.0


class PolledDeaths:
    """Tells of deaths by pid; looks only while there is somebody to look for. Belongs to the event loop's thread."""

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

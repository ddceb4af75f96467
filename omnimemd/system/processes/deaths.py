"""Hear of a process's death the moment it happens: pidfd on Linux, kqueue on macOS and BSD, a poll elsewhere.

The three do the same: `watch` opens the hearing and says whether there was something to open, `unwatch` closes it. Who
wants to know of one process is the table's concern.
"""

import asyncio
import select
import sys
from collections.abc import Callable
from typing import Protocol

from omnimemd.system.processes.polled import PolledDeaths


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

"""Deaths on Linux: a descriptor of the process becomes readable when it dies (pidfd_open(2), Linux 5.3).

A quarter of the descriptors this process may have is for that. Beyond, and when the system has none left, it is looked
once a second whether the process is still there.
"""

import asyncio
import errno
import os
import resource
import sys
from collections.abc import Callable

from omnimemd.system.processes.polled import PolledDeaths

assert sys.platform == "linux"  # noqa: S101 tells the type checker that this file is for Linux


class PidfdDeaths:
    """Tells of deaths by pid. Belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, most: int | None = None) -> None:
        """Use *loop* to wait, and *most* descriptors, None for as many as are right."""
        self._loop = loop
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4 if most is None else most
        self._descriptors: dict[int, int] = {}
        self._polled = PolledDeaths(loop)

    def watch(self, pid: int, died: Callable[[int], None]) -> bool:
        """Begin to hear of *pid*."""
        if len(self._descriptors) >= self._most:
            return self._polled.watch(pid, died)
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, ValueError):
            return False
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                return self._polled.watch(pid, died)
            if error.errno not in (errno.EINVAL, errno.ENOENT):  # the id of a thread, before and since Linux 6.15
                raise
            return False
        self._descriptors[pid] = descriptor
        self._loop.add_reader(descriptor, self._tell, pid, died)
        return True

    def unwatch(self, pid: int) -> None:
        """Stop hearing of *pid*."""
        descriptor = self._descriptors.pop(pid, None)
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        else:
            self._polled.unwatch(pid)

    def close(self) -> None:
        """Stop hearing of any."""
        for pid in list(self._descriptors):
            self.unwatch(pid)
        self._polled.close()

    def _tell(self, pid: int, died: Callable[[int], None]) -> None:
        self.unwatch(pid)
        died(pid)

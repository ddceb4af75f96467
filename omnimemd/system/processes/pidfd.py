"""Deaths on Linux: a descriptor of the process becomes readable when it dies (pidfd_open(2), Linux 5.3)."""

import asyncio
import errno
import os
import sys
from collections.abc import Callable

assert sys.platform == "linux"  # noqa: S101 tells the type checker that this file is for Linux


class PidfdDeaths:
    """Tells of deaths by pid. Belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use *loop* to wait."""
        self._loop = loop
        self._descriptors: dict[int, int] = {}

    def watch(self, pid: int, died: Callable[[int], None]) -> bool:
        """Begin to hear of *pid*."""
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, ValueError):
            return False
        except OSError as error:
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

    def close(self) -> None:
        """Stop hearing of any."""
        for pid in list(self._descriptors):
            self.unwatch(pid)

    def _tell(self, pid: int, died: Callable[[int], None]) -> None:
        self.unwatch(pid)
        died(pid)

"""What this process has taken of the machine."""

import os
import resource
import threading

from omnimemd.domain.ports import Taken


class SystemMachine:
    """The port `Machine`."""

    def taken(self) -> Taken:
        """Return what this process holds at present."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return Taken(descriptors=_open_descriptors(), most_descriptors=soft, threads=threading.active_count())


def _open_descriptors() -> int:
    with os.scandir("/dev/fd") as found:  # on Linux a link to /proc/self/fd
        return sum(1 for _ in found) - 1  # the one that looks

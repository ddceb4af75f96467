"""How a thread with much to do leaves the machine to those who answer meanwhile."""

import contextlib
import os
import sys
import threading
import time
from typing import Final

#: How much it gives way where the processor is wanted by others (setpriority(2)).
_NICE: Final = 10
#: The longest rest: one is as long as the work before it, so that the whole takes twice as long, and not for ever.
_LONGEST_SECONDS: Final = 0.02


def give_way() -> None:
    """Have the thread that calls this run after those that answer, where threads have priorities of their own."""
    if sys.platform == "linux":  # setpriority(2), "C library/kernel differences": elsewhere it is of the whole process
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


class Pace:
    """Called every now and then by the thread that works: has it rest, and tells it whether to give up."""

    def __init__(self, stop: threading.Event) -> None:
        """Say that it is to give up once *stop* is set."""
        self._stop = stop
        self._since = time.monotonic()

    def __call__(self) -> bool:
        """Rest for as long as was worked since the last rest; return whether to give up."""
        gives_up = self._stop.wait(min(time.monotonic() - self._since, _LONGEST_SECONDS))
        self._since = time.monotonic()
        return gives_up

"""Tells when something is mounted or unmounted: the kernel says so of /proc/self/mountinfo (proc(5), "mounts").

It says it as an exceptional condition, beside being readable at all times, and asyncio waits for the latter only. So a
set of descriptors of our own (epoll(7)) waits for the former, and asyncio for that set: it is readable when there is
something in it. No thread, and no wake-up while nothing is mounted.
"""

import asyncio
import os
import select
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

_MOUNTINFO: Final = "/proc/self/mountinfo"


def hear_mounts(changed: Callable[[], None]) -> Callable[[], None]:
    """Have *changed* called on the running loop after each change of what is mounted where.

    Returns:
        What stops that. Where the platform does not tell, *changed* is never called.
    """
    stack = ExitStack()
    if sys.platform == "linux":
        try:
            mounts = os.open(_MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # no /proc in this container
            return stack.close
        stack.callback(os.close, mounts)
        waiting = stack.enter_context(select.epoll())
        waiting.register(mounts, select.EPOLLPRI)
        waiting.poll(0)  # what was mounted before is no change
        loop = asyncio.get_running_loop()
        loop.add_reader(waiting.fileno(), changed)  # the loop's own look at the condition has ended it
        stack.callback(loop.remove_reader, waiting.fileno())
    return stack.close

"""How much memory the daemon takes, and how it is given back."""

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Final

import psutil

#: mallopt(3): the most heaps there are.
_M_ARENA_MAX: Final = -8


def rss_bytes() -> int:
    """Return the resident set of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def keep_one_heap() -> None:
    """Have all threads that are started from now on share one heap of the C library's.

    glibc gives a thread a heap of its own, up to eight for each processor, and what is free in one is for the threads
    of that one (mallopt(3)): a dozen threads that each hold little take megabytes more, by and by.
    """
    set_option = _of_glibc("mallopt")
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)


def release_memory() -> None:
    """Give the system what was freed and the C library keeps; a millisecond, for after a large piece of work.

    glibc gives back the end of each of its heaps only, so a little that stays keeps all before it (malloc_trim(3)).
    """
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


@functools.cache
def _of_glibc(name: str) -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)  # musl has neither

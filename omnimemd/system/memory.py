"""How much memory the daemon takes, and how it is given back."""

import ctypes
import functools
import sys
from collections.abc import Callable

import psutil


def rss_bytes() -> int:
    """Return the resident set of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def release_memory() -> None:
    """Give the system what was freed and the C library keeps; a millisecond, for after a large piece of work.

    glibc gives back the end of each of its heaps only, so a little that stays keeps all before it (malloc_trim(3)).
    """
    trim = _trimmer()
    if trim is not None:
        trim(0)


@functools.cache
def _trimmer() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not

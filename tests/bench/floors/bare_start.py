"""The floor of a start: walk a tree with scandir, and watch each directory.

Each line it is sent is a root; it answers with how many directories that had, and the seconds it took.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from functools import partial


def watch(add: Callable[[bytes, int], int], root: str, mask: int) -> int:
    """Have every directory of *root* watched; return how many there are."""
    found, waiting = 0, [root]
    while waiting:
        path = waiting.pop()
        if add(os.fsencode(path), mask) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        found += 1
        with os.scandir(path) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return found


def main(mask: int) -> None:
    """Answer line by line."""
    libc = ctypes.CDLL(None, use_errno=True)
    for line in sys.stdin:
        queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        started = time.perf_counter()
        found = watch(partial(libc.inotify_add_watch, queue), line.rstrip("\n"), mask)
        taken = time.perf_counter() - started
        os.close(queue)
        print(found, taken, flush=True)


main(int(sys.argv[1]))

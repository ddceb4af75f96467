"""What was freed is given back to the system."""

import ctypes
import subprocess
import sys
from typing import Final

import pytest

from omnimemd.system.memory import release_memory, rss_bytes

_BLOCK = 64 * 1024  # below malloc's mmap threshold
_BLOCKS = 1_000


@pytest.mark.needs("linux")
def test_what_was_freed_before_a_block_that_stays_is_given_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    blocks = [ctypes.c_void_p(libc.malloc(_BLOCK)) for _ in range(_BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, _BLOCK)
    last = blocks.pop()
    for block in blocks:
        libc.free(block)
    before = rss_bytes()

    release_memory()

    assert rss_bytes() < before - _BLOCK * _BLOCKS // 2
    libc.free(last)


#: Has threads take memory at once, and prints what the C library says of its heaps (malloc_info(3)).
_TELLS_HEAPS: Final = """
import ctypes, sys, threading
from omnimemd.system.memory import keep_one_heap
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
if sys.argv[1] == "one":
    keep_one_heap()
met = threading.Barrier(4)
def take():
    met.wait()
    libc.malloc(1000)
threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
stdout = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stdout)
libc.fflush(stdout)
"""


@pytest.mark.needs("linux")
def test_threads_share_one_heap() -> None:
    def heaps(how: str) -> int:
        told = subprocess.run([sys.executable, "-c", _TELLS_HEAPS, how], capture_output=True, text=True, check=True)
        return told.stdout.count("<heap nr=")

    assert heaps("as ever") > 1
    assert heaps("one") == 1

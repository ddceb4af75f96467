"""What was freed is given back to the system."""

import ctypes

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

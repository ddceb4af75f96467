"""Waiting for something to be so, with a deadline: what an end-to-end test does instead of sleeping."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Long enough for a loaded machine; a test that passes never waits this long.
DEADLINE_SECONDS: Final = 15.0
#: Between two looks. The condition decides, never the time that went by.
_LOOK_EVERY_SECONDS: Final = 0.005


def eventually(look: Callable[[], T], what: str, *, within: float = DEADLINE_SECONDS) -> T:
    """Return what *look* returns as soon as that is true; fail when it has not been *within* seconds."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within} s: {what} (last: {found!r})"
        time.sleep(_LOOK_EVERY_SECONDS)


def now_ms() -> int:
    """Return UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000

"""Threads that end by an error: logged like everything else, and looked into at once."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)


@contextlib.contextmanager
def deaths_told(tell: Callable[[], None]) -> Iterator[None]:
    """Have *tell* called on the running loop whenever a thread of this process ends by an error, during the block."""
    loop = asyncio.get_running_loop()
    before = threading.excepthook

    def died(what: threading.ExceptHookArgs) -> None:
        name = "?" if what.thread is None else what.thread.name
        log.error("thread ended", extra={"ended": name}, exc_info=what.exc_value)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            loop.call_soon_threadsafe(tell)

    threading.excepthook = died
    try:
        yield
    finally:
        threading.excepthook = before

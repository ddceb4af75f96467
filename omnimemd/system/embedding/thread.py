"""The one thread on which vectors are made and compared: the loop does neither, and no two of these at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Thread:
    """Begins with the first work, ends when it is let go, and begins anew with the next."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Return what *work* does; works are done one after the other, in the order of the calls."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="omnimem-embedding")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def let_go(self) -> None:
        """End once the work that was begun is done."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

"""Several writes that share a transaction, and who waits for its end."""

import asyncio

from omnimem.errors import StoreUnavailable


class Group:
    """The open transaction several writes share."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.durable = False  # a write in it must be on the disk before it is answered
        self.size = 0  # writes in it
        self.left = False  # a holder is done and waits for the commit
        self._loop = loop
        self._waiters: list[asyncio.Future[None]] = []  # one for each: who gives up does so for itself alone
        self._ended = False
        self._error: StoreUnavailable | None = None

    async def wait(self) -> None:
        """Return once it is committed.

        Raises:
            StoreUnavailable: it was not.
        """
        if not self._ended:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        if self._error is not None:
            raise self._error

    def end(self, error: StoreUnavailable | None) -> None:
        """Let go all who wait: it is committed, or *error* says why not."""
        self._ended, self._error = True, error
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

"""Notice that memories have expired, and have their history say so.

What has expired cannot be read from its millisecond on, whether or not this part has run: it only puts a version on top
that says deleted, and has the event told. It sleeps until something is due, and without end when nothing will be. The
timer follows the monotonic clock, which stands still while the machine is suspended and knows nothing of a clock that
was set: so it never sleeps longer than an hour while something will expire, and looks at the wall clock when it wakes.
"""

import asyncio
from typing import Final

from omnimem.errors import StoreUnavailable
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.memories import Memory
from omnimemd.services.memories import Memories

#: How long what has expired may wait for what expires soon after: one wakeup for all of it.
_GATHER_MS: Final = 10_000
#: The longest sleep while something will expire.
_LOOK_AGAIN_MS: Final = 3_600_000
#: The shortest sleep: a clock that stands still must not keep the daemon busy.
_LEAST_MS: Final = 10
#: Memories that are given their version in one transaction; some milliseconds.
_BATCH: Final = 20
#: Seconds until a store that failed is tried again.
_TRY_AGAIN_SECONDS: Final = 60.0


class Expiry:
    """Sleeps until a memory expires."""

    def __init__(self, *, memories: Memories, clock: Clock) -> None:
        """Have *memories* expire."""
        self._memories = memories
        self._clock = clock
        self._next: Millis | None = None  # when the next memory expires, as far as the sleeper knows
        self._sooner = asyncio.Event()
        memories.on_changed(self._changed)

    async def run(self) -> None:
        """Give each memory that expires its version, for ever."""
        while True:
            try:
                await self.sweep()
                self._next = self._memories.next_expiry()
                delay = self._delay()
            except StoreUnavailable:
                delay = _TRY_AGAIN_SECONDS
            self._sooner.clear()
            try:
                async with asyncio.timeout(delay):
                    await self._sooner.wait()
            except TimeoutError:
                pass

    async def sweep(self) -> None:
        """Give every memory that has expired by now its version, some in each transaction; others run in between.

        Raises:
            StoreUnavailable: the store failed; those that have theirs keep it.
        """
        while await self._memories.expire(limit=_BATCH) == _BATCH:  # noqa: ASYNC110 - it waits for nothing
            await asyncio.sleep(0)

    def _delay(self) -> float | None:
        """Return the seconds to sleep, None for without end."""
        if self._next is None:
            return None
        left = self._next + _GATHER_MS - self._clock.now()
        return min(max(left, _LEAST_MS), _LOOK_AGAIN_MS) / 1000

    def _changed(self, memory: Memory) -> None:
        if memory.expires_at is not None and (self._next is None or memory.expires_at < self._next):
            self._next = memory.expires_at
            self._sooner.set()

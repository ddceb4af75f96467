"""Wait for what happens behind the test's back, no longer than it takes."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float = 5.0) -> None:
    """Return when *condition* holds; the loop goes round meanwhile.

    Raises:
        TimeoutError: it did not hold in time.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 what is waited for has no event of its own
            await asyncio.sleep(0)


async def rounds(count: int = 20) -> None:
    """Let the loop go round: whatever waits for nothing but its turn has had it then."""
    for _ in range(count):
        await asyncio.sleep(0)

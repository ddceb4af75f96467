"""Stay small: what a day of requests freed goes back to the system, though nothing large was ever done at once."""

import asyncio
from typing import Final

from omnimemd.system.memory import release_memory

#: Seconds between two times; each takes half a millisecond.
_EVERY_SECONDS: Final = 60.0


async def stay_small() -> None:
    """Give back again and again what the C library keeps of what was freed.

    Memory that is taken and freed in small pieces, by several threads, is left in holes: some 2 MB an hour at work.
    """
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        release_memory()

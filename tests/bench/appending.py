"""Does an append cost the same however long its session is?"""

import asyncio
import statistics
import time
from pathlib import Path

from omnimem.model import Access, Attribution, Source
from omnimemd.domain.entries import FileAccess
from tests.bench.findings import Finding, Scale, micros, ratios
from tests.bench.running import folder
from tests.bench.store import Store, open_store, tick


def measure(scale: Scale) -> list[Finding]:
    """Append to a session of 10 entries and to one of 100,000, in turn."""
    return asyncio.run(_measure(scale))


async def _measure(scale: Scale) -> list[Finding]:
    length = scale.of(100_000, quick=2_000)
    with folder() as place:
        async with open_store(place) as store:
            await _fill(store, "long", length)
            short, long = await _alternate(store, rounds=scale.of(300, quick=5))
    return [
        Finding(
            what=f"append an access to a session of {length:,} entries",
            floor="the same to a session of 10 entries",
            figures=ratios(long, short),
            at_most=1.5,
            aside=f"{micros(long)} and {micros(short)} an append (service and storage, no HTTP)",
        )
    ]


async def _alternate(store: Store, *, rounds: int) -> tuple[list[float], list[float]]:
    short, long = [], []
    for number in range(rounds):
        await _fill(store, f"short-{number}", 10)
        short.append(await _append_some(store, f"short-{number}"))
        long.append(await _append_some(store, "long"))
    return short, long


async def _append_some(store: Store, session_id: str) -> float:
    """Return the median seconds of an append, of those that find the session 10 to 30 entries longer at most."""
    taken = []
    for number in range(20):
        new = {session_id: [_access(number)]}
        await tick()
        started = time.perf_counter()
        await store.entries.record(new)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


async def _fill(store: Store, session_id: str, length: int) -> None:
    """Begin a session and record *length* accesses, of a tenth as many files, in it."""
    await store.begin(session_id)
    for start in range(0, length, 1000):
        block = range(start, min(start + 1000, length))
        await store.entries.record({session_id: [_access(number % max(length // 10, 1)) for number in block]})


def _access(number: int) -> FileAccess:
    return FileAccess(
        at=Store.clock.now(),
        source=Source.API,
        path=str(Path(f"/home/somebody/src/project/package_{number % 97}/module_{number}.py")),
        access=Access.READ if number % 3 else Access.WRITE,
        attribution=Attribution.EXACT,
    )

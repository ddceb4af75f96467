"""What does it take to keep a long session, and does anybody notice that it is compressed?"""

import asyncio
import statistics
import time
from collections.abc import Sequence

import msgspec

from omnimemd.api import views
from omnimemd.domain.entries import Entry
from omnimemd.storage import entries
from tests.bench.findings import Finding, Scale, micros, ratios
from tests.bench.ordinary import Work
from tests.bench.running import folder
from tests.bench.store import Store, open_store, tick


def measure(scale: Scale) -> list[Finding]:
    """Record ordinary sessions of 10,000 entries, let them be compressed, and use them as before."""
    return asyncio.run(_measure(scale))


class _Figures(msgspec.Struct):
    before: list[float] = []  # bytes an entry
    after: list[float] = []  # bytes an entry
    context: list[float] = []  # bytes an entry: the folded context, as it is kept
    holds: list[float] = []  # seconds on a processor: the longest in which the loop did nothing else, of each session
    waits: list[float] = []  # seconds on the clock: the same
    anew: list[float] = []  # seconds
    warm: list[float] = []  # seconds
    cold: list[float] = []  # seconds
    fresh: list[float] = []  # seconds an append
    compressed: list[float] = []  # seconds an append


async def _measure(scale: Scale) -> list[Finding]:
    length, found = scale.of(10_000, quick=2_000), _Figures()
    with folder() as place:
        async with open_store(place) as store:
            for number in range(scale.of(9, quick=1)):
                await _compress(store, f"s-{number}", length=length, seed=number, found=found)
            for number in range(scale.of(60, quick=2)):
                await _use(store, "s-0", f"fresh-{number}", found=found)
        size = sum(found.after) + sum(found.context)
    return [
        Finding(
            what=f"keep an ordinary session of {length:,} entries, all that was recorded in it",
            floor="none: bytes an entry",
            figures=tuple(found.after),
            unit="bytes",
            at_most=25,
            aside=f"{statistics.median(found.before):.0f} bytes before; {size / len(found.after):.1f} with its context",
        ),
        Finding(
            what="the same",
            floor="the same entries as rows",
            figures=ratios(found.after, found.before),
        ),
        Finding(
            what=f"read the context of a compressed session of {length:,} entries, after one more",
            floor="encode all its entries anew, these being at hand",
            figures=ratios(found.warm, found.anew),
            at_most=0.15,
            aside=f"{micros(found.warm)} and {micros(found.anew)}",
        ),
        Finding(
            what="the same, of one that is not in memory",
            floor="encode all its entries anew, these being at hand",
            figures=ratios(found.cold, found.anew),
            at_most=0.15,
            aside=f"{micros(found.cold)} and {micros(found.anew)}",
        ),
        Finding(
            what=f"append an access to a compressed session of {length:,} entries",
            floor="the same to a session of 10 entries",
            figures=ratios(found.compressed, found.fresh),
            at_most=1.5,
            aside=f"{micros(found.compressed)} and {micros(found.fresh)} an append (service and storage, no HTTP)",
        ),
        Finding(
            what="have a session compressed: the longest in which the loop did nothing else",
            floor="none: milliseconds on a processor, of each session",
            figures=tuple(one * 1e3 for one in found.holds),
            reading="most",
            unit="ms",
            at_most=10,
            aside=f"{statistics.median(found.waits) * 1e3:.1f} ms on the clock, with what else the machine did",
        ),
    ]


async def _compress(store: Store, session_id: str, *, length: int, seed: int, found: _Figures) -> None:
    """Record a session, and have it compressed."""
    await store.begin(session_id)
    new = Work(seed=seed, at=store.clock.now()).entries(length)
    for at in range(0, length, 1_000):
        await store.entries.record({session_id: new[at : at + 1_000]})
    await store.end(session_id)
    found.before.append(store.session(session_id).size_bytes / length)
    heart = _Heart()
    await store.compression.catch_up()
    await heart.stop()
    found.holds.append(heart.computed)
    found.waits.append(heart.waited)
    assert store.entries.is_compressed(session_id)
    found.after.append(store.session(session_id).size_bytes / length)
    found.context.append(store.folded_bytes(session_id) / length)


class _Heart:
    """Beats on the loop, and knows the longest stretch between two beats."""

    def __init__(self) -> None:
        """Begin."""
        self.computed = 0.0  #: seconds on a processor, of the loop's thread
        self.waited = 0.0  #: seconds on the clock, with all that the machine did besides
        self._task = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        while True:
            clock, processor = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.waited = max(self.waited, time.perf_counter() - clock - 0.001)
            self.computed = max(self.computed, time.thread_time() - processor)

    async def stop(self) -> None:
        """Beat no more."""
        self._task.cancel()
        await asyncio.wait([self._task])


async def _use(store: Store, session_id: str, fresh_id: str, *, found: _Figures) -> None:
    """Append to a compressed session and to a new one in turn, and read the context of the first."""
    await store.begin(fresh_id)
    short = Work(seed=1, at=store.clock.now()).entries(30)
    await store.entries.record({fresh_id: short[:10]})
    found.fresh.append(await _append_some(store, fresh_id, short[10:]))
    found.compressed.append(await _append_some(store, session_id, short[10:]))
    started = time.perf_counter()
    store.entries.shown_context(session_id)
    found.warm.append(time.perf_counter() - started)
    await store.leave(session_id)
    await tick()
    started = time.perf_counter()
    store.entries.shown_context(session_id)
    found.cold.append(time.perf_counter() - started)
    key = store.key(session_id)
    every = store.database.read_now(lambda db: list(entries.each(db, key)))
    started = time.perf_counter()
    msgspec.json.encode([views.entry(one) for one in every])
    found.anew.append(time.perf_counter() - started)


async def _append_some(store: Store, session_id: str, new: Sequence[Entry]) -> float:
    taken = []
    for one in new:
        await tick()
        started = time.perf_counter()
        await store.entries.record({session_id: [one]})
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)

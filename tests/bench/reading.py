"""What does it cost to read a long context again after something was added to it?"""

import asyncio
import time

import msgspec

from omnimem.model import Access, Attribution, FileAccessed, Source
from omnimemd.domain.clock import rfc3339
from omnimemd.domain.entries import FileAccess
from tests.bench.findings import Finding, Scale, micros, ratios
from tests.bench.running import folder
from tests.bench.store import Store, open_store, tick


def measure(scale: Scale) -> list[Finding]:
    """Read the context of a session of 10,000 files after each append, and encode all its rows anew, in turn."""
    return asyncio.run(_measure(scale))


async def _measure(scale: Scale) -> list[Finding]:
    files = scale.of(10_000, quick=500)
    floors, subjects = [], []
    with folder() as place:
        async with open_store(place) as store:
            await store.begin("long")
            await store.entries.record({"long": [_access(number) for number in range(files)]})
            shown = store.entries.shown_context("long")
            for number in range(scale.of(101, quick=3)):
                floors.append(_encode_all(files))
                await store.entries.record({"long": [_access(number)]})
                await tick()
                started = time.perf_counter()
                shown = store.entries.shown_context("long")
                subjects.append(time.perf_counter() - started)
    return [
        Finding(
            what=f"read the context of a session of {files:,} files, one of which changed",
            floor="make and encode all its rows anew",
            figures=ratios(subjects, floors),
            at_most=0.5,
            aside=f"{micros(subjects)} and {micros(floors)}, {len(shown):,} bytes",
        )
    ]


def _access(number: int) -> FileAccess:
    return FileAccess(
        at=Store.clock.now(),
        source=Source.API,
        path=f"/home/somebody/src/project/package_{number % 97}/module_{number}.py",
        access=Access.READ,
        attribution=Attribution.EXACT,
    )


def _encode_all(files: int) -> float:
    """Return the seconds it takes to encode what the subject shows, its values being at hand."""
    kept = [(_access(number).path, Store.clock.now(), number) for number in range(files)]
    started = time.perf_counter()
    rows = [
        FileAccessed(
            path=path,
            accessed_at=rfc3339(at),
            order=order,
            importance=0.5,
            access_count=1,
            reads=1,
            writes=0,
            source=Source.API,
        )
        for path, at, order in kept
    ]
    msgspec.json.encode({"files_accessed": rows, "file_importance_scores": {row.path: 0.5 for row in rows}})
    return time.perf_counter() - started

"""What does the store make of many writers, and of a disk that is waited for?"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Self

import apsw

from omnimemd.storage.database import Connection
from tests.bench.findings import Finding, Scale, micros, percentile, ratios
from tests.bench.running import folder
from tests.bench.store import Store, open_store, tick

_INSERT = (
    "INSERT INTO entries (session, seq, at, kind, source, access, attribution, importance, subject, details) "
    "VALUES (?, ?, ?, 1, 1, 1, 1, NULL, ?, NULL)"
)
#: What SQLite appends to its log for one changed page: the page and its header (fileformat2.html, "The WAL File").
_FRAME = 4096 + 24


def measure(scale: Scale) -> list[Finding]:
    """Write with few and many producers, durably and not."""
    return asyncio.run(_measure(scale))


async def _measure(scale: Scale) -> list[Finding]:
    with folder() as place:
        async with open_store(place) as store:
            await store.begin("writers")
            with _Rows(store, place) as rows, _Disk(place) as disk:
                return [
                    await _grouped(rows, 1, scale),
                    await _grouped(rows, 8, scale),
                    await _grouped(rows, 64, scale),
                    await _durable(rows, disk, 1, scale),
                    await _durable(rows, disk, 64, scale),
                    *await _beside_durable(rows, disk, scale),
                ]


class _Rows:
    """Inserts entries, through the store under test and through a bare connection to a database like it."""

    def __init__(self, store: Store, place: Path) -> None:
        self.database = store.database
        self._seq = 0
        self._bare = apsw.Connection(str(place / "bare.db"))
        self._bare.pragma("journal_mode", "wal")
        self._bare.pragma("synchronous", "normal")
        self._bare.execute(self.database.read_now(_schema_of_entries))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bare.close()

    def insert_bare(self) -> None:
        """Insert a row with a commit of its own, and nothing else."""
        self._bare.execute("BEGIN IMMEDIATE")
        self._insert(self._bare)
        self._bare.execute("COMMIT")

    async def insert(self, *, durable: bool = False) -> None:
        """Insert a row as a service does."""
        await self.database.write(self._insert, durable=durable)

    def _insert(self, db: Connection) -> None:
        self._seq += 1
        db.execute(_INSERT, (1, self._seq, self._seq, f"/home/somebody/src/project/module_{self._seq % 500}.py"))


def _schema_of_entries(db: Connection) -> str:
    ((statement,),) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'entries'").fetchall()
    return str(statement)


class _Disk:
    """Appends to a file beside the database, and waits for the disk."""

    def __init__(self, place: Path) -> None:
        self._file = os.open(place / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._file)

    def append(self) -> float:
        """Append what SQLite does for a small commit; return the seconds until the disk has it."""
        started = time.perf_counter()
        os.write(self._file, bytes(_FRAME))
        os.fsync(self._file)
        return time.perf_counter() - started


async def _grouped(rows: _Rows, producers: int, scale: Scale) -> Finding:
    """Let *producers* insert at once, each with a commit of its own or through the store."""
    each = scale.of(max(2_000 // producers, 20), quick=5)

    async def bare() -> None:
        rows.insert_bare()

    floors, subjects = [], []
    for _ in range(scale.of(31, quick=3)):
        floors.append(await _together(bare, producers, each))
        subjects.append(await _together(rows.insert, producers, each))
    return Finding(
        what=f"appends a second, {producers} at a time",
        floor=f"the same by a bare connection, {producers} at a time, one commit each",
        figures=ratios(floors, subjects),
        aside=f"{1 / statistics.median(subjects):,.0f} and {1 / statistics.median(floors):,.0f} a second",
    )


async def _durable(rows: _Rows, disk: _Disk, producers: int, scale: Scale) -> Finding:
    """Let *producers* insert durably at once; the floor waits for the disk once for each."""
    each = scale.of(4, quick=1)
    floors, subjects = [], []
    for _ in range(scale.of(101, quick=3)):
        floors.append(statistics.fmean(disk.append() for _ in range(each)))
        subjects.append(await _together(partial(rows.insert, durable=True), producers, each))
    return Finding(
        what=f"durable append, {producers} at a time: seconds for one",
        floor="write 4 KiB to a file and fsync it, one after the other",
        figures=ratios(subjects, floors),
        aside=f"{micros(subjects)} and {micros(floors)}",
    )


async def _beside_durable(rows: _Rows, disk: _Disk, scale: Scale) -> list[Finding]:
    """Insert without waiting for the disk, alone and while others wait for it."""
    count = scale.of(200, quick=20)
    alone, beside, syncs = [], [], []
    for _ in range(scale.of(21, quick=3)):
        syncs.append(statistics.median(disk.append() for _ in range(scale.of(20, quick=3))))
        alone.append(await _latencies(rows, count))
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(_insert_durably(rows)) for _ in range(4)]
            beside.append(await _latencies(rows, count))
            for other in others:
                other.cancel()
    medians = [statistics.median(one) for one in alone], [statistics.median(one) for one in beside]
    worst = [percentile(one, 99) for one in beside]
    return [
        Finding(
            what="append of something observed while 4 writers wait for the disk all the time",
            floor="the same while nobody does",
            figures=ratios(medians[1], medians[0]),
            aside=f"{micros(medians[1])} and {micros(medians[0])}",
        ),
        Finding(
            what="the same, 99th percentile of each run",
            floor="one write and fsync: what it would be at least if the loop waited for the disk",
            figures=ratios(worst, syncs),
            at_most=1.0,
            aside=f"{micros(worst)} and {micros(syncs)}",
        ),
    ]


async def _latencies(rows: _Rows, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        await asyncio.sleep(0.0002)  # a request now and then: the others get their turn
        started = time.perf_counter()
        await rows.insert()
        taken.append(time.perf_counter() - started)
    return taken


async def _insert_durably(rows: _Rows) -> None:
    while True:
        await rows.insert(durable=True)


async def _together(insert: Callable[[], Awaitable[None]], producers: int, each: int) -> float:
    """Return the seconds for one, when *producers* insert at once, *each* so many."""

    async def produce() -> None:
        for _ in range(each):
            await tick()
            await insert()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(producers):
            group.create_task(produce())
    return (time.perf_counter() - started) / (producers * each)

"""A read so long that it has a thread and a connection of its own, and is taken step by step."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import apsw

from omnimemd.storage.connections import open_connection
from omnimemd.storage.errors import translated

T = TypeVar("T")


async def stream(path: Path, work: Callable[[apsw.Connection], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Yield what *work* yields of the database at *path*, from one snapshot, each when it is asked for.

    Raises:
        StoreUnavailable: the store failed.
    """
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="stream")
    try:
        db = await loop.run_in_executor(thread, _begin, path)
        try:
            steps = work(db)
            while found := await loop.run_in_executor(thread, _step, steps):
                yield found[0]
        finally:
            await asyncio.shield(loop.run_in_executor(thread, db.close))
    finally:
        thread.shutdown(wait=False)


def _begin(path: Path) -> apsw.Connection:
    with translated():
        db = open_connection(path, write=False)
        db.execute("BEGIN; SELECT 1 FROM sqlite_schema")  # the first read is what takes the snapshot
        return db


def _step(steps: Iterator[T]) -> tuple[T, ...]:
    with translated():
        return tuple(islice(steps, 1))

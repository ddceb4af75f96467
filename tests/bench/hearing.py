"""The daemon's watcher alone, at work in this process, and when its listener heard of what."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from omnimemd.domain.file_events import Change, FileEvent, Loss, WatchReport
from omnimemd.system.clock import SystemClock
from omnimemd.system.watcher import InotifyWatcher
from tests.bench.probing import number_of


class Ear:
    """A listener that notes probes and counts the rest. Its fields are the watcher's loop's until that is stopped."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.probes: dict[int, int] = {}  #: when each was heard of, CLOCK_MONOTONIC nanoseconds by its number
        self.reads = 0
        self.losses = 0

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Take a batch."""
        now = time.monotonic_ns()
        for event in events:
            if event.change is Change.READ:
                self.reads += 1
            elif event.change is Change.WRITTEN and (number := number_of(event.path)) is not None:
                self.probes[number] = now

    def events_lost(self, loss: Loss) -> None:
        """Count a loss."""
        self.losses += 1

    def watch_changed(self, report: WatchReport) -> None:
        """Hear it, and do nothing."""


@contextmanager
def hearing(place: Path, root: Path) -> Iterator[Ear]:
    """Watch *root* on a thread for as long as the block runs; what the ear heard is complete behind the block."""
    ear = Ear()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    watcher = InotifyWatcher(clock=SystemClock(), private=place / "private", environ={"HOME": os.fspath(place)})

    async def start() -> None:
        await watcher.start(ear)
        await watcher.watch(str(root))

    async def stop() -> None:
        await watcher.barrier()
        await watcher.close()

    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(start(), loop).result()
        yield ear
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

"""The watcher's promises in time: barriers, closing, and doing nothing while nothing happens."""

import asyncio
import errno
import gc
import os
import threading
import time
from pathlib import Path

import pytest

from omnimemd.domain.file_events import Change, WatchReport
from omnimemd.system.watcher import InotifyWatcher, WatchUnavailable
from omnimemd.system.watcher.inotify import Inotify
from tests.support.waiting import until
from tests.support.watching import Recorder, WallClock, read, tree, watching

pytestmark = pytest.mark.needs("inotify")


def descriptors() -> set[str]:
    return {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}


def watch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("omnimem-watch")]


async def test_a_barrier_comes_after_everything_before_it(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        for n in range(100):
            tree(root, f"d{n}/sub/f.py")
            (root / f"d{n}/sub/f.py").rename(root / f"d{n}/g.py")
            assert f"d{n}/g.py" in {path for _, path in await watch.seen()}


async def test_many_barriers_at_once_while_files_are_written(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            (root / "busy.py").write_text("x")

    async with watching(tmp_path, root) as watch:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(20):
                await asyncio.gather(*(watch.watcher.barrier() for _ in range(10)))
        finally:
            stop.set()
            writer.join()


async def test_events_that_were_read_are_handed_over_before_closing(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    recorder = Recorder()
    watcher = InotifyWatcher(clock=WallClock(), private=tmp_path / "p", environ={})
    await watcher.start(recorder)
    await watcher.watch(str(root))

    read(root / "a.py")
    await watcher.barrier()
    await watcher.close()

    assert [event.change for event in recorder.events] == [Change.READ]
    assert watcher.counts().events_seen == 1


async def test_closing_leaves_no_thread_no_descriptor_no_directory(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/b.py")
    gc.collect()
    before = descriptors()

    async with watching(tmp_path, root):
        assert len(watch_threads()) == 2

    assert watch_threads() == []
    assert descriptors() == before
    assert not (tmp_path / "private").exists()


async def test_closing_before_starting_and_twice(tmp_path: Path) -> None:
    watcher = InotifyWatcher(clock=WallClock(), private=tmp_path / "p", environ={})
    await watcher.close()
    await watcher.start(Recorder())
    await watcher.close()
    await watcher.close()

    with pytest.raises(WatchUnavailable):
        await watcher.barrier()


async def test_closing_in_the_middle_of_a_start_ends_whoever_waits(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", *(f"{n}/{m}/f.py" for n in range(20) for m in range(20)))
    watcher = InotifyWatcher(clock=WallClock(), private=tmp_path / "p", environ={})
    await watcher.start(Recorder())
    watching_root = asyncio.ensure_future(watcher.watch(str(root)))
    barrier = asyncio.ensure_future(watcher.barrier())
    await asyncio.sleep(0)

    await watcher.close()

    ends = await asyncio.gather(watching_root, barrier, return_exceptions=True)
    assert all(end is None or isinstance(end, WatchReport | WatchUnavailable) for end in ends)
    assert watch_threads() == []


async def test_a_waiter_that_gives_up_disturbs_nobody(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path) as watch:
        impatient = asyncio.ensure_future(watch.watcher.watch(str(root)))
        await asyncio.sleep(0)
        impatient.cancel()
        report = await watch.watcher.watch(str(root))

        assert report.directories == 1


async def test_the_private_directory_is_private(tmp_path: Path) -> None:
    async with watching(tmp_path):
        assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700


async def test_nothing_wakes_up_while_nothing_happens(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    def switches() -> list[str]:
        status = [Path(f"/proc/self/task/{thread.native_id}/status").read_text() for thread in watch_threads()]
        return [line for text in status for line in text.splitlines() if "voluntary_ctxt" in line]

    async with watching(tmp_path, root):
        time.sleep(0.05)  # noqa: ASYNC251  the threads go back to where they wait
        before = switches()
        time.sleep(0.5)  # noqa: ASYNC251  idleness can be seen in time only; a timer anywhere would show

        assert len(before) == 4
        assert switches() == before


async def test_a_pulse_comes_back_and_is_told_to_nobody(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        await watch.watcher.pulse()

        assert await watch.seen() == []


async def test_a_reader_that_ended_is_no_watcher_and_holds_nobody_up(tmp_path: Path) -> None:
    class Failing(Inotify):
        broken = False

        def read(self) -> bytes:
            if self.broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read()

    died: list[threading.Thread | None] = []
    root = tree(tmp_path / "w", "a.py")
    inotify = Failing()
    watcher = InotifyWatcher(clock=WallClock(), private=tmp_path / "p", environ={}, open_inotify=lambda: inotify)
    await watcher.start(Recorder())
    await watcher.watch(str(root))
    before, threading.excepthook = threading.excepthook, lambda what: died.append(what.thread)
    try:
        inotify.broken = True
        read(root / "a.py")
        await until(lambda: died)
    finally:
        threading.excepthook = before

    await until(lambda: len(watch_threads()) == 1)
    for call in (watcher.pulse, watcher.barrier):
        with pytest.raises(WatchUnavailable, match="omnimem-watch-reader has ended"):
            await call()
    await watcher.close()

    assert watch_threads() == []

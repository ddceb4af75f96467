"""When the kernel runs out of something, nothing is lost silently, and the rest goes on."""

import asyncio
import errno
import os
import resource
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.system.watcher import InotifyWatcher, WatchUnavailable
from omnimemd.system.watcher.directories import DirectoryTable
from omnimemd.system.watcher.inotify import IN_CREATE, IN_IGNORED, LIVE, RECORD, Inotify
from omnimemd.system.watcher.outlet import Outlet
from omnimemd.system.watcher.room import Room
from omnimemd.system.watcher.sentinels import Sentinel, Sentinels
from tests.support.waiting import rounds, until
from tests.support.watching import HeldInotify, Recorder, WallClock, read, tree, watching

pytestmark = pytest.mark.needs("inotify")


class RefusingInotify(Inotify):
    """A real one that refuses watches as the kernel does."""

    def __init__(self, refuses: Callable[[str], int]) -> None:
        super().__init__()
        self._refuses = refuses

    def add(self, path: str, mask: int) -> int:
        code = self._refuses(path)
        if code:
            raise OSError(code, os.strerror(code), path)
        return super().add(path, mask)


def flood(directory: Path) -> None:
    """Cause more events than the kernel's queue holds: reads of two files in turn, as equal neighbours are folded."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    names = [os.fspath(directory / name) for name in ("flood1", "flood2")]
    for name in names:
        Path(name).touch()
    for n in range(limit + 100):
        os.close(os.open(names[n % 2], os.O_RDONLY))


async def test_an_overflow_is_a_loss_and_new_directories_are_found(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "gone/x.py", "moved/y.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held():
            flood(root)
            tree(root, "new/deep/f.py")
            (root / "gone/x.py").unlink()
            (root / "gone").rmdir()
            (root / "moved").rename(root / "new/moved")
            barrier = asyncio.ensure_future(watch.watcher.barrier())
            await asyncio.sleep(0)
        await barrier

        (loss,) = watch.recorder.losses
        assert (loss.reason, loss.workspaces) == ("overflow", (str(root),))
        assert loss.started_at <= loss.ended_at
        counts = watch.watcher.counts()
        assert (counts.overflows, counts.resyncs, counts.directories) == (1, 1, 4)
        assert not [event for event in watch.recorder.events if event.change is Change.FOUND]  # it takes a look
        watch.recorder.events.clear()
        read(root / "new/deep/f.py")
        read(root / "new/moved/y.py")
        assert await watch.seen() == [(Change.READ, "new/deep/f.py"), (Change.READ, "new/moved/y.py")]


async def test_a_listener_that_is_behind_is_told_of_a_loss_instead_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnimemd.system.watcher.watcher.Room", partial(Room, 10_000))
    root = tree(tmp_path / "w", "a.py")
    async with watching(tmp_path, root) as watch:
        watch.watcher.throttle(True)
        await asyncio.to_thread(flood, root)
        await asyncio.to_thread(flood, root)
        told = len(watch.recorder.events)
        watch.watcher.throttle(False)
        await watch.events()

    assert told < 10_000
    assert {one.reason for one in watch.recorder.losses} == {"overflow"}


async def test_who_tells_more_than_can_be_under_way_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walks tell of files that took no room in the kernel's queue."""
    monkeypatch.setattr("omnimemd.system.watcher.outlet._UNDER_WAY", 1)
    recorder = Recorder()
    loop = asyncio.get_running_loop()
    outlet = Outlet(loop=loop, listener=recorder, room=Room(), on_report=print, on_marker=print)
    found = FileEvent(("/w",), "/w/a.py", Change.FOUND, Millis(0), 0)
    outlet.throttle(True)

    def tell() -> None:
        for _ in range(3):
            outlet.events([found], room=0)

    telling = loop.run_in_executor(None, tell)
    await until(lambda: recorder.events)
    await rounds()
    assert (telling.done(), len(recorder.events)) == (False, 1)
    outlet.throttle(False)
    await telling
    await until(lambda: len(recorder.events) == 3)


async def test_a_watcher_is_closed_while_its_listener_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnimemd.system.watcher.outlet._UNDER_WAY", 1)
    root = tree(tmp_path / "w", "a.py")
    async with watching(tmp_path, root) as watch:
        watch.watcher.throttle(True)
        for _ in range(10):
            read(root / "a.py")
            tree(root, "b.py")
        await until(lambda: watch.recorder.events)


@pytest.mark.parametrize("wait", [True, False])
async def test_overflow_after_overflow_is_a_loss_for_each_resync(tmp_path: Path, *, wait: bool) -> None:
    root = tree(tmp_path / "w", *(f"{n}/f.py" for n in range(300)))
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        for _ in range(3):
            with inotify.held():
                flood(root)
            if wait:
                await watch.watcher.barrier()
        await watch.watcher.barrier()

        counts = watch.watcher.counts()
        assert counts.overflows == 3 or not wait
        assert 1 <= counts.resyncs == len(watch.recorder.losses) <= counts.overflows
        assert counts.directories == 301


async def test_no_watch_left_is_said_and_the_rest_is_looked_through(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", *(f"d{n}/sub/f.py" for n in range(10)))
    watched: set[str] = set()

    def refuses(path: str) -> int:
        if not path.startswith(str(root)):
            return 0
        if len(watched) < 5:
            watched.add(path)
        return 0 if path in watched else errno.ENOSPC

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        report = watch.watcher.report(str(root))

        assert report is not None
        assert (report.state, report.directories) == (WorkspaceState.DEGRADED, 5)
        assert report.problem is not None
        assert "16 directories" in report.problem
        assert "fs.inotify.max_user_watches=524288" in report.problem
        assert [loss.reason for loss in watch.recorder.losses] == ["watch_failed"]
        tree(root, *(f"d{n}/sub/new.py" for n in range(10)))
        assert {path for change, path in await watch.seen() if change in (Change.FOUND, Change.WRITTEN)} == {
            f"d{n}/sub/new.py" for n in range(10)
        }


async def test_a_birth_without_a_watch_left_is_said(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    tree(tmp_path / "outside", "f.py")

    def refuses(path: str) -> int:
        return errno.ENOSPC if path.endswith("/late") else 0

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        assert watch.state(root) is WorkspaceState.WATCHING
        (tmp_path / "outside").rename(root / "late")

        assert await watch.paths(Change.FOUND) == ["late/f.py"]
        assert watch.state(root) is WorkspaceState.DEGRADED
        assert [loss.reason for loss in watch.recorder.losses] == ["watch_failed"]


async def test_a_directory_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "secret/f.py", "open/g.py")

    def refuses(path: str) -> int:
        return errno.EACCES if path.endswith("/secret") else 0

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        report = watch.watcher.report(str(root))

        assert report is not None
        assert (report.state, report.directories) == (WorkspaceState.DEGRADED, 2)
        assert report.problem is not None
        assert "1 directory is not seen" in report.problem


async def test_the_problem_ends_with_its_cause(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "secret/f.py", "open/g.py")

    def refuses(path: str) -> int:
        return errno.EACCES if path.endswith("/secret") else 0

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        (root / ".omnimemignore").write_text("secret/\n")
        await watch.events()

        report = watch.watcher.report(str(root))
        assert report is not None
        assert (report.state, report.problem) == (WorkspaceState.WATCHING, None)


async def test_a_directory_that_vanishes_during_the_walk_is_no_problem(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/f.py", "b/g.py")

    def refuses(path: str) -> int:
        return errno.ENOENT if path.endswith("/a") else 0

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        assert watch.state(root) is WorkspaceState.WATCHING
        assert watch.recorder.losses == []


async def test_no_inotify_instance_left_is_an_error_with_a_hint(tmp_path: Path) -> None:
    watcher = InotifyWatcher(clock=WallClock(), private=tmp_path / "private", environ={})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(WatchUnavailable) as raised:
            await watcher.start(Recorder())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert "max_user_instances" in raised.value.hint
    await watcher.close()


async def test_a_disk_that_is_full_is_not_taken_for_watches_that_are_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "touch", full)
    watcher = InotifyWatcher(clock=WallClock(), private=tmp_path / "private", environ={})

    with pytest.raises(WatchUnavailable) as raised:
        await watcher.start(Recorder())

    assert raised.value.reason == f"{tmp_path / 'private'}: No space left on device"
    assert "sysctl" not in raised.value.hint
    await watcher.close()


async def test_a_marker_directory_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        for leftover in (tmp_path / "private").iterdir():
            leftover.unlink()
        (tmp_path / "private").rmdir()
        read(root / "a.py")

        assert await watch.seen() == [(Change.READ, "a.py")]


class LateInotify(Inotify):
    """Tells of a file behind each IN_IGNORED, as another processor does that was about to."""

    late = 0

    def read(self) -> bytes:
        records = super().read()
        offset, end = 0, len(records)
        while offset < end:
            wd, mask, _, length = RECORD.unpack_from(records, offset)
            offset += RECORD.size + length
            if mask & IN_IGNORED:
                self.late += 1
                records += RECORD.pack(wd, IN_CREATE, 0, 16) + b"late".ljust(16, b"\0")
        return records


async def test_a_watch_that_nobody_knows_is_a_loss_once_and_removed(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "node_modules/x.js")
    inotify = Inotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        inotify.add(str(root / "node_modules"), LIVE)
        read(root / "node_modules/x.js")
        await watch.events()
        await watch.events()
        read(root / "node_modules/x.js")
        read(root / "a.py")
        seen = await watch.seen()

    (loss,) = watch.recorder.losses
    assert (loss.workspaces, loss.reason) == ((str(root),), "unknown_watch")
    assert seen == [(Change.READ, "a.py")]


async def test_what_was_forgotten_while_records_of_it_wait_is_no_unknown_watch(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "gone/x.py", "hidden/y.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held():
            (root / ".gitignore").write_text("hidden/\n")
            for _ in range(3):
                read(root / "hidden/y.py")
                read(root / "gone/x.py")
            shutil.rmtree(root / "gone")
        await watch.events()
        read(root / "hidden/y.py")
        (root / "hidden").rename(tmp_path / "hidden")
        read(tmp_path / "hidden/y.py")
        await watch.events()

    assert watch.recorder.losses == []


async def test_what_the_kernel_tells_of_a_watch_behind_its_end_is_no_unknown_watch(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "gone/x.py")
    inotify = LateInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        shutil.rmtree(root / "gone")
        await watch.events()
        read(root / "a.py")

        assert await watch.seen() == [(Change.READ, "a.py")]
    assert inotify.late > 0
    assert watch.recorder.losses == []


async def test_a_fault_in_the_middle_of_a_batch_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path / "w", "a.py")
    hear = Sentinels.hear
    faults = iter([KeyError("a bug")])

    def faulty(sentinels: Sentinels, wd: int, mask: int, name: str, at: Millis) -> None:
        for fault in faults:
            raise fault
        hear(sentinels, wd, mask, name, at)

    inotify = HeldInotify()
    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        monkeypatch.setattr(Sentinels, "hear", faulty)
        with inotify.held():
            tree(root, "born/b.py")
            barrier = asyncio.ensure_future(watch.watcher.barrier())
            await asyncio.sleep(0)
        await barrier
        read(root / "born/b.py")
        seen = await watch.seen()

    assert (Change.READ, "born/b.py") in seen
    assert [loss.reason for loss in watch.recorder.losses] == ["fault", "overflow"]


def test_who_hears_of_one_sentinel_may_take_back_others(tmp_path: Path) -> None:
    """Two wait for the same directory on the way to what they are about."""
    inotify = Inotify()
    sentinels = Sentinels(inotify=inotify, table=DirectoryTable())
    heard: list[str] = []
    standing: list[Sentinel] = []

    def first(mask: int, at: Millis) -> None:
        heard.append("first")
        for sentinel in standing:
            sentinels.release(sentinel)

    standing += [
        sentinels.set(str(tmp_path / "way/first"), first),
        sentinels.set(str(tmp_path / "way/second"), lambda mask, at: heard.append("second")),
    ]
    wd = standing[0].wd
    (tmp_path / "way").mkdir()

    sentinels.hear(wd, IN_CREATE, "way", Millis(0))

    assert heard == ["first"]
    assert not sentinels.at(wd)
    inotify.close()

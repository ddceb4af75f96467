"""What macOS says of files, and what becomes of it; the files are real, FSEvents is said by the tests."""

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change
from omnimemd.system.watcher.portable import PortableWatcher
from tests.support.fsevents import Flag, Streams
from tests.support.waiting import until
from tests.support.watching import Recorder, WallClock, tree

MODIFIED_FILE = Flag.MODIFIED | Flag.INODE_META_MOD | Flag.IS_FILE


class Mac:
    """A watcher on FSEvents, below *root*."""

    def __init__(
        self, watcher: PortableWatcher, recorder: Recorder, streams: Streams, root: Path, private: Path
    ) -> None:
        self.watcher = watcher
        self.recorder = recorder
        self.streams = streams
        self.private = private
        self._root = root

    def says(self, *events: tuple[object, Flag]) -> None:
        """Have the root's stream call back."""
        self.streams.say(str(self._root), *events)

    async def told(self, waiting: Callable[[], Awaitable[object]] | None = None) -> list[tuple[Change, str]]:
        """Return what was told since the last question, after a barrier: FSEvents tells of its marker too."""
        barrier = asyncio.ensure_future((waiting or self.watcher.barrier)())
        await until(lambda: any(self.private.iterdir()))
        (marker,) = self.private.iterdir()
        self.streams.say(str(self.private), (marker, Flag.CREATED | Flag.IS_FILE))
        await barrier
        events = self.recorder.events.copy()
        self.recorder.events.clear()
        return sorted((event.change, os.path.relpath(event.path, self._root)) for event in events)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    streams = Streams()
    monkeypatch.setitem(sys.modules, "_watchdog_fsevents", streams.binding())
    for name in ("watchdog.observers.fsevents", "omnimemd.system.watcher.fsevents"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return streams


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tree(tmp_path / "Work", "a.py", "src/b.py", "src/deep/c.py", "node_modules/x.js")


@pytest.fixture
async def mac(tmp_path: Path, root: Path, streams: Streams) -> AsyncIterator[Mac]:
    module = importlib.import_module("omnimemd.system.watcher.fsevents")
    recorder = Recorder()
    watcher = PortableWatcher(
        clock=WallClock(),
        environ={"HOME": str(tmp_path / "home")},
        blind=(),
        hints=module.FSEventsHints(private=tmp_path / "private"),
    )
    await watcher.start(recorder)
    await watcher.watch(str(root))
    yield Mac(watcher, recorder, streams, root, tmp_path / "private")
    await watcher.close()
    assert not streams.open
    assert not (tmp_path / "private").exists()


async def test_a_save_is_one_write_though_flags_of_the_past_come_with_it(root: Path, mac: Mac) -> None:
    (root / "a.py").write_text("once more")
    mac.says((root / "a.py", Flag.CREATED | MODIFIED_FILE))
    mac.says((root / "a.py", Flag.CREATED | MODIFIED_FILE | Flag.XATTR_MOD))

    assert await mac.told() == [(Change.WRITTEN, "a.py")]


async def test_a_save_by_renaming_is_one_write(root: Path, mac: Mac) -> None:
    tree(root, ".a.py.tmp")
    (root / ".a.py.tmp").rename(root / "a.py")
    mac.says(
        (root / ".a.py.tmp", Flag.CREATED | Flag.RENAMED | MODIFIED_FILE),
        (root / "a.py", Flag.RENAMED | MODIFIED_FILE),
    )

    assert await mac.told() == [(Change.WRITTEN, "a.py")]


async def test_history_and_reads_are_nothing(root: Path, mac: Mac) -> None:
    (root / "a.py").read_text()
    mac.says(
        (root, Flag.CREATED | Flag.IS_DIR),
        (root / "a.py", Flag.CREATED | MODIFIED_FILE),
        (root / "src/gone-before.py", Flag.CREATED | Flag.REMOVED | Flag.IS_FILE),
        ("", Flag.HISTORY_DONE),
        (root / "a.py", Flag.XATTR_MOD | Flag.IS_FILE),
    )

    assert await mac.told() == []
    assert mac.recorder.losses == []


async def test_the_files_of_a_moved_directory_are_told(root: Path, mac: Mac) -> None:
    (root / "src").rename(root / "lib")
    mac.says((root / "src", Flag.RENAMED | Flag.IS_DIR), (root / "lib", Flag.RENAMED | Flag.IS_DIR))

    assert await mac.told() == [
        (Change.MOVED_FROM, "src/b.py"),
        (Change.MOVED_FROM, "src/deep/c.py"),
        (Change.MOVED_TO, "lib/b.py"),
        (Change.MOVED_TO, "lib/deep/c.py"),
    ]


async def test_the_files_of_a_directory_that_left_or_came_are_told(tmp_path: Path, root: Path, mac: Mac) -> None:
    tree(tmp_path / "other", "d/e.py")
    (root / "src").rename(tmp_path / "src")
    (tmp_path / "other").rename(root / "other")
    mac.says((root / "src", Flag.RENAMED | Flag.IS_DIR), (root / "other", Flag.RENAMED | Flag.IS_DIR))

    assert await mac.told() == [
        (Change.FOUND, "other/d/e.py"),
        (Change.DELETED, "src/b.py"),
        (Change.DELETED, "src/deep/c.py"),
    ]


async def test_a_directory_put_in_place_of_another_is_compared_with_it(tmp_path: Path, root: Path, mac: Mac) -> None:
    tree(tmp_path / "new", "deep/other.py")
    (root / "src").rename(tmp_path / "old")
    (tmp_path / "new").rename(root / "src")
    mac.says((root / "src", Flag.RENAMED | Flag.IS_DIR))

    assert await mac.told() == [
        (Change.FOUND, "src/deep/other.py"),
        (Change.DELETED, "src/b.py"),
        (Change.DELETED, "src/deep/c.py"),
    ]


async def test_what_is_ignored_is_not_told(root: Path, mac: Mac) -> None:
    tree(root, "node_modules/y.js")
    mac.says((root / "node_modules/y.js", Flag.CREATED | MODIFIED_FILE))

    assert await mac.told() == []


async def test_dropped_events_are_a_gap_and_what_they_were_about_is_found(root: Path, mac: Mac) -> None:
    (root / "src/deep/c.py").write_text("nobody said so")
    mac.says((root, Flag.MUST_SCAN_SUBDIRS | Flag.KERNEL_DROPPED))

    assert await mac.told() == [(Change.WRITTEN, "src/deep/c.py")]
    (loss,) = mac.recorder.losses
    assert (loss.workspaces, loss.reason) == ((str(root),), "overflow")


async def test_folded_events_of_a_subtree_are_looked_into(root: Path, mac: Mac) -> None:
    (root / "src/deep/c.py").write_text("folded")
    mac.says((root / "src", Flag.MUST_SCAN_SUBDIRS))

    assert await mac.told() == [(Change.WRITTEN, "src/deep/c.py")]
    assert mac.recorder.losses == []


async def test_paths_are_known_by_any_capitals_and_accents_above_the_root(tmp_path: Path, mac: Mac) -> None:
    odd = tree(tmp_path / "cafe\u0301", "a.py", "b.py")
    await mac.watcher.watch(str(odd))
    (odd / "a.py").write_text("as the disk spells it")
    (odd / "b.py").write_text("not said: that everything was looked at would show")

    mac.streams.say(str(tmp_path / "caf\u00e9"), (tmp_path / "CAF\u00c9/a.py", MODIFIED_FILE))

    assert await mac.told() == [(Change.WRITTEN, "../cafe\u0301/a.py")]


async def test_a_root_that_moves_away_is_gone_and_watched_again_when_it_is_back(root: Path, mac: Mac) -> None:
    root.rename(root.parent / "away")
    mac.says((root, Flag.ROOT_CHANGED))
    await mac.told()
    report = mac.watcher.report(str(root))
    assert report is not None
    assert report.state is WorkspaceState.GONE

    (root.parent / "away").rename(root)
    report = await mac.watcher.watch(str(root))
    assert report.state is WorkspaceState.WATCHING
    (root / "a.py").write_text("back")
    mac.says((root / "a.py", MODIFIED_FILE))

    assert await mac.told() == [(Change.WRITTEN, "a.py")]


async def test_a_change_above_the_root_is_looked_into(tmp_path: Path, root: Path, mac: Mac) -> None:
    (root / "src/b.py").write_text("meanwhile")
    mac.says((tmp_path, Flag.ROOT_CHANGED))

    assert await mac.told() == [(Change.WRITTEN, "src/b.py")]


async def test_a_stream_that_does_not_start_is_reported(tmp_path: Path, mac: Mac) -> None:
    other = tree(tmp_path / "other", "x.py")
    mac.streams.refused.add(str(other))

    report = await mac.watcher.watch(str(other))

    assert report.state is WorkspaceState.GONE
    assert "Cannot start fsevents stream" in (report.problem or "")


async def test_gits_lock_stands_around_what_git_changes(root: Path, mac: Mac) -> None:
    lock = tree(root, ".git/HEAD", ".git/index.lock") / ".git/index.lock"
    mac.says((lock, Flag.CREATED | Flag.IS_FILE))
    assert await mac.told() == [(Change.LOCKED, ".git/index.lock")]

    lock.unlink()
    (root / "a.py").write_text("checked out")
    mac.says((lock, Flag.CREATED | Flag.REMOVED | Flag.IS_FILE), (root / "a.py", MODIFIED_FILE))
    assert await mac.told() == [(Change.WRITTEN, "a.py"), (Change.UNLOCKED, ".git/index.lock")]


async def test_an_unwatched_root_has_no_stream(root: Path, mac: Mac) -> None:
    await mac.told(lambda: mac.watcher.unwatch(str(root)))

    assert list(mac.streams.open) == [str(mac.private)]


async def test_closing_answers_who_waits(mac: Mac) -> None:
    barrier = asyncio.ensure_future(mac.watcher.barrier())
    await until(lambda: any(mac.private.iterdir()))

    await mac.watcher.close()

    with pytest.raises(Exception, match="closed"):
        await barrier

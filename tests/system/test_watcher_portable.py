"""Without inotify, writes are seen, reads are not, and the rules are the same; polling shows it on any machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from watchdog.observers.polling import PollingObserver

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change
from omnimemd.domain.ports import SurveyFailed
from omnimemd.system.watcher import WatchUnavailable
from omnimemd.system.watcher.portable import PortableWatcher
from tests.support.watching import Recorder, WallClock, read, tree


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def watcher(tmp_path: Path, recorder: Recorder) -> AsyncIterator[PortableWatcher]:
    watcher = PortableWatcher(
        clock=WallClock(),
        private=tmp_path / "private",
        environ={"HOME": str(tmp_path / "home")},
        blind=[tmp_path / "w/data"],
        make_observer=lambda: PollingObserver(timeout=0.01),
    )
    await watcher.start(recorder)
    yield watcher
    await watcher.close()


async def everything(watcher: PortableWatcher) -> None:
    """Wait two polls of our own stream: the other stream has had at least one in between."""
    await watcher.barrier()
    await watcher.barrier()
    await watcher.barrier()


async def test_writes_are_seen_reads_are_not(tmp_path: Path, watcher: PortableWatcher, recorder: Recorder) -> None:
    root = tree(tmp_path / "w", "a.py", "old.py", "data/x.db", "sub/b.log", "node_modules/x.js")
    (root / ".gitignore").write_text("*.log\n")
    report = await watcher.watch(str(root))
    assert (report.state, report.reads_observed) == (WorkspaceState.WATCHING, False)

    read(root / "a.py")
    tree(root, "new.py", "sub/c.log", "node_modules/y.js", "data/y.db")
    (root / "old.py").unlink()
    await everything(watcher)

    seen = {(event.change, event.path) for event in recorder.events}
    assert (Change.CREATED, str(root / "new.py")) in seen
    assert (Change.DELETED, str(root / "old.py")) in seen
    assert {path for _, path in seen} == {str(root / "new.py"), str(root / "old.py")}


async def test_a_move_is_a_pair(tmp_path: Path, watcher: PortableWatcher, recorder: Recorder) -> None:
    root = tree(tmp_path / "w", "a.py")
    await watcher.watch(str(root))

    (root / "a.py").rename(root / "b.py")
    await everything(watcher)

    left, arrived = recorder.events
    assert (left.change, left.path) == (Change.MOVED_FROM, str(root / "a.py"))
    assert (arrived.change, arrived.path) == (Change.MOVED_TO, str(root / "b.py"))
    assert left.cookie == arrived.cookie


async def test_a_root_that_is_not_there_is_reported(tmp_path: Path, watcher: PortableWatcher) -> None:
    report = await watcher.watch(str(tmp_path / "missing"))

    assert report.state is WorkspaceState.GONE
    assert report.problem is not None


async def test_an_unwatched_root_is_silent(tmp_path: Path, watcher: PortableWatcher, recorder: Recorder) -> None:
    root = tree(tmp_path / "w", "a.py")
    await watcher.watch(str(root))
    await watcher.unwatch(str(root))

    tree(root, "new.py")
    await everything(watcher)

    assert recorder.events == []
    assert watcher.report(str(root)) is None


async def test_after_closing_a_barrier_is_refused(watcher: PortableWatcher) -> None:
    await watcher.close()

    with pytest.raises(WatchUnavailable):
        await watcher.barrier()


async def test_a_survey_lists_what_the_rules_leave(tmp_path: Path, watcher: PortableWatcher) -> None:
    root = tree(tmp_path / "w", "a.py", "data/x.db", "sub/b.log", "sub/c.py", "node_modules/x.js")
    (root / ".gitignore").write_text("*.log\n")
    await watcher.watch(str(root))

    listings = [listing async for batch in watcher.survey(str(root)) for listing in batch]

    found = {f"{each.path}/{file.name}" for each in listings for file in each.files}
    assert found == {str(root / each) for each in ("a.py", "sub/c.py", ".gitignore")}


async def test_a_survey_of_a_root_that_is_gone_fails(tmp_path: Path, watcher: PortableWatcher) -> None:
    root = tree(tmp_path / "w", "a.py")
    await watcher.watch(str(root))
    root.rename(tmp_path / "elsewhere")

    with pytest.raises(SurveyFailed):
        _ = [batch async for batch in watcher.survey(str(root))]

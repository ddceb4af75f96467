"""Without inotify, what a look finds is told as if the kernel had told it: writes, but no reads, by the same rules."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.explaining import Obstacle
from omnimemd.domain.file_events import Change
from omnimemd.domain.ports import SurveyFailed
from omnimemd.system.watcher import WatchUnavailable
from omnimemd.system.watcher.portable import PortableWatcher
from omnimemd.system.watcher.tree import file_time_ns
from tests.support.watching import Recorder, WallClock, read, tree


class SaidHints:
    """The `Hints` of a platform that hints at what a test says."""

    def __init__(self) -> None:
        self.roots: set[str] = set()
        self.refuses = False

    def start(self, hint: Callable[[Mapping[str, bool], bool], None]) -> None:
        self._hint = hint

    async def add(self, root: str) -> None:
        if self.refuses:
            raise OSError(root)
        self.roots.add(root)

    async def remove(self, root: str) -> None:
        self.roots.discard(root)

    async def barrier(self) -> None:
        pass

    async def close(self) -> None:
        self.roots.clear()

    def at(self, *paths: Path, below: Path | None = None, dropped: bool = False) -> None:
        """Hint at *paths*, at everything *below* a path, or that hints were *dropped*."""
        self._hint({str(path): False for path in paths} | ({str(below): True} if below else {}), dropped)


class Looking:
    """A watcher, and what it says of the files below a folder."""

    def __init__(self, watcher: PortableWatcher, recorder: Recorder, base: Path) -> None:
        self.watcher = watcher
        self.recorder = recorder
        self._base = base

    async def seen(self) -> list[tuple[Change, str]]:
        """Return what happened since the last question: each change and its path below the folder."""
        await self.watcher.barrier()
        events = self.recorder.events.copy()
        self.recorder.events.clear()
        return [(event.change, os.path.relpath(event.path, self._base)) for event in events]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tree(tmp_path / "w", "a.py", "src/b.py", "src/deep/c.py", "node_modules/x.js")


@pytest.fixture
def hints() -> SaidHints:
    return SaidHints()


async def looking_at(root: Path, hints: SaidHints | None) -> AsyncIterator[Looking]:
    recorder = Recorder()
    watcher = PortableWatcher(
        clock=WallClock(),
        environ={"HOME": str(root.parent / "home")},
        blind={str(root / "data")},
        hints=hints,
    )
    await watcher.start(recorder)
    await watcher.watch(str(root))
    yield Looking(watcher, recorder, root)
    await watcher.close()


@pytest.fixture
async def polled(root: Path) -> AsyncIterator[Looking]:
    """A watcher that looks at everything, as often as it is asked to."""
    async for each in looking_at(root, None):
        yield each


@pytest.fixture
async def hinted(root: Path, hints: SaidHints) -> AsyncIterator[Looking]:
    """A watcher that looks where it is hinted at."""
    async for each in looking_at(root, hints):
        yield each


def written(path: Path, text: str) -> None:
    """Write anew, and be sure that it shows: two writes within a tick of the clock may have the same time."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


# ---- what is found


async def test_writes_are_seen_reads_are_not(root: Path, polled: Looking) -> None:
    report = polled.watcher.report(str(root))
    assert report is not None
    assert (report.state, report.reads_observed, report.directories) == (WorkspaceState.WATCHING, False, 3)
    assert not polled.watcher.reads_observed

    read(root / "a.py")
    (root / "a.py").chmod(0o600)
    assert await polled.seen() == []

    written(root / "a.py", "new")
    tree(root, "born.py")
    (root / "src/b.py").unlink()
    assert sorted(await polled.seen()) == [
        (Change.FOUND, "born.py"),
        (Change.WRITTEN, "a.py"),
        (Change.DELETED, "src/b.py"),
    ]


async def test_one_save_is_one_write_however_the_editor_does_it(root: Path, polled: Looking) -> None:
    tree(root, ".a.py.tmp")
    (root / ".a.py.tmp").rename(root / "a.py")
    assert await polled.seen() == [(Change.WRITTEN, "a.py")]

    (root / "a.py").rename(root / "a.py~")
    tree(root, "a.py")
    (root / "a.py~").unlink()
    assert await polled.seen() == [(Change.WRITTEN, "a.py")]


async def test_what_is_ignored_is_not_told(root: Path, polled: Looking) -> None:
    tree(root, "node_modules/y.js", "data/y.db", "src/__pycache__/b.pyc")

    assert await polled.seen() == []


async def test_a_move_is_a_pair(root: Path, polled: Looking) -> None:
    (root / "a.py").rename(root / "src/z.py")
    await polled.watcher.barrier()

    left, arrived = polled.recorder.events
    assert (left.change, left.path) == (Change.MOVED_FROM, str(root / "a.py"))
    assert (arrived.change, arrived.path) == (Change.MOVED_TO, str(root / "src/z.py"))
    assert left.cookie == arrived.cookie > 1 << 31


async def test_a_move_onto_another_file_leaves_it_moved(root: Path, polled: Looking) -> None:
    (root / "a.py").rename(root / "src/b.py")

    assert await polled.seen() == [(Change.MOVED_FROM, "a.py"), (Change.MOVED_TO, "src/b.py")]


async def test_a_file_made_where_another_moved_away_is_new(root: Path, polled: Looking) -> None:
    (root / "a.py").rename(root / "b.py")
    tree(root, "a.py")

    assert sorted(await polled.seen()) == [
        (Change.FOUND, "a.py"),
        (Change.MOVED_FROM, "a.py"),
        (Change.MOVED_TO, "b.py"),
    ]


async def test_files_of_a_directory_move_with_it(root: Path, polled: Looking) -> None:
    (root / "src").rename(root / "lib")

    assert sorted(await polled.seen()) == [
        (Change.MOVED_FROM, "src/b.py"),
        (Change.MOVED_FROM, "src/deep/c.py"),
        (Change.MOVED_TO, "lib/b.py"),
        (Change.MOVED_TO, "lib/deep/c.py"),
    ]


async def test_files_of_a_directory_that_left_are_deleted(root: Path, polled: Looking) -> None:
    (root / "src").rename(root.parent / "elsewhere")

    assert sorted(await polled.seen()) == [(Change.DELETED, "src/b.py"), (Change.DELETED, "src/deep/c.py")]


async def test_a_directory_in_place_of_a_file_and_back(root: Path, polled: Looking) -> None:
    (root / "a.py").unlink()
    tree(root, "a.py/inner.py")
    assert sorted(await polled.seen()) == [(Change.FOUND, "a.py/inner.py"), (Change.DELETED, "a.py")]

    (root / "a.py/inner.py").unlink()
    (root / "a.py").rmdir()
    tree(root, "a.py")
    assert sorted(await polled.seen()) == [(Change.FOUND, "a.py"), (Change.DELETED, "a.py/inner.py")]


async def test_links_and_pipes_are_files_and_are_not_followed(root: Path, polled: Looking) -> None:
    (root / "loop").symlink_to(root)
    (root / "link").symlink_to(root / "src")
    os.mkfifo(root / "pipe")

    assert sorted(await polled.seen()) == [(Change.FOUND, "link"), (Change.FOUND, "loop"), (Change.FOUND, "pipe")]


async def test_a_name_that_is_not_text_keeps_its_bytes(root: Path, polled: Looking) -> None:
    name = os.fsdecode(b"caf\xe9\n.py")
    (root / name).touch()

    assert await polled.seen() == [(Change.FOUND, name)]


async def test_each_file_is_told_once_with_every_root_that_sees_it(root: Path, polled: Looking) -> None:
    (root / ".gitignore").write_text("*.log\n")
    await polled.watcher.barrier()
    await polled.watcher.watch(str(root / "src"))
    polled.recorder.events.clear()

    tree(root, "src/new.py", "src/new.log", "top.py")
    await polled.watcher.barrier()

    told = {os.path.relpath(event.path, root): set(event.workspaces) for event in polled.recorder.events}
    assert told == {
        "src/new.py": {str(root), str(root / "src")},
        "top.py": {str(root)},
        "src/new.log": {str(root / "src")},
    }


async def test_a_move_between_two_roots_is_one_of_both(tmp_path: Path, root: Path, polled: Looking) -> None:
    other = tree(tmp_path / "other", "o.py")
    await polled.watcher.watch(str(other))

    (root / "a.py").rename(other / "a.py")
    await polled.watcher.barrier()

    left, arrived = polled.recorder.events
    assert (left.workspaces, arrived.workspaces) == ((str(root),), (str(other),))
    assert left.cookie == arrived.cookie


# ---- rules


async def test_rules_take_effect_at_the_next_look(root: Path, polled: Looking) -> None:
    (root / ".gitignore").write_text("*.log\n/src/\n")
    assert await polled.seen() == [(Change.FOUND, ".gitignore")]  # what is hidden now was not deleted

    tree(root, "x.log", "src/b.py", "src/new.py")
    assert await polled.seen() == []


def test_no_file_is_older_than_the_time_it_was_made_at(tmp_path: Path) -> None:
    for number in range(100):
        before = file_time_ns()
        (tmp_path / str(number)).touch()
        assert (tmp_path / str(number)).stat().st_ctime_ns >= before


async def test_what_comes_into_view_was_not_created(root: Path, polled: Looking) -> None:
    (root / ".gitignore").write_text("*.log\n/src/\n")
    tree(root, "old.log")
    while file_time_ns() <= (root / "old.log").stat().st_ctime_ns:
        await polled.seen()
    await polled.seen()  # old.log is older than the last look now

    (root / ".gitignore").unlink()
    tree(root, "fresh.py")
    assert sorted(await polled.seen()) == [(Change.FOUND, "fresh.py"), (Change.DELETED, ".gitignore")]

    written(root / "old.log", "again")
    written(root / "src/b.py", "again")
    assert sorted(await polled.seen()) == [(Change.WRITTEN, "old.log"), (Change.WRITTEN, "src/b.py")]


async def test_rules_from_above_a_root_count_and_change(tmp_path: Path, polled: Looking) -> None:
    repository = tree(tmp_path / "repo", ".git/HEAD", ".git/info/exclude", "pkg/a.log", "pkg/b.py")
    await polled.watcher.watch(str(repository / "pkg"))

    (repository / ".git/info/exclude").write_text("*.log\n")
    (repository / "pkg/a.log").unlink()
    tree(repository, "pkg/c.log", "pkg/d.py")
    assert await polled.seen() == [(Change.FOUND, "../repo/pkg/d.py")]


# ---- roots


async def test_a_root_that_is_not_there_is_reported(tmp_path: Path, polled: Looking) -> None:
    report = await polled.watcher.watch(str(tmp_path / "missing"))

    assert report.state is WorkspaceState.GONE
    assert report.problem is not None


async def test_a_root_that_vanishes_is_gone_and_can_be_watched_again(root: Path, polled: Looking) -> None:
    root.rename(root.parent / "away")
    await polled.watcher.barrier()
    assert [report.state for report in polled.recorder.reports][-1] is WorkspaceState.GONE

    (root.parent / "away").rename(root)
    await polled.watcher.barrier()
    assert polled.recorder.reports[-1].back
    report = await polled.watcher.watch(str(root))
    written(root / "a.py", "back")

    assert report.state is WorkspaceState.WATCHING
    assert await polled.seen() == [(Change.WRITTEN, "a.py")]


async def test_an_unwatched_root_is_silent(root: Path, polled: Looking) -> None:
    tree(root, "last.py")
    await polled.watcher.unwatch(str(root))
    assert [event.path for event in polled.recorder.events] == [str(root / "last.py")]

    tree(root, "new.py")
    await polled.watcher.barrier()

    assert len(polled.recorder.events) == 1
    assert polled.watcher.report(str(root)) is None


async def test_a_directory_that_may_not_be_read_is_said_and_its_files_are_kept(
    root: Path, polled: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path == str(root / "src"):
            raise PermissionError(path)
        return scandir(path)

    with monkeypatch.context() as refused:
        refused.setattr(os, "scandir", refusing)
        assert await polled.seen() == []
        report = polled.watcher.report(str(root))
        assert report is not None
        assert report.state is WorkspaceState.DEGRADED
        assert "1 directory is not seen" in (report.problem or "")

    written(root / "src/b.py", "again")
    assert await polled.seen() == [(Change.WRITTEN, "src/b.py")]
    assert polled.watcher.report(str(root)) != report


async def test_it_looks_by_itself_only_while_there_is_a_root(root: Path, polled: Looking) -> None:
    assert polled.watcher._timer is not None
    assert not polled.watcher._timer.cancelled()

    await polled.watcher.unwatch(str(root))
    await polled.watcher.barrier()

    assert polled.watcher._timer.cancelled()


async def test_after_closing_a_barrier_is_refused(polled: Looking) -> None:
    await polled.watcher.close()

    with pytest.raises(WatchUnavailable):
        await polled.watcher.barrier()


# ---- hints


async def test_a_hint_is_looked_into_and_nothing_else(root: Path, hints: SaidHints, hinted: Looking) -> None:
    written(root / "a.py", "hinted")
    written(root / "src/b.py", "not hinted")

    hints.at(root / "a.py")

    assert await hinted.seen() == [(Change.WRITTEN, "a.py")]


async def test_hints_that_repeat_or_tell_of_the_past_are_not_events(
    root: Path, hints: SaidHints, hinted: Looking
) -> None:
    hints.at(root / "a.py", root / "src", root, root / "was-here-yesterday.py", root / "node_modules/x.js")
    assert await hinted.seen() == []

    written(root / "a.py", "once")
    hints.at(root / "a.py")
    hints.at(root / "a.py")
    assert await hinted.seen() == [(Change.WRITTEN, "a.py")]


async def test_a_directory_that_is_born_is_looked_into(root: Path, hints: SaidHints, hinted: Looking) -> None:
    tree(root, "x/y/z.py", "x/w.py")
    hints.at(root / "x/y/z.py")

    assert sorted(await hinted.seen()) == [(Change.FOUND, "x/w.py"), (Change.FOUND, "x/y/z.py")]


async def test_both_names_of_a_moved_directory_make_one_move(root: Path, hints: SaidHints, hinted: Looking) -> None:
    (root / "src").rename(root / "lib")
    hints.at(root / "src", root / "lib")

    assert sorted(await hinted.seen()) == [
        (Change.MOVED_FROM, "src/b.py"),
        (Change.MOVED_FROM, "src/deep/c.py"),
        (Change.MOVED_TO, "lib/b.py"),
        (Change.MOVED_TO, "lib/deep/c.py"),
    ]


async def test_dropped_hints_are_a_loss_and_everything_is_looked_at(
    root: Path, hints: SaidHints, hinted: Looking
) -> None:
    written(root / "src/deep/c.py", "unhinted")
    hints.at(dropped=True)

    assert await hinted.seen() == [(Change.WRITTEN, "src/deep/c.py")]
    (loss,) = hinted.recorder.losses
    assert (loss.workspaces, loss.reason) == ((str(root),), "overflow")
    assert (hinted.watcher.counts().overflows, hinted.watcher.counts().resyncs) == (1, 1)


async def test_a_hint_at_all_below_is_followed(root: Path, hints: SaidHints, hinted: Looking) -> None:
    written(root / "src/deep/c.py", "unhinted")
    hints.at(below=root / "src")

    assert await hinted.seen() == [(Change.WRITTEN, "src/deep/c.py")]


async def test_a_hint_at_rules_has_them_read(root: Path, hints: SaidHints, hinted: Looking) -> None:
    (root / ".gitignore").write_text("/src/\n")
    tree(root, "src/new.py")
    hints.at(root / "src/new.py", root / ".gitignore")

    assert await hinted.seen() == [(Change.FOUND, ".gitignore")]


async def test_a_name_spelled_otherwise_is_looked_for(root: Path, hints: SaidHints, hinted: Looking) -> None:
    decomposed = tree(root, "e\u0301/x.py") / "e\u0301"
    hints.at(decomposed)
    await hinted.seen()

    written(decomposed / "x.py", "again")
    hints.at(root / "\u00e9/x.py")

    assert await hinted.seen() == [(Change.WRITTEN, "e\u0301/x.py")]


async def test_a_hint_at_a_root_that_is_gone_says_so(root: Path, hints: SaidHints, hinted: Looking) -> None:
    root.rename(root.parent / "away")
    hints.at(below=root)
    await hinted.watcher.barrier()

    assert hinted.recorder.events == []
    assert hinted.recorder.reports[-1].state is WorkspaceState.GONE


async def test_a_root_that_the_platform_refuses_is_reported(tmp_path: Path, hints: SaidHints, hinted: Looking) -> None:
    hints.refuses = True

    report = await hinted.watcher.watch(str(tree(tmp_path / "other", "x.py")))

    assert report.state is WorkspaceState.GONE


# ---- surveys


async def test_a_survey_lists_what_the_rules_leave_as_it_is_now(root: Path, polled: Looking) -> None:
    (root / ".gitignore").write_text("*.log\n")
    tree(root, "data/x.db", "src/b.log", "new.py")

    listings = [listing async for batch in polled.watcher.survey(str(root)) for listing in batch]

    found = {os.path.relpath(f"{each.path}/{file.name}", root) for each in listings for file in each.files}
    assert found == {"a.py", "new.py", "src/b.py", "src/deep/c.py", ".gitignore"}
    assert {each.workspaces for each in listings} == {(str(root),)}


async def test_a_survey_comes_in_batches_and_ends_when_its_root_is_let_go(root: Path, polled: Looking) -> None:
    tree(root, *(f"many{number}/f{file}" for number in range(3) for file in range(400)))
    survey = polled.watcher.survey(str(root))
    first = await anext(survey)
    assert sum(len(listing.files) for listing in first) < 1000

    await polled.watcher.unwatch(str(root))

    with pytest.raises(SurveyFailed):
        await anext(survey)


async def test_a_survey_of_a_root_that_is_gone_fails(root: Path, polled: Looking) -> None:
    root.rename(root.parent / "elsewhere")

    with pytest.raises(SurveyFailed):
        _ = [batch async for batch in polled.watcher.survey(str(root))]


# ---- what is seen of a path


async def test_what_hides_a_path_is_said(root: Path, polled: Looking) -> None:
    (root / ".gitignore").write_text("*.log\n")
    (root / "src/.gitignore").write_text("!keep.log\n")
    tree(root, "data/x.db")
    await polled.watcher.barrier()

    async def obstacle(path: str) -> tuple[str, Obstacle | None]:
        seen = await polled.watcher.sight(str(root), f"{root}/{path}", is_dir=False)
        assert seen is not None
        return os.path.relpath(seen.at, root), seen.obstacle

    assert await obstacle("a.py") == ("a.py", None)
    assert await obstacle("src/deep/x.log") == ("src/deep/x.log", Obstacle.RULE)
    assert await obstacle("src/keep.log") == ("src/keep.log", None)
    assert await obstacle("node_modules/x.js") == ("node_modules", Obstacle.RULE)
    assert await obstacle("data/x.db") == ("data", Obstacle.OWN_DATA)
    assert await polled.watcher.sight(str(root / "src"), str(root / "src/b.py"), is_dir=False) is None

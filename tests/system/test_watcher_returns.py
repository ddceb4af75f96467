"""A root that goes is noticed, whatever takes it away, and so is its return; nobody looks for it meanwhile."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change
from tests.support.watching import Watching, read, tree, watching

pytestmark = pytest.mark.needs("inotify")


async def told_gone(watch: Watching, root: Path) -> bool:
    await watch.events()
    await watch.events()  # what a sentinel heard behind the first marker
    return watch.state(root) is WorkspaceState.GONE


def back(watch: Watching, root: Path) -> bool:
    report = watch.watcher.report(str(root))
    return report is not None and report.back


async def test_a_directory_above_the_root_is_moved_away_and_back(tmp_path: Path) -> None:
    root = tree(tmp_path / "a/b/w", "sub/f.py")

    async with watching(tmp_path, root) as watch:
        (tmp_path / "a").rename(tmp_path / "z")
        assert await told_gone(watch, root)
        read(tmp_path / "z/b/w/sub/f.py")
        assert await watch.events() == []
        assert not back(watch, root)

        (tmp_path / "z").rename(tmp_path / "a")
        await watch.events()
        assert back(watch, root)
        report = await watch.watcher.watch(str(root))
        assert (report.state, report.back) == (WorkspaceState.WATCHING, False)
        read(root / "sub/f.py")
        assert await watch.seen() == [(Change.READ, "sub/f.py")]

        (tmp_path / "a").rename(tmp_path / "z")
        assert await told_gone(watch, root)


def anew(root: Path) -> None:
    tree(root, "g.py")


def piece_by_piece(root: Path) -> None:
    for each in reversed((root, *root.parents[:2])):
        each.mkdir(exist_ok=True)


def moved_in(root: Path) -> None:
    other = tree(root.parents[2] / "other", f"{root.parent.name}/{root.name}/f.py")
    other.rename(root.parents[1])


@pytest.mark.parametrize("way", [anew, piece_by_piece, moved_in])
async def test_the_root_is_made_anew(tmp_path: Path, way: Callable[[Path], None]) -> None:
    root = tree(tmp_path / "a/b/w", "f.py")

    async with watching(tmp_path, root) as watch:
        shutil.rmtree(tmp_path / "a")
        assert await told_gone(watch, root)
        assert not back(watch, root)
        tree(tmp_path, "other.py")
        await watch.events()
        assert not back(watch, root)

        way(root)
        await watch.events()
        await watch.events()
        assert back(watch, root)


async def test_another_directory_takes_the_place_of_the_root_at_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "f.py")

    async with watching(tmp_path, root) as watch:
        root.rename(tmp_path / "elsewhere")
        tree(root, "g.py")

        assert await told_gone(watch, root)
        assert back(watch, root)


async def test_a_root_that_is_not_there_yet_is_told_when_it_comes(tmp_path: Path) -> None:
    root = tmp_path / "later/w"

    async with watching(tmp_path, root) as watch:
        assert watch.state(root) is WorkspaceState.GONE
        root.mkdir(parents=True)

        await watch.events()
        assert back(watch, root)


async def test_a_root_nobody_wants_any_more_is_not_told(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "f.py")

    async with watching(tmp_path, root) as watch:
        shutil.rmtree(root)
        assert await told_gone(watch, root)
        await watch.watcher.unwatch(str(root))
        count = len(watch.recorder.reports)
        tree(root, "f.py")

        await watch.events()
        assert len(watch.recorder.reports) == count

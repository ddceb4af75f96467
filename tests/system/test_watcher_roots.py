"""Roots are added and removed in any order, overlap, vanish and come back."""

import asyncio
import itertools
import shutil
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change
from tests.support.watching import HeldInotify, read, tree, watching

pytestmark = pytest.mark.needs("inotify")


async def test_watching_a_root_twice_is_one_watch(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/f.py")

    async with watching(tmp_path, root) as watch:
        report = await watch.watcher.watch(str(root))

        assert (report.state, report.directories, report.problem) == (WorkspaceState.WATCHING, 2, None)
        assert [each.state for each in watch.recorder.reports] == [WorkspaceState.STARTING, WorkspaceState.WATCHING]


async def test_several_roots_start_at_the_same_time(tmp_path: Path) -> None:
    roots = [tree(tmp_path / f"w{n}", *(f"{m}/f.py" for m in range(30))) for n in range(4)]

    async with watching(tmp_path) as watch:
        reports = await asyncio.gather(*(watch.watcher.watch(str(root)) for root in roots))

        assert [report.directories for report in reports] == [31] * 4


async def test_an_unwatched_root_is_silent(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/f.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held():
            read(root / "sub/f.py")
            unwatched = asyncio.ensure_future(watch.watcher.unwatch(str(root)))
            await asyncio.sleep(0)
        await unwatched
        assert await watch.seen() == [(Change.READ, "sub/f.py")]
        read(root / "sub/f.py")

        assert await watch.seen() == []
        assert watch.watcher.report(str(root)) is None
        assert watch.watcher.counts().directories == 0
        await watch.watcher.unwatch(str(root))


OUTER, INNER = "repo", "repo/sub"


@pytest.mark.parametrize("added", list(itertools.permutations((OUTER, INNER))))
@pytest.mark.parametrize("removed", list(itertools.permutations((OUTER, INNER))))
async def test_overlapping_roots_in_any_order(tmp_path: Path, added: tuple[str, str], removed: tuple[str, str]) -> None:
    tree(tmp_path / "repo", "a.py", "sub/deep/b.py")
    roots = [tmp_path / name for name in added]
    deep = tmp_path / "repo/sub/deep/b.py"

    async with watching(tmp_path, *roots) as watch:
        read(deep)
        (event,) = await watch.events()
        assert set(event.workspaces) == {str(tmp_path / OUTER), str(tmp_path / INNER)}

        await watch.watcher.unwatch(str(tmp_path / removed[0]))
        read(deep)
        (event,) = await watch.events()
        assert event.workspaces == (str(tmp_path / removed[1]),)
        assert watch.watcher.counts().directories == (3 if removed[1] == OUTER else 2)

        await watch.watcher.unwatch(str(tmp_path / removed[1]))
        assert watch.watcher.counts().directories == 0


@pytest.mark.parametrize("added", list(itertools.permutations((OUTER, "repo/node_modules/pkg"))))
async def test_a_root_that_another_root_ignores(tmp_path: Path, added: tuple[str, str]) -> None:
    tree(tmp_path / "repo", "a.py", "node_modules/pkg/src/b.js", "node_modules/other/c.js")
    roots = [tmp_path / name for name in added]

    async with watching(tmp_path, *roots) as watch:
        read(tmp_path / "repo/node_modules/pkg/src/b.js")
        read(tmp_path / "repo/node_modules/other/c.js")
        read(tmp_path / "repo/a.py")

        seen = [(event.path, event.workspaces) for event in await watch.events()]
        assert seen == [
            (
                str(tmp_path / "repo/node_modules/pkg/src/b.js"),
                (str(tmp_path / "repo/node_modules/pkg"),),
            ),
            (str(tmp_path / "repo/a.py"), (str(tmp_path / "repo"),)),
        ]


async def test_rules_that_hide_a_root_from_the_one_around_it_leave_it_its_own(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", "sub/deep/b.py")
    inner = root / "sub/deep"

    async with watching(tmp_path, root, inner) as watch:
        (root / ".omnimemignore").write_text("sub/\n")
        await watch.events()
        read(inner / "b.py")

        (event,) = await watch.events()
        assert event.workspaces == (str(inner),)


async def test_an_event_names_only_the_roots_that_do_not_ignore_the_file(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", "sub/b.log")
    (root / ".omnimemignore").write_text("/sub/*.log\n")

    async with watching(tmp_path, root, root / "sub") as watch:
        read(root / "sub/b.log")

        # The rules of the outer root stand in a directory above the inner one, outside git: they do not reach
        # it.
        (event,) = await watch.events()
        assert event.workspaces == (str(root / "sub"),)


@pytest.mark.parametrize("kind", ["missing", "file"])
async def test_what_cannot_be_a_root_is_reported(tmp_path: Path, kind: str) -> None:
    tree(tmp_path, "file")

    async with watching(tmp_path) as watch:
        report = await watch.watcher.watch(str(tmp_path / kind))

        assert report.state is WorkspaceState.GONE
        assert report.problem is not None


async def test_a_root_that_vanishes_and_comes_back(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/f.py")
    other = tree(tmp_path / "other", "g.py")

    async with watching(tmp_path, root, other) as watch:
        shutil.rmtree(root)
        await watch.events()
        assert watch.state(root) is WorkspaceState.GONE
        assert watch.recorder.reports[-1].state is WorkspaceState.GONE
        assert watch.recorder.losses == []
        read(other / "g.py")
        assert len(await watch.events()) == 1

        tree(root, "sub/f.py")
        report = await watch.watcher.watch(str(root))
        assert (report.state, report.directories) == (WorkspaceState.WATCHING, 2)
        read(root / "sub/f.py")
        assert await watch.seen() == [(Change.READ, "sub/f.py")]


async def test_a_root_that_is_moved_away_is_gone(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/f.py")

    async with watching(tmp_path, root) as watch:
        root.rename(tmp_path / "elsewhere")
        await watch.events()
        assert watch.state(root) is WorkspaceState.GONE
        read(tmp_path / "elsewhere/sub/f.py")

        assert await watch.events() == []
        assert watch.watcher.counts().directories == 0


async def test_another_directory_under_the_root_s_name_is_watched_anew(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/f.py")

    async with watching(tmp_path, root) as watch:
        root.rename(tmp_path / "elsewhere")
        tree(root, "new/g.py")
        report = await watch.watcher.watch(str(root))

        assert (report.state, report.directories) == (WorkspaceState.WATCHING, 2)
        read(root / "new/g.py")
        assert [event.path for event in await watch.events() if event.change is Change.READ] == [str(root / "new/g.py")]


async def test_a_root_inside_a_root_that_moves_is_gone_for_itself_only(tmp_path: Path) -> None:
    outer = tree(tmp_path / "repo", "sub/f.py")
    inner = outer / "sub"

    async with watching(tmp_path, outer, inner) as watch:
        inner.rename(outer / "renamed")
        await watch.events()
        assert watch.state(inner) is WorkspaceState.GONE
        assert watch.state(outer) is WorkspaceState.WATCHING
        read(outer / "renamed/f.py")

        (event,) = await watch.events()
        assert event.workspaces == (str(outer),)


async def test_the_watcher_s_own_directory_below_a_root(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.py")

    async with watching(tmp_path, root) as watch:
        read(root / "a.py")

        assert await watch.seen() == [(Change.READ, "a.py")]


async def test_a_blind_spot_below_a_root(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "data/store.db", "a.py")

    async with watching(tmp_path, root, blind=[root / "data"]) as watch:
        read(root / "data/store.db")
        read(root / "a.py")

        assert await watch.seen() == [(Change.READ, "a.py")]

"""With fewer watches than directories, every change is found, and the watches there are follow the work."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.explaining import Obstacle
from omnimemd.domain.file_events import Change
from omnimemd.system.watcher import sysctls
from omnimemd.system.watcher.budget import WatchBudget
from omnimemd.system.watcher.dealing import Dealer
from omnimemd.system.watcher.directories import NO_ROOM, NOBODY, DirectoryTable
from omnimemd.system.watcher.inotify import IN_CLOSE_NOWRITE, IN_MASK_ADD, LIVE, NARROW, RECORD, Inotify
from omnimemd.system.watcher.removal import Removal
from omnimemd.system.watcher.sentinels import Sentinels
from omnimemd.system.watcher.unwatched import Unwatched
from tests.support.watching import ShortInotify, Watching, read, run, short, tree, watching

pytestmark = pytest.mark.needs("inotify")


async def told(watch: Watching) -> set[tuple[Change, str]]:
    return {one for one in await watch.seen() if one[0] is not Change.READ}


def a_tree(at: Path) -> Path:
    return tree(at, *(f"{n:02}/{sub}/f{i}.py" for n in range(20) for sub in "ab" for i in range(3)))


async def a_directory_without_watches(watch: Watching) -> Path:
    """Return one that is swept, with its two."""
    for each in sorted(watch.base.iterdir()):
        seen = [
            await watch.watcher.sight(str(watch.base), str(one), is_dir=True) for one in (each, each / "a", each / "b")
        ]
        if all(one is not None and one.obstacle is Obstacle.NO_WATCH_LEFT for one in seen):
            return each
    raise AssertionError("all have watches")


#: So few that nearly all of the 61 directories are swept, and so many that half of them are.
@pytest.mark.parametrize("limit", [8, 36])
async def test_every_kind_of_change_is_found(tmp_path: Path, limit: int) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(limit)) as watch:
        assert watch.state(root) is WorkspaceState.DEGRADED
        assert await told(watch) == set()
        dirs = [f"{n:02}/{sub}" for n in range(20) for sub in "ab"]

        tree(root, *(f"{each}/new.py" for each in dirs))
        seen = await told(watch)
        assert {path for change, path in seen if change in (Change.FOUND, Change.CREATED)} == {
            f"{each}/new.py" for each in dirs
        }

        for each in dirs:
            with (root / each / "f0.py").open("a") as file:
                file.write("more\n")
        seen = await told(watch)
        assert {path for change, path in seen if change is Change.WRITTEN} == {f"{each}/f0.py" for each in dirs}
        assert {path for _, path in seen} == {f"{each}/f0.py" for each in dirs}

        for each in dirs:
            (root / each / "f1.py").unlink()
        assert await told(watch) == {(Change.DELETED, f"{each}/f1.py") for each in dirs}

        for each in dirs:
            (root / each / "f2.py").rename(root / each / "moved.py")
        seen = await told(watch)
        assert seen == {
            pair
            for each in dirs
            for pair in ((Change.MOVED_FROM, f"{each}/f2.py"), (Change.MOVED_TO, f"{each}/moved.py"))
        }


@pytest.mark.parametrize("limit", [8, 36])
async def test_every_change_of_a_directory_is_found(tmp_path: Path, limit: int) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(limit)) as watch:
        tree(root, *(f"{n:02}/born/deep/x.py" for n in range(20)))
        assert {path for change, path in await told(watch) if change in (Change.FOUND, Change.CREATED)} == {
            f"{n:02}/born/deep/x.py" for n in range(20)
        }

        for n in range(20):
            run("rm", "-r", root / f"{n:02}/b")
        assert {path for change, path in await told(watch) if change is Change.DELETED} == {
            f"{n:02}/b/f{i}.py" for n in range(20) for i in range(3)
        }

        for n in range(20):
            (root / f"{n:02}/a").rename(root / f"{n:02}/z")
        moved = await told(watch)
        assert {path for change, path in moved if change is Change.MOVED_TO} == {
            f"{n:02}/z/f{i}.py" for n in range(20) for i in range(3)
        }
        assert {change for change, _ in moved} == {Change.MOVED_FROM, Change.MOVED_TO}

        for n in range(20):
            (root / f"{n:02}/z").rename(tmp_path / f"out{n}")
        gone = {path for change, path in await told(watch) if change is Change.DELETED}
        assert all(f"{n:02}/z" in gone or {f"{n:02}/z/f{i}.py" for i in range(3)} <= gone for n in range(20))

        tree(root, *(f"{n:02}/born/deep/y.py" for n in range(20)))
        assert {path for change, path in await told(watch) if change in (Change.FOUND, Change.CREATED)} == {
            f"{n:02}/born/deep/y.py" for n in range(20)
        }


async def test_a_file_moves_between_directories_without_a_watch(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(4)) as watch:
        (root / "03/a/f0.py").rename(root / "17/b/g.py")

        (left, came) = [one for one in await watch.events() if one.change in (Change.MOVED_FROM, Change.MOVED_TO)]
        assert (left.path, came.path) == (str(root / "03/a/f0.py"), str(root / "17/b/g.py"))
        assert left.cookie == came.cookie != 0


async def test_what_is_ignored_is_not_told_and_rules_are_followed(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(4)) as watch:
        (root / "09/b/.gitignore").write_text("*.log\n")
        await watch.events()
        tree(root, "09/b/x.log", "09/b/x.py")
        assert {path for _, path in await told(watch)} == {"09/b/x.py"}

        (root / "09/b/.gitignore").unlink()
        assert await told(watch) == {(Change.DELETED, "09/b/.gitignore")}
        tree(root, "09/b/x.log")
        assert {path for _, path in await told(watch)} == {"09/b/x.log"}


async def test_the_watches_follow_the_work(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(20)) as watch:
        tree(root, "19/b/x.py", "18/a/x.py", "00/a/x.py")
        await watch.events()
        await watch.events()  # those that lost theirs are known as such

        for path in ("19/b/f0.py", "18/a/f0.py", "00/a/f0.py"):
            read(root / path)
        assert sorted(await watch.paths(Change.READ)) == ["00/a/f0.py", "18/a/f0.py", "19/b/f0.py"]
        report = watch.watcher.report(str(root))
        assert report is not None
        assert report.directories <= 20
        assert len(watch.recorder.losses) == 1


async def test_watches_that_come_free_are_used_again(tmp_path: Path) -> None:
    root, other = a_tree(tmp_path / "w"), a_tree(tmp_path / "v")

    async with watching(tmp_path, root, other, open_inotify=short(90)) as watch:
        assert watch.state(root) is WorkspaceState.WATCHING
        assert watch.state(other) is WorkspaceState.DEGRADED

        await watch.watcher.unwatch(str(root))
        while watch.state(other) is not WorkspaceState.WATCHING:
            await watch.events()

        report = watch.watcher.report(str(other))
        assert report is not None
        assert (report.directories, report.problem) == (61, None)
        read(other / "19/b/f0.py")
        assert [one.path for one in await watch.events()] == [str(other / "19/b/f0.py")]


async def test_a_root_that_vanishes_without_a_watch_is_gone(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(2)) as watch:
        run("rm", "-r", root)

        await watch.events()
        await watch.events()
        assert watch.state(root) is WorkspaceState.GONE


async def test_a_directory_becomes_readable(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "secret/deep/f.py", "open/g.py")
    closed = True

    class Closed(Inotify):
        def add(self, path: str, mask: int) -> int:
            if closed and path.endswith("/secret"):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
            return super().add(path, mask)

    async with watching(tmp_path, root, open_inotify=Closed) as watch:
        assert watch.state(root) is WorkspaceState.DEGRADED
        closed = False
        await watch.events()

        await watch.events()
        assert watch.state(root) is WorkspaceState.WATCHING
        read(root / "secret/deep/f.py")
        assert await watch.seen() == [(Change.READ, "secret/deep/f.py")]


async def test_a_loop_of_links_is_not_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/b/f.py")
    (root / "a/b/up").symlink_to(root)
    (root / "a/self").symlink_to("self")

    async with watching(tmp_path, root, open_inotify=short(2)) as watch:
        await watch.events()
        report = watch.watcher.report(str(root))
        assert report is not None
        assert "3 directories" in (report.problem or "")
    async with watching(tmp_path, root) as watch:
        assert watch.watcher.counts().directories == 3


async def test_a_directory_in_the_place_of_one_that_left_is_seen(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")
    inotify = ShortInotify(36)

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        place = await a_directory_without_watches(watch)
        with inotify.held():
            place.rename(tmp_path / "away")
            tree(place, "a/new.py")
        assert (Change.FOUND, f"{place.name}/a/new.py") in await told(watch)

        tree(place, "a/later.py")
        assert f"{place.name}/a/later.py" in {path for _, path in await told(watch)}


async def test_what_follows_a_move_is_told_with_it(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")
    inotify = ShortInotify(36)

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        place = await a_directory_without_watches(watch)
        with inotify.held():
            place.rename(root / "moved")
            (root / "moved/b/f0.py").write_text("more\n")
            asked = asyncio.create_task(watch.seen())
            for _ in range(100):  # time enough to look where the table has the directories
                await watch.watcher.sight(str(root), str(root), is_dir=True)

        assert (Change.WRITTEN, "moved/b/f0.py") in await asked


async def test_what_comes_while_rules_are_read_is_told(tmp_path: Path) -> None:
    root = a_tree(tmp_path / "w")

    async with watching(tmp_path, root, open_inotify=short(36)) as watch:
        place = await a_directory_without_watches(watch)
        tree(place, "born/deep/x.py")
        (root / ".gitignore").write_text("*.log\n")

        assert (Change.FOUND, f"{place.name}/born/deep/x.py") in await told(watch)


async def test_no_more_than_half_of_the_watches_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = a_tree(tmp_path / "w")
    monkeypatch.setattr(sysctls, "lower", lambda *_: sysctls.Setting("a.setting", 40, shown=True))

    async with watching(tmp_path, root) as watch:
        assert watch.watcher.counts().directories == 20
        assert watch.state(root) is WorkspaceState.DEGRADED


def test_a_watch_that_is_to_be_removed_and_is_given_again_stays(tmp_path: Path) -> None:
    table, inotify, unwatched = DirectoryTable(), Inotify(), Unwatched()
    sentinels = Sentinels(inotify=inotify, table=table)
    removal = Removal(inotify=inotify, sentinels=sentinels)
    dealer = Dealer(
        table=table,
        unwatched=unwatched,
        inotify=inotify,
        budget=WatchBudget(),
        sentinels=sentinels,
        removal=removal,
    )
    removal.add(wd := inotify.add(str(tmp_path), NARROW))
    node = table.insert(NO_ROOM, None, str(tmp_path), NOBODY)
    list(unwatched.enter(node, node.path))

    list(dealer.deal([node], lambda _: iter(())))
    list(removal.steps())

    assert node.wd == wd
    assert inotify.add(str(tmp_path), LIVE | IN_MASK_ADD) == wd
    inotify.close()


def test_a_directory_in_the_place_of_one_with_a_sentinel_is_watched_as_before(tmp_path: Path) -> None:
    table, inotify = DirectoryTable(), Inotify()
    sentinels = Sentinels(inotify=inotify, table=table)
    directory, other = tree(tmp_path, "here/") / "here", tree(tmp_path, "other/") / "other"
    sentinel = sentinels.set(str(directory / "config"), lambda *_: None)
    at_first = sentinel.wd
    table.insert(wd := inotify.add(str(other), LIVE), None, str(other), NOBODY)
    directory.rename(tmp_path / "away")
    other.rename(directory)

    assert not sentinels.keep(at_first)

    inotify.read()
    (directory / "read").touch()
    (directory / "read").read_bytes()
    assert any(found == wd and mask & IN_CLOSE_NOWRITE for found, mask in told_by(inotify))
    inotify.close()


def told_by(inotify: Inotify) -> list[tuple[int, int]]:
    """The watch and the mask of each record that waits."""
    records, offset, found = inotify.read(), 0, []
    while offset < len(records):
        wd, mask, _, length = RECORD.unpack_from(records, offset)
        offset += RECORD.size + length
        found.append((wd, mask))
    return found

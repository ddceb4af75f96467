"""What ordinary programs do to files is seen, each change as what it is."""

import asyncio
import os
from pathlib import Path

import pytest

from omnimemd.domain.file_events import Change
from tests.support.watching import HeldInotify, read, run, tree, watching

pytestmark = pytest.mark.needs("inotify")


async def test_nothing_of_the_start_itself_is_seen(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/b/c.py", "a/.gitignore", ".gitignore", ".git/HEAD", "node_modules/x/y.js")

    async with watching(tmp_path, root) as watch:
        assert await watch.seen() == []
        assert watch.watcher.counts().events_seen == 0


async def test_a_read_by_python_and_by_cat(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "sub/b.py")

    async with watching(tmp_path, root) as watch:
        read(root / "a.py")
        run("cat", root / "sub/b.py")

        assert await watch.seen() == [(Change.READ, "a.py"), (Change.READ, "sub/b.py")]


async def test_a_file_is_made_written_and_closed(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        (root / "new.py").write_text("x = 1\n")

        assert await watch.seen() == [
            (Change.CREATED, "new.py"),
            (Change.MODIFIED, "new.py"),
            (Change.WRITTEN, "new.py"),
        ]


async def test_a_writer_that_keeps_the_file_open_is_seen_once_a_batch(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "log.txt", "other.txt")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with (root / "log.txt").open("ab", buffering=0) as log, (root / "other.txt").open("ab", buffering=0) as other:
            with inotify.held():
                for line in (b"one\n", b"two\n"):
                    log.write(line)
                    other.write(line)

            assert await watch.seen() == [(Change.MODIFIED, "log.txt"), (Change.MODIFIED, "other.txt")]


async def test_what_comes_behind_a_barrier_is_handed_over_after_it_even_if_read_at_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:

        async def seen_at_barrier() -> list[str]:
            await watch.watcher.barrier()
            return [os.path.relpath(event.path, root) for event in watch.recorder.events]

        with inotify.held():
            read(root / "a.py")  # may still be read alone, if the reader waits for records
            (root / "before.py").touch()
            first = asyncio.ensure_future(seen_at_barrier())
            await asyncio.sleep(0)
            (root / "between.py").touch()
            second = asyncio.ensure_future(seen_at_barrier())
            await asyncio.sleep(0)
            (root / "after.py").touch()

        assert set(await first) == {"a.py", "before.py"}
        assert set(await second) == {"a.py", "before.py", "between.py"}
        assert (Change.CREATED, "after.py") in await watch.seen()


async def test_sed_in_place(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        run("sed", "-i", "s/a/b/", root / "a.py")

        events = await watch.events()
        assert (Change.READ, str(root / "a.py")) in [(event.change, event.path) for event in events]
        left = next(event for event in events if event.change is Change.MOVED_FROM)
        arrived = next(event for event in events if event.change is Change.MOVED_TO)
        assert arrived.path == str(root / "a.py")
        assert left.cookie == arrived.cookie > 0


async def test_a_file_moves_between_directories(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/f.py", "b/")

    async with watching(tmp_path, root) as watch:
        run("mv", root / "a/f.py", root / "b/g.py")

        left, arrived = await watch.events()
        assert (left.change, left.path) == (Change.MOVED_FROM, str(root / "a/f.py"))
        assert (arrived.change, arrived.path) == (Change.MOVED_TO, str(root / "b/g.py"))
        assert left.cookie == arrived.cookie


async def test_a_file_leaves_and_another_comes_from_outside(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "out.py")
    tree(tmp_path / "elsewhere", "in.py")

    async with watching(tmp_path, root) as watch:
        (root / "out.py").rename(tmp_path / "elsewhere/out.py")
        (tmp_path / "elsewhere/in.py").rename(root / "in.py")

        assert await watch.seen() == [(Change.MOVED_FROM, "out.py"), (Change.MOVED_TO, "in.py")]


async def test_a_deletion(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        (root / "a.py").unlink()

        assert await watch.seen() == [(Change.DELETED, "a.py")]


async def test_names_that_nobody_opens(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        os.link(root / "a.py", root / "hard.py")
        (root / "soft.py").symlink_to("a.py")
        os.mkfifo(root / "pipe")

        assert await watch.seen() == [
            (Change.CREATED, "hard.py"),
            (Change.CREATED, "soft.py"),
            (Change.CREATED, "pipe"),
        ]


async def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/")
    name = root / os.fsdecode(b"caf\xe9.py")
    inside = root / os.fsdecode(b"d\xff") / os.fsdecode(b"f\xfe.py")

    async with watching(tmp_path, root) as watch:
        name.touch()
        inside.parent.mkdir()
        await watch.watcher.barrier()
        inside.touch()

        paths = [event.path for event in await watch.events() if event.change is Change.CREATED]
        assert paths == [str(name), str(inside)]


async def test_a_symbolic_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    tree(tmp_path / "elsewhere", "in.py")
    (root / "link").symlink_to(tmp_path / "elsewhere")

    async with watching(tmp_path, root) as watch:
        read(tmp_path / "elsewhere/in.py")

        assert await watch.seen() == []


async def test_five_thousand_reads_of_a_grep_are_all_there(tmp_path: Path) -> None:
    root = tmp_path / "w"
    expected = [f"d{n // 100}/e{n % 7}/f{n}.py" for n in range(5000)]
    tree(root, *expected)

    async with watching(tmp_path, root) as watch:
        run("grep", "-r", "no such text", root)

        assert sorted(await watch.paths(Change.READ)) == sorted(expected)
        assert watch.recorder.losses == []

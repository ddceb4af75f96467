"""Files are read without a trace: nobody's access, nothing left, nothing waited for."""

import asyncio
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimemd.domain.file_events import UNSEEN, Change, Content
from omnimemd.domain.ports import Watcher
from omnimemd.domain.staleness import READ_UP_TO_BYTES
from omnimemd.system.watcher.contents import close_all, contents_of
from tests.support.watching import HeldInotify, read, tree, watching


def digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def found(root: Path, *names: str, wanted: bool = True) -> list[Content | None]:
    paths = [str(root / name) for name in names]
    return contents_of(str(root), paths, wanted=lambda *_: wanted, close=close_all)


async def contents(watcher: Watcher, root: Path, names: Sequence[str]) -> Sequence[Content | None]:
    return await watcher.contents(str(root), [str(root / name) for name in names], wanted=lambda *_: True)


def read_in_turns(one: Path, other: Path) -> None:
    """Read two files, so often that the kernel's queue overflows."""
    for _ in range(10_000):
        read(one)
        read(other)


class TestWhatIsRead:
    def test_a_file_has_its_facts_and_a_digest_of_all_its_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "a.bin").write_bytes(text := os.urandom(700_000))

        (content,) = found(tmp_path, "a.bin")

        assert content is not None
        assert (content.path, content.facts.size, content.digest) == (str(tmp_path / "a.bin"), 700_000, digest(text))

    def test_what_need_not_be_read_is_not(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1")

        (content,) = found(tmp_path, "a", wanted=False)

        assert content is not None
        assert (content.facts.size, content.digest) == (1, None)

    def test_a_very_large_one_is_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "large").open("wb") as file:
            file.truncate(READ_UP_TO_BYTES + 1)

        (content,) = found(tmp_path, "large")

        assert content is not None
        assert (content.facts.size, content.digest) == (READ_UP_TO_BYTES + 1, None)

    @pytest.mark.parametrize("name", ["nothing", "folder", "pipe", "a.py/below", "nul\0", "x" * 300, "loop"])
    def test_what_is_no_file_is_none_and_holds_nobody_up(self, tmp_path: Path, name: str) -> None:
        tree(tmp_path, "a.py", "folder/")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to("loop")

        assert found(tmp_path, name) == [None]

    def test_a_link_is_followed_inside_and_never_out(self, tmp_path: Path) -> None:
        root = tree(tmp_path / "w", "a.py")
        outside = tree(tmp_path / "o", "secret")
        (root / "in").symlink_to("a.py")
        (root / "out").symlink_to(outside / "secret")
        (root / "up").symlink_to(outside)

        inside, *others = found(root, "in", "out", "up/secret", "../o/secret")

        assert inside is not None
        assert inside.path == str(root / "a.py")
        assert others == [None, None, None]

    def test_below_a_folder_that_is_not_there_nothing_can_be_told(self, tmp_path: Path) -> None:
        (content,) = found(tmp_path / "gone", "a.py")

        assert content is not None
        assert content.facts is UNSEEN

    def test_one_that_may_not_be_read_has_facts_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a").write_text("1")

        def refused(*_: object) -> int:
            raise PermissionError

        monkeypatch.setattr(os, "open", refused)

        (content,) = found(tmp_path, "a")

        assert content is not None
        assert (content.facts.size, content.digest) == (1, None)

    def test_no_descriptor_is_left(self, tmp_path: Path) -> None:
        names = [f"f{number}" for number in range(100)]
        root = tree(tmp_path / "w", *names)
        before = sum(1 for _ in Path("/dev/fd").iterdir())

        assert all(found(root, *names))

        assert sum(1 for _ in Path("/dev/fd").iterdir()) == before


@pytest.mark.needs("inotify")
class TestNobodyHears:
    async def test_what_is_read_is_not_told(self, tmp_path: Path) -> None:
        names = [f"d{number % 7}/f{number}" for number in range(200)]
        root = tree(tmp_path / "w", *names)

        async with watching(tmp_path, root) as watch:
            assert all(await contents(watch.watcher, root, names))
            assert await watch.seen() == []

    async def test_others_who_read_the_same_files_meanwhile_are_told_each_time(self, tmp_path: Path) -> None:
        names = [f"f{number}" for number in range(20)]
        root = tree(tmp_path / "w", *names)
        rounds, done = 200, threading.Event()

        def others() -> None:
            for _ in range(rounds):
                for name in names:
                    read(root / name)
            done.set()

        async with watching(tmp_path, root) as watch:
            reading = asyncio.create_task(asyncio.to_thread(others))
            times = 0
            while not done.is_set():
                await contents(watch.watcher, root, names)
                times += 1
            await reading
            seen = await watch.paths(Change.READ)

        # The kernel folds two equal events when nothing is between them: others' among themselves cannot be here.
        assert times > 0
        assert len(seen) >= rounds * len(names) - times
        assert len(seen) <= rounds * len(names)

    async def test_a_file_that_is_renamed_while_it_is_read_is_not_told(self, tmp_path: Path) -> None:
        root = tree(tmp_path / "w", "old/a.py")

        async with watching(tmp_path, root) as watch:

            def renamed(*_: object) -> bool:
                (root / "old").rename(root / "new")
                return True

            await watch.watcher.contents(str(root), [str(root / "old/a.py")], wanted=renamed)
            (root / "new").rename(root / "old")
            await contents(watch.watcher, root, ["old/a.py"])
            reads = await watch.paths(Change.READ)

        assert reads == []

    async def test_an_overflow_leaves_nothing_expected(self, tmp_path: Path) -> None:
        root = tree(tmp_path / "w", "a.py", "b.py")

        inotify = HeldInotify()
        async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
            with inotify.held():
                await asyncio.to_thread(read_in_turns, root / "a.py", root / "b.py")
                await contents(watch.watcher, root, ["a.py"])
            await watch.events()
            read(root / "a.py")

            assert watch.watcher.counts().overflows
            assert await watch.paths(Change.READ) == ["a.py"]

    async def test_what_is_not_watched_is_read_all_the_same(self, tmp_path: Path) -> None:
        root, other = tree(tmp_path / "w", "a.py"), tree(tmp_path / "o", "b.py")

        async with watching(tmp_path, root) as watch:
            (content,) = await contents(watch.watcher, other, ["b.py"])
            await watch.watcher.watch(str(other))
            read(other / "b.py")
            assert await watch.paths(Change.READ) == ["../o/b.py"]

        assert content is not None

    async def test_closing_waits_for_what_is_being_read(self, tmp_path: Path) -> None:
        root = tree(tmp_path / "w", *(f"f{number}" for number in range(100)))

        async with watching(tmp_path, root) as watch:
            reading = asyncio.create_task(contents(watch.watcher, root, [f"f{number}" for number in range(100)]))
            await asyncio.sleep(0)
        seen = await reading

        assert len(seen) == 100
        assert list(tmp_path.glob("**/barrier*/*")) == []

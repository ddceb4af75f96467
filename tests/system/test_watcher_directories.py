"""Directories come, move and go, and every file in them is known under the path it has."""

import ctypes
import itertools
import os
import shutil
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent
from tests.support.watching import HeldInotify, Watching, read, run, tree, watching

pytestmark = pytest.mark.needs("inotify")

#: renameat2(2): swap two names.
RENAME_EXCHANGE = 2
AT_FDCWD = -100


def directories(watch: Watching) -> int:
    return watch.watcher.counts().directories


async def test_files_written_at_once_into_new_directories(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    expected = {f"n{n}/deep/er/f{n}.py" for n in range(50)}

    async with watching(tmp_path, root) as watch:
        tree(root, *expected)

        seen = await watch.seen()
        assert {path for change, path in seen if change in (Change.FOUND, Change.CREATED)} == expected
        assert directories(watch) == 1 + 50 * 3


async def test_a_new_directory_is_watched(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        tree(root, "new/sub/f.py")
        await watch.seen()
        read(root / "new/sub/f.py")

        assert await watch.seen() == [(Change.READ, "new/sub/f.py")]


async def test_an_unpacked_archive_is_known_to_the_last_file(tmp_path: Path) -> None:
    expected = [f"d{n % 100}/s{n % 3}/f{n}.txt" for n in range(2000)]
    tree(tmp_path / "source", *expected)
    run("tar", "-C", tmp_path / "source", "-cf", tmp_path / "a.tar", ".")
    root = tree(tmp_path / "w", "a.py")

    async with watching(tmp_path, root) as watch:
        run("tar", "-C", root, "-xf", tmp_path / "a.tar")

        seen = await watch.seen()
        assert {path for change, path in seen if change is not Change.READ} == set(expected)
        assert watch.recorder.losses == []


async def test_a_renamed_directory_takes_its_files_along(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "old/f.py", "old/sub/deep/g.py", "b/")

    async with watching(tmp_path, root) as watch:
        (root / "old").rename(root / "b/new")

        events = await watch.events()
        pairs = {
            event.cookie: (event.path, other.path)
            for event in events
            for other in events
            if event.cookie == other.cookie and (event.change, other.change) == (Change.MOVED_FROM, Change.MOVED_TO)
        }
        assert sorted(pairs.values()) == [
            (str(root / "old/f.py"), str(root / "b/new/f.py")),
            (str(root / "old/sub/deep/g.py"), str(root / "b/new/sub/deep/g.py")),
        ]
        assert all(cookie < 0 for cookie in pairs)
        assert len(events) == 4


async def test_what_happens_in_a_renamed_directory_has_its_new_path(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "old/sub/deep/g.py")

    async with watching(tmp_path, root) as watch:
        (root / "old").rename(root / "new")
        (root / "new/sub/deep/g.py").write_text("changed\n")
        (root / "new/sub").rename(root / "sub2")
        read(root / "sub2/deep/g.py")

        seen = await watch.seen()
        assert (Change.WRITTEN, "new/sub/deep/g.py") in seen or (Change.WRITTEN, "sub2/deep/g.py") in seen
        assert (Change.READ, "sub2/deep/g.py") in seen
        assert not any(path.startswith("old") and change is not Change.MOVED_FROM for change, path in seen)
        assert directories(watch) == 4


async def test_renames_in_a_row(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/f.py")

    async with watching(tmp_path, root) as watch:
        for old, new in ("ab", "bc", "cd"):
            (root / old).rename(root / new)
        await watch.seen()
        read(root / "d/f.py")

        assert await watch.seen() == [(Change.READ, "d/f.py")]
        assert directories(watch) == 2


async def test_two_directories_swap_names(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/in_a.py", "b/in_b.py")
    libc = ctypes.CDLL(None)

    async with watching(tmp_path, root) as watch:
        a, b = os.fsencode(root / "a"), os.fsencode(root / "b")
        assert libc.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0
        await watch.seen()
        read(root / "b/in_a.py")
        read(root / "a/in_b.py")

        assert await watch.seen() == [(Change.READ, "b/in_a.py"), (Change.READ, "a/in_b.py")]


async def test_a_directory_that_moves_out_is_one_deletion(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "d/f.py", "d/sub/g.py", "other.py")

    async with watching(tmp_path, root) as watch:
        (root / "d").rename(tmp_path / "outside")
        read(tmp_path / "outside/f.py")
        read(root / "other.py")

        assert await watch.seen() == [(Change.DELETED, "d"), (Change.READ, "other.py")]
        assert directories(watch) == 1


async def test_a_directory_that_moves_out_and_back_in_is_watched(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "d/f.py", "d/sub/g.py")

    async with watching(tmp_path, root) as watch:
        (root / "d").rename(tmp_path / "outside")
        (tmp_path / "outside").rename(root / "back")
        assert set(await watch.paths(Change.FOUND)) == {"back/f.py", "back/sub/g.py"}
        read(root / "back/sub/g.py")

        assert await watch.seen() == [(Change.READ, "back/sub/g.py")]
        assert directories(watch) == 3


async def test_a_directory_that_moves_in_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    tree(tmp_path / "outside", "f.py", "sub/g.py", "node_modules/h.js")

    async with watching(tmp_path, root) as watch:
        (tmp_path / "outside").rename(root / "d")

        assert set(await watch.seen()) == {(Change.FOUND, "d/f.py"), (Change.FOUND, "d/sub/g.py")}


async def test_a_directory_moves_into_an_ignored_place_and_out_of_it(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "d/f.py", "node_modules/")

    async with watching(tmp_path, root) as watch:
        (root / "d").rename(root / "node_modules/d")
        assert await watch.seen() == [(Change.DELETED, "d")]

        (root / "node_modules/d").rename(root / "d")
        assert await watch.seen() == [(Change.FOUND, "d/f.py")]

        (root / "d").rename(root / ".cache")
        assert await watch.seen() == [(Change.DELETED, "d")]
        assert directories(watch) == 1


async def test_a_tree_that_is_removed(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "d/f.py", "d/sub/deep/g.py", "a.py")

    async with watching(tmp_path, root) as watch:
        shutil.rmtree(root / "d")

        seen = await watch.seen()
        assert Counter(seen) == {(Change.DELETED, "d/f.py"): 1, (Change.DELETED, "d/sub/deep/g.py"): 1}
        assert directories(watch) == 1


async def test_a_name_is_used_again(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "d/f.py")

    async with watching(tmp_path, root) as watch:
        for _ in range(20):
            shutil.rmtree(root / "d")
            tree(root, "d/f.py")
        await watch.seen()
        read(root / "d/f.py")

        assert await watch.seen() == [(Change.READ, "d/f.py")]
        assert directories(watch) == 2


async def test_a_large_birth_does_not_hold_up_a_barrier_s_promise(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    expected = {f"d/{n % 40}/{n}/f.py" for n in range(1500)}
    tree(tmp_path / "outside", *(path.removeprefix("d/") for path in expected))

    async with watching(tmp_path, root) as watch:
        (tmp_path / "outside").rename(root / "d")

        assert set(await watch.paths(Change.FOUND)) == expected


async def test_a_walk_that_is_ahead_of_the_events_is_not_confused_by_them(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/f.py", "q/g.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held():
            (root / "a").rename(root / "q/a")
            (root / "q/a").rename(root / "a")
            (root / "q").rename(root / "a/q")
            # The walk finds q below a, before the events say that a was below q.
            await watch.watcher.watch(str(root / "a"))
        await watch.events()
        read(root / "a/q/g.py")

        (event,) = await watch.events()
        assert event.path == str(root / "a/q/g.py")
        assert set(event.workspaces) == {str(root), str(root / "a")}
        assert directories(watch) == 3


def told(events: list[FileEvent], base: Path) -> dict[str, list[str]]:
    """Return what was told of every file, in order, under its name; opening for reading is left out."""
    lines: dict[str, list[str]] = {}
    left: dict[int, str] = {}
    for event in events:
        path = os.path.relpath(event.path, base)
        of_file = lines.setdefault(Path(path).name, [])
        match event.change:
            case Change.MOVED_FROM:
                left[event.cookie] = path
                of_file.append(f"from {path}")
            case Change.MOVED_TO:
                of_file.append(f"to {path}, was {left.get(event.cookie)}")
            case Change.CREATED | Change.WRITTEN | Change.DELETED:
                of_file.append(f"{event.change.name.lower()} {path}")
    return lines


#: Held, all records come in one batch; not held, the walk may be ahead of them.
at_once = pytest.mark.parametrize("held", [True, *[False] * 5])


@at_once
async def test_a_file_made_at_once_in_a_directory_moved_to_an_ignored_place(tmp_path: Path, *, held: bool) -> None:
    root = tree(tmp_path / "w", "d/", "d/sub/", "ign/")
    (root / ".gitignore").write_text("ign/*\n")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held() if held else nullcontext():
            (root / "d").rename(root / "ign/d")
            tree(root, "ign/d/secret.py", "ign/d/sub/secret.py")

        assert await watch.seen() == [(Change.DELETED, "d")]
        assert directories(watch) == 2


@at_once
async def test_files_made_at_once_in_a_moved_directory_obey_its_new_place(tmp_path: Path, *, held: bool) -> None:
    root = tree(tmp_path / "w", "strict/", "d/raw/", "d/own/")
    (root / "strict/.gitignore").write_text("*.csv\nraw/\n")
    (root / "d/own/.gitignore").write_text("/*.log\n")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held() if held else nullcontext():
            (root / "d").rename(root / "strict/d")
            tree(root, *(f"strict/d/{name}" for name in ("a.csv", "raw/b.py", "own/c.csv", "own/d.log", "own/e.py")))

        assert told(await watch.events(), root) == {
            "raw": ["deleted d/raw"],
            ".gitignore": ["from d/own/.gitignore", "to strict/d/own/.gitignore, was d/own/.gitignore"],
            "e.py": ["created strict/d/own/e.py", "written strict/d/own/e.py"],
        }


@at_once
async def test_what_happens_to_files_around_the_move_of_their_directory(tmp_path: Path, *, held: bool) -> None:
    root = tree(tmp_path / "w", *(f"e/sub/{name}" for name in ("kept", "gone", "changed", "named")))
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held() if held else nullcontext():
            tree(root, "e/sub/before")
            (root / "e").rename(root / "ee")
            tree(root, "ee/sub/new", "ee/sub/changed")
            (root / "ee/sub/gone").unlink()
            (root / "ee/sub/named").rename(root / "ee/sub/name")

        moved = {
            name: [f"from e/sub/{name}", f"to ee/sub/{name}, was e/sub/{name}"]
            for name in ("kept", "gone", "changed", "named", "before")
        }
        assert told(await watch.events(), root) == {
            "before": ["created e/sub/before", "written e/sub/before", *moved["before"]],
            "new": ["created ee/sub/new", "written ee/sub/new"],
            "kept": moved["kept"],
            "gone": [*moved["gone"], "deleted ee/sub/gone"],
            "changed": [*moved["changed"], "written ee/sub/changed"],
            "named": [*moved["named"], "from ee/sub/named"],
            "name": ["to ee/sub/name, was ee/sub/named"],
        }


async def test_a_directory_moves_on_before_its_files_were_looked_at(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/f", "a/g")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held():
            (root / "a").rename(root / "b")
            tree(root, "b/g", "b/new")
            (root / "b").rename(root / "c")

        assert told(await watch.events(), root) == {
            "f": ["from a/f", "to c/f, was a/f"],
            "g": ["from a/g", "to b/g, was a/g", "written b/g", "from b/g", "to c/g, was b/g"],
            "new": ["created b/new", "written b/new", "from b/new", "to c/new, was b/new"],
        }


async def test_a_directory_that_moves_on_out_of_sight_is_deleted_where_it_was(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/f")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held():
            (root / "a").rename(root / "b")
            (root / "b").rename(tmp_path / "outside")

        assert await watch.seen() == [(Change.DELETED, "a")]
        assert directories(watch) == 1


class _Ticking:
    """A clock on which each look takes a millisecond."""

    def __init__(self) -> None:
        self._at = itertools.count(1_700_000_000_000)

    def now(self) -> Millis:
        return Millis(next(self._at))


async def test_what_was_read_before_a_walk_found_something_is_not_told_as_older(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify, clock=_Ticking()) as watch:
        with inotify.held():
            tree(root, "new/b.py")
            (root / "c.py").touch()
            read(root / "a.py")
        events = await watch.events()

    assert {Path(one.path).name for one in events} == {"a.py", "b.py", "c.py"}
    assert [one.at for one in events] == sorted(one.at for one in events)

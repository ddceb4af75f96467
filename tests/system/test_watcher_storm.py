"""Whatever several programs do to a tree at once, the watcher ends up seeing exactly what is there."""

import asyncio
import os
import random
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from omnimemd.domain.file_events import Change
from tests.support.watching import Watching, read, short, tree, watching

pytestmark = pytest.mark.needs("inotify")

NAMES = "abcd"


def rearrange(root: Path, outside: Path, *, seed: int, steps: int) -> None:
    """Make, move and remove directories at random, as programs that know nothing of each other do."""
    choose = random.Random(seed)  # noqa: S311  a storm that can be had again

    def some() -> Path:
        return root.joinpath(*choose.choices(NAMES, k=choose.randint(1, 4)))

    for _ in range(steps):
        here, there = some(), some()
        away = outside / choose.choice(NAMES)
        hidden = root / "node_modules" / choose.choice(NAMES)
        with suppress(OSError):
            match choose.randint(0, 9):
                case 0 | 1 | 2 | 3:
                    here.mkdir(parents=True, exist_ok=True)
                    (here / "f.py").touch()
                case 4 | 5:
                    here.rename(there)
                case 6:
                    shutil.rmtree(here)
                case 7:
                    here.rename(away)
                    away.rename(there)
                case 8:
                    here.rename(hidden)
                    hidden.rename(there)
                case _:
                    (here.parent / ".gitignore").write_text(choose.choice(["", "d\n", "/a\n"]))


async def watched_directories(watch: Watching) -> set[str]:
    """Return the directories in which a read is seen, by reading in every one that there is."""
    probes = [Path(at) / "probe" for at, _, _ in os.walk(watch.base)]
    for probe in probes:
        probe.touch()
    await watch.events()
    for probe in probes:
        read(probe)
    return {os.path.dirname(path) for path in await watch.paths(Change.READ)}  # noqa: PTH120


async def storm(root: Path, outside: Path, *, seed: int) -> None:
    threads = [
        threading.Thread(target=rearrange, args=(root, outside), kwargs={"seed": 10 * seed + n, "steps": 500})
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))


@pytest.mark.parametrize("seed", range(6))
async def test_after_a_storm_the_same_is_seen_as_by_a_fresh_watcher(tmp_path: Path, seed: int) -> None:
    root = tree(tmp_path / "w", "a/", "node_modules/")
    outside = tree(tmp_path / "outside")
    outside.mkdir()

    async with watching(tmp_path, root) as watch:
        await storm(root, outside, seed=seed)
        await watch.watcher.barrier()

        async with watching(tree(tmp_path, "fresh/") / "fresh", root) as fresh:
            assert watch.watcher.counts().directories == fresh.watcher.counts().directories
            assert await watched_directories(watch) == await watched_directories(fresh)
            assert watch.recorder.losses == []


@pytest.mark.parametrize("limit", [6, 25])
@pytest.mark.parametrize("seed", range(3))
async def test_after_a_storm_every_change_is_found_without_watches_too(tmp_path: Path, seed: int, limit: int) -> None:
    root = tree(tmp_path / "w", "a/", "node_modules/")
    outside = tree(tmp_path / "outside")
    outside.mkdir()

    async with watching(tmp_path, root, open_inotify=short(limit)) as watch:
        await storm(root, outside, seed=seed)
        await watch.events()

        async with watching(tree(tmp_path, "fresh/") / "fresh", root) as fresh:
            for at in [Path(each) for each, _, _ in os.walk(root)]:
                (at / "born").touch()
            expected = await fresh.paths(Change.CREATED)
            found = [path for change, path in await watch.seen() if change in (Change.CREATED, Change.FOUND)]
            assert sorted({*found}) == sorted(expected)
            for path in expected:
                (root / path).unlink()
            assert sorted({*await watch.paths(Change.DELETED)}) == sorted(expected)

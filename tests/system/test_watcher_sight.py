"""What a root says it sees of a path, beside what it really reports."""

import errno
from pathlib import Path

import pytest

from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.ignore import Rule
from tests.support.watching import tree, watching
from tests.system.test_watcher_faults import RefusingInotify

pytestmark = pytest.mark.needs("inotify")


async def test_the_rule_that_hides_a_path_is_named_with_the_folder_it_hides(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/out/deep/x.py")
    (root / "sub/.gitignore").write_text("# made\nout/\n!keep.py\n")

    async with watching(tmp_path, root) as watch:
        hidden = await watch.watcher.sight(str(root), f"{root}/sub/out/deep/x.py", is_dir=False)
        kept = await watch.watcher.sight(str(root), f"{root}/sub/keep.py", is_dir=False)

    source = f"{root}/sub/.gitignore"
    assert hidden == Sight(f"{root}/sub/out", Obstacle.RULE, Rule(pattern="out/", source=source, line=2))
    assert kept == Sight(f"{root}/sub/keep.py", rule=Rule(pattern="!keep.py", source=source, line=3))


async def test_rules_that_changed_are_those_that_count(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.o")

    async with watching(tmp_path, root) as watch:
        before = await watch.watcher.sight(str(root), f"{root}/a.o", is_dir=False)
        (root / ".gitignore").write_text("*.o\n")
        await watch.events()
        after = await watch.watcher.sight(str(root), f"{root}/a.o", is_dir=False)

    assert before is not None
    assert after is not None
    assert (before.obstacle, after.obstacle) == (None, Obstacle.RULE)


async def test_each_of_two_roots_answers_for_itself(tmp_path: Path) -> None:
    outer = tree(tmp_path / "w", "vendor/lib/a.py")
    (outer / ".gitignore").write_text("vendor/\n")
    inner = outer / "vendor/lib"
    path = f"{inner}/a.py"

    async with watching(tmp_path, outer, inner) as watch:
        of_outer = await watch.watcher.sight(str(outer), path, is_dir=False)
        of_inner = await watch.watcher.sight(str(inner), path, is_dir=False)
        of_nobody = await watch.watcher.sight(str(tmp_path), path, is_dir=False)

    assert of_outer is not None
    assert of_outer.obstacle is Obstacle.RULE
    assert of_inner == Sight(path)
    assert of_nobody is None


async def test_what_is_blind_is_said(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "data/x.db")

    async with watching(tmp_path, root, blind=[root / "data"]) as watch:
        seen = await watch.watcher.sight(str(root), f"{root}/data/x.db", is_dir=False)

    assert seen == Sight(f"{root}/data", Obstacle.OWN_DATA)


async def test_a_folder_without_a_watch_is_looked_through(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "dim/a.py")

    def refuses(path: str) -> int:
        return errno.ENOSPC if path.endswith("/dim") else 0

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        seen = await watch.watcher.sight(str(root), f"{root}/dim/a.py", is_dir=False)
        (root / "dim/a.py").write_text("changed")
        written = await watch.seen()

    assert seen == Sight(f"{root}/dim", Obstacle.NO_WATCH_LEFT)
    assert "dim/a.py" in [path for _, path in written]


@pytest.mark.parametrize("below", ["dark/a.py", "dark/deep/a.py", "dark"])
async def test_a_folder_that_the_kernel_does_not_show_is_said(tmp_path: Path, below: str) -> None:
    root = tree(tmp_path / "w", "dark/deep/a.py", "light/a.py")

    def refuses(path: str) -> int:
        return errno.EACCES if path.endswith("/dark") else 0

    async with watching(tmp_path, root, open_inotify=lambda: RefusingInotify(refuses)) as watch:
        dark = await watch.watcher.sight(str(root), f"{root}/{below}", is_dir=below == "dark")
        light = await watch.watcher.sight(str(root), f"{root}/light/a.py", is_dir=False)

    assert dark == Sight(f"{root}/dark", Obstacle.UNREADABLE)
    assert light == Sight(f"{root}/light/a.py")

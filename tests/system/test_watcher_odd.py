"""What may lie in a tree: names that are not text, paths too long for the kernel, and files that are no files."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change
from tests.support.watching import tree, watching

pytestmark = pytest.mark.needs("inotify")

#: As long as a name can be, in bytes: NAME_MAX of every usual file system.
LONGEST = "n" * 255


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A root below which lie paths longer than PATH_MAX: 40 directories with names of 200 bytes, each with a file."""
    root = tmp_path / "w"
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(40):
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    yield root
    shutil.rmtree(root)


@pytest.mark.parametrize(
    "name",
    ["new\nline", "tab\tand space ", "quote'\"\\", os.fsdecode(b"caf\xe9 \xff"), "日本語", "-rf", LONGEST, "*?[a]"],
    ids=["newline", "blanks", "quotes", "not-utf-8", "cjk", "dash", "longest", "pattern"],
)
async def test_a_name_is_told_as_it_is(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path / "w", "a/")

    async with watching(tmp_path, root) as watch:
        (root / name).mkdir()
        (root / name / name).touch()
        (root / "a" / name).touch()
        born = [path for change, path in await watch.seen() if change in (Change.CREATED, Change.FOUND)]
        (root / name / name).read_bytes()
        (root / name).rename(root / "moved")
        (root / "moved" / name).read_bytes()
        seen = await watch.seen()

    assert set(born) == {f"{name}/{name}", f"a/{name}"}
    assert (Change.READ, f"{name}/{name}") in seen
    assert (Change.READ, f"moved/{name}") in seen


async def test_what_lies_too_deep_is_said_and_the_rest_is_seen(tmp_path: Path, deep: Path) -> None:
    reachable = deep / "/".join(["d" * 200] * 15)

    async with watching(tmp_path, deep) as watch:
        report = watch.watcher.report(str(deep))
        (reachable / "f").write_text("x")
        seen = await watch.seen()

    assert report is not None
    assert report.state is WorkspaceState.DEGRADED
    assert "too long" in (report.problem or "")
    assert (Change.WRITTEN, os.path.relpath(reachable / "f", deep)) in seen
    assert report.directories > 15
    assert [loss.reason for loss in watch.recorder.losses] == ["watch_failed"]


async def test_pipes_sockets_and_devices_are_neither_opened_nor_waited_for(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    for name in ("pipe", ".gitignore", ".omnimemignore", ".omnimem.toml", ".git"):
        os.mkfifo(root / name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))

        async with watching(tmp_path, root) as watch:
            os.mkfifo(root / "another")
            tree(root, "b.py")
            seen = await watch.seen()

    assert (Change.CREATED, "another") in seen
    assert (Change.WRITTEN, "b.py") in seen


async def test_a_directory_that_becomes_a_link_is_left_and_one_that_a_link_becomes_is_entered(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "sub/a.py")
    outside = tree(tmp_path / "outside", "b.py")

    async with watching(tmp_path, root) as watch:
        shutil.rmtree(root / "sub")
        (root / "sub").symlink_to(outside)
        await watch.events()
        (outside / "b.py").write_text("not ours")
        as_link = await watch.seen()
        (root / "sub").unlink()
        tree(root, "sub/c.py")
        await watch.events()
        (root / "sub/c.py").read_bytes()
        as_directory = await watch.seen()

    assert as_link == []
    assert as_directory == [(Change.READ, "sub/c.py")]


async def test_links_that_lead_in_circles_are_not_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a/b/c.py")
    (root / "a/b/up").symlink_to(root)
    (root / "self").symlink_to("self")

    async with watching(tmp_path, root) as watch:
        report = watch.watcher.report(str(root))

    assert report is not None
    assert (report.state, report.directories) == (WorkspaceState.WATCHING, 3)

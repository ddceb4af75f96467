"""Rules that lie outside what is watched take effect while it is watched."""

from pathlib import Path

import pytest

from omnimemd.domain.file_events import Change
from tests.support.watching import Watching, read, run, tree, watching

pytestmark = pytest.mark.needs("inotify")


async def reads(watch: Watching, *paths: str) -> list[str]:
    """Read the files and return those of them that are told of."""
    await watch.events()
    for path in paths:
        read(watch.base / path)
    return await watch.paths(Change.READ)


async def test_info_exclude(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", ".git/HEAD", "a.py", "a.o", "build/b.py")

    async with watching(tmp_path, root) as watch:
        tree(root, ".git/info/")
        (root / ".git/info/exclude").write_text("*.o\nbuild/\n")
        assert await reads(watch, "a.py", "a.o", "build/b.py") == ["a.py"]

        (root / ".git/info/exclude.new").write_text("*.o\n")
        (root / ".git/info/exclude.new").rename(root / ".git/info/exclude")
        assert await reads(watch, "a.py", "a.o", "build/b.py") == ["a.py", "build/b.py"]

        run("rm", "-r", root / ".git/info")
        assert await reads(watch, "a.py", "a.o", "build/b.py") == ["a.py", "a.o", "build/b.py"]


async def test_info_exclude_of_a_repository_inside_a_root(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "inner/.git/HEAD", "inner/.git/info/exclude", "inner/a.o", "b.o")

    async with watching(tmp_path, root) as watch:
        (root / "inner/.git/info/exclude").write_text("*.o\n")

        assert await reads(watch, "inner/a.o", "b.o") == ["b.o"]


@pytest.mark.parametrize("name", [".gitignore", ".omnimemignore", ".git/info/exclude"])
async def test_a_file_above_the_root(tmp_path: Path, name: str) -> None:
    repository = tree(tmp_path / "repo", ".git/HEAD", ".git/info/", "mid/app/a.py", "mid/app/a.log")
    root = repository / "mid/app"

    async with watching(tmp_path, root) as watch:
        (repository / name).write_text("*.log\n")
        assert await reads(watch, "a.py", "a.log") == ["a.py"]

        (repository / name).unlink()
        assert await reads(watch, "a.py", "a.log") == ["a.py", "a.log"]


async def test_the_users_files(tmp_path: Path) -> None:
    home = tree(tmp_path / "me", "mine")
    (home / "mine").write_text("*.bak\n")
    root = tree(tmp_path / "w", "a.bak", "a.tmp", "inner/.git/HEAD", "inner/b.bak")

    async with watching(tmp_path, root, home=home) as watch:
        (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
        assert await reads(watch, "a.bak", "a.tmp", "inner/b.bak") == ["a.tmp"]

        (home / "mine").write_text("*.tmp\n")
        assert await reads(watch, "a.bak", "a.tmp", "inner/b.bak") == ["a.bak", "inner/b.bak"]

        (home / ".gitconfig").unlink()
        assert await reads(watch, "a.bak", "a.tmp", "inner/b.bak") == ["a.bak", "a.tmp", "inner/b.bak"]

        tree(home, ".config/git/")
        (home / ".config/git/ignore").write_text("*.tmp\n")
        assert await reads(watch, "a.bak", "a.tmp", "inner/b.bak") == ["a.bak", "inner/b.bak"]


async def test_a_configuration_that_is_a_link(tmp_path: Path) -> None:
    home = tree(tmp_path / "me", "dotfiles/gitconfig")
    (home / ".gitconfig").symlink_to("dotfiles/gitconfig")
    (home / "mine").write_text("*.bak\n")
    root = tree(tmp_path / "w", "a.bak")

    async with watching(tmp_path, root, home=home) as watch:
        (home / "dotfiles/gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")

        assert await reads(watch, "a.bak") == []


async def test_a_home_that_is_watched_itself(tmp_path: Path) -> None:
    home = tree(tmp_path / "me", "a.bak", "w/b.bak")
    (home / "mine").write_text("*.bak\n")

    async with watching(tmp_path, home, home=home) as watch:
        (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
        assert await reads(watch, "a.bak", "w/b.bak") == []

        await watch.watcher.unwatch(str(home))
        await watch.watcher.watch(str(home / "w"))
        (home / "mine").write_text("")
        assert await reads(watch, "w/b.bak") == ["w/b.bak"]

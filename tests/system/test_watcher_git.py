"""git's lock is told to the roots that see the working tree; nothing else of `.git` is."""

from pathlib import Path

import pytest

from omnimemd.domain.file_events import Change
from tests.support.watching import Watching, read, run, tree, watching

pytestmark = pytest.mark.needs("inotify", "git")

LOCKS = (Change.LOCKED, Change.UNLOCKED)


def git(worktree: Path, *arguments: str | Path) -> None:
    run("git", "-C", worktree, "-c", "user.name=n", "-c", "user.email=e", *arguments)


def repository(at: Path) -> Path:
    """Make one with a commit and a branch `other` on which `a.py` differs."""
    tree(at, "a.py", "sub/b.py")
    git(at, "init", "-q", "-b", "main")
    git(at, "add", ".")
    git(at, "commit", "-qm", "one")
    git(at, "checkout", "-qb", "other")
    (at / "a.py").write_text("other\n")
    git(at, "commit", "-qam", "two")
    git(at, "checkout", "-q", "main")
    return at


async def locks(watch: Watching) -> list[tuple[Change, str, tuple[str, ...]]]:
    return [(one.change, one.path, one.workspaces) for one in await watch.events() if one.change in LOCKS]


async def test_a_checkout_is_told_between_its_lock_and_its_end(tmp_path: Path) -> None:
    root = repository(tmp_path / "w")

    async with watching(tmp_path, root) as watch:
        git(root, "checkout", "-q", "other")

        seen = [one for one in await watch.seen() if one[0] is not Change.READ]
        assert seen[0] == (Change.LOCKED, ".git/index.lock")
        assert seen[-1] == (Change.UNLOCKED, ".git/index.lock")
        assert (Change.WRITTEN, "a.py") in seen
        assert {path for _, path in seen} == {".git/index.lock", "a.py"}


async def test_a_linked_worktree_is_told_of_its_own_lock_only(tmp_path: Path) -> None:
    main = repository(tmp_path / "w")
    git(main, "worktree", "add", "-q", tmp_path / "linked", "other")
    linked = tmp_path / "linked"

    async with watching(tmp_path, linked) as watch:
        git(main, "read-tree", "HEAD")
        assert await locks(watch) == []
        git(linked, "read-tree", "HEAD")

        path = str(main / ".git/worktrees/linked/index.lock")
        assert await locks(watch) == [(Change.LOCKED, path, (str(linked),)), (Change.UNLOCKED, path, (str(linked),))]


async def test_a_root_inside_a_working_tree_is_told(tmp_path: Path) -> None:
    main = repository(tmp_path / "w")

    async with watching(tmp_path, main / "sub") as watch:
        git(main, "read-tree", "HEAD")

        assert [(change, roots) for change, _, roots in await locks(watch)] == [
            (Change.LOCKED, (str(main / "sub"),)),
            (Change.UNLOCKED, (str(main / "sub"),)),
        ]


async def test_a_repository_that_begins_while_it_is_watched(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "app/a.py")

    async with watching(tmp_path, root) as watch:
        git(root / "app", "init", "-q")
        await watch.events()
        git(root / "app", "add", ".")

        assert [change for change, _, _ in await locks(watch)] == [Change.LOCKED, Change.UNLOCKED]


async def test_a_repository_that_moved_is_told_under_its_new_path(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "x/")
    repository(root / "x/app")

    async with watching(tmp_path, root) as watch:
        (root / "x").rename(root / "y")
        await watch.events()
        git(root / "y/app", "read-tree", "HEAD")

        assert [path for _, path, _ in await locks(watch)] == [str(root / "y/app/.git/index.lock")] * 2


async def test_a_repository_made_anew_is_told(tmp_path: Path) -> None:
    root = repository(tmp_path / "w")

    async with watching(tmp_path, root) as watch:
        run("rm", "-r", root / ".git")
        git(root, "init", "-q")
        await watch.events()
        git(root, "add", "a.py")

        assert [change for change, _, _ in await locks(watch)] == [Change.LOCKED, Change.UNLOCKED]


async def test_a_git_directory_that_is_a_root_itself_is_watched_as_any_other(tmp_path: Path) -> None:
    root = repository(tmp_path / "w")

    async with watching(tmp_path, root, root / ".git") as watch:
        read(root / ".git/HEAD")
        git(root, "read-tree", "HEAD")
        seen = await watch.seen()
        assert {(Change.READ, ".git/HEAD"), (Change.CREATED, ".git/index.lock"), (Change.LOCKED, ".git/index.lock")} < {
            *seen
        }

        await watch.watcher.unwatch(str(root / ".git"))
        read(root / ".git/HEAD")
        git(root, "read-tree", "HEAD")
        assert await watch.seen() == [(Change.LOCKED, ".git/index.lock"), (Change.UNLOCKED, ".git/index.lock")]

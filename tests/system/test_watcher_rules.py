"""What is ignored is never watched and never reported; the rules come from git's files and from omnimem's."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from omnimemd.domain.file_events import Change
from omnimemd.system.project_files import ProjectFiles
from tests.support.watching import HeldInotify, read, run, tree, watching

pytestmark = pytest.mark.needs("inotify")


def directories_of(root: Path) -> int:
    return sum(1 for path in root.rglob("*") if path.is_dir()) + 1


async def test_the_hard_list_is_pruned_at_any_depth(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", ".git/objects/aa/x", "a/node_modules/m/n/x.js", "a/b/__pycache__/c.pyc", "a/f.py")

    async with watching(tmp_path, root) as watch:
        read(root / "a/node_modules/m/n/x.js")
        tree(root, "a/.venv/lib/x.py", ".git/index.lock", "a/b/__pycache__/d.pyc")

        assert await watch.seen() == []
        assert watch.watcher.counts().directories == 3


async def test_a_root_inside_such_a_directory_is_allowed(tmp_path: Path) -> None:
    root = tree(tmp_path / ".venv/w", "f.py", ".venv/g.py")

    async with watching(tmp_path, root) as watch:
        read(root / "f.py")
        read(root / ".venv/g.py")

        assert await watch.seen() == [(Change.READ, "f.py")]


async def test_gitignore_files_nest_and_negate(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.log", "keep.log", "sub/b.log", "sub/own.tmp", "build/out.o", "sub/build/out.o")
    (root / ".gitignore").write_text("*.log\n!keep.log\n/build\n")
    (root / "sub/.gitignore").write_text("!b.log\n*.tmp\n")

    async with watching(tmp_path, root) as watch:
        for path in ("a.log", "keep.log", "sub/b.log", "sub/own.tmp", "build/out.o", "sub/build/out.o"):
            read(root / path)

        assert await watch.paths(Change.READ) == ["keep.log", "sub/b.log", "sub/build/out.o"]


async def test_rules_above_a_root_inside_a_repository(tmp_path: Path) -> None:
    repository = tree(tmp_path / "repo", ".git/HEAD", ".git/info/", "app/src/a.py", "app/src/a.log", "app/src/x.o")
    (repository / ".gitignore").write_text("*.log\n")
    (repository / ".git/info/exclude").write_text("*.o\n")
    root = repository / "app"

    async with watching(tmp_path, root) as watch:
        for name in ("a.py", "a.log", "x.o"):
            read(root / "src" / name)

        assert await watch.paths(Change.READ) == ["src/a.py"]


@pytest.mark.needs("git")
async def test_a_linked_worktree_has_the_excludes_of_its_repository(tmp_path: Path) -> None:
    repository = tree(tmp_path / "repo", "a.py")
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e"]
    run(*git, "init", "-q")
    run(*git, "add", ".")
    run(*git, "commit", "-qm", "one")
    run(*git, "worktree", "add", "-q", tmp_path / "linked")
    (repository / ".git/info/exclude").write_text("*.o\n")
    root = tree(tmp_path / "linked", "x.o")

    async with watching(tmp_path, root) as watch:
        read(root / "x.o")
        read(root / ".git")
        read(root / "a.py")

        assert await watch.seen() == [(Change.READ, "a.py")]


async def test_a_repository_inside_another_has_rules_of_its_own(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", ".git/HEAD", "inner/.git/HEAD", "inner/a.log", "b.log")
    (root / ".gitignore").write_text("*.log\n")

    async with watching(tmp_path, root) as watch:
        read(root / "b.log")
        read(root / "inner/a.log")

        assert await watch.paths(Change.READ) == ["inner/a.log"]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (".gitconfig", "[user]\n\tname = n\n[Core]\n\texcludesFile = ~/mine # a comment\n"),
        (".config/git/config", '[core] excludesfile = "~/mine"\n'),
    ],
)
async def test_core_excludesfile_of_the_user(tmp_path: Path, config: str, text: str) -> None:
    home = tree(tmp_path / "me", config)
    (home / config).write_text(text)
    (home / "mine").write_text("*.bak\n")
    root = tree(tmp_path / "w", "a.bak", "a.py")

    async with watching(tmp_path, root, home=home) as watch:
        read(root / "a.bak")
        read(root / "a.py")

        assert await watch.paths(Change.READ) == ["a.py"]


async def test_the_users_default_ignore_file(tmp_path: Path) -> None:
    home = tree(tmp_path / "me", ".config/git/ignore")
    (home / ".config/git/ignore").write_text("*.bak\n")
    root = tree(tmp_path / "w", "a.bak")

    async with watching(tmp_path, root, home=home) as watch:
        read(root / "a.bak")

        assert await watch.seen() == []


async def test_omnimem_s_own_files_add_to_git_s_and_take_nothing_back(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.log", "data/x.csv", "data/keep.csv", "secret/k", "sub/.omnimem.toml", "b.py")
    (root / ".gitignore").write_text("*.log\n")
    (root / ".omnimemignore").write_text("!a.log\n*.csv\n!keep.csv\n")
    (root / ".omnimem.toml").write_text('project_id = "p"\nignore = ["/secret/"]\n')
    (root / "sub/.omnimem.toml").write_text('ignore = ["*"]\n')
    (root / "sub/c.py").write_text("")

    async with watching(tmp_path, root) as watch:
        for path in ("a.log", "data/x.csv", "data/keep.csv", "secret/k", "b.py", "sub/c.py"):
            read(root / path)

        assert await watch.paths(Change.READ) == ["data/keep.csv", "b.py", "sub/c.py"]


async def test_rules_inside_a_born_directory_are_read_without_being_seen(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py")
    outside = tree(tmp_path / "outside", "x.log", "y.py")
    (outside / ".gitignore").write_text("*.log\n")

    async with watching(tmp_path, root) as watch:
        outside.rename(root / "new")

        assert sorted(await watch.seen()) == [(Change.FOUND, "new/.gitignore"), (Change.FOUND, "new/y.py")]


async def test_changed_rules_take_effect_at_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "data/x.csv", "gen/deep/y.py", "a.py")

    async with watching(tmp_path, root) as watch:
        (root / ".gitignore").write_text("*.csv\ngen/\n")
        await watch.seen()
        assert watch.watcher.counts().directories == 2
        for path in ("data/x.csv", "gen/deep/y.py", "a.py"):
            read(root / path)
        assert await watch.seen() == [(Change.READ, "a.py")]

        (root / ".gitignore").unlink()
        assert await watch.seen() == [(Change.DELETED, ".gitignore")]
        assert watch.watcher.counts().directories == directories_of(root)
        read(root / "gen/deep/y.py")
        assert await watch.seen() == [(Change.READ, "gen/deep/y.py")]


@pytest.mark.parametrize("held", [False, True])
async def test_what_is_ignored_from_now_on_is_not_told_any_more(tmp_path: Path, *, held: bool) -> None:
    root = tree(tmp_path / "w", "a.py", "sub/deep/b.py", "own/.gitignore", "build/c.py")
    inotify = HeldInotify()

    async with watching(tmp_path, root, open_inotify=lambda: inotify) as watch:
        with inotify.held() if held else nullcontext():
            (root / ".gitignore").write_text("*.log\nbuild/\n")
            tree(root, "a.log", "sub/deep/b.log", "own/c.log", "build/d.py", "a.txt")

        assert {path for _, path in await watch.seen()} <= {".gitignore", "a.txt", "own/c.log"}


async def test_a_file_moves_from_an_ignored_name_to_a_tracked_one(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.tmp")
    (root / ".gitignore").write_text("*.tmp\n")

    async with watching(tmp_path, root) as watch:
        (root / "a.tmp").rename(root / "a.py")

        assert await watch.seen() == [(Change.MOVED_TO, "a.py")]


async def test_a_moved_directory_obeys_the_rules_of_its_new_place(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "strict/", "d/a.py", "d/b.csv", "d/raw/c.py")
    (root / "strict/.gitignore").write_text("*.csv\nraw/\n")

    async with watching(tmp_path, root) as watch:
        (root / "d").rename(root / "strict/d")

        assert sorted(await watch.seen()) == [
            (Change.DELETED, "d/raw"),
            (Change.MOVED_FROM, "d/a.py"),
            (Change.MOVED_FROM, "d/b.csv"),
            (Change.MOVED_TO, "strict/d/a.py"),
        ]
        read(root / "strict/d/b.csv")
        read(root / "strict/d/raw/c.py")
        assert await watch.seen() == []


async def test_a_mistake_in_a_project_file_leaves_what_it_said_before(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.log", "b.py")
    (root / ".omnimem.toml").write_text('ignore = ["*.log"]\n')

    async with watching(tmp_path, root) as watch:
        (root / ".omnimem.toml").write_text("ignore = [ broken")
        await watch.events()
        read(root / "a.log")
        read(root / "b.py")

        assert await watch.paths(Change.READ) == ["b.py"]


@pytest.mark.needs("git")
async def test_that_rule_files_were_read_is_told_and_who_asks_then_causes_no_read(tmp_path: Path) -> None:
    root = tree(tmp_path / "w/in", "b.py").parent
    run("git", "init", "-q", root)
    files = ProjectFiles()

    async with watching(tmp_path, root / "in", root, project_files=files) as watch:
        before = watch.rules_read(root), watch.rules_read(root / "in")
        (root / ".omnimem.toml").write_text("track = false\n")
        await watch.events()
        after = watch.rules_read(root), watch.rules_read(root / "in")
        found = files.read(str(root / ".omnimem.toml"))

        assert after[0] > before[0]
        assert after[1] > before[1]
        assert found is not None
        assert not found.track
        assert await watch.seen() == []

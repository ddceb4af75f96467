"""Which project a path belongs to, found by looking at real folders and real git repositories."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from omnimem.errors import WorkspaceInvalid
from omnimem.model import ProjectKind
from omnimemd.domain.projects import Place
from omnimemd.system.places import SystemPlaces


def look(path: Path | str) -> Place:
    return SystemPlaces().look(str(path))


def git(*arguments: str | Path, at: Path) -> None:
    """Run git as nobody in particular, whatever the user's configuration says."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(at),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.example",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.example",
        "GIT_ALLOW_PROTOCOL": "file",
    }
    subprocess.run(["git", *map(str, arguments)], cwd=at, env=environ, check=True, capture_output=True)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.fixture
def repository(base: Path) -> Path:
    """A repository with one commit."""
    path = base / "app"
    path.mkdir()
    git("init", "-q", "-b", "main", at=path)
    (path / "src" / "deep").mkdir(parents=True)
    (path / "src" / "a.py").write_text("a\n")
    git("add", ".", at=path)
    git("commit", "-q", "-m", "begin", at=path)
    return path


@pytest.mark.needs("git")
class TestGit:
    def test_a_repository_is_found_from_anywhere_in_it(self, repository: Path) -> None:
        top = look(repository)

        assert (top.kind, top.root, top.worktree) == (ProjectKind.GIT, str(repository), str(repository))
        for path in ("src", "src/deep", "src/a.py", "src/../src/", ".git", ".git/refs"):
            assert look(f"{repository}/{path}").identity == top.identity
        assert look(f"{repository}/src/deep") == top

    def test_a_link_into_it_is_the_repository(self, repository: Path, base: Path) -> None:
        (base / "link").symlink_to(repository / "src")

        assert look(base / "link") == look(repository)

    def test_a_trailing_slash_changes_nothing(self, repository: Path) -> None:
        assert look(f"{repository}/") == look(f"{repository}//.") == look(repository)

    def test_a_linked_worktree_is_the_same_project_seen_from_elsewhere(self, repository: Path, base: Path) -> None:
        git("worktree", "add", "-q", "-b", "feature", base / "feature", at=repository)

        place = look(base / "feature")

        assert (place.identity, place.root) == (look(repository).identity, str(repository))
        assert place.worktree == str(base / "feature")

    def test_a_worktree_within_the_repository_too(self, repository: Path) -> None:
        git("worktree", "add", "-q", "-b", "inner", repository / "trees" / "inner", at=repository)

        place = look(repository / "trees" / "inner" / "src")

        assert (place.identity, place.root) == (look(repository).identity, str(repository))
        assert place.worktree == str(repository / "trees" / "inner")

    def test_a_submodule_is_a_project_of_its_own(self, repository: Path, base: Path) -> None:
        outer = base / "outer"
        outer.mkdir()
        git("init", "-q", at=outer)
        git("submodule", "--quiet", "add", repository, "lib", at=outer)

        place = look(outer / "lib" / "src")

        assert (place.kind, place.root, place.worktree) == (
            ProjectKind.GIT,
            str(outer / "lib"),
            str(outer / "lib"),
        )
        assert len({one.identity for one in (place, look(outer), look(repository))}) == 3

    def test_a_nested_repository_is_a_project_of_its_own(self, repository: Path) -> None:
        inner = repository / "vendor" / "inner"
        inner.mkdir(parents=True)
        git("init", "-q", at=inner)

        assert look(inner).root == str(inner)
        assert look(inner).identity != look(repository).identity

    def test_a_clone_and_a_copy_are_other_projects(self, repository: Path, base: Path) -> None:
        git("clone", "-q", repository, base / "clone", at=base)
        shutil.copytree(repository, base / "copy")

        assert len({look(base / name).identity for name in ("app", "clone", "copy")}) == 3

    def test_a_folder_that_was_moved_keeps_its_identity(self, repository: Path, base: Path) -> None:
        before = look(repository)
        (base / "elsewhere").mkdir()
        moved = repository.rename(base / "elsewhere" / "renamed")

        after = look(moved / "src")

        assert (after.identity, after.root) == (before.identity, str(moved))

    def test_a_folder_made_anew_in_the_same_place_is_another(self, repository: Path, base: Path) -> None:
        before = look(repository)
        shutil.rmtree(repository)
        repository.mkdir()
        git("init", "-q", at=repository)

        assert look(repository).identity != before.identity

    def test_a_bare_repository_has_no_working_tree(self, base: Path) -> None:
        git("init", "-q", "--bare", base / "app.git", at=base)

        place = look(base / "app.git" / "refs")

        assert (place.kind, place.root, place.worktree) == (ProjectKind.GIT, str(base / "app.git"), None)

    def test_a_git_directory_kept_apart_is_followed(self, base: Path) -> None:
        tree = base / "tree"
        tree.mkdir()
        git("init", "-q", "--separate-git-dir", base / "apart", at=tree)

        place = look(tree)

        assert (place.kind, place.root, place.worktree) == (ProjectKind.GIT, str(tree), str(tree))

    def test_nothing_is_written_into_the_repository(self, repository: Path) -> None:
        def content() -> dict[str, int]:
            return {str(one): one.lstat().st_mtime_ns for one in repository.rglob("*")}

        before = content()
        look(repository)

        assert content() == before

    def test_git_is_never_run(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")

        assert look(repository).kind is ProjectKind.GIT

    @pytest.mark.parametrize(
        "content", [b"", b"gitdir: /nowhere\n", b"gitdir: ../..\n", b"nonsense", b"\xff\xfe", b"gitdir: \0\n"]
    )
    def test_a_git_file_that_leads_nowhere_is_no_repository(self, base: Path, content: bytes) -> None:
        (base / ".git").write_bytes(content)

        assert look(base).kind is ProjectKind.PATH


class TestProjectFile:
    def test_an_id_makes_it_a_project_wherever_it_is_asked_from(self, base: Path) -> None:
        (base / ".omnimem.toml").write_text('project_id = "ours"\nname = "Ours"\nignore = ["x"]\n')
        (base / "a" / "b").mkdir(parents=True)

        place = look(base / "a" / "b")

        assert (place.kind, place.project_id, place.name) == (ProjectKind.MARKER, "ours", "Ours")
        assert (place.root, place.worktree) == (str(base), None)

    @pytest.mark.needs("git")
    def test_an_id_decides_inside_a_repository_too(self, repository: Path) -> None:
        (repository / "src" / ".omnimem.toml").write_text('project_id = "part"\n')

        part, whole = look(repository / "src" / "deep"), look(repository)

        assert (part.kind, part.root, part.worktree) == (
            ProjectKind.MARKER,
            str(repository / "src"),
            str(repository),
        )
        assert whole.kind is ProjectKind.GIT

    @pytest.mark.needs("git")
    def test_a_repository_below_a_project_file_is_its_own_project(self, repository: Path, base: Path) -> None:
        (base / ".omnimem.toml").write_text('project_id = "everything"\n')

        assert look(repository / "src").kind is ProjectKind.GIT

    @pytest.mark.needs("git")
    def test_a_name_alone_names_the_repository(self, repository: Path) -> None:
        (repository / ".omnimem.toml").write_text('name = "The App"\n')

        place = look(repository / "src")

        assert (place.kind, place.name, place.root) == (ProjectKind.GIT, "The App", str(repository))

    def test_a_folder_may_ask_not_to_be_tracked(self, base: Path) -> None:
        (base / ".omnimem.toml").write_text("track = false\n")

        assert look(base).track is False

    def test_what_it_says_besides_is_not_looked_at(self, base: Path) -> None:
        (base / ".omnimem.toml").write_text('ignore = ["x"]\nfuture = { a = 1 }\n')

        assert look(base).track is True

    @pytest.mark.parametrize(
        "content",
        [b"project_id = 3", b'project_id = "a b"', b'project_id = ""', b"track = 1", b"name = [", b"\xff"],
    )
    def test_a_mistake_in_it_is_told_rather_than_passed_over(self, base: Path, content: bytes) -> None:
        (base / ".omnimem.toml").write_bytes(content)

        with pytest.raises(WorkspaceInvalid, match=r"\.omnimem\.toml has a mistake") as told:
            look(base)

        assert str(base / ".omnimem.toml") in told.value.hint


class TestFolders:
    def test_outside_git_a_folder_is_a_project(self, base: Path) -> None:
        (base / "notes.txt").touch()

        assert look(base / "notes.txt") == look(base)
        assert (look(base).kind, look(base).root) == (ProjectKind.PATH, str(base))

    def test_identities_know_when_a_folder_was_made(self, base: Path) -> None:
        assert look(base).identity.birth_ns is not None

    @pytest.mark.parametrize("path", ["relative", "", "/does/not/exist", "/a\0b", "/\udcff"])
    def test_what_is_no_path_of_something_is_refused(self, path: str) -> None:
        with pytest.raises(WorkspaceInvalid) as told:
            look(path)

        assert told.value.errors[0].field == "path"

    def test_a_folder_whose_name_is_no_text_is_refused(self, base: Path) -> None:
        path = base / os.fsdecode(b"odd-\xff")
        path.mkdir()

        with pytest.raises(WorkspaceInvalid):
            SystemPlaces().directory(str(path))

    def test_links_in_a_circle_are_no_folder(self, base: Path) -> None:
        (base / "a").symlink_to(base / "b")
        (base / "b").symlink_to(base / "a")

        with pytest.raises(WorkspaceInvalid):
            SystemPlaces().directory(str(base / "a"))

    def test_a_file_is_no_directory(self, base: Path) -> None:
        (base / "file").touch()

        with pytest.raises(WorkspaceInvalid):
            SystemPlaces().directory(str(base / "file"))

    def test_a_path_is_real_as_far_as_it_exists(self, base: Path) -> None:
        (base / "link").symlink_to(base)

        assert SystemPlaces().real(f"{base}/link/./gone/x/") == f"{base}/gone/x"


class TestWhatIsNotToBeTrusted:
    @pytest.mark.parametrize("name", [".git", ".omnimem.toml"])
    def test_a_pipe_holds_nobody_up(self, base: Path, name: str) -> None:
        os.mkfifo(base / name)

        assert look(base).kind is ProjectKind.PATH

    @pytest.mark.parametrize("name", [".git", ".omnimem.toml"])
    def test_what_is_endless_is_not_read(self, base: Path, name: str) -> None:
        (base / name).symlink_to("/dev/zero")

        assert look(base).kind is ProjectKind.PATH

    def test_what_is_too_large_is_not_read(self, base: Path) -> None:
        (base / ".omnimem.toml").write_text('project_id = "p"\n')
        os.truncate(base / ".omnimem.toml", 3 << 30)

        assert look(base).kind is ProjectKind.PATH

    @pytest.mark.needs("root")
    def test_what_another_user_made_above_a_folder_decides_nothing(self, base: Path) -> None:
        mine = base / "mine"
        mine.mkdir()
        (base / ".omnimem.toml").write_text('project_id = "evil"\ntrack = false\n')
        git("init", "-q", at=base)
        for foreign in (base / ".omnimem.toml", base / ".git"):
            os.chown(foreign, 65534, 65534)

        place = look(mine)

        assert (place.kind, place.root, place.track) == (ProjectKind.PATH, str(mine), True)

    @pytest.mark.needs("root")
    def test_what_the_folders_own_owner_made_counts(self, repository: Path) -> None:
        for path in (repository, repository / "src", *(repository / ".git").parent.glob(".git")):
            os.chown(path, 65534, 65534)

        assert look(repository / "src").kind is ProjectKind.GIT

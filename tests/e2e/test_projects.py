"""Which project a path is of, on real folders and real git: the same through every door, and another when copied."""

import os
import shutil
from pathlib import Path

import pytest

from omnimem import Client, InvalidRequest, WorkspaceInvalid
from omnimem.model import ResolvedProject
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home, fill
from tests.e2e.programs import Programs

pytestmark = pytest.mark.needs("inotify", "git")


@pytest.fixture
def repository(home: Home, programs: Programs) -> Path:
    """A git repository with one commit."""
    return a_repository(home, programs)


def a_repository(home: Home, programs: Programs) -> Path:
    """Return a new git repository with one commit."""
    folder = home.folder({"src/deep/a.py": "x", "b.txt": "x"})
    programs.git("init", "-q", "-b", "main", cwd=folder)
    programs.git("add", "-A", cwd=folder)
    programs.git("commit", "-qm", "first", cwd=folder)
    return folder


def resolve(client: Client, path: Path | str) -> ResolvedProject:
    """Return the project of *path*."""
    return client.resolve_project(path=str(path))


def test_every_door_leads_to_the_same_project(client: Client, repository: Path, home: Home, programs: Programs) -> None:
    link = home.base / f"{repository.name}-link"
    link.symlink_to(repository)
    inner = home.base / f"{repository.name}-inner"
    inner.symlink_to(repository / "src/deep")
    worktree = home.base / f"{repository.name}-tree"
    programs.git("worktree", "add", "-q", str(worktree), "-b", "side", cwd=repository)
    top = resolve(client, repository)

    doors: dict[str, Path | str] = {
        "slash": f"{repository}/",
        "slashes": f"//{str(repository)[1:]}//",
        "dots": f"{repository}/src/../src/./deep/..",
        "subdirectory": repository / "src/deep",
        "file": repository / "b.txt",
        "link": link,
        "below the link": link / "src",
        "link to the inside": inner,
        "worktree": worktree,
        "below the worktree": worktree / "src/deep",
        "inside .git": repository / ".git",
    }

    assert (top.kind, top.root, top.worktree, top.name) == ("git", str(repository), str(repository), repository.name)
    found = {name: resolve(client, path) for name, path in doors.items()}
    assert {name: one.project_id for name, one in found.items()} == dict.fromkeys(doors, top.project_id)
    assert {name: one.root for name, one in found.items()} == dict.fromkeys(doors, str(repository))
    assert found["worktree"].worktree == found["below the worktree"].worktree == str(worktree)
    assert found["subdirectory"].worktree == str(repository)
    assert [one.project_id for one in client.list_projects().projects].count(top.project_id) == 1


def test_a_session_files_its_project_under_the_repository(client: Client, repository: Path) -> None:
    inside = client.create_session(tool_id="t", workspace_path=str(repository / "src"))

    assert inside.project_id == resolve(client, repository).project_id
    assert inside.workspace_path == str(repository / "src")
    assert client.get_project(inside.project_id).sessions == 1
    assert client.list_sessions(project_id=inside.project_id).count == 1


def test_a_folder_that_moves_takes_its_project_along(client: Client, repository: Path) -> None:
    before = resolve(client, repository)
    client.create_memory(before.project_id, key="k", value="v")
    moved = repository.with_name(f"{repository.name}-moved") / "below"
    moved.parent.mkdir()

    repository.rename(moved)

    after = resolve(client, moved / "src")
    assert (after.project_id, after.root) == (before.project_id, str(moved))
    assert client.get_project(before.project_id).root == str(moved)
    assert client.list_memories(after.project_id).count == 1


def test_a_new_repository_where_one_was_is_another_project(
    client: Client, home: Home, programs: Programs, repository: Path
) -> None:
    before = resolve(client, repository)
    repository.rename(repository.with_name(f"{repository.name}-away"))
    other = a_repository(home, programs)
    other.rename(repository)

    after = resolve(client, repository)

    assert after.project_id != before.project_id
    assert resolve(client, f"{repository}-away").project_id == before.project_id
    assert resolve(client, repository).project_id == after.project_id


def test_a_repository_made_anew_in_its_place_is_another_project(
    client: Client, programs: Programs, repository: Path
) -> None:
    before = resolve(client, repository)
    shutil.rmtree(repository / ".git")
    programs.git("init", "-q", cwd=repository)

    assert resolve(client, repository).project_id != before.project_id


@pytest.mark.parametrize("how", ["clone", "copy"])
def test_a_clone_or_a_copy_is_another_project(client: Client, programs: Programs, repository: Path, how: str) -> None:
    original = resolve(client, repository)
    other = repository.with_name(f"{repository.name}-{how}")
    if how == "clone":
        programs.git("clone", "-q", str(repository), str(other), cwd=repository)
    else:
        programs.run("cp", "-a", str(repository), str(other))

    assert resolve(client, other).project_id != original.project_id
    assert resolve(client, repository).project_id == original.project_id
    shutil.rmtree(repository)
    assert resolve(client, other).project_id != original.project_id


def test_the_project_is_remembered_over_restarts_and_moves_between_them(empty_home: Home, programs: Programs) -> None:
    repository = a_repository(empty_home, programs)
    outside = empty_home.folder({"a.txt": "x"})
    with running(empty_home) as daemon, daemon.client() as client:
        before = resolve(client, repository)
        apart = resolve(client, outside)
        client.create_memory(before.project_id, key="k", value="v")
    moved = repository.with_name("moved")
    repository.rename(moved)

    with running(empty_home) as daemon, daemon.client() as client:
        after = resolve(client, moved)
        assert (after.project_id, after.root) == (before.project_id, str(moved))
        assert resolve(client, outside).project_id == apart.project_id
        assert client.get_memory(after.project_id, key="k").memory_value == "v"


def test_a_repository_is_never_written_to(client: Client, repository: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (repository, *repository.rglob("*"))}

    resolve(client, repository)
    client.create_session(tool_id="t", workspace_path=str(repository))
    client.flush()

    assert {path: path.stat().st_mtime_ns for path in (repository, *repository.rglob("*"))} == before


def test_a_linked_worktree_that_moves_is_still_the_repositorys(
    client: Client, repository: Path, home: Home, programs: Programs
) -> None:
    worktree = home.base / f"{repository.name}-tree"
    programs.git("worktree", "add", "-q", str(worktree), "-b", "side", cwd=repository)
    moved = home.base / f"{repository.name}-tree-moved"
    programs.git("worktree", "move", str(worktree), str(moved), cwd=repository)

    found = resolve(client, moved)

    assert (found.project_id, found.worktree) == (resolve(client, repository).project_id, str(moved))


def test_a_submodule_is_a_project_of_its_own(client: Client, home: Home, programs: Programs, repository: Path) -> None:
    other = a_repository(home, programs)
    programs.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub", cwd=repository)

    inside = resolve(client, repository / "sub" / "src")

    assert inside.project_id not in (resolve(client, repository).project_id, resolve(client, other).project_id)
    assert inside.worktree == str(repository / "sub")


def test_a_bare_repository_is_one(client: Client, home: Home, programs: Programs, repository: Path) -> None:
    bare = home.base / f"{repository.name}.git"
    programs.git("clone", "-q", "--bare", str(repository), str(bare), cwd=repository)

    found = resolve(client, bare)

    assert (found.kind, found.root, found.worktree) == ("git", str(bare), None)


def test_a_marker_names_the_project_wherever_it_stands(client: Client, home: Home, repository: Path) -> None:
    name = f"marked-{repository.name}"
    fill(repository / "src", {".omnimem.toml": f'project_id = "{name}"\nname = "It"\n'})
    folder = home.folder({".omnimem.toml": f'project_id = "{name}"\n', "deep/a.txt": "x"})

    inside = resolve(client, repository / "src/deep")

    assert (inside.project_id, inside.kind, inside.name) == (name, "marker", "It")
    assert (inside.root, inside.worktree) == (str(repository / "src"), str(repository))
    assert resolve(client, folder / "deep").project_id == name
    assert resolve(client, repository).project_id != name


def test_outside_git_the_path_is_the_identity(client: Client, home: Home) -> None:
    folder = home.folder({"deep/a.txt": "x"})
    found = resolve(client, folder)

    assert (found.kind, found.root, found.worktree) == ("path", str(folder), None)
    assert resolve(client, f"{folder}/").project_id == found.project_id
    assert resolve(client, folder / "deep").project_id != found.project_id
    folder.rename(folder.with_name(f"{folder.name}-moved"))
    folder.mkdir()
    assert resolve(client, folder).project_id == found.project_id


@pytest.mark.parametrize(
    "text",
    [
        'project_id = "-x"',
        "project_id = 1",
        "project_id = ",
        'project_id = "a b"',
        "track = 3",
        "\udcff",
        "name = ['x']",
    ],
)
def test_a_marker_with_a_mistake_is_told_not_guessed_around(client: Client, home: Home, text: str) -> None:
    folder = home.folder({"a.txt": "x"})
    (folder / ".omnimem.toml").write_bytes(os.fsencode(text) + b"\n")

    for call in (
        lambda: resolve(client, folder),
        lambda: client.create_session(tool_id="t", workspace_path=str(folder)),
        lambda: client.add_workspace(path=str(folder)),
    ):
        with pytest.raises(WorkspaceInvalid, match=r"\.omnimem\.toml"):
            call()


@pytest.mark.parametrize("path", ["", "relative/path", "/nowhere/at/all", "~"])
def test_what_is_no_path_has_no_project(client: Client, path: str) -> None:
    with pytest.raises((WorkspaceInvalid, InvalidRequest)):
        client.resolve_project(path=path)


@pytest.mark.parametrize(
    "pointer", ["gitdir: /nowhere\n", "gitdir: \n", "nonsense\n", "", "gitdir: .git\n", "gitdir: ../\n", "\x00\xff"]
)
def test_a_broken_git_file_makes_no_repository_and_no_failure(client: Client, home: Home, pointer: str) -> None:
    folder = home.folder({"a.txt": "x"})
    (folder / ".git").write_text(pointer)

    assert resolve(client, folder).kind == "path"


def test_a_path_that_is_not_utf_8_is_told(client: Client, home: Home, daemon: Daemon) -> None:
    folder = os.fsencode(home.folder()) + b"/\xff"
    os.mkdir(folder)  # noqa: PTH102 bytes
    link = home.base / "to-bytes"
    link.symlink_to(os.fsdecode(folder))

    with pytest.raises(WorkspaceInvalid):
        resolve(client, link)
    assert client.health().status == "ok"
    assert "Traceback" not in daemon.log

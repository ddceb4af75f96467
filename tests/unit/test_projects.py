"""What makes two paths one project."""

import pytest

from omnimem.model import ProjectKind
from omnimemd.domain.projects import FolderIdentity, Place, Project, default_name, new_id, recognise
from tests.support.clock import NOON

HERE = FolderIdentity(device=1, inode=42, birth_ns=7)


def a_place(
    kind: ProjectKind = ProjectKind.GIT,
    root: str = "/w",
    *,
    identity: FolderIdentity = HERE,
    project_id: str | None = None,
    name: str | None = None,
) -> Place:
    return Place(kind=kind, root=root, worktree=root, identity=identity, project_id=project_id, name=name)


def a_project(
    project_id: str = "p-1",
    kind: ProjectKind = ProjectKind.GIT,
    root: str | None = "/w",
    identity: FolderIdentity | None = HERE,
) -> Project:
    return Project(
        project_id=project_id,
        name="w",
        kind=kind,
        root=root,
        identity=identity,
        created_at=NOON,
        last_activity=NOON,
    )


class TestGit:
    def test_a_moved_repository_is_the_same_project(self) -> None:
        assert recognise(a_place(root="/elsewhere"), [a_project()]) == a_project()

    def test_a_device_number_may_change_with_a_reboot(self) -> None:
        renumbered = FolderIdentity(device=99, inode=42, birth_ns=7)

        assert recognise(a_place(identity=renumbered), [a_project()]) == a_project()

    @pytest.mark.parametrize(
        "identity", [FolderIdentity(1, 43, 7), FolderIdentity(1, 42, 8), FolderIdentity(1, 42, None)]
    )
    def test_a_directory_made_anew_is_another_project(self, identity: FolderIdentity) -> None:
        assert recognise(a_place(identity=identity), [a_project()]) is None

    def test_another_device_elsewhere_is_another_project(self) -> None:
        place = a_place(root="/elsewhere", identity=FolderIdentity(2, 42, 7))

        assert recognise(place, [a_project()]) is None

    def test_the_identity_counts_more_than_the_root(self) -> None:
        moved_in = a_project("p-2", root="/old", identity=FolderIdentity(1, 50, 1))
        place = a_place(root="/w", identity=FolderIdentity(1, 50, 1))

        assert recognise(place, [a_project("p-1"), moved_in]) == moved_in

    def test_a_repository_is_no_project_of_another_kind(self) -> None:
        others = [a_project(kind=ProjectKind.PATH), a_project(kind=ProjectKind.NAMED, identity=None)]

        assert recognise(a_place(), others) is None


class TestOthers:
    def test_outside_git_the_path_is_the_identity(self) -> None:
        known = a_project(kind=ProjectKind.PATH)

        same = a_place(ProjectKind.PATH, identity=FolderIdentity(9, 9, 9))
        moved = a_place(ProjectKind.PATH, "/elsewhere")

        assert recognise(same, [known]) == known
        assert recognise(moved, [known]) is None

    def test_a_project_file_decides_whatever_else_is_known(self) -> None:
        ours = a_project("ours", ProjectKind.NAMED, None, None)
        place = a_place(ProjectKind.MARKER, project_id="ours")

        assert recognise(place, [a_project(), ours]) == ours
        assert recognise(place, [a_project()]) is None


@pytest.mark.parametrize(
    ("root", "name", "project_id"),
    [
        ("/srv/me/app", "app", "app-1a2b"),
        ("/srv/me/My App (2)", "My App (2)", "My-App-2-1a2b"),
        ("/srv/me/приложение", "приложение", "project-1a2b"),
        ("/", "/", "project-1a2b"),
        ("/srv/me/.config", ".config", "config-1a2b"),
        ("/x/" + "y" * 100, "y" * 100, "y" * 40 + "-1a2b"),
    ],
)
def test_a_new_project_is_named_after_its_folder(root: str, name: str, project_id: str) -> None:
    place = a_place(root=root)

    made = default_name(place), new_id(place, token="1a2b")  # noqa: S106 no password

    assert made == (name, project_id)


def test_a_name_that_was_given_goes_first() -> None:
    assert default_name(a_place(name="Ours")) == "Ours"

"""On the way to a place nobody but its user and root can put something else, or the place is refused."""

import grp
import os
import pwd
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from omnimemd.system.directories import private_directory
from omnimemd.system.errors import PlaceRefused
from omnimemd.system.lock import Lock
from omnimemd.system.trust import check_own, check_way, trusted_users
from tests.e2e.homes import OTHER_UID


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A private directory to lay traps in."""
    made = tmp_path / "top"
    made.mkdir(mode=0o700)
    return made


class TestTheWay:
    def test_a_private_way_is_taken(self, top: Path) -> None:
        check_way(top / "data" / "not" / "there")

    @pytest.mark.parametrize("mode", [0o777, 0o707, 0o702])
    def test_a_directory_that_everybody_may_write_to_is_refused(self, top: Path, mode: int) -> None:
        (top / "open").mkdir()
        (top / "open").chmod(mode)

        with pytest.raises(PlaceRefused, match=f"`chmod go-w {top}/open`"):
            private_directory(top / "open" / "between" / "data")

        assert list((top / "open").iterdir()) == []

    def test_a_sticky_directory_is_no_danger_to_what_is_ours_in_it(self, top: Path) -> None:
        (top / "shared").mkdir()
        (top / "shared").chmod(0o1777)
        (top / "shared" / "mine").mkdir(mode=0o755)

        private_directory(top / "shared" / "mine" / "data")

        assert stat.S_IMODE((top / "shared" / "mine" / "data").stat().st_mode) == 0o700

    @pytest.mark.needs("root")
    @pytest.mark.parametrize("sticky", [0, stat.S_ISVTX])
    def test_a_directory_of_another_user_on_the_way_is_refused(self, top: Path, sticky: int) -> None:
        (top / "shared").mkdir()
        (top / "shared").chmod(0o755 | sticky)
        theirs = top / "shared" / "theirs"
        theirs.mkdir(mode=0o755)
        os.chown(theirs, OTHER_UID, OTHER_UID)

        with pytest.raises(PlaceRefused, match=f"{theirs} belongs to user {OTHER_UID}"):
            private_directory(theirs / "data")

    def test_what_is_missing_on_the_way_is_made_private(self, top: Path) -> None:
        before = os.umask(0)
        try:
            private_directory(top / "a" / "b" / "data")
        finally:
            os.umask(before)

        assert [stat.S_IMODE(one.stat().st_mode) for one in (top / "a", top / "a/b", top / "a/b/data")] == [0o700] * 3

    def test_links_of_ones_own_are_followed_and_what_they_lead_to_is_looked_at(self, top: Path) -> None:
        (top / "disk").mkdir(mode=0o700)
        (top / "good").symlink_to("disk/../disk")
        (top / "open").mkdir()
        (top / "open").chmod(0o777)
        (top / "bad").symlink_to(top / "open")

        private_directory(top / "good" / "data")
        with pytest.raises(PlaceRefused, match=f"{top}/open may be written to by everybody"):
            private_directory(top / "bad" / "data")

        assert (top / "disk" / "data").is_dir()

    def test_a_link_in_a_directory_that_is_shared_is_refused_wherever_it_is(self, top: Path) -> None:
        (top / "shared").mkdir()
        (top / "shared").chmod(0o1777)
        (top / "shared" / "link").symlink_to(top)

        with pytest.raises(PlaceRefused, match="link"):
            private_directory(top / "shared" / "link" / "between" / "data")

    @pytest.mark.needs("root")
    def test_a_link_that_another_user_made_is_refused(self, top: Path) -> None:
        (top / "link").symlink_to(top)
        os.chown(top / "link", OTHER_UID, OTHER_UID, follow_symlinks=False)

        with pytest.raises(PlaceRefused, match="link"):
            check_way(top / "link" / "data")

    def test_links_in_a_circle_are_refused(self, top: Path) -> None:
        (top / "a").symlink_to("b")
        (top / "b").symlink_to("a")

        with pytest.raises(PlaceRefused, match="too many symbolic links"):
            private_directory(top / "a" / "data")

    @pytest.mark.needs("root")
    @pytest.mark.parametrize(
        ("group", "members", "refused"),
        [("me", [], False), ("me", ["me"], False), ("me", ["me", "her"], True), ("users", [], True), (None, [], True)],
    )
    def test_a_group_of_ones_own_is_no_other(
        self, top: Path, monkeypatch: pytest.MonkeyPatch, group: str | None, members: list[str], *, refused: bool
    ) -> None:
        def found(gid: int) -> object:
            if group is None:
                raise KeyError(gid)
            return SimpleNamespace(gr_name=group, gr_mem=members)

        monkeypatch.setattr(grp, "getgrgid", found)
        monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me"))
        (top / "home").mkdir()
        os.chown(top / "home", -1, 4242)
        (top / "home").chmod(0o775)

        if refused:
            with pytest.raises(PlaceRefused, match="the group 4242"):
                check_way(top / "home" / "data")
        else:
            check_way(top / "home" / "data")


class TestUsers:
    def test_root_and_oneself_are_trusted(self) -> None:
        assert {0, os.getuid()} <= trusted_users()

    def test_nobody_stands_for_root_only_where_root_is_not_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        maps = {"/proc/self/uid_map": "0 0 4294967295", "/proc/sys/kernel/overflowuid": "65534"}
        monkeypatch.setattr(Path, "read_text", lambda self, _: maps[str(self)])
        assert 65534 not in trusted_users()

        maps["/proc/self/uid_map"] = "      1000       1000          1\n"
        assert 65534 in trusted_users()


class TestWhatOthersLeft:
    @pytest.mark.parametrize("kind", ["link", "hard link", "deep link"])
    def test_what_may_be_laid_in_an_open_directory_is_refused(self, top: Path, kind: str) -> None:
        data = top / "data"
        (data / "backups").mkdir(parents=True)
        precious = top / "precious"
        precious.write_text("precious")
        match kind:
            case "link":
                (data / "omnimem.db").symlink_to(precious)
            case "hard link":
                (data / "omnimem.db").hardlink_to(precious)
            case _:
                (data / "backups" / "x").symlink_to(precious)
        data.chmod(0o777)

        with pytest.raises(PlaceRefused, match="could be written to by others"):
            private_directory(data)

        assert precious.read_text() == "precious"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700

    @pytest.mark.needs("root")
    def test_a_file_of_another_user_in_an_open_directory_is_refused(self, top: Path) -> None:
        (top / "data").mkdir()
        (top / "data" / "omnimem.db").touch()
        os.chown(top / "data" / "omnimem.db", OTHER_UID, OTHER_UID)
        (top / "data").chmod(0o777)

        with pytest.raises(PlaceRefused, match=r"data/omnimem\.db may be theirs"):
            private_directory(top / "data")

    def test_ones_own_links_in_a_directory_that_was_never_open_are_ones_own(self, top: Path) -> None:
        (top / "data").mkdir(mode=0o700)
        (top / "data" / "backups").symlink_to(top)

        private_directory(top / "data")


class TestFiles:
    @pytest.mark.parametrize("kind", ["link", "hard link", "directory", "pipe"])
    def test_a_lock_cuts_off_nothing_but_itself(self, top: Path, kind: str) -> None:
        precious, path = top / "precious", top / "it.lock"
        precious.write_text("precious")
        match kind:
            case "link":
                path.symlink_to(precious)
            case "hard link":
                path.hardlink_to(precious)
            case "directory":
                path.mkdir()
            case _:
                os.mkfifo(path)

        with pytest.raises(PlaceRefused):
            Lock(path, protects="it", socket=top / "s")

        assert precious.read_text() == "precious"

    def test_what_is_not_there_is_not_refused(self, top: Path) -> None:
        check_own(top / "omnimem.db")

    @pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "directory"])
    def test_what_is_no_file_of_ones_own_is_refused(self, top: Path, kind: str) -> None:
        precious, path = top / "precious", top / "omnimem.db"
        precious.write_text("precious")
        match kind:
            case "link":
                path.symlink_to(precious)
            case "dangling link":
                path.symlink_to(top / "nowhere")
            case "hard link":
                path.hardlink_to(precious)
            case _:
                path.mkdir()

        with pytest.raises(PlaceRefused, match=str(path)):
            check_own(path)

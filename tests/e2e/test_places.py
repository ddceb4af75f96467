"""The daemon's places: one daemon each, nobody else's to enter, never taken from anybody."""

import fcntl
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client, DaemonNotRunning
from tests.e2e.daemons import Daemon, mode_of, run_to_end, running
from tests.e2e.homes import OTHER_UID, Home, acting_as
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify")


def assert_serves(daemon: Daemon, *, at: Path | None = None) -> None:
    """Check that it is this daemon that answers."""
    with Client(at or daemon.socket) as client:
        assert client.status().pid == daemon.pid


# -- two daemons ----------------------------------------------------------------------------------------------


def test_a_second_daemon_says_who_runs_and_leaves_it_alone(empty_home: Home) -> None:
    with running(empty_home) as first:
        before = empty_home.socket.stat()

        second = run_to_end(empty_home)

        assert second.process.returncode == 3
        assert str(first.pid) in second.log
        assert "Traceback" not in second.log
        after = empty_home.socket.stat()
        assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
        assert_serves(first)


def test_two_daemons_never_share_a_data_directory(empty_home: Home) -> None:
    other = empty_home.base / "other.sock"
    with running(empty_home) as first:
        second = run_to_end(empty_home, "--socket", str(other))

        assert second.process.returncode == 3
        assert str(first.pid) in second.log
        assert not other.exists()
        assert_serves(first)


def test_two_daemons_never_share_a_socket(empty_home: Home) -> None:
    other = empty_home.base / "other-data"
    with running(empty_home) as first:
        second = run_to_end(empty_home, "--data-dir", str(other))

        assert second.process.returncode == 3
        assert str(first.pid) in second.log
        assert_serves(first)


def test_a_socket_that_another_program_answers_on_is_left_to_it(empty_home: Home) -> None:
    empty_home.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(empty_home.socket))
        other.listen()

        refused = run_to_end(empty_home)

        assert refused.process.returncode == 3
        assert str(os.getpid()) in refused.log
        other.accept()[0].close()
        assert stat.S_ISSOCK(empty_home.socket.stat().st_mode)


def test_of_many_daemons_started_at_once_one_runs(empty_home: Home) -> None:
    daemons = [Daemon(empty_home) for _ in range(4)]
    try:
        eventually(lambda: sum(one.process.poll() is not None for one in daemons) == 3, "three gave up")
        (winner,) = [one for one in daemons if one.process.poll() is None]
        winner.ready()
        losers = [one for one in daemons if one is not winner]
        assert [one.process.returncode for one in losers] == [3, 3, 3]
        assert_serves(winner)
        winner.stop()
    finally:
        for one in daemons:
            one.kill()


def test_a_stopped_daemon_still_holds_its_places(empty_home: Home) -> None:
    with running(empty_home) as first:
        os.kill(first.pid, signal.SIGSTOP)
        try:
            second = run_to_end(empty_home)
        finally:
            os.kill(first.pid, signal.SIGCONT)

        assert second.process.returncode == 3
        assert str(first.pid) in second.log
        assert_serves(first)


# -- sockets --------------------------------------------------------------------------------------------------


def test_the_socket_of_a_killed_daemon_is_no_obstacle(empty_home: Home) -> None:
    Daemon(empty_home).ready().kill()
    assert empty_home.socket.exists()

    with running(empty_home) as daemon:
        assert_serves(daemon)


def test_the_pid_of_a_killed_daemon_is_no_obstacle_whoever_has_it_now(empty_home: Home) -> None:
    Daemon(empty_home).ready().kill()
    for lock in (*empty_home.data_dir.glob("*.lock"), *empty_home.socket.parent.glob("*.lock")):
        lock.write_text(f"{os.getpid()}\n")

    with running(empty_home) as daemon:
        assert_serves(daemon)


def test_a_file_in_the_sockets_place_is_refused_and_kept(empty_home: Home) -> None:
    empty_home.socket.parent.mkdir(mode=0o700)
    empty_home.socket.write_text("precious")

    refused = run_to_end(empty_home)

    assert refused.process.returncode == 1
    assert str(empty_home.socket) in refused.log
    assert "Traceback" not in refused.log
    assert empty_home.socket.read_text() == "precious"


def test_a_socket_path_that_is_too_long_is_told_clearly(empty_home: Home) -> None:
    path = empty_home.base / ("x" * 100) / "omnimemd.sock"

    refused = run_to_end(empty_home, "--socket", str(path))

    assert refused.process.returncode == 1
    assert str(path) in refused.log
    assert "107" in refused.log
    assert "Traceback" not in refused.log
    assert not path.parent.exists()


def test_the_longest_socket_path_there_is_works(empty_home: Home) -> None:
    directory = empty_home.base / "s"
    path = directory / ("x" * (107 - len(os.fsencode(directory)) - 1))
    assert len(os.fsencode(path)) == 107

    with running(empty_home, "--socket", str(path)) as daemon:
        assert_serves(daemon, at=path)


def test_the_socket_goes_with_its_daemon(empty_home: Home) -> None:
    with running(empty_home):
        assert empty_home.socket.exists()

    assert not empty_home.socket.exists()


def test_a_socket_that_is_no_longer_the_daemons_stays(empty_home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as other, running(empty_home):
        empty_home.socket.unlink()
        other.bind(str(empty_home.socket))
        other.listen()

    assert stat.S_ISSOCK(empty_home.socket.stat().st_mode)


def test_a_daemon_that_cannot_start_takes_nothing_away(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        client.create_memory("p", key="k", value="v")
    elsewhere = empty_home.database.rename(empty_home.database.with_name("elsewhere.db"))
    empty_home.database.symlink_to(elsewhere)
    before = elsewhere.read_bytes()

    broken = run_to_end(empty_home)

    assert broken.process.returncode == 1
    assert str(empty_home.database) in broken.log
    assert not empty_home.socket.exists()
    assert empty_home.database.readlink() == elsewhere
    assert elsewhere.read_bytes() == before


def test_without_a_daemon_a_client_says_how_to_start_one(empty_home: Home) -> None:
    with Client(empty_home.socket) as client, pytest.raises(DaemonNotRunning) as refused:
        client.health()

    assert str(empty_home.socket) in refused.value.detail
    assert "omnimem start" in refused.value.hint


# -- modes and owners -----------------------------------------------------------------------------------------


def test_everything_is_the_users_alone(empty_home: Home) -> None:
    with running(empty_home, environ={"OMNIMEM_LOG_LEVEL": "debug"}) as daemon, daemon.client() as client:
        client.create_memory("p", key="k", value="v")

        assert mode_of(empty_home.socket) == 0o600
        assert mode_of(empty_home.socket.parent) == 0o700
        assert mode_of(empty_home.data_dir) == 0o700
        assert mode_of(empty_home.database) == 0o600
        every = list(empty_home.data_dir.rglob("*"))
        assert [path for path in every if mode_of(path) & 0o077] == []


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_callers_umask_changes_nothing(empty_home: Home, umask: int) -> None:
    before = os.umask(umask)
    try:
        daemon = Daemon(empty_home)
    finally:
        os.umask(before)
    try:
        daemon.log_file.chmod(0o600)
        daemon.ready()
        assert mode_of(empty_home.socket) == 0o600
        assert mode_of(empty_home.socket.parent) == 0o700
        assert mode_of(empty_home.data_dir) == 0o700
        assert mode_of(empty_home.database) == 0o600
        assert_serves(daemon)
        daemon.stop()
    finally:
        daemon.kill()


def test_a_directory_found_looser_is_tightened(empty_home: Home) -> None:
    for directory in (empty_home.data_dir, empty_home.socket.parent):
        directory.mkdir(parents=True)
        directory.chmod(0o777)

    with running(empty_home):
        assert mode_of(empty_home.data_dir) == 0o700
        assert mode_of(empty_home.socket.parent) == 0o700


def test_a_database_found_looser_is_tightened(empty_home: Home) -> None:
    with running(empty_home):
        pass
    empty_home.database.chmod(0o644)

    with running(empty_home):
        assert mode_of(empty_home.database) == 0o600


@pytest.mark.needs("root")
@pytest.mark.parametrize("which", ["data", "socket"])
def test_a_directory_of_another_user_is_refused(empty_home: Home, which: str) -> None:
    directory = empty_home.data_dir if which == "data" else empty_home.socket.parent
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    os.chown(directory, OTHER_UID, OTHER_UID)

    refused = run_to_end(empty_home)

    assert refused.process.returncode == 1
    assert str(directory) in refused.log
    assert str(OTHER_UID) in refused.log
    assert "Traceback" not in refused.log
    assert mode_of(directory) == 0o777
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("flag", ["--data-dir", "--socket"])
def test_a_directory_that_everybody_shares_is_refused(empty_home: Home, flag: str) -> None:
    shared = empty_home.base / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    place = shared if flag == "--data-dir" else shared / "omnimemd.sock"

    refused = run_to_end(empty_home, flag, str(place))

    assert refused.process.returncode == 1
    assert str(shared) in refused.log
    assert mode_of(shared) == 0o1777
    assert list(shared.iterdir()) == []


@pytest.mark.parametrize("flag", ["--data-dir", "--socket"])
def test_a_link_laid_in_a_directory_that_everybody_shares_is_refused(empty_home: Home, flag: str) -> None:
    shared = empty_home.base / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    victim = empty_home.base / "victim"
    victim.mkdir(mode=0o755)
    (shared / "omnimemd").symlink_to(victim)
    place = shared / "omnimemd" if flag == "--data-dir" else shared / "omnimemd" / "omnimemd.sock"

    refused = run_to_end(empty_home, flag, str(place))

    assert refused.process.returncode == 1
    assert "link" in refused.log
    assert list(victim.iterdir()) == []
    assert mode_of(victim) == 0o755


def test_the_users_own_home_is_no_data_directory(empty_home: Home) -> None:
    empty_home.home.chmod(0o755)

    refused = run_to_end(empty_home, "--data-dir", str(empty_home.home))

    assert refused.process.returncode == 1
    assert mode_of(empty_home.home) == 0o755


@pytest.fixture
def place() -> Iterator[Path]:
    """Where another user's socket is without a runtime directory: one place on the machine, so one test at a time."""
    path = Path(f"/tmp/omnimemd-{OTHER_UID}")
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not path.exists()
        yield path


@pytest.mark.needs("root")
@pytest.mark.parametrize("runtime", ["", "relative/run"])
def test_without_a_runtime_directory_the_socket_is_in_tmp(empty_home: Home, place: Path, runtime: str) -> None:
    empty_home.give_to(OTHER_UID)
    try:
        with (
            running(empty_home, environ={"XDG_RUNTIME_DIR": runtime}, uid=OTHER_UID) as daemon,
            acting_as(OTHER_UID),
            Client(place / "omnimemd.sock") as client,
        ):
            status = client.status()
            assert (status.pid, status.socket) == (daemon.pid, f"{place}/omnimemd.sock")
            found = place.stat()
            assert (found.st_uid, found.st_mode & 0o7777) == (OTHER_UID, 0o700)
    finally:
        remove(place)


@pytest.mark.needs("root")
@pytest.mark.parametrize("trap", ["link", "directory", "file"])
def test_what_somebody_else_laid_in_tmp_is_refused(empty_home: Home, place: Path, trap: str) -> None:
    empty_home.give_to(OTHER_UID)
    victim = empty_home.base / "victim"
    victim.mkdir(mode=0o755)
    os.chown(victim, OTHER_UID, OTHER_UID)
    try:
        match trap:
            case "link":
                place.symlink_to(victim)
            case "directory":
                place.mkdir(mode=0o777)
                place.chmod(0o777)
            case _:
                place.write_text("x")

        refused = run_to_end(empty_home, environ={"XDG_RUNTIME_DIR": ""}, uid=OTHER_UID)

        assert refused.process.returncode == 1
        assert str(place) in refused.log
        assert "Traceback" not in refused.log
        assert list(victim.iterdir()) == []
        assert mode_of(victim) == 0o755
    finally:
        remove(place)


def remove(place: Path) -> None:
    """Remove what a test left in /tmp, whatever it is."""
    if place.is_dir() and not place.is_symlink():
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
    else:
        place.unlink(missing_ok=True)

"""A daemon whose socket is taken away while it runs is where callers look for it again within seconds."""

import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from omnimem import Client, DaemonNotRunning
from tests.e2e.daemons import Daemon, mode_of, run_to_end, running
from tests.e2e.homes import Home
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify")


def answers(home: Home, daemon: Daemon) -> bool:
    """Return whether *daemon* is the one that a new caller finds."""
    try:
        with Client(home.socket) as client:
            return client.status().pid == daemon.pid
    except DaemonNotRunning:
        return False


def sockets(daemon: Daemon) -> int:
    """Return how many sockets *daemon* has open."""
    found = 0
    for one in Path(f"/proc/{daemon.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found += str(one.readlink()).startswith("socket:")
    return found


def test_a_socket_that_was_removed_is_made_anew(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
        before = sockets(daemon)
        shutil.rmtree(empty_home.runtime)
        assert not answers(empty_home, daemon)
        empty_home.runtime.mkdir(mode=0o700)

        eventually(lambda: answers(empty_home, daemon), "it is found again")

        assert client.get_session(session.session_id) == session  # a connection of before is served as ever
        assert client.health().problems == []
        assert mode_of(empty_home.socket) == 0o600
        assert mode_of(empty_home.socket.parent) == 0o700
        eventually(lambda: sockets(daemon) <= before + 1, "nothing but the former server is kept")
        assert run_to_end(empty_home, "--data-dir", str(empty_home.base / "other")).process.returncode == 3
    assert not empty_home.socket.exists()


def test_one_that_cannot_be_made_anew_is_told_until_it_can(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        client.health()  # over the connection that is there from now on
        shutil.rmtree(empty_home.runtime)
        empty_home.runtime.write_text("in the way")
        eventually(lambda: client.health().problems, "it says that nobody can call it")
        (problem,) = client.health().problems
        assert "Nobody can call the daemon" in problem
        assert str(empty_home.socket.parent) in problem
        assert daemon.log.count("unreachable") == 1

        empty_home.runtime.unlink()

        eventually(lambda: answers(empty_home, daemon), "it is found again")
        eventually(lambda: client.health().problems == [], "it is well")


def test_a_place_that_another_program_took_meanwhile_is_left_to_it(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        client.health()
        with socket.socket(socket.AF_UNIX) as other:
            empty_home.socket.unlink()
            other.bind(str(empty_home.socket))
            other.listen()
            eventually(lambda: client.health().problems, "it says that nobody can call it")
            assert str(os.getpid()) in client.health().problems[0]

        eventually(lambda: answers(empty_home, daemon), "it has its place back once nobody answers there")

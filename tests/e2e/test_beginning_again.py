"""The daemon that begins again in its own process: same socket, same locks, nothing lost, nothing left over."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client, OmnimemError
from omnimem.model import SessionState
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify")


@pytest.fixture
def supervised(empty_home: Home) -> Iterator[Daemon]:
    """A daemon that has a supervisor, so that SIGHUP does not end it."""
    with running(empty_home, environ={"NOTIFY_SOCKET": str(empty_home.base / "nobody")}) as daemon:
        yield daemon


def begin_again(daemon: Daemon) -> None:
    before = daemon.log.count(" ready ")
    daemon.home.configure(f"ambient_idle_minutes = {before}")
    os.kill(daemon.pid, signal.SIGHUP)
    eventually(lambda: daemon.log.count(" ready ") > before, "it has begun again")


def descriptors(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def test_what_was_kept_is_there_and_the_process_is_the_same(supervised: Daemon) -> None:
    inode = supervised.socket.stat().st_ino
    with supervised.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(supervised.home.folder()))
        client.create_memory("p", key="k", value="v")

        begin_again(supervised)

        assert client.status().pid == supervised.process.pid
        assert client.get_memory("p", key="k").memory_value == "v"
        assert client.get_session(session.session_id).state is SessionState.ACTIVE
        assert supervised.socket.stat().st_ino == inode


def test_it_leaves_no_descriptor_open(supervised: Daemon) -> None:
    begin_again(supervised)
    before = descriptors(supervised)

    for _ in range(5):
        begin_again(supervised)

    assert descriptors(supervised) == before


def test_who_calls_meanwhile_waits_and_is_answered(supervised: Daemon) -> None:
    answered: list[str] = []
    failed: list[Exception] = []
    enough = threading.Event()

    def call(name: str, keeps_its_connection: bool) -> None:
        with Client(supervised.socket, timeout=20) as client:
            while not enough.is_set():
                key = f"{name}-{len(answered)}"
                try:
                    client.create_memory("p", key=key, value="v")
                except OmnimemError as error:
                    failed.append(error)
                    return
                answered.append(key)
                if not keeps_its_connection:
                    client.close()

    callers = [threading.Thread(target=call, args=(f"{number}", number < 2)) for number in range(4)]
    for caller in callers:
        caller.start()
    for _ in range(5):
        begin_again(supervised)
    enough.set()
    for caller in callers:
        caller.join()

    assert not failed
    assert len(answered) > 5
    with supervised.client() as client:
        for key in answered:
            client.get_memory("p", key=key)


def test_a_signal_to_stop_meanwhile_ends_it(supervised: Daemon) -> None:
    supervised.home.configure("ambient_idle_minutes = 1")
    os.kill(supervised.pid, signal.SIGHUP)
    os.kill(supervised.pid, signal.SIGTERM)

    assert supervised.exit_status() == 0
    assert not supervised.complaints()
    assert not supervised.socket.exists()

"""What the service manager is told, and when it wants a sign of life."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimemd.system.supervisor import notify, status, supervised, watchdog_seconds


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


def test_states_go_in_one_message(supervisor: socket.socket) -> None:
    notify("READY=1", status("two\nlines"))

    assert supervisor.recv(4096) == b"READY=1\nSTATUS=two lines"


def test_a_supervisor_that_does_not_listen_is_not_waited_for(supervisor: socket.socket) -> None:
    for _ in range(10_000):  # more than any queue takes: unix(7), net.unix.max_dgram_qlen
        notify("WATCHDOG=1")

    assert supervisor.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("3000000", "own", 3.0),
        ("3000000", None, 3.0),
        ("3000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_a_sign_of_life_is_given_where_it_is_wanted_of_this_process(
    supervisor: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    microseconds: str | None,
    pid: str | None,
    seconds: float | None,
) -> None:
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, str(os.getpid()) if value == "own" else value)

    assert watchdog_seconds() == seconds


@pytest.mark.parametrize("address", ["", "relative/path"])
def test_nobody_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")

    notify("READY=1")

    assert not supervised()
    assert watchdog_seconds() is None

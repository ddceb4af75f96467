"""Who calls and who listens: what a peer may send along, where it may come from, and whose daemon is talked to."""

import array
import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from omnimem import AsyncClient, Client, ForbiddenUid
from omnimem.model import Verdict
from omnimemd.cli.asking import look_at_daemon
from omnimemd.cli.daemon import find
from omnimemd.cli.errors import CannotGoOn
from tests.e2e.daemons import Daemon
from tests.e2e.homes import OTHER_UID, Home
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire, request

pytestmark = pytest.mark.needs("inotify", "linux")

#: Listens as another user, and says what it was sent.
_IMPOSTOR: Final = """
import os, socket, sys
os.setgid({uid}); os.setuid({uid})
listening = socket.socket(socket.AF_UNIX)
listening.bind({path!r}); os.chmod({path!r}, 0o666); listening.listen()
print("listening", flush=True)
while True:
    accepted, _ = listening.accept()
    print(accepted.recv(65536), flush=True)
    accepted.close()
"""


def descriptors(daemon: Daemon) -> int:
    """Return how many the daemon has open."""
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def test_descriptors_that_are_passed_along_are_not_taken(daemon: Daemon, client: Client) -> None:
    client.health()
    before = descriptors(daemon)
    reading, writing = os.pipe()
    with Wire(daemon.socket) as wire:
        for _ in range(20):
            passed = array.array("i", [writing] * 100)
            wire.socket.sendmsg([request("GET", "/health")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
            assert wire.receive().status == 200

        assert descriptors(daemon) <= before + 1
        os.close(writing)
        assert os.read(reading, 1) == b"", "the daemon holds an end of the pipe"
    os.close(reading)


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Another user's program on a socket that everybody may connect to; its path is short."""
    path = Path(f"/tmp/om-impostor-{os.getpid()}")
    path.mkdir()
    path.chmod(0o777)
    source = _IMPOSTOR.format(uid=OTHER_UID, path=str(path / "s"))
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        try:
            yield path / "s", process
        finally:
            process.kill()
            (path / "s").unlink()
            path.rmdir()


@pytest.mark.needs("root")
def test_nothing_is_said_to_another_users_daemon(impostor: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = impostor

    with Client(path) as client, pytest.raises(ForbiddenUid, match=str(OTHER_UID)):
        client.create_memory("p", key="k", value="told to nobody")

    async def by_coroutine() -> None:
        async with AsyncClient(path) as client:
            with pytest.raises(ForbiddenUid, match=str(OTHER_UID)):
                await client.create_memory("p", key="k", value="told to nobody")

    asyncio.run(by_coroutine())
    check, answers = look_at_daemon(path)
    with pytest.raises(CannotGoOn, match=str(OTHER_UID)):
        find(path)
    assert (check.verdict, answers) == (Verdict.FAIL, False)
    assert str(OTHER_UID) in check.detail
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(4)] == ["b''\n"] * 4


@pytest.mark.needs("root")
def test_a_caller_of_another_pid_namespace_has_no_pid_and_is_served(empty_home: Home) -> None:
    """The daemon in a namespace of its own cannot know who calls: the session is bound to nobody."""
    daemon = Daemon(empty_home, wrapper=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    try:
        eventually(lambda: "ready" in daemon.log, f"ready: {daemon.log}")
        with daemon.client() as client:
            session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
            assert session.process_id is None
            assert client.health().status == "ok"
        os.killpg(daemon.process.pid, signal.SIGTERM)
    finally:
        daemon.kill()

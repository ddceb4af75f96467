"""Processes by the thousand: each session ends with its process, however short-lived, and nothing is left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from omnimem import Client
from omnimem.model import EndReason
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import touches
from tests.e2e.waiting import eventually
from tests.support.whole import times

pytestmark = pytest.mark.needs("inotify", "pidfd")

#: Children, twenty at a time, that each begin a session and die: a third of them without waiting for the answer, a
#: third by a signal. Says how many were refused.
_BOMB: Final = """
import json, os, socket, sys
path, workspace, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
body = json.dumps({"tool_id": "bomb", "workspace_path": workspace}).encode()
head = b"POST /sessions HTTP/1.1\\r\\nHost: o\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
def begin_and_die(number):
    calling = socket.socket(socket.AF_UNIX)
    calling.connect(path)
    calling.sendall(head % len(body) + body)
    if number % 3 and b" 201 " not in calling.makefile("rb").readline():
        os._exit(1)
    if number % 3 == 2:
        os.kill(os.getpid(), 9)
    os._exit(0)
refused = 0
for number in range(count):
    if not os.fork():
        begin_and_die(number)
    if number >= 20:
        refused += os.wait()[1] not in (0, 9)
for _ in range(min(count, 20)):
    refused += os.wait()[1] not in (0, 9)
print(refused, "refused")
"""
#: A coding tool by its name, that does what it is told.
_TOOL: Final = f"""\
#!{sys.executable}
while True:
    exec(input())
    print("done", flush=True)
"""
#: What the connection that brings in the log has open, from when it is first needed: the database and its log.
_CHECKPOINTER: Final = 2
#: asyncio's pool of threads grows to as many, by and by: concurrent.futures, ThreadPoolExecutor.
_POOL: Final = min(32, (os.cpu_count() or 1) + 4)


class Held(NamedTuple):
    """What the daemon's process has."""

    descriptors: int
    threads: int


@pytest.fixture
def programs(empty_home: Home) -> Iterator[Programs]:
    programs = Programs(empty_home)
    yield programs
    programs.close()


def held_by(daemon: Daemon) -> Held:
    proc = Path(f"/proc/{daemon.pid}")
    return Held(sum(1 for _ in (proc / "fd").iterdir()), sum(1 for _ in (proc / "task").iterdir()))


def explode(daemon: Daemon, client: Client, workspace: Path, *, count: int) -> str:
    """Have *count* processes begin a session and die, and the daemon answer all the time; return what they say."""
    command = [sys.executable, "-c", _BOMB, str(daemon.socket), str(workspace), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bomb:
        while bomb.poll() is None:
            assert client.health().status == "ok"
        assert bomb.stdout is not None
        return bomb.stdout.read()


def test_processes_that_begin_a_session_and_die_leave_nothing(empty_home: Home, programs: Programs) -> None:
    count = times(500, whole=5_000)
    workspace = empty_home.folder({"a.txt": "a"})
    with running(empty_home) as daemon, daemon.client() as client:
        lasting = client.create_session(
            tool_id="t", workspace_path=str(workspace), process_id=programs.tool().pid, session_id="lasting"
        )
        assert explode(daemon, client, workspace, count=20) == "0 refused\n"
        eventually(lambda: active(client) == {"lasting"}, "the first ended")
        before = held_by(daemon)

        assert explode(daemon, client, workspace, count=count) == "0 refused\n"

        eventually(lambda: client.status().sessions.ended >= count + 20, "every session has begun and ended")
        assert active(client) == {"lasting"}
        (workspace / "b.txt").write_text("b")
        assert [touch.path for touch in touches(client, lasting)] == ["b.txt"]
        (latest,) = client.list_sessions(tool_id="bomb", limit=1).sessions
        assert latest.end_reason is EndReason.PROCESS_EXITED
        most = before.descriptors + _CHECKPOINTER
        eventually(lambda: held_by(daemon).descriptors <= most, "every descriptor is closed")
        assert held_by(daemon).threads <= before.threads + _POOL


@pytest.mark.needs("linux")
def test_its_threads_share_one_heap(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        assert client.health().status == "ok"
        assert held_by(daemon).threads > 2
        assert heaps_beside_the_first(daemon.pid) == []


def heaps_beside_the_first(pid: int) -> list[int]:
    """The sizes of what glibc has reserved for heaps of threads: each takes 64 MiB of room (arena.c, HEAP_MAX_SIZE)."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        extent, mode, *rest = line.split()
        first, last = (int(end, 16) for end in extent.split("-"))
        if mode == "---p" and len(rest) == 3 and last % 2**26 == 0 and last - first > 2**24:  # no file: unused room
            found.append(last - first)
    return found


def active(client: Client) -> set[str]:
    return {one.session_id for one in client.list_sessions(active=True, limit=500).sessions}


def test_hundreds_of_live_sessions_are_kept_over_a_kill_and_end_with_their_processes(empty_home: Home) -> None:
    folders = [str(empty_home.folder()) for _ in range(10)]
    with sleeping(times(100, whole=500)) as pids:
        with running(empty_home) as daemon, daemon.client() as client:
            ids = {
                client.create_session(tool_id="t", workspace_path=folders[pid % 10], process_id=pid).session_id
                for pid in pids
            }
            daemon.kill()
        with running(empty_home) as daemon, daemon.client(timeout=30) as client:
            assert active(client) == ids
            for folder in folders:
                Path(folder, "a.txt").write_text("a")
            client.flush()
            assert client.status().watch.events_recorded >= len(folders)
            assert client.health().status == "ok"
            before = held_by(daemon)

            for pid in pids:
                os.kill(pid, signal.SIGKILL)

            eventually(lambda: not active(client), "all have ended", within=60)
            ends = {client.get_session(one).end_reason for one in ids}
            assert ends == {EndReason.PROCESS_EXITED}
            eventually(
                lambda: held_by(daemon).descriptors <= before.descriptors - len(pids), "no process is held any more"
            )


@contextmanager
def sleeping(count: int) -> Iterator[list[int]]:
    """Give the pids of *count* processes that do nothing; who kills them does not have to wait for them."""
    pids = [os.posix_spawn("/bin/sleep", ["sleep", "600"], os.environ) for _ in range(count)]
    try:
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)


def test_a_tool_is_found_among_thousands_of_processes(empty_home: Home, programs: Programs) -> None:
    workspace = empty_home.folder()
    empty_home.configure(f'workspaces = ["{workspace}"]\n')
    script = empty_home.home / "claude"
    script.write_text(_TOOL)
    script.chmod(0o700)
    with (
        sleeping(times(200, whole=2_000)),
        running(empty_home) as daemon,
        daemon.client() as client,
        subprocess.Popen(
            [script], cwd=workspace, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as tool,
    ):
        eventually(lambda: [one.state for one in client.list_workspaces().workspaces] == ["watching"], "watched")
        write(tool, "a.txt")
        sessions = eventually(lambda: client.list_sessions(tool_id="claude").sessions, "a session of the tool")
        write(tool, "b.txt")

        assert [one.process_id for one in sessions] == [tool.pid]
        assert "b.txt" in {touch.path for touch in touches(client, sessions[0])}
        tool.kill()


def write(tool: "subprocess.Popen[str]", name: str) -> None:
    """Have the tool write the file *name*, and wait until it has."""
    assert tool.stdin is not None
    assert tool.stdout is not None
    tool.stdin.write(f"open({name!r}, 'w').write('x')\n")
    assert tool.stdout.readline() == "done\n"

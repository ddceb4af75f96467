"""SIGTERM and SIGINT: what was accepted is finished, what was seen is kept, the daemon is gone in five seconds."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from omnimem import AsyncClient, CallFailed, Client
from omnimem.model import ContextAppend, SessionState
from tests.e2e.daemons import Daemon, running
from tests.e2e.databases import assert_sound
from tests.e2e.homes import Home
from tests.e2e.listening import Listener
from tests.e2e.recorded import Touch, assert_consistent, touches
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire, request

pytestmark = pytest.mark.needs("inotify")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(empty_home: Home, number: signal.Signals) -> None:
    daemon = Daemon(empty_home).ready()
    try:
        daemon.stop(number)
        assert "Traceback" not in daemon.log
        assert_sound(empty_home)
        assert not empty_home.database.with_name("omnimem.db-wal").exists()
    finally:
        daemon.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_changes_nothing(empty_home: Home, number: signal.Signals) -> None:
    daemon = Daemon(empty_home).ready()
    try:
        os.kill(daemon.pid, signal.SIGSTOP)
        for each in (number, signal.SIGTERM, signal.SIGINT):
            os.kill(daemon.pid, each)
        os.kill(daemon.pid, signal.SIGCONT)
        assert daemon.exit_status() == 0
        assert "Traceback" not in daemon.log
    finally:
        daemon.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_until_it_is_gone_change_nothing(empty_home: Home, number: signal.Signals) -> None:
    daemon = Daemon(empty_home).ready()
    try:
        while daemon.process.poll() is None:
            os.kill(daemon.process.pid, number)
            time.sleep(0.002)  # as fast as anybody sends them; asyncio complains of thousands at once
        assert daemon.exit_status() == 0
        assert "Traceback" not in daemon.log
    finally:
        daemon.kill()


def test_ctrl_c_before_it_has_begun_ends_it_as_any_program_without_a_traceback() -> None:
    asked = "import os, signal, sys; from omnimemd.daemon import main; sys.argv[1:] = ['--check']; main.main(); "
    code = asked + "os.kill(os.getpid(), signal.SIGINT)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_signal_while_it_starts_ends_it_too(empty_home: Home) -> None:
    daemon = Daemon(empty_home)
    try:
        eventually(empty_home.socket.exists, "it has begun")
        os.kill(daemon.process.pid, signal.SIGTERM)
        assert daemon.exit_status() == 0, daemon.log
        assert not empty_home.socket.exists()
    finally:
        daemon.kill()


def test_a_hangup_of_the_terminal_and_a_broken_pipe_are_survived_or_end_it_in_order(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        os.kill(daemon.pid, signal.SIGPIPE)
        assert client.health().status == "ok"


def test_requests_in_flight_are_finished(empty_home: Home) -> None:
    workspace = str(empty_home.folder())
    daemon = Daemon(empty_home).ready()
    outcomes: list[str] = []
    stopped = threading.Event()
    with daemon.client() as client:
        session_id = client.create_session(tool_id="t", workspace_path=workspace).session_id
        drafts = [ContextAppend(decision=f"{number}") for number in range(1000)]

        def work() -> None:
            with daemon.client() as own, contextlib.suppress(CallFailed):
                while not stopped.is_set():
                    own.append_batch(session_id, entries=drafts)
                    outcomes.append("answered")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(outcomes) >= 4, "batches are answered")
        daemon.stop()
        stopped.set()
        for thread in threads:
            thread.join()
        assert not daemon.complaints(), daemon.log

        with running(empty_home):
            kinds = Counter(str(entry.kind) for entry in assert_consistent(client, session_id))
            whole, part = divmod(kinds["decision"], 1000)
            assert part == 0
            assert kinds == {"decision": whole * 1000, "gap": 1}  # while no daemon ran, nobody looked
            assert len(outcomes) <= whole <= len(outcomes) + 4


def test_what_was_seen_the_moment_before_is_kept(empty_home: Home) -> None:
    workspace = empty_home.folder()
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(workspace))
        for number in range(40):
            (workspace / f"{number}.txt").write_text("x")
        daemon.stop()

        with running(empty_home):
            assert sorted(touches(client, session)) == sorted(Touch("create", f"{number}.txt") for number in range(40))
            assert client.get_session(session.session_id).state is SessionState.ACTIVE


def test_counted_reads_are_kept(empty_home: Home) -> None:
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        client.create_memory("p", key="k", value="v")
        for _ in range(7):
            client.get_memory("p", key="k")
        daemon.stop()

        with running(empty_home):
            assert client.get_memory("p", key="k", touch=False).accessed_count == 7


def test_listeners_are_hung_up_on(empty_home: Home) -> None:
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        listeners = [Listener(client) for _ in range(5)]
        daemon.stop()
        assert [one for one in listeners if not one.hung_up.wait(5)] == []


def test_a_listener_that_does_not_read_holds_up_nothing(empty_home: Home) -> None:
    workspace = str(empty_home.folder())
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client, Wire(empty_home.socket) as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.send(request("GET", "/events"))
        eventually(lambda: client.status().queues.event_subscribers == 1, "somebody listens")
        session_id = client.create_session(tool_id="t", workspace_path=workspace).session_id
        for _ in range(6):
            client.append_batch(session_id, entries=[ContextAppend(decision="x" * 500) for _ in range(1000)])

        took = daemon.stop()

        assert not daemon.complaints(), daemon.log
    assert took < 2.5


def test_idle_connections_hold_up_nothing(empty_home: Home) -> None:
    daemon = Daemon(empty_home).ready()
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(empty_home.socket)) for _ in range(100)]
        for wire in wires[:50]:
            assert wire.request("GET", "/health").status == 200

        took = daemon.stop()

        assert took < 2.5
        assert [wire for wire in wires if wire.rest()] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET /hea",
        b"GET /health HTTP/1.1\r\nHost: x\r\n",
        request("POST", "/projects/p/memories", {"key": "k", "value": "v"})[:-5],
        b"POST /flush HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "line", "head", "body", "chunk"],
)
def test_half_a_request_holds_up_nothing(empty_home: Home, half: bytes) -> None:
    daemon = Daemon(empty_home).ready()
    with Wire(empty_home.socket) as wire, daemon.client() as client:
        wire.send(half)
        client.health()

        daemon.stop()

        assert not daemon.complaints(), daemon.log


def test_no_call_is_lost_between_two_runs(empty_home: Home) -> None:
    """A connection that is refused is told so at once, never left to hang."""
    daemon = Daemon(empty_home).ready()
    seen: list[str] = []
    done = threading.Event()

    def call() -> None:
        with Client(empty_home.socket, timeout=30) as client:
            while not done.is_set():
                try:
                    seen.append(client.health().status)
                except CallFailed as error:
                    seen.append(error.code)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        for _ in range(2):
            eventually(lambda: seen and seen[-1] == "ok", "it answers")
            daemon.stop()
            eventually(lambda: seen[-1] == "daemon_not_running", "it is told")
            daemon = Daemon(empty_home).ready()
    finally:
        done.set()
        thread.join()
        daemon.kill()

    assert set(seen) <= {"ok", "daemon_not_running", "connection_lost", "not_sent"}


def test_readiness_is_told_to_the_supervisor_and_the_stop_too(empty_home: Home) -> None:
    for address in (str(empty_home.base / "notify"), f"@omnimem-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind("\0" + address[1:] if address.startswith("@") else address)
            supervisor.settimeout(10)
            daemon = Daemon(empty_home, environ={"NOTIFY_SOCKET": address})
            try:
                assert supervisor.recv(4096).split(b"\n")[0] == b"READY=1"
                with daemon.client() as client:
                    assert client.health().status == "ok"
                daemon.ready().stop()
                assert supervisor.recv(4096).split(b"\n")[0] == b"STOPPING=1"
            finally:
                daemon.kill()


def test_a_supervisor_that_is_gone_is_no_obstacle(empty_home: Home) -> None:
    with running(empty_home, environ={"NOTIFY_SOCKET": str(empty_home.base / "nobody")}) as daemon:
        assert daemon.log.count("ready") == 1


def test_the_log_says_ready_in_one_line_when_it_answers(empty_home: Home) -> None:
    with running(empty_home) as daemon:
        lines = [line for line in daemon.log.splitlines() if "ready" in line]
        assert len(lines) == 1
        assert str(daemon.process.pid) in lines[0]
        assert str(empty_home.socket) in lines[0]


async def test_many_callers_at_the_stop_are_each_answered_or_told(empty_home: Home) -> None:
    daemon = Daemon(empty_home).ready()
    project = "p"

    async def write(number: int) -> str:
        async with AsyncClient(empty_home.socket, timeout=20) as client:
            try:
                await client.create_memory(project, key=f"k{number}", value="v")
            except CallFailed as error:
                return error.code
            return "ok"

    calls = [asyncio.create_task(write(number)) for number in range(64)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(daemon.stop)
    outcomes = await asyncio.gather(*calls)

    assert set(outcomes) <= {"ok", "daemon_not_running", "connection_lost", "not_sent"}
    with running(empty_home), Client(empty_home.socket) as client:
        kept = {one.memory_key for one in client.list_memories(project, limit=100).memories}
    answered = {f"k{number}" for number, outcome in enumerate(outcomes) if outcome == "ok"}
    assert answered <= kept


def test_a_stop_leaves_no_file_behind_but_its_data(empty_home: Home) -> None:
    with running(empty_home):
        pass

    left = {path.relative_to(empty_home.data_dir) for path in empty_home.data_dir.rglob("*")}
    assert left == {Path("omnimem.db"), Path("omnimem.db-run"), Path("omnimemd.lock")}

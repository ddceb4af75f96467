"""The daemon keeps to itself: no network, no child processes, nobody's words in its log."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Final

import pytest

from omnimem import Client
from omnimem.model import ContextAppend, SearchMode
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home
from tests.e2e.listening import Listener
from tests.e2e.programs import Programs
from tests.e2e.recorded import ended, touches
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire, call, request

pytestmark = pytest.mark.needs("inotify")

_CALLS: Final = "socket,connect,bind,sendto,execve,execveat,fork,vfork,clone,clone3,ptrace"
#: What nobody but the user may read, and so nowhere but in the database.
_SECRET: Final = "tok3n0fth3us3r"  # noqa: S105 it opens nothing


@pytest.mark.needs("strace", "git")
def test_no_network_is_touched_and_no_program_is_started(empty_home: Home, programs: Programs) -> None:
    trace = empty_home.base / "trace"
    wrapper = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={_CALLS}"]
    repository = empty_home.folder({"a.txt": "x"})
    programs.git("init", "-q", cwd=repository)
    by_hand = empty_home.folder()
    tool = programs.tool()
    daemon = Daemon(empty_home, wrapper=wrapper).ready()
    try:
        with daemon.client(timeout=30) as client:
            session_id = use_everything(client, repository, by_hand, tool.pid)
            tool.kill()
            ended(client, session_id)
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.exit_status() == 0
    finally:
        daemon.kill()

    lines = trace.read_text().splitlines()
    sockets = [line for line in lines if re.search(r"\bsocket\(", line)]
    assert sockets, "the trace shows nothing"
    assert [line for line in sockets if "AF_UNIX" not in line] == []
    assert [line for line in lines if "AF_INET" in line or "AF_NETLINK" in line] == []
    places = [line for line in lines if re.search(r"\b(connect|bind|sendto)\(", line) and "sun_path" in line]
    assert [line for line in places if f'sun_path="{empty_home.base}/' not in line] == [], "a socket of somebody else's"
    assert len([line for line in lines if "execve" in line]) == 1, "the daemon's own start"
    started = [line for line in lines if re.search(r"\b(v?fork|clone3?)\(", line)]
    assert [line for line in started if "CLONE_THREAD" not in line] == []


def use_everything(client: Client, repository: Path, by_hand: Path, pid: int) -> str:
    """Do something of every kind; return the session that is bound to *pid*."""
    listener = Listener(client)
    session = client.create_session(tool_id="t", workspace_path=str(repository), process_id=pid)
    client.create_session(tool_id="t", workspace_path=str(repository))
    client.add_workspace(path=str(by_hand))
    (by_hand / "a.txt").write_text("x")
    (repository / "a.txt").read_text()
    client.append_batch(session.session_id, entries=[ContextAppend(decision="d", search_query="q", file_path="a.txt")])
    client.create_memory(session.project_id, key="k", value="v" * 10_000, session_id=session.session_id)
    client.resolve_project(path=str(repository))
    client.create_checkpoint(session.session_id, name="c")
    client.summary(session.session_id)
    client.briefing(session.project_id, query="d")
    client.search(q="d")
    client.search_memories(session.project_id, q="v", mode=SearchMode.SEMANTIC)
    client.checks()
    client.flush()
    client.health()
    client.status()
    eventually(lambda: listener.of("entry") and listener.of("memory") and listener.of("session"), "it is told")
    return session.session_id


def test_nothing_that_was_said_or_written_is_logged(empty_home: Home, programs: Programs) -> None:
    workspace = empty_home.folder({"a.txt": _SECRET, ".omnimemignore": f"# {_SECRET}\n*.log\n"})
    with running(empty_home, "--log-level", "debug") as daemon, daemon.client() as client:
        session = client.create_session(
            tool_id="t", workspace_path=str(workspace), process_id=programs.tool().pid, metadata={"note": _SECRET}
        )
        session_id = session.session_id
        (workspace / "a.txt").read_text()
        (workspace / "b.txt").write_text(_SECRET)
        (workspace / ".omnimem.toml").write_text(f"broken {_SECRET}")
        touches(client, session)
        client.append_context(session_id, decision=_SECRET, search_query=_SECRET)
        client.create_memory("p", key=_SECRET, value=_SECRET, metadata={"x": _SECRET}, session_id=session_id)
        client.get_memory("p", key=_SECRET)
        client.end_session(session_id, reason=_SECRET)
        for body in mistaken_bodies():
            for target in ("/sessions", f"/sessions/{session_id}/context", "/projects/p/memories", "/flush"):
                assert call(daemon.socket, "POST", target, body).status >= 400
        for target in (
            f"/nowhere/{_SECRET}",
            f"/sessions/{_SECRET}",
            f"/sessions?{_SECRET}=1",
            f"/sessions?cursor={_SECRET}",
        ):
            assert call(daemon.socket, "GET", target).status >= 400
        call(daemon.socket, "POST", "/flush", headers={"Idempotency-Key": _SECRET, "Origin": _SECRET})
        for raw in broken_requests():
            with Wire(daemon.socket) as wire:
                wire.send(raw)
                wire.socket.shutdown(1)
                wire.rest()
        assert client.health().status == "ok"

        assert _SECRET not in daemon.log
        assert "ready" in daemon.log


def mistaken_bodies() -> list[bytes]:
    """Return bodies that are refused, each with the secret in it."""
    wrong = [{"decision": [_SECRET]}, {_SECRET: 1}, {"key": "k", "value": _SECRET, "ttl_seconds": _SECRET}, [_SECRET]]
    return [json.dumps(one).encode() for one in wrong] + [f'{{"decision": "{_SECRET}'.encode(), _SECRET.encode()]


def broken_requests() -> list[bytes]:
    """Return what is not HTTP, or not quite, each with the secret in it."""
    secret = _SECRET.encode()
    whole = request("POST", "/projects/p/memories", {"key": "k", "value": _SECRET})
    return [
        secret + b"\r\n\r\n",
        b"GET /" + secret + b" HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + secret + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: " + secret + b"\r\n\r\n",
        # A length that is too short: what is left of the body is taken for the next request.
        re.sub(rb"Content-Length: \d+", b"Content-Length: 3", whole),
        whole[:-4],
        request("GET", "/health") + secret + b"\r\n\r\n",
        b"POST /flush HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + b"\r\n",
        b"GET /health HTTP/1.1\r\nExpect: " + secret + b"\r\nHost: x\r\n\r\n",
    ]


def test_a_quiet_daemon_logs_nothing_while_it_works(empty_home: Home, programs: Programs) -> None:
    workspace = empty_home.folder({"a.txt": "x"})
    with running(empty_home) as daemon, daemon.client() as client:
        before = daemon.log
        for _ in range(3):
            tool = programs.tool()
            session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
            (workspace / "a.txt").read_text()
            touches(client, session)
            tool.kill()
        eventually(lambda: not client.list_sessions(active=True).sessions, "every session ended")

        assert daemon.log.count("\n") - before.count("\n") <= 12
        assert "WARNING" not in daemon.log

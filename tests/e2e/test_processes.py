"""Which process a session is bound to, and when it ends: real processes, alive, stopped, dead, undead and reused."""

import itertools
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from omnimem import Client, ProcessNotFound, SessionElsewhere
from omnimem.model import EndReason, SessionState
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import OTHER_UID, Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import ended, millis
from tests.e2e.waiting import eventually, now_ms
from tests.e2e.wire import call

pytestmark = pytest.mark.needs("inotify", "pidfd")

_IDS = itertools.count(1)
_LAST_PID: Final = Path("/proc/sys/kernel/ns_last_pid")
_PYTHON_CALLER: Final = """
import os, sys
from omnimem import Client
with Client(sys.argv[1]) as client:
    print(os.getpid(), client.create_session(tool_id="t", workspace_path=sys.argv[2]).process_id)
"""
#: A coding tool that runs a command and goes on living.
_TOOL_THAT_RUNS: Final = """
import json, subprocess, sys
print(json.dumps(subprocess.run(json.loads(sys.stdin.readline()), capture_output=True, text=True).stdout), flush=True)
sys.stdin.read()
"""
#: A tool with 200 children.
_A_FAMILY: Final = """
import os, sys
for _ in range(200):
    pid = os.fork()
    if not pid:
        sys.stdin.read()
        os._exit(0)
    print(pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "wrapper",
    [
        [],
        ["env", "A=1"],
        ["timeout", "60"],
        ["nohup"],
        ["sh", "-c", '"$@"; true', "sh"],
        ["bash", "-c", '"$@" | cat', "bash"],
        ["timeout", "60", "sh", "-c", 'env "$@"; true', "sh"],
    ],
    ids=" ".join,
)
def test_a_program_that_calls_is_bound_itself_whatever_started_it(
    programs: Programs, daemon: Daemon, workspace: Path, wrapper: list[str]
) -> None:
    caller = [sys.executable, "-c", _PYTHON_CALLER, str(daemon.socket), str(workspace)]

    own_pid, bound = programs.run(*wrapper, *caller).split()

    assert bound == own_pid


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    "wrapper",
    [
        [],
        ["env", "A=1"],
        ["timeout", "60"],
        ["sh", "-c", '"$@"; true', "sh"],
        ["bash", "-c", 'sh -c "\\"\\$@\\"; true" sh "$@" | cat', "bash"],
        ["timeout", "60", "sh", "-c", 'env "$@"; true', "sh"],
    ],
    ids=lambda wrapper: " ".join(wrapper[:2]),
)
def test_a_tool_that_has_a_shell_call_for_it_is_bound_itself(
    programs: Programs, daemon: Daemon, workspace: Path, client: Client, wrapper: list[str]
) -> None:
    tool = programs.tool(_TOOL_THAT_RUNS)
    body = json.dumps({"tool_id": "t", "workspace_path": str(workspace)})
    curl = ["curl", "-sS", "--unix-socket", str(daemon.socket), "--json", body, "http://omnimemd/sessions"]

    tool.say(json.dumps([*wrapper, *curl]))

    session = json.loads(json.loads(tool.hear()))
    assert session["process_id"] == tool.pid
    tool.die()
    assert ended(client, session["session_id"]).end_reason is EndReason.PROCESS_EXITED


def test_a_caller_that_ends_at_once_ends_its_session(
    programs: Programs, daemon: Daemon, workspace: Path, client: Client
) -> None:
    pid, _ = programs.python(_PYTHON_CALLER, daemon.socket, workspace).split()

    (session,) = client.list_sessions(process_id=int(pid)).sessions

    assert ended(client, session.session_id).end_reason is EndReason.PROCESS_EXITED


def test_an_undead_process_is_dead(client: Client, programs: Programs, workspace: Path) -> None:
    tool = programs.tool()
    tool.die()

    with pytest.raises(ProcessNotFound) as refused:
        client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)

    assert [error.field for error in refused.value.errors] == ["process_id"]


def test_a_process_that_is_gone_is_refused(client: Client, programs: Programs, workspace: Path) -> None:
    tool = programs.tool()
    tool.kill()

    with pytest.raises(ProcessNotFound):
        client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)


@pytest.mark.needs("root")
def test_another_users_process_is_refused(client: Client, programs: Programs, workspace: Path) -> None:
    foreign = programs.tool("print(1, flush=True); import time; time.sleep(100)", uid=OTHER_UID)
    foreign.hear()

    with pytest.raises(ProcessNotFound):
        client.create_session(tool_id="t", workspace_path=str(workspace), process_id=foreign.pid)


@pytest.mark.parametrize("process_id", [0, -1, 2**31, 2**63, 1.5, "1", True])
def test_what_is_no_pid_is_refused_and_named(daemon: Daemon, workspace: Path, process_id: object) -> None:
    body = {"tool_id": "t", "workspace_path": str(workspace), "process_id": process_id}

    reply = call(daemon.socket, "POST", "/sessions", body)

    assert reply.status == 422
    assert [error["field"] for error in reply.json()["errors"]] == ["process_id"]


def test_a_thread_is_no_process(client: Client, workspace: Path) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        with pytest.raises(ProcessNotFound):
            client.create_session(tool_id="t", workspace_path=str(workspace), process_id=thread.native_id)
    finally:
        done.set()
        thread.join()


def test_a_refused_process_leaves_an_ended_session_as_it_was(
    client: Client, programs: Programs, workspace: Path
) -> None:
    dead = programs.tool()
    dead.kill()
    name = f"s{next(_IDS)}"
    client.create_session(tool_id="t", workspace_path=str(workspace), session_id=name)
    end = client.end_session(name)

    with pytest.raises(ProcessNotFound):
        client.create_session(tool_id="t", workspace_path=str(workspace), session_id=name, process_id=dead.pid)

    assert client.get_session(name) == end


def test_an_ended_session_is_reopened_and_bound_anew(
    client: Client, programs: Programs, workspace: Path, daemon: Daemon
) -> None:
    first, second = programs.tool(), programs.tool()
    name = f"s{next(_IDS)}"
    body = {"tool_id": "t", "workspace_path": str(workspace), "session_id": name}
    created = call(daemon.socket, "POST", "/sessions", body | {"process_id": first.pid})
    first.kill()
    end = ended(client, name)

    reopened = call(daemon.socket, "POST", "/sessions", body | {"process_id": second.pid})

    assert (created.status, reopened.status) == (201, 200)
    session = reopened.json()
    assert (session["state"], session["process_id"]) == ("active", second.pid)
    assert (session["ended_at"], session["end_reason"], session["end_detail"]) == (None, None, None)
    assert session["created_at"] == end.created_at
    assert session["last_activity"] >= (end.ended_at or "")
    second.kill()
    assert millis(ended(client, name).ended_at) >= millis(end.ended_at)


def test_an_active_session_is_rebound_and_the_old_process_no_longer_ends_it(
    client: Client, programs: Programs, workspace: Path, daemon: Daemon
) -> None:
    old, new = programs.tool(), programs.tool()
    name = f"s{next(_IDS)}"
    body = {"tool_id": "t", "workspace_path": str(workspace), "session_id": name}
    client.create_session(tool_id="t", workspace_path=str(workspace), session_id=name, process_id=old.pid)
    witness = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=old.pid)

    rebound = call(daemon.socket, "POST", "/sessions", body | {"process_id": new.pid})

    assert (rebound.status, rebound.json()["process_id"]) == (200, new.pid)
    old.kill()
    ended(client, witness.session_id)
    assert client.get_session(name).state is SessionState.ACTIVE
    new.kill()
    assert ended(client, name).end_reason is EndReason.PROCESS_EXITED


def test_an_active_session_is_given_back_as_it_is(
    client: Client, programs: Programs, workspace: Path, daemon: Daemon
) -> None:
    name = f"s{next(_IDS)}"
    first = client.create_session(
        tool_id="t", workspace_path=str(workspace), session_id=name, process_id=programs.tool().pid
    )

    again = call(
        daemon.socket, "POST", "/sessions", {"tool_id": "t", "workspace_path": f"{workspace}/", "session_id": name}
    )

    assert again.status == 200
    assert again.json()["process_id"] == first.process_id
    assert client.get_session(name) == first


def test_a_session_is_of_one_workspace(client: Client, workspace: Path, home: Home) -> None:
    name = f"s{next(_IDS)}"
    client.create_session(tool_id="t", workspace_path=str(workspace), session_id=name)

    with pytest.raises(SessionElsewhere):
        client.create_session(tool_id="t", workspace_path=str(home.folder()), session_id=name)


def test_several_sessions_of_one_process_all_end_with_it(
    client: Client, programs: Programs, workspace: Path, home: Home
) -> None:
    tool = programs.tool()
    folders = [workspace, workspace, home.folder()]
    sessions = [
        client.create_session(tool_id="t", workspace_path=str(folder), process_id=tool.pid) for folder in folders
    ]
    client.end_session(sessions[1].session_id)

    before = now_ms()
    tool.die()

    for session in (sessions[0], sessions[2]):
        end = ended(client, session.session_id)
        assert end.end_reason is EndReason.PROCESS_EXITED
        assert millis(end.ended_at) >= before
    assert client.get_session(sessions[1].session_id).end_reason is EndReason.CLIENT


def test_a_stopped_process_lives(empty_home: Home, programs: Programs) -> None:
    workspace = str(empty_home.folder())
    tool = programs.tool()
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid)
        tool.send_signal(signal.SIGSTOP)
        assert client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid).process_id == tool.pid

    with running(empty_home) as daemon, daemon.client() as client:
        assert client.get_session(session.session_id).state is SessionState.ACTIVE
        tool.send_signal(signal.SIGCONT)
        assert client.get_session(session.session_id).state is SessionState.ACTIVE
        tool.kill()
        ended(client, session.session_id)


def test_a_process_that_dies_while_no_daemon_runs_ended_when_it_was_last_seen(
    empty_home: Home, programs: Programs
) -> None:
    workspace = str(empty_home.folder())
    gone, undead, lives = programs.tool(), programs.tool(), programs.tool()
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        mortals = [
            client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid) for tool in (gone, undead)
        ]
        other = client.create_session(tool_id="t", workspace_path=workspace, process_id=lives.pid)
        callers = client.create_session(tool_id="t", workspace_path=workspace)
    before = now_ms()
    daemon.stop()
    after = now_ms()
    gone.kill()
    undead.die()

    with running(empty_home) as again, again.client() as client:
        for mortal in mortals:
            end = client.get_session(mortal.session_id)
            assert (end.state, end.end_reason) == (SessionState.ENDED, EndReason.PROCESS_EXITED)
            assert before <= millis(end.ended_at) <= after
            assert end.last_activity == mortal.last_activity
        assert client.get_session(other.session_id).state is SessionState.ACTIVE
        assert client.get_session(callers.session_id).state is SessionState.ACTIVE
        lives.kill()
        ended(client, other.session_id)


def test_a_death_the_moment_before_the_stop_is_no_life(empty_home: Home, programs: Programs) -> None:
    workspace = str(empty_home.folder())
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        tools = [programs.tool() for _ in range(5)]
        sessions = [client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid) for tool in tools]
    os.kill(daemon.pid, signal.SIGSTOP)
    os.kill(daemon.pid, signal.SIGTERM)
    for tool in tools:
        tool.die()
    dead = now_ms()
    os.kill(daemon.pid, signal.SIGCONT)
    assert daemon.exit_status() == 0
    stopped = now_ms()

    with running(empty_home) as again, again.client() as client:
        for session in sessions:
            end = client.get_session(session.session_id)
            assert (end.state, end.end_reason) == (SessionState.ENDED, EndReason.PROCESS_EXITED)
            assert millis(end.ended_at) <= stopped
            assert millis(end.created_at) <= millis(end.ended_at)
    assert dead <= stopped


@pytest.mark.needs("root")
def test_a_reused_pid_does_not_keep_a_session(empty_home: Home, programs: Programs) -> None:
    workspace = str(empty_home.folder())
    first = programs.tool()
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=workspace, process_id=first.pid)
        daemon.kill()
        first.kill()
        second = reincarnation(programs, first.pid)

        with running(empty_home):
            end = client.get_session(session.session_id)
            assert (end.state, end.end_reason) == (SessionState.ENDED, EndReason.PROCESS_EXITED)
            anew = client.create_session(tool_id="t", workspace_path=workspace, process_id=second)
            assert (anew.process_id, anew.state) == (first.pid, SessionState.ACTIVE)
            assert anew.process_started_at != session.process_started_at


@pytest.mark.needs("root")
def test_a_pid_reused_at_once_ends_the_session_all_the_same(
    client: Client, programs: Programs, workspace: Path
) -> None:
    first = programs.tool()
    session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=first.pid)

    first.kill()
    reincarnation(programs, first.pid)

    assert ended(client, session.session_id).end_reason is EndReason.PROCESS_EXITED


def reincarnation(programs: Programs, pid: int) -> int:
    """Start a process that has *pid* again; others on the machine may be quicker, hence several tries."""
    for _ in range(200):
        try:
            _LAST_PID.write_text(str(pid - 1))
        except OSError as error:
            pytest.skip(f"{_LAST_PID} cannot be written: {error.strerror}")
        child = os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ)
        if child == pid:
            programs.adopt(child)
            return child
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    pytest.skip(f"pid {pid} could not be had again")


def test_a_session_that_nobody_is_bound_to_ends_by_call_alone(
    client: Client, programs: Programs, workspace: Path
) -> None:
    # pytest itself calls; what it stands under is not what this is about.
    session = client.create_session(tool_id="t", workspace_path=str(workspace))

    end = client.end_session(session.session_id, reason="done")
    again = client.end_session(session.session_id, reason="other")

    assert (end.end_reason, end.end_detail) == (EndReason.CLIENT, "done")
    assert again == end


def test_two_hundred_deaths_at_once_are_all_seen(client: Client, programs: Programs, workspace: Path) -> None:
    parent = programs.tool(_A_FAMILY)
    pids = [int(parent.hear()) for _ in range(200)]
    sessions = [client.create_session(tool_id="t", workspace_path=str(workspace), process_id=pid) for pid in pids]

    before = now_ms()
    parent.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    ids = {session.session_id for session in sessions}
    eventually(
        lambda: not ids & {one.session_id for one in client.list_sessions(active=True, limit=500).sessions},
        "every session ended",
    )
    ends = [client.get_session(session_id) for session_id in ids]
    assert {end.end_reason for end in ends} == {EndReason.PROCESS_EXITED}
    assert all(millis(end.ended_at) >= before for end in ends)


def test_nothing_is_kept_open_for_a_process_that_ended(
    programs: Programs, client: Client, daemon: Daemon, workspace: Path
) -> None:
    def kept_for(pid: int) -> bool:
        for one in Path(f"/proc/{daemon.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                if str(one.readlink()) == f"/proc/{pid}/io":
                    return True
        return False

    tools = [programs.tool() for _ in range(3)]
    sessions = [client.create_session(tool_id="t", workspace_path=str(workspace), process_id=one.pid) for one in tools]
    (workspace / "a").write_text("a")
    eventually(lambda: all(kept_for(one.pid) for one in tools), "the daemon to measure what they do")

    for tool, session in zip(tools, sessions, strict=True):
        tool.kill()
        ended(client, session.session_id)

    eventually(lambda: not any(kept_for(one.pid) for one in tools), "the daemon to let go of them")

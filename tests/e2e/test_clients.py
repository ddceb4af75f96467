"""`Client` and `AsyncClient` against a real daemon: the same calls, the same answers, the same errors."""

import asyncio
import inspect
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import pytest

from omnimem import (
    AsyncClient,
    CallTimeout,
    Client,
    ConnectionLost,
    DaemonNotRunning,
    InvalidRequest,
    MemoryNotFound,
    OmnimemError,
    SessionNotFound,
    VersionMismatch,
)
from omnimem.model import AccessEntry, ContextAppend, EntryKind, Event, MemoryEntry, RewindChange, Session
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home
from tests.e2e.listening import Listener
from tests.e2e.programs import Programs
from tests.e2e.recorded import assert_consistent
from tests.e2e.waiting import eventually
from tests.e2e.wire import call

pytestmark = pytest.mark.needs("inotify")

_NUMBERS = itertools.count()


class Either:
    """One of the two clients, called in one way."""

    def __init__(self, path: Path, *, asynchronous: bool, timeout: float = 10.0) -> None:
        self._loop = asyncio.new_event_loop() if asynchronous else None
        self._client = AsyncClient(path, timeout=timeout) if asynchronous else Client(path, timeout=timeout)

    def __getattr__(self, name: str) -> Any:
        """Return the method *name*, to be called without await."""
        method = getattr(self._client, name)
        if self._loop is None:
            return method
        loop = self._loop
        return lambda *ids, **fields: loop.run_until_complete(method(*ids, **fields))

    def dispose(self) -> None:
        """Close everything."""
        self.close()
        if self._loop is not None:
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()


@contextmanager
def either_client(path: Path, kind: str, *, timeout: float = 10.0) -> Iterator[Either]:
    """Open one of the two."""
    client = Either(path, asynchronous=kind == "async", timeout=timeout)
    try:
        yield client
    finally:
        client.dispose()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two clients."""
    return str(request.param)


@pytest.fixture
def either(daemon: Daemon, kind: str) -> Iterator[Either]:
    """Each of the two, in turn."""
    with either_client(daemon.socket, kind) as client:
        yield client


# -- the same -------------------------------------------------------------------------------------------------


def test_both_have_the_same_methods() -> None:
    def methods(client: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")}

    assert methods(Client) == methods(AsyncClient)


def test_every_call_of_the_library_works(either: Either, home: Home) -> None:
    folder = str(home.folder({"a.txt": "x"}))
    project = f"p{next(_NUMBERS)}"

    session = either.create_session(tool_id="t", workspace_path=folder, project_id=project, metadata={"a": [1]})
    assert either.get_session(session.session_id) == session
    assert either.list_sessions(project_id=project).sessions == [session]
    assert either.update_session(session.session_id, pinned=True).pinned
    assert not either.update_session(session.session_id, pinned=False).pinned
    assert either.append_context(session.session_id, file_path="a.txt", file_importance=0.0) is None
    shown = either.append_context(session.session_id, minimal=False, search_query="q")
    assert shown == either.get_context(session.session_id)
    assert shown.context.files_accessed[0].importance == 0.0
    batch = [ContextAppend(decision="d"), ContextAppend(file_path="b.txt", agent_id="reviewer")]
    assert either.append_batch(session.session_id, entries=batch).accepted == 2
    assert either.flush().flushed
    said = either.list_entries(session.session_id, kind=EntryKind.ACCESS).entries
    agents = [(Path(one.path).name, one.agent_id) for one in said if isinstance(one, AccessEntry)]
    assert ("b.txt", "reviewer") in agents
    assert len(either.list_entries(session.session_id, limit=2).entries) == 2
    assert either.resolve_project(path=folder).root == folder
    assert project in [one.project_id for one in either.list_projects().projects]
    assert either.update_project(project, name="New").name == "New"
    assert either.get_project(project).name == "New"
    assert either.add_workspace(path=folder).by_hand
    assert folder in [one.path for one in either.list_workspaces().workspaces]
    assert either.explain_workspace(path=f"{folder}/a.txt").recorded
    assert either.remove_workspace(path=folder) is None
    written = either.create_memory(project, key="k/ü?", value="v", session_id=session.session_id)
    assert either.get_memory(project, key="k/ü?").memory_id == written.memory_id
    assert either.get_memory(project, memory_id=written.memory_id).memory_value == "v"
    assert either.list_memories(project).count == 1
    assert either.update_memory(project, written.memory_id, value="w").version == 2
    assert either.confirm_memory(project, written.memory_id).version == 2
    assert either.memory_versions(project, written.memory_id).count == 2
    assert either.restore_memory(project, written.memory_id, version=1).memory_value == "v"
    then = datetime.fromisoformat(either.get_memory(project, memory_id=written.memory_id).updated_at)
    assert either.delete_memory(project, written.memory_id) is None
    assert either.get_memory(project, key="k/ü?", deleted=True).deleted
    assert either.list_memories(project, deleted=True).count == 1
    assert either.list_memories(project, as_of=then).count == 1
    assert either.get_memory(project, key="k/ü?", as_of=then).memory_value == "v"
    assert either.get_memory(project, memory_id=written.memory_id, as_of=then).version == 3
    assert either.rewind_memories(project, to=then, dry_run=True).memories[0].change is RewindChange.REVIVED
    assert either.rewind_memories(project, to=then).count == 1
    assert either.rewind_memories(project, to=then).count == 0
    assert either.delete_memory(project, written.memory_id, purge=True) is None
    assert either.end_session(session.session_id, reason="r").end_detail == "r"
    assert either.delete_session(session.session_id) is None
    assert either.health().status == "ok"
    assert either.status().pid > 0


def test_both_raise_the_same_errors(either: Either, home: Home) -> None:
    project = f"p{next(_NUMBERS)}"
    either.create_memory(project, key="k", value="v")

    with pytest.raises(SessionNotFound) as missing:
        either.get_session("sess_x")
    with pytest.raises(VersionMismatch):
        either.create_memory(project, key="k", value="w", expected_version=7)
    with pytest.raises(MemoryNotFound):
        either.get_memory(project, key="other")
    with pytest.raises(InvalidRequest) as invalid:
        either.create_session(tool_id="no good", workspace_path=str(home.base))

    assert (missing.value.code, missing.value.status) == ("session_not_found", 404)
    assert "sess_x" in missing.value.detail
    assert missing.value.hint
    assert [error.field for error in invalid.value.errors] == ["tool_id"]


def test_an_id_with_anything_in_it_reaches_the_daemon_whole(either: Either) -> None:
    for name in ("a/b", "a?b", "a#b", "a%2Fb", "..", "ü", " ", "a\nb"):
        with pytest.raises(OmnimemError) as refused:
            either.get_session(name)
        assert refused.value.status in (404, 422)
    assert either.health().status == "ok"


# -- when something goes wrong --------------------------------------------------------------------------------


def test_a_daemon_that_does_not_answer_in_time_is_told(empty_home: Home, kind: str) -> None:
    with running(empty_home) as daemon, either_client(daemon.socket, kind, timeout=0.3) as client:
        client.health()
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(CallTimeout):
                    client.health()
                assert 0.25 <= time.monotonic() - began < 3
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        eventually(lambda: answers(client), "it answers again")


def answers(client: Either) -> bool:
    """Return whether the daemon answers in time."""
    try:
        return bool(client.health().status == "ok")
    except CallTimeout:
        return False


def test_an_answer_that_came_too_late_is_not_the_next_calls(empty_home: Home, kind: str) -> None:
    with running(empty_home) as daemon, either_client(daemon.socket, kind, timeout=0.3) as client:
        client.create_memory("p", key="a", value="of a")
        client.create_memory("p", key="b", value="of b")
        os.kill(daemon.pid, signal.SIGSTOP)
        with pytest.raises(CallTimeout):
            client.get_memory("p", key="a")
        os.kill(daemon.pid, signal.SIGCONT)
        eventually(lambda: answers(client), "it answers again")

        assert client.get_memory("p", key="b").memory_value == "of b"


def test_a_restart_between_two_calls_is_not_noticed(empty_home: Home, kind: str) -> None:
    with either_client(empty_home.socket, kind) as client:
        for how in ("stop", "kill", "stop"):
            daemon = Daemon(empty_home).ready()
            try:
                assert client.status().pid == daemon.pid
                assert client.status().pid == daemon.pid
                daemon.stop() if how == "stop" else daemon.kill()
            finally:
                daemon.kill()
        with pytest.raises(DaemonNotRunning):
            client.status()


def test_no_daemon_is_told_with_what_to_do(empty_home: Home, kind: str) -> None:
    with either_client(empty_home.socket, kind) as client, pytest.raises(DaemonNotRunning) as refused:
        client.health()

    assert (refused.value.code, refused.value.status) == ("daemon_not_running", 0)
    assert "omnimem start" in refused.value.hint


def test_a_daemon_that_dies_before_it_answers_is_told(empty_home: Home, kind: str) -> None:
    daemon = Daemon(empty_home).ready()
    with either_client(empty_home.socket, kind, timeout=20) as client:
        client.health()
        os.kill(daemon.pid, signal.SIGSTOP)
        killer = threading.Timer(0.2, daemon.kill)
        killer.start()
        with pytest.raises(ConnectionLost):
            client.health()
        killer.join()


def test_the_default_place_is_the_daemons(
    daemon: Daemon, home: Home, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMNIMEM_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home.runtime))
    with Client() as client:
        assert client.status().pid == daemon.pid
    monkeypatch.setenv("OMNIMEM_SOCKET", str(home.base / "elsewhere"))
    with Client() as client, pytest.raises(DaemonNotRunning):
        client.status()


# -- many at once ---------------------------------------------------------------------------------------------


def test_sixty_four_clients_at_once(daemon: Daemon, workspace: Path) -> None:
    with daemon.client() as client:
        session_id = client.create_session(tool_id="t", workspace_path=str(workspace)).session_id

    def work(number: int) -> None:
        with daemon.client(timeout=30) as own:
            for turn in range(10):
                own.append_context(session_id, search_query=f"{number}-{turn}")

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(work, range(64)))

    with daemon.client() as client:
        found = assert_consistent(client, session_id)
        assert len({getattr(entry, "query", "") for entry in found}) == len(found) == 640


def test_of_many_who_begin_one_session_one_begins_it(daemon: Daemon, workspace: Path) -> None:
    body = {"tool_id": "t", "workspace_path": str(workspace), "session_id": f"race-{next(_NUMBERS)}"}

    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: call(daemon.socket, "POST", "/sessions", body), range(24)))

    assert sorted(reply.status for reply in replies) == [200] * 23 + [201]
    assert len({reply.body for reply in replies}) == 1


def test_of_many_who_send_one_key_all_have_one_answer_and_one_effect(daemon: Daemon, client: Client) -> None:
    target, body = "/projects/keyed/memories", {"key": f"k{next(_NUMBERS)}", "value": "v"}
    headers = {"Idempotency-Key": body["key"]}

    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: call(daemon.socket, "POST", target, body, headers), range(24)))

    assert {reply.status for reply in replies} == {201}
    assert len({reply.body for reply in replies}) == 1
    assert client.get_memory("keyed", key=body["key"]).version == 1


def test_one_client_in_many_threads(client: Client, workspace: Path) -> None:
    session_id = client.create_session(tool_id="t", workspace_path=str(workspace)).session_id

    def work(number: int) -> str:
        client.append_context(session_id, search_query=f"{number}")
        return client.create_memory(f"threads{number}", key="k", value=f"{number}").project_id

    with ThreadPoolExecutor(32) as pool:
        answered = list(pool.map(work, range(400)))

    assert answered == [f"threads{number}" for number in range(400)]
    assert len(assert_consistent(client, session_id)) == 400


async def test_one_async_client_with_many_calls_at_once(daemon: Daemon, workspace: Path) -> None:
    async with AsyncClient(daemon.socket, timeout=30) as client:
        session = await client.create_session(tool_id="t", workspace_path=str(workspace))

        async def work(number: int) -> str:
            await client.append_context(session.session_id, search_query=f"{number}")
            return (await client.create_memory(f"tasks{number}", key="k", value="v")).project_id

        answered = await asyncio.gather(*(work(number) for number in range(200)))

        assert answered == [f"tasks{number}" for number in range(200)]
        assert (await client.get_session(session.session_id)).metrics.searches == 200


async def test_a_cancelled_call_leaves_the_client_usable(daemon: Daemon) -> None:
    async with AsyncClient(daemon.socket) as client:
        await client.create_memory("cancelled", key="k", value="v")
        for _ in range(20):
            call = asyncio.ensure_future(client.get_memory("cancelled", key="k"))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert (await client.get_memory("cancelled", key="k")).memory_value == "v"
        assert (await client.health()).status == "ok"


_FORKS: Final = """
import os, sys, threading, time
from omnimem import Client

client = Client(sys.argv[1], timeout=10)
client.health()
stop = threading.Event()

def work():
    while not stop.is_set():
        client.status()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for number in range(40):
    child = os.fork()
    if child == 0:
        ok = client.create_memory("forks", key=f"k{number}", value=str(number)).key == f"k{number}"
        os._exit(0 if ok else 1)
    children.append(child)
deadline = time.monotonic() + 20
statuses = []
while len(statuses) < len(children) and time.monotonic() < deadline:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        break
    if pid:
        statuses.append(os.waitstatus_to_exitcode(status))
    else:
        time.sleep(0.01)
stop.set()
for thread in threads:
    thread.join()
for child in children:
    try:
        os.kill(child, 9)
    except ProcessLookupError:
        pass
print(sorted(set(statuses)), len(statuses), client.health().status)
"""


def test_a_fork_in_the_midst_of_calls_hurts_neither_side(daemon: Daemon, programs: Programs, client: Client) -> None:
    told = programs.run(sys.executable, "-W", "ignore", "-c", _FORKS, daemon.socket)

    assert told.strip() == "[0] 40 ok"
    assert client.list_memories("forks", limit=100).count == 40


# -- events ---------------------------------------------------------------------------------------------------


def test_a_listener_hears_what_it_asked_for_and_nothing_else(client: Client, home: Home) -> None:
    folder = str(home.folder())
    mine, other = f"p{next(_NUMBERS)}", f"p{next(_NUMBERS)}"
    everything = Listener(client)
    of_project = Listener(client, project_id=mine)
    session = client.create_session(tool_id="t", workspace_path=folder, project_id=mine)
    of_session = Listener(client, session_id=session.session_id)
    stranger = client.create_session(tool_id="t", workspace_path=folder, project_id=other)

    client.append_context(session.session_id, decision="d")
    client.append_context(stranger.session_id, decision="e")
    client.create_memory(mine, key="k", value="v", session_id=session.session_id)
    client.create_memory(other, key="k", value="v")
    end = client.end_session(session.session_id)
    client.end_session(stranger.session_id)

    eventually(
        lambda: [one.data for one in everything.of("session")][-1:] == [client.get_session(stranger.session_id)], ""
    )
    assert kinds(of_session) == ["entry", "memory", "entry", "session"]
    assert [one for one in kinds(of_project) if one != "workspace"] == [
        "session",
        "entry",
        "memory",
        "entry",
        "session",
    ]
    assert of_session.heard[-1].data == of_project.of("session")[-1].data == end
    ids = [one.id for one in everything.heard]
    assert ids == sorted(set(ids))
    saved = [one.data for one in of_session.of("entry")][-1]
    assert isinstance(saved, MemoryEntry)
    assert (saved.memory_key, saved.session_id) == ("k", session.session_id)


def kinds(listener: Listener) -> list[str]:
    """Return the kinds of events heard, in order."""
    return [event.event for event in listener.heard]


async def test_the_async_listener_hears_the_same(daemon: Daemon, workspace: Path) -> None:
    async with AsyncClient(daemon.socket) as client:
        session = await client.create_session(tool_id="t", workspace_path=str(workspace))
        before = (await client.status()).queues.event_subscribers
        heard: list[Event] = []

        async def listen() -> None:
            async for event in client.events(session_id=session.session_id):
                heard.append(event)
                if isinstance(event.data, Session):
                    return

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(10):
            while (await client.status()).queues.event_subscribers == before:
                pass
            await client.append_context(session.session_id, decision="d", search_query="q")
            await client.end_session(session.session_id)
            await listening

        assert [event.event for event in heard] == ["entry", "entry", "session"]


def test_a_listener_that_is_too_slow_is_told_how_many_it_missed(
    client: Client, daemon: Daemon, workspace: Path
) -> None:
    session_id = client.create_session(tool_id="t", workspace_path=str(workspace)).session_id
    with daemon.client() as slow:
        events = cast("Generator[Event]", slow.events(session_id=session_id))  # for its close
        heard: list[Event] = []
        total = 0
        for _ in range(8):
            client.append_batch(session_id, entries=[ContextAppend(decision="x" * 800) for _ in range(1000)])
            total += 1000
        heard.append(next(events))
        client.end_session(session_id)

        missed = 0
        for event in events:
            heard.append(event)
            missed += getattr(event.data, "missed", 0)
            if event.event == "session":
                break
            if missed and event.event == "lagged" and len(heard) - 1 + missed >= total:
                break
        events.close()

    entries = [event for event in heard if event.event == "entry"]
    assert missed > 0
    assert total <= len(entries) + missed <= total + 1
    ids = [event.id for event in heard]
    assert ids == sorted(set(ids))


def test_whoever_listens_misses_nothing_from_the_call_on_and_is_forgotten_at_its_end(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        events = cast("Generator[Event]", client.events())  # for its close
        listeners = client.status().queues.event_subscribers
        session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
        heard = next(event for event in events if isinstance(event.data, Session))
        events.close()

        client.end_session(session.session_id)

        eventually(lambda: client.status().queues.event_subscribers == 0, "nobody listens any more")
    assert listeners == 1
    assert heard.data == session


def test_a_listener_is_told_when_the_daemon_goes(empty_home: Home) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        daemon = Daemon(empty_home).ready()
        with daemon.client() as client:
            listener = Listener(client)
            os.kill(daemon.pid, how)
            assert listener.hung_up.wait(10)
            daemon.exit_status()


def test_listening_to_nobody_is_told(empty_home: Home) -> None:
    with Client(empty_home.socket) as client, pytest.raises(DaemonNotRunning):
        client.events()

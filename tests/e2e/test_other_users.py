"""The daemon is one user's: nobody else is served, root neither, unless the daemon is root's."""

from collections.abc import Iterator

import pytest

from omnimem import Client, DaemonNotRunning, ForbiddenUid
from omnimem.model import SessionState
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import OTHER_UID, Home, a_home, acting_as
from tests.e2e.programs import Programs
from tests.e2e.recorded import ended
from tests.e2e.wire import Wire, request

pytestmark = pytest.mark.needs("inotify", "root")


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Daemon]:
    """A daemon of an ordinary user; the tests are root."""
    with a_home() as home:
        home.give_to(OTHER_UID)
        with running(home, uid=OTHER_UID) as daemon:
            yield daemon


def test_root_is_refused_by_a_daemon_that_is_not_its_own(ordinary: Daemon) -> None:
    with ordinary.client() as client, pytest.raises(ForbiddenUid) as refused:
        client.status()

    assert refused.value.status == 403
    assert str(OTHER_UID) in refused.value.detail


def test_whoever_is_refused_is_answered_once_and_hung_up_on(ordinary: Daemon) -> None:
    with Wire(ordinary.socket) as wire:
        wire.send(request("GET", "/health") * 3)

        reply = wire.receive()

        assert (reply.status, reply.json()["code"]) == (403, "forbidden_uid")
        assert reply.headers["content-type"].startswith("application/problem+json")
        assert reply.headers["connection"] == "close"
        assert "omnimem-version" in reply.headers
        assert wire.rest() == b""


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("GET", "/events"),
        ("GET", "/openapi.json"),
        ("PUT", "/sessions"),
        ("OPTIONS", "*"),
        ("HEAD", "/health"),
        ("POST", "/flush"),
        ("GET", "/sessions?nonsense=1"),
    ],
)
def test_whoever_is_refused_learns_nothing_else(ordinary: Daemon, method: str, target: str) -> None:
    with Wire(ordinary.socket) as wire:
        wire.send(request(method, target))

        answer = wire.rest()

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"Allow" not in answer


@pytest.mark.parametrize(
    "headers",
    [{"Expect": "100-continue"}, {"Expect": "nonsense"}, {"Origin": "http://x"}, {"Upgrade": "h2c"}, {"Host": ""}],
    ids=str,
)
def test_no_header_leads_past_the_refusal(ordinary: Daemon, headers: dict[str, str]) -> None:
    with Wire(ordinary.socket) as wire:
        wire.send(request("POST", "/projects/p/memories", {"key": "k", "value": "v"}, headers))

        answer = wire.rest()

    assert b"HTTP/1.1 403 " in answer
    assert b"417" not in answer


def test_what_was_refused_had_no_effect(ordinary: Daemon) -> None:
    with Wire(ordinary.socket) as wire:
        wire.send(request("POST", "/projects/refused/memories", {"key": "k", "value": "v"}))
        assert wire.receive().status == 403

    with acting_as(OTHER_UID), ordinary.client() as client:
        assert [one.project_id for one in client.list_projects().projects] == []


def test_the_owner_is_served_and_so_are_its_processes(ordinary: Daemon) -> None:
    programs = Programs(ordinary.home)
    own = programs.tool("print(1, flush=True); import time; time.sleep(60)", uid=OTHER_UID)
    own.hear()
    try:
        with acting_as(OTHER_UID), ordinary.client() as client:
            folder = ordinary.home.base / "home"
            session = client.create_session(tool_id="t", workspace_path=str(folder), process_id=own.pid)
            assert session.process_id == own.pid
            assert session.state is SessionState.ACTIVE
            own.die()
            ended(client, session.session_id)
    finally:
        programs.close()


def test_roots_process_is_refused_to_an_ordinary_user(ordinary: Daemon) -> None:
    with Wire(ordinary.socket) as wire, acting_as(OTHER_UID):
        wire.close()
        with Wire(ordinary.socket) as own:
            body = {"tool_id": "t", "workspace_path": str(ordinary.home.home), "process_id": 1}
            reply = own.request("POST", "/sessions", body)

    assert (reply.status, reply.json()["code"]) == (422, "process_not_found")


def test_the_file_system_stops_others_before_the_daemon_does(daemon: Daemon, home: Home) -> None:
    home.base.chmod(0o755)
    with acting_as(OTHER_UID), Client(daemon.socket) as client, pytest.raises(DaemonNotRunning):
        client.health()


def test_others_are_refused_even_where_the_socket_is_open_to_all(empty_home: Home) -> None:
    with running(empty_home) as daemon:
        for directory in (empty_home.base, empty_home.runtime, empty_home.socket.parent):
            directory.chmod(0o755)
        empty_home.socket.chmod(0o666)

        with acting_as(OTHER_UID), daemon.client() as client, pytest.raises(ForbiddenUid):
            client.health()

        with daemon.client() as client:
            assert client.health().status == "ok"


def test_who_connected_counts_not_who_writes(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.health()
        with acting_as(OTHER_UID):
            assert client.health().status == "ok"

"""What comes over the socket and is no good request: answered where HTTP allows, and nobody else notices."""

import contextlib
import socket
import struct
import threading

import pytest

from omnimem import BodyTooLarge, Client
from tests.e2e.daemons import Daemon
from tests.e2e.wire import Reply, Wire, call, request

pytestmark = pytest.mark.needs("inotify")


def assert_problem(reply: Reply, status: int) -> None:
    """Check that *reply* is the problem document of *status*."""
    assert reply.status == status
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert "omnimem-version" in reply.headers
    document = reply.json()
    assert document.keys() >= {"type", "title", "status", "code", "detail", "hint"}
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert "Traceback" not in str(document)


@pytest.fixture(autouse=True)
def unharmed(client: Client) -> None:
    """A daemon that answers before; the module's end checks its log."""
    assert client.health().status == "ok"


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage\r\n\r\n",
        b"\x00\x01\x02\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nBad\x00Name: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"POST /flush HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /flush HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /flush HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /flush HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /flush HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 5_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
    ],
    ids=lambda raw: repr(raw[:40] if len(raw) < 1000 else raw[:12]),
)
def test_what_is_not_http_is_told_so_and_hung_up_on(daemon: Daemon, raw: bytes) -> None:
    with Wire(daemon.socket) as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it was enough before all of it was sent
            wire.send(raw)

        reply = wire.receive()

        assert_problem(reply, 400)
        assert wire.rest() == b""


def test_a_half_request_and_silence_holds_up_nobody(daemon: Daemon, client: Client) -> None:
    with Wire(daemon.socket) as head, Wire(daemon.socket) as body, Wire(daemon.socket) as nothing:
        head.send(b"POST /projects/p/memories HTTP/1.1\r\nHost: x\r\nContent-Le")
        body.send(request("POST", "/projects/p/memories", {"key": "half", "value": "v"})[:-3])
        del nothing
        for number in range(20):
            client.create_memory("p", key=f"whole{number}", value="v")

        body.send(b'"v"'[-3:])

    assert client.health().status == "ok"


def test_a_caller_that_hangs_up_in_the_middle_has_no_effect(daemon: Daemon, client: Client) -> None:
    whole = request("POST", "/projects/hangup/memories", {"key": "k", "value": "v" * 100_000})
    for cut in (len(whole) - 1, len(whole) // 2, 300):
        with Wire(daemon.socket) as wire:
            wire.send(whole[:cut])
        with Wire(daemon.socket) as wire:
            wire.send(whole[:cut])
            reset(wire.socket)

    client.flush()
    assert [one for one in client.list_projects().projects if one.project_id == "hangup"] == []


def test_a_caller_that_hangs_up_while_it_is_answered_is_no_failure(daemon: Daemon, client: Client) -> None:
    for number in range(4):  # more than the kernel keeps for a caller that does not read
        client.create_memory("exported", key=f"k{number}", value="v" * 1_000_000)
    for _ in range(10):
        with Wire(daemon.socket) as wire:
            wire.send(request("GET", "/export"))
            wire.socket.recv(1)

    assert client.health().status == "ok"
    assert not daemon.complaints(), daemon.log


def test_a_caller_that_does_not_wait_for_the_answer_had_its_effect(daemon: Daemon, client: Client) -> None:
    for number in range(10):
        with Wire(daemon.socket) as wire:
            wire.send(request("POST", "/projects/left/memories", {"key": f"k{number}", "value": "v"}))
            wire.socket.shutdown(socket.SHUT_WR)
            wire.rest()

    assert client.list_memories("left").count == 10


def reset(connection: socket.socket) -> None:
    """Break a connection off as hard as it goes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)


def test_requests_sent_in_one_go_are_answered_in_order(daemon: Daemon) -> None:
    wanted = [200, 404, 405, 422, 200, 201]
    with Wire(daemon.socket) as wire:
        wire.send(
            request("GET", "/health")
            + request("GET", "/nowhere")
            + request("PUT", "/sessions")
            + request("POST", "/projects/p/memories", {"key": ""})
            + request("GET", "/status")
            + request("POST", "/projects/pipelined/memories", {"key": "k", "value": "v"})
        )

        assert [wire.receive().status for _ in wanted] == wanted


def test_two_hundred_requests_in_one_go(daemon: Daemon) -> None:
    with Wire(daemon.socket) as wire:
        sender = threading.Thread(target=wire.send, args=(request("GET", "/status") * 200,))
        sender.start()
        assert [wire.receive().status for _ in range(200)] == [200] * 200
        sender.join()


def test_a_body_byte_by_byte_is_a_body(daemon: Daemon) -> None:
    with Wire(daemon.socket) as wire:
        for byte in request("POST", "/projects/slow/memories", {"key": "k", "value": "v"}):
            wire.send(bytes([byte]))

        assert wire.receive().status == 201


def test_a_body_in_chunks_is_a_body(daemon: Daemon) -> None:
    with Wire(daemon.socket) as wire:
        wire.send(
            b"POST /projects/chunks/memories HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"key":"\r\n10\r\nk","value": "v"}\r\n0\r\n\r\n'
        )

        assert wire.receive().status == 201


def test_a_caller_that_waits_for_leave_is_given_it(daemon: Daemon) -> None:
    whole = request("POST", "/projects/expect/memories", {"key": "k", "value": "v"}, {"Expect": "100-continue"})
    head, _, body = whole.partition(b"\r\n\r\n")
    with Wire(daemon.socket) as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.receive().status == 100
        wire.send(body)
        assert wire.receive().status == 201


def test_an_expectation_nobody_knows_is_no_obstacle(daemon: Daemon) -> None:
    assert call(daemon.socket, "GET", "/health", headers={"Expect": "miracles"}).status == 200


@pytest.mark.parametrize(("size", "status"), [(1 << 20, 201), ((1 << 20) + 1, 413), (8 << 20, 413)])
def test_a_body_may_have_one_mebibyte(daemon: Daemon, size: int, status: int) -> None:
    frame = len(b'{"key": "k", "value": ""}')
    body = b'{"key": "k", "value": "%s"}' % (b"v" * (size - frame))
    assert len(body) == size
    with Wire(daemon.socket) as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            wire.send(request("POST", f"/projects/big{size}/memories", body))

        reply = wire.receive()

    assert reply.status == status
    if status == 413:
        assert_problem(reply, 413)


def test_the_client_says_that_a_body_is_too_large(client: Client) -> None:
    for _ in range(3):
        with pytest.raises(BodyTooLarge):
            client.create_memory("p", key="k", value="v" * (4 << 20))
    assert client.health().status == "ok"


def test_a_web_page_is_refused(daemon: Daemon) -> None:
    for origin in ("http://localhost", "null", ""):
        reply = call(daemon.socket, "POST", "/projects/web/memories", {"key": "k", "value": "v"}, {"Origin": origin})
        assert_problem(reply, 403)
        assert reply.json()["code"] == "forbidden_origin"


def test_http_1_0_is_answered_and_hung_up_on(daemon: Daemon) -> None:
    with Wire(daemon.socket) as wire:
        wire.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert wire.receive().status == 200
        assert wire.rest() == b""


def test_five_hundred_connections_at_once(daemon: Daemon) -> None:
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(daemon.socket)) for _ in range(500)]
        for wire in wires:
            wire.send(request("GET", "/status"))
        assert {wire.receive().status for wire in wires} == {200}


def test_the_socket_takes_callers_only(daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, pytest.raises(OSError, match="wrong type"):
        other.connect(str(daemon.socket))


@pytest.mark.parametrize("question", ["alpha " * 170_000, "\N{CJK UNIFIED IDEOGRAPH-8A9E}" * 340_000, "\0" * 1_000_000])
def test_a_question_of_a_megabyte_is_answered(client: Client, question: str) -> None:
    assert client.search(q=question).query == question

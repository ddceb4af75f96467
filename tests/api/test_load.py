"""More than can be done, and callers that hang: refused or cut off at once, and everybody else is served."""

import asyncio
import gzip
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem.errors import BodyTooLarge, Overloaded, RequestTimeout, UnsupportedMediaType
from omnimemd.api.load import Limits, limits_for
from tests.support.house import House
from tests.support.http import Api, expect_problem
from tests.support.waiting import until

#: A read of the store that waits its turn in the reading thread.
READ = "/projects/p/briefing"


class Caller:
    """One connection, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, head: str, body: bytes = b"", **headers: str) -> None:
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"{head} HTTP/1.1\r\nHost: x\r\n{named}\r\n".encode() + body)

    async def status(self) -> int:
        """Read one answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        await self.reader.readexactly(int(length[1]) if length else 0)
        return int(head.split()[1])

    async def rest(self) -> bytes:
        """Read until the daemon hangs up."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionResetError:  # it had not read everything that was sent to it
                return b""

    async def told(self, error: type[Any]) -> None:
        """Check that it is told *error*, whole and as every problem is, and hung up on."""
        head, _, body = (await self.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d" % error.status), head
        assert b"omnimem-version:" in head.lower()
        assert b"content-type: application/problem+json" in head.lower()
        assert (b"retry-after: 1" in head.lower()) == (error.status == 503)
        assert msgspec.json.decode(body)["code"] == error.code


@asynccontextmanager
async def callers(wire: Path, count: int = 1) -> AsyncIterator[list[Caller]]:
    opened = [Caller(*await asyncio.open_unix_connection(wire, limit=2**23)) for _ in range(count)]
    try:
        yield opened
    finally:
        for one in opened:
            one.writer.close()


@contextmanager
def busy_reading(house: House) -> Iterator[None]:
    """Have long reads wait for as long as the block runs."""
    go_on = threading.Event()
    house.database._reading.submit(go_on.wait)
    try:
        yield
    finally:
        go_on.set()


def limit(house: House, **limits: Any) -> None:
    house.load.limits = msgspec.structs.replace(house.load.limits, **limits)


class TestOverload:
    async def test_what_is_too_much_is_refused_at_once_and_taken_again_later(self, api: Api, house: House) -> None:
        limit(house, requests=2)
        with busy_reading(house):
            waiting = [asyncio.ensure_future(api.get(READ)) for _ in range(2)]
            await until(lambda: house.load.requests == 2)

            refused = await api.get("/sessions")

        expect_problem(refused, Overloaded)
        assert [reply.status for reply in await asyncio.gather(*waiting)] == [200, 200]
        assert (await api.get("/sessions")).status == 200

    async def test_how_the_daemon_is_can_be_asked_all_the_same(self, api: Api, house: House) -> None:
        limit(house, requests=0)

        expect_problem(await api.post("/projects/p/memories", {"key": "k", "value": "v"}), Overloaded)
        assert (await api.get("/health")).json["status"] == "ok"
        assert (await api.get("/status")).json["queues"]["requests_refused"] == 1
        assert b"omnimemd_requests_refused_total 1\n" in (await api.get("/metrics")).body

    async def test_a_read_that_takes_too_long_is_given_up(self, api: Api, house: House) -> None:
        limit(house, answer_seconds=0.01)
        with busy_reading(house):
            expect_problem(await api.get(READ), Overloaded)

        limit(house, answer_seconds=60)
        assert (await api.get(READ)).status == 200

    async def test_nobody_reads_on_for_a_caller_that_has_hung_up(
        self, house: House, wire: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with busy_reading(house):
            asked: list[Future[Any]] = []
            submit = house.database._reading.submit

            def noted(work: Callable[[], object]) -> Future[Any]:
                asked.append(submit(work))
                return asked[-1]

            monkeypatch.setattr(house.database._reading, "submit", noted)
            async with callers(wire) as (caller,):
                caller.send(f"GET {READ}")
                await until(lambda: house.load.requests == 1)

            await until(lambda: house.load.requests == 0)
            assert any(one.cancelled() for one in asked)

    async def test_a_write_is_done_whether_or_not_its_caller_waits(self, api: Api, house: House, wire: Path) -> None:
        async with callers(wire) as (caller,):
            body = b'{"key":"k","value":"v"}'
            caller.send("POST /projects/p/memories", body, Content_Length=str(len(body)))
            await caller.writer.drain()

        await until(lambda: house.load.connections == 0)
        assert (await api.get("/projects/p/memories?key=k")).status == 200

    async def test_bodies_together_have_a_limit(self, house: House, wire: Path) -> None:
        limit(house, arriving_bytes=1000)
        async with callers(wire, 3) as (first, second, third):
            first.send("POST /projects/p/memories", Content_Length="900")
            await until(lambda: house.load.arriving_bytes == 900)
            second.send("POST /projects/p/memories", Content_Length="200")  # it is not waited for
            assert await second.status() == 503
            third.send("POST /projects/p/memories", Transfer_Encoding="chunked")
            assert await third.status() == 503
            first.writer.write(b"{" + b" " * 899)
            assert await first.status() == 400

        assert house.load.arriving_bytes == 0

    async def test_listeners_and_exports_have_limits_of_their_own(self, api: Api, house: House, wire: Path) -> None:
        limit(house, listeners=1, exports=0, requests=0)
        async with callers(wire) as (listener,):
            listener.send("GET /events")
            await listener.reader.readuntil(b": listening")

            expect_problem(await api.get("/events"), Overloaded)
            expect_problem(await api.get("/export"), Overloaded)

        await until(lambda: house.load.listeners == 0)


class TestConnections:
    async def test_the_one_that_is_idle_for_longest_makes_room(self, house: House, wire: Path) -> None:
        limit(house, connections=2)
        async with callers(wire, 2) as (first, second):
            for caller in (first, second, first):  # now the second is idle for longer
                caller.send("GET /health")
                assert await caller.status() == 200

            async with callers(wire) as (third,):
                third.send("GET /health")
                assert await third.status() == 200
                assert await second.rest() == b""
                first.send("GET /health")
                assert await first.status() == 200

        await until(lambda: house.load.connections == 0)

    async def test_before_a_caller_that_is_served_one_that_is_still_sending_goes(
        self, house: House, wire: Path
    ) -> None:
        limit(house, connections=2)
        with busy_reading(house):
            async with callers(wire, 2) as (served, sending):
                served.send(f"GET {READ}")
                sending.writer.write(b"GET /health HT")
                await until(lambda: house.load.requests == 1 and house.load.arriving_bytes > 0)

                async with callers(wire) as (new,):
                    new.send("GET /health")
                    assert await new.status() == 200
                    await sending.told(Overloaded)

    async def test_where_all_are_served_a_new_one_is_refused(self, house: House, wire: Path) -> None:
        limit(house, connections=2)
        with busy_reading(house):
            async with callers(wire, 2) as served:
                for caller in served:
                    caller.send(f"GET {READ}")
                await until(lambda: house.load.requests == 2)

                async with callers(wire) as (new,):
                    await new.told(Overloaded)

        await until(lambda: house.load.connections == 0)
        async with callers(wire) as (new,):
            new.send("GET /health")
            assert await new.status() == 200

    async def test_thousands_that_do_nothing_keep_nobody_out(self, house: House, wire: Path) -> None:
        limit(house, connections=50)
        async with callers(wire, 400), callers(wire) as (new,):
            new.send("GET /health")
            assert await new.status() == 200
            assert house.load.connections <= 50

    @pytest.mark.parametrize(
        ("descriptors", "connections", "requests"), [(1 << 20, 1024, 512), (1024, 480, 240), (256, 96, 48), (64, 16, 8)]
    )
    def test_fewer_descriptors_are_fewer_connections(self, descriptors: int, connections: int, requests: int) -> None:
        limits = limits_for(descriptors)

        assert (limits.connections, limits.requests) == (connections, requests)

    def test_a_request_that_is_too_many_finds_a_connection_to_be_told_so(self) -> None:
        assert Limits().requests + Limits().listeners + Limits().exports < Limits().connections


class TestCallersThatHang:
    @pytest.mark.parametrize("sent", [b"G", b"GET /health HTTP/1.1\r\nHost: x\r\nX: "])
    async def test_a_head_has_to_come_in_time(self, house: House, wire: Path, sent: bytes) -> None:
        limit(house, arrival_seconds=0.01)
        async with callers(wire) as (caller,):
            caller.writer.write(sent)
            await caller.told(RequestTimeout)

        assert (house.load.cut_off, house.load.arriving_bytes) == (1, 0)

    async def test_a_body_has_to_come_in_time(self, house: House, wire: Path) -> None:
        limit(house, arrival_seconds=0.01)
        async with callers(wire) as (caller,):
            caller.send("POST /projects/p/memories", b'{"key":', Content_Length="1000")
            await caller.told(RequestTimeout)

        assert (house.load.requests, house.load.arriving_bytes) == (0, 0)

    async def test_who_sends_slowly_what_comes_in_time_is_served(self, house: House, wire: Path) -> None:
        async with callers(wire) as (caller,):
            for byte in b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n":
                caller.writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert await caller.status() == 200

        await until(lambda: house.load.connections == 0)
        assert house.load.arriving_bytes == 0

    async def test_heads_together_have_a_limit(self, house: House, wire: Path) -> None:
        limit(house, arriving_bytes=100_000)
        async with callers(wire, 2) as (first, second):
            first.writer.write(b"GET /" + b"a" * 90_000)
            await until(lambda: house.load.arriving_bytes > 90_000)
            second.writer.write(b"GET /" + b"a" * 90_000)
            await second.told(Overloaded)

    async def test_who_does_not_read_is_cut_off(self, api: Api, house: House, session: str, wire: Path) -> None:
        await self.much_to_read(api, session)
        limit(house, standstill_seconds=0.01)
        async with callers(wire) as (caller,):
            caller.reader._limit = 1  # type: ignore[attr-defined]  # so it stops reading the socket
            for _ in range(3):
                caller.send(f"GET /sessions/{session}/context")
            await until(lambda: house.load.cut_off == 1)
            await until(lambda: house.load.connections == 0)

        assert (house.load.unread_bytes, house.load.requests) == (0, 0)

    async def test_who_reads_slowly_gets_everything(
        self, api: Api, house: House, session: str, wire: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.much_to_read(api, session)
        async with callers(wire) as (caller,):
            caller.send(f"GET /sessions/{session}/context")
            await until(lambda: house.load.unread_bytes > 0)
            assert await caller.status() == 200

        await until(lambda: house.load.connections == 0)
        assert (house.load.unread_bytes, house.load.cut_off) == (0, 0)

    async def test_while_answers_are_not_read_no_more_are_made(
        self, api: Api, house: House, session: str, wire: Path
    ) -> None:
        await self.much_to_read(api, session)
        limit(house, unread_bytes=100_000)
        async with callers(wire) as (caller,):
            caller.reader._limit = 1  # type: ignore[attr-defined]
            for _ in range(3):
                caller.send(f"GET /sessions/{session}/context")
            await until(lambda: house.load.unread_bytes > 100_000)

            expect_problem(await api.get("/sessions"), Overloaded)
            assert (await api.get("/health")).status == 200

        await until(lambda: house.load.unread_bytes == 0)
        assert (await api.get("/sessions")).status == 200

    async def much_to_read(self, api: Api, session: str) -> None:
        for number in range(8):
            said = {"decision": f"{number}" + "x" * 100_000}
            assert (await api.post(f"/sessions/{session}/context", said)).status == 200


class TestBodies:
    async def test_a_body_that_is_encoded_is_refused_as_it_is(
        self, house: House, wire: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        for body in (gzip.compress(b" " * 8_000_000), b'{"key":"k","value":"v"}'):
            async with callers(wire) as (caller,):
                caller.send(
                    "POST /projects/p/memories",
                    body,
                    Content_Length=str(len(body)),
                    Content_Encoding="gzip",
                    Connection="close",
                )
                await caller.told(UnsupportedMediaType)

        assert not [one for one in caplog.records if one.levelno >= logging.WARNING]

    async def test_a_body_that_is_declared_too_large_is_not_waited_for(self, wire: Path) -> None:
        async with callers(wire) as (caller,):
            caller.send("POST /projects/p/memories", Content_Length=str(2**20 + 1), Expect="100-continue")
            assert await caller.status() == BodyTooLarge.status

    async def test_chunks_without_end_are_too_large(self, house: House, wire: Path) -> None:
        async with callers(wire) as (caller,):
            caller.send("POST /projects/p/memories", Transfer_Encoding="chunked")
            for _ in range(20):
                caller.writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            assert await caller.status() == BodyTooLarge.status

        await until(lambda: house.load.connections == 0)

    async def test_thousands_of_requests_in_one_go_are_all_answered(self, house: House, wire: Path) -> None:
        async with callers(wire) as (caller,):
            for _ in range(3000):
                caller.send("GET /nowhere")
            assert {await caller.status() for _ in range(3000)} == {404}

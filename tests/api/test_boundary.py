"""What holds for every request alike: who may call, what is a request, how failures are told."""

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem.calls import ALL
from omnimem.errors import (
    BodyTooLarge,
    ForbiddenOrigin,
    ForbiddenUid,
    InvalidRequest,
    MalformedBody,
    MethodNotAllowed,
    RouteNotFound,
    StoreUnavailable,
    UnsupportedMediaType,
)
from omnimemd.domain.identity import Peer
from tests.api.routes import EVERY, PATHS, TAKING_POSTS, WITH_BODY, AnyOperation, body_of, path_of
from tests.support.house import OWNER, STRANGER, House, World
from tests.support.http import Api, Reply, expect_problem

MIB = 1024 * 1024
NEED_NO_STORE = (
    *("health", "openapi", "events", "list_workspaces", "explain_workspace", "flush", "checks", "repair"),
    *("show_log", "change_log", "metrics"),
)
#: An export opens the store for itself, an import takes no JSON, and backups are files: tests/api/test_transfer.py and
#: tests/services/test_backups.py ask the same of them.
OF_THEIR_OWN = (
    *("export", "import_lines"),
    *("create_backup", "list_backups", "verify_backup", "restore_backup", "delete_backup"),
)


async def ask(api: Api, operation: AnyOperation, *, body: bytes | None = None, **headers: str) -> Reply:
    """Make the request of *operation*, with another *body* or *headers*."""
    if body is None and operation.body is not None:
        body = msgspec.json.encode(body_of(operation))
    return await api.call(operation.method, path_of(operation), body, headers)


class TestCallers:
    @pytest.mark.parametrize("operation", EVERY)
    async def test_another_user_is_refused_and_the_connection_closed(
        self, api: Api, world: World, operation: AnyOperation
    ) -> None:
        world.peer = Peer(STRANGER, 1)

        reply = await ask(api, operation)

        expect_problem(reply, ForbiddenUid)
        assert reply.headers["Connection"].lower() == "close"

    async def test_root_is_another_user(self, api: Api, world: World) -> None:
        world.peer = Peer(0, 1)

        expect_problem(await api.get("/status"), ForbiddenUid)

    async def test_another_user_is_refused_where_there_is_no_route(self, api: Api, world: World) -> None:
        world.peer = Peer(STRANGER, 1)

        expect_problem(await api.get("/no/such/route"), ForbiddenUid)
        expect_problem(await api.call("PUT", "/sessions"), ForbiddenUid)

    @pytest.mark.parametrize("operation", EVERY)
    async def test_a_web_page_is_refused(self, api: Api, operation: AnyOperation) -> None:
        expect_problem(await ask(api, operation, Origin="http://localhost"), ForbiddenOrigin)

    @pytest.mark.parametrize("origin", ["null", "", "chrome-extension://x"])
    async def test_any_origin_at_all_is_refused(self, api: Api, origin: str) -> None:
        expect_problem(await api.get("/status", Origin=origin), ForbiddenOrigin)

    async def test_a_caller_without_a_pid_is_served(self, api: Api, world: World) -> None:
        world.peer = Peer(OWNER, None)

        assert (await api.get("/status")).status == 200


class TestRoutes:
    @pytest.mark.parametrize(
        "path",
        ["/", "/session", "/sessions/", "/sessions//context", "/sessions/a/b", "/%00", "/%F0%9F%A7%A0", "/%ff"],
    )
    async def test_an_unknown_route_is_not_found(self, api: Api, path: str) -> None:
        expect_problem(await api.get(path), RouteNotFound)

    @pytest.mark.parametrize("path", PATHS)
    async def test_a_wrong_method_is_refused_with_those_that_are_right(self, api: Api, path: str) -> None:
        right = {one.method for one in ALL if one.path == path}

        for method in ("PUT", "TRACE", "OPTIONS"):
            reply = await api.call(method, path.replace("{", "").replace("}", ""))
            expect_problem(reply, MethodNotAllowed)
            assert set(reply.headers["Allow"].split(", ")) >= right

    async def test_the_allowed_methods_are_exactly_those_of_the_path(self, api: Api) -> None:
        assert (await api.delete("/sessions")).headers["Allow"] == "GET, POST"
        assert (await api.post("/sessions/x", {})).headers["Allow"] == "DELETE, GET, PATCH"
        assert (await api.post("/health", {})).headers["Allow"] == "GET"

    @pytest.mark.parametrize("operation", EVERY)
    async def test_an_unknown_query_parameter_is_refused_and_named(self, api: Api, operation: AnyOperation) -> None:
        path = path_of(operation)
        query = "&verbose=1" if "?" in path else "?verbose=1"
        body = msgspec.json.encode(body_of(operation)) if operation.body else None

        expect_problem(await api.call(operation.method, path + query, body), InvalidRequest, "verbose")

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/search?q=", "q: must not be empty"),
            ("/search?q=x&limit=0", "limit: must be 1 at least"),
            ("/search?q=x&limit=101", "limit: must be 100 at most"),
            ("/workspaces/explain?path=" + "x" * 4097, "path: must be 4096 characters at most"),
        ],
    )
    async def test_what_is_too_much_or_too_little_is_told_in_plain_words(self, api: Api, path: str, said: str) -> None:
        reply = await api.get(path)

        expect_problem(reply, InvalidRequest, said.partition(":")[0])
        assert reply.json["detail"] == said

    @pytest.mark.parametrize("path", ["/search?q=%ff", "/search?q=x&q=a%ED%A0%80b", "/projects/p/memories?key=%c3"])
    async def test_a_query_that_is_no_utf8_is_refused_and_named(self, api: Api, path: str) -> None:
        reply = await api.get(path)

        expect_problem(reply, InvalidRequest, "key" if "key" in path else "q")
        assert reply.json["detail"].endswith("must be UTF-8")

    async def test_what_stands_for_bytes_that_are_none_may_be_asked_for(self, api: Api) -> None:
        assert (await api.get("/search?q=%EF%BF%BD%C3%BF%25ff")).json["query"] == "\N{REPLACEMENT CHARACTER}ÿ%ff"

    @pytest.mark.parametrize("number", ["1e3", "1000.0", "+1000", "%2B1000", "1_000", "1e400", "NaN", "", "null"])
    async def test_what_is_not_written_as_a_whole_number_is_none(self, api: Api, number: str) -> None:
        for path in (f"/projects/p/briefing?max_tokens={number}", f"/sessions?process_id={number}"):
            reply = await api.get(path)

            expect_problem(reply, InvalidRequest, path.partition("?")[2].partition("=")[0])
            assert reply.json["detail"].endswith("must be a whole number")

    @pytest.mark.parametrize("query", ["session_id=a&session_id=b", "session_id=a&session_id=a"])
    async def test_a_repeated_parameter_is_refused(self, api: Api, query: str) -> None:
        expect_problem(await api.get(f"/events?{query}"), InvalidRequest, "session_id")


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"}",
            b"{} {}",
            b'{"a":1,}',
            b"{'a':1}",
            b"nonsense",
            b'{"decision":"x"}]',
            b'{"decision":"x","b":',
            b'{"a":NaN}',
            b'{"a":Infinity}',
            b'{"a":01}',
            b'{"a":"\x00"}',
            b'{"a":"\xff"}',
            b'{"a":"\xed\xa0\x80"}',
            b'{"\xff":1}',
            b'{"a":"\\ud800"}',
            b'{"a":"\\ud800 and more text"}',
            b'{"a":"\\udc00"}',
            b'{"a":"\\udc00\\ud800"}',
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
            b"[" * 100_000,
            b'{"a":' * 100_000,
        ],
        ids=lambda body: repr(body[:24]),
    )
    async def test_what_is_no_json_in_utf8_is_malformed(self, api: Api, session: str, body: bytes) -> None:
        expect_problem(await api.call("POST", f"/sessions/{session}/context", body), MalformedBody)

    @pytest.mark.parametrize("operation", TAKING_POSTS)
    async def test_no_route_takes_what_is_no_json(self, api: Api, operation: AnyOperation) -> None:
        for body in (b"{", b"nonsense", b'{"a":"\\ud800"}', b'{"a":"\xff"}'):
            expect_problem(await ask(api, operation, body=body), MalformedBody)

    @pytest.mark.parametrize("operation", TAKING_POSTS)
    async def test_json_that_is_no_object_is_refused(self, api: Api, operation: AnyOperation) -> None:
        for body in (b"[]", b"null", b"1", b'"text"', b"true"):
            expect_problem(await ask(api, operation, body=body), InvalidRequest, "")

    @pytest.mark.parametrize("operation", TAKING_POSTS)
    async def test_an_unknown_field_is_refused_and_named(self, api: Api, operation: AnyOperation) -> None:
        body = (body_of(operation) or {}) | {"nonsense": 1}

        reply = await ask(api, operation, body=msgspec.json.encode(body))

        expect_problem(reply, InvalidRequest, "nonsense")

    @pytest.mark.parametrize("operation", WITH_BODY)
    async def test_another_media_type_is_refused(self, api: Api, operation: AnyOperation) -> None:
        body = msgspec.json.encode(body_of(operation))

        for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"):
            reply = await api.call(operation.method, path_of(operation), body, media_type=media_type)
            expect_problem(reply, UnsupportedMediaType)

    @pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
    async def test_json_is_json_however_it_is_written(self, api: Api, session: str, media_type: str) -> None:
        reply = await api.call("POST", f"/sessions/{session}/context", b'{"decision":"x"}', media_type=media_type)

        assert reply.status == 200

    @pytest.mark.parametrize("operation", [*TAKING_POSTS])
    async def test_a_body_over_a_mebibyte_is_too_large(self, api: Api, operation: AnyOperation) -> None:
        expect_problem(await ask(api, operation, body=b" " * (MIB + 1)), BodyTooLarge)

    async def test_a_body_of_exactly_a_mebibyte_is_taken(self, api: Api, session: str) -> None:
        frame = len(b'{"decision":""}')

        reply = await api.call("POST", f"/sessions/{session}/context", b'{"decision":"%s"}' % (b"x" * (MIB - frame)))

        assert reply.status == 200
        assert len(reply.json["context"]["decisions"][0]["decision"]) == MIB - frame

    async def test_a_body_sent_in_pieces_is_measured_too(self, api: Api, session: str) -> None:
        async def pieces() -> Any:
            for _ in range(17):
                yield b" " * 65536

        async with api.client.post(
            f"/sessions/{session}/context",
            data=pieces(),
            headers={"Content-Type": "application/json"},
        ) as response:
            reply = Reply(response.status, response.headers, await response.read())

        expect_problem(reply, BodyTooLarge)

    async def test_a_lone_surrogate_deep_inside_is_malformed(self, api: Api, session: str, workspace: Path) -> None:
        body = b'{"metadata":{"a":[{"b":"\\ud83d"}]}}'

        expect_problem(await api.call("PATCH", f"/sessions/{session}", body), MalformedBody)

    async def test_a_pair_of_surrogates_is_a_character(self, api: Api, session: str) -> None:
        reply = await api.call("POST", f"/sessions/{session}/context", b'{"decision":"\\ud83e\\udde0"}')

        assert reply.json["context"]["decisions"][0]["decision"] == "🧠"

    @pytest.mark.parametrize("depth", [10, 97, 98, 99, 500, 900, 920, 940, 960, 5000])
    async def test_json_of_any_depth_is_kept_or_refused_and_breaks_nothing(
        self, api: Api, session: str, depth: int
    ) -> None:
        deep = b'{"metadata":{"a":' + b"[" * depth + b"]" * depth + b"}}"

        reply = await api.call("PATCH", f"/sessions/{session}", deep)

        assert reply.status in (200, 400, 422), reply.body
        assert (await api.get(f"/sessions/{session}")).status == 200
        assert (await api.get("/sessions")).status == 200

    @pytest.mark.parametrize("number", [2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**100, 5e-324, -0.0, 1e308, 1e22])
    async def test_any_number_is_given_back_as_it_was(self, api: Api, session: str, number: float) -> None:
        reply = await api.call("PATCH", f"/sessions/{session}", b'{"metadata":{"n":%s}}' % repr(number).encode())

        assert reply.status == 200
        kept = (await api.get(f"/sessions/{session}")).json["metadata"]["n"]
        assert (kept, type(kept), str(kept)) == (number, type(number), str(number))

    async def test_a_number_no_float_can_hold_is_refused(self, api: Api, session: str) -> None:
        reply = await api.call("PATCH", f"/sessions/{session}", b'{"metadata":{"n":1e999}}')

        assert reply.status in (400, 422)
        assert reply.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("body", [b"", b"{}", None])
    async def test_routes_that_need_no_body_take_an_empty_one(self, api: Api, body: bytes | None) -> None:
        assert (await api.call("POST", "/flush", body)).status == 200

    @pytest.mark.parametrize("name", ["create_session", "append_batch", "create_memory", "restore_memory"])
    async def test_routes_that_need_a_body_refuse_an_empty_one(self, api: Api, name: str) -> None:
        (operation,) = [one for one in ALL if one.name == name]

        reply = await api.call(operation.method, path_of(operation), b"")

        assert reply.status in (400, 422)
        assert reply.headers["Content-Type"] == "application/problem+json"


class TestWire:
    """What no HTTP client would send."""

    async def raw(self, wire: Path, request: bytes) -> bytes:
        """Send *request*; return all that comes until the daemon hangs up."""
        reader, writer = await asyncio.open_unix_connection(wire)
        try:
            writer.write(request)
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"nonsense\r\n\r\n",
            b"GET /status HTTP/9.9\r\n\r\n",
            b"GET /status HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
            b"POST /flush HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
            b"GET /status HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        ],
        ids=lambda request: repr(request[:30]),
    )
    async def test_what_is_no_http_is_told_as_a_problem_with_the_version(
        self, wire: Path, request_bytes: bytes
    ) -> None:
        answered = await self.raw(wire, request_bytes)

        head, _, body = answered.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
        assert b"omnimem-version:" in head.lower()
        assert b"application/problem+json" in head.lower()
        assert msgspec.json.decode(body)["code"] == "bad_request"

    async def test_an_expectation_nobody_can_meet_breaks_nothing(self, wire: Path) -> None:
        answered = await self.raw(
            wire,
            b"GET /sessions HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nConnection: close\r\n\r\n",
        )

        head, _, body = answered.partition(b"\r\n\r\n")
        assert b"omnimem-version:" in head.lower()
        assert head.startswith(b"HTTP/1.1 200") or msgspec.json.decode(body)["code"]

    async def test_one_connection_carries_many_requests_errors_among_them(self, wire: Path) -> None:
        answered = await self.raw(
            wire,
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
            b"POST /flush HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{"
            b"GET /sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )

        assert re.findall(rb"HTTP/1\.1 (\d+)", answered) == [b"404", b"400", b"200"]

    async def test_a_caller_that_goes_away_in_the_middle_breaks_nothing(
        self, api: Api, session: str, wire: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, writer = await asyncio.open_unix_connection(wire)
        writer.write(f"POST /sessions/{session}/context HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

        assert (await api.get(f"/sessions/{session}/entries")).json["entries"] == []
        assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


class TestStoreFailures:
    @pytest.mark.parametrize("operation", [one for one in EVERY if one.id not in (*NEED_NO_STORE, *OF_THEIR_OWN)])
    async def test_a_store_that_is_gone_is_unavailable_for_now(
        self, api: Api, house: House, operation: AnyOperation, workspace: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.CRITICAL + 1)
        await api.post("/workspaces", {"path": str(workspace)})
        house.lose_the_store()
        body = body_of(operation, workspace=str(workspace))

        reply = await api.call(
            operation.method,
            path_of(operation, workspace=str(workspace)),
            msgspec.json.encode(body) if body is not None else None,
        )

        expect_problem(reply, StoreUnavailable)

    async def test_what_needs_no_store_is_answered_without_one(self, api: Api, house: House) -> None:
        house.lose_the_store()

        assert (await api.get("/openapi.json")).status == 200
        assert (await api.get("/workspaces")).status == 200
        assert (await api.post("/flush")).status == 200
        assert (await api.get("/health")).status == 503

    async def test_a_full_disk_refuses_writes_and_lets_read(self, api: Api, house: House, session: str) -> None:
        await api.post(f"/sessions/{session}/context", {"decision": "before"})
        house.fill_the_disk()

        refused = await api.post(f"/sessions/{session}/context", {"decision": "x" * 100_000})

        expect_problem(refused, StoreUnavailable)
        context = (await api.get(f"/sessions/{session}/context")).json["context"]
        assert [one["decision"] for one in context["decisions"]] == ["before"]
        assert (await api.get(f"/sessions/{session}")).json["metrics"]["decisions"] == 1

    async def test_a_disk_with_room_again_is_used_again(self, api: Api, house: House, session: str) -> None:
        house.fill_the_disk()
        await api.post(f"/sessions/{session}/context", {"decision": "x" * 100_000})
        house.make_room()

        assert (await api.post(f"/sessions/{session}/context", {"decision": "after"})).status == 200

        entries = (await api.get(f"/sessions/{session}/entries")).json["entries"]
        assert [(one["entry_id"], one["decision"]) for one in entries] == [(1, "after")]


async def test_every_reply_carries_the_version(api: Api) -> None:
    replies = [await api.get("/status"), await api.get("/nowhere"), await api.delete("/sessions")]

    assert len({reply.headers["Omnimem-Version"] for reply in replies}) == 1


async def test_a_bug_is_told_without_its_traceback_and_logged_with_it(
    api: Api, house: House, session: str, caplog: pytest.LogCaptureFixture
) -> None:
    house.database._writer.execute("DROP TABLE idempotency_keys")

    reply = await api.post(f"/sessions/{session}/context", {"decision": "x"}, Idempotency_Key="k")

    assert (reply.status, reply.json["code"]) == (500, "internal_error")
    assert "idempotency_keys" not in reply.body.decode()
    assert [one for one in caplog.records if one.exc_info]

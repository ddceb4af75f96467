"""Export and import over HTTP: streams, pieces, and what goes wrong with them."""

import msgspec
import pytest

from omnimem.calls import LINES
from omnimem.errors import (
    BodyTooLarge,
    ImportInterrupted,
    ImportRefused,
    InvalidRequest,
    MalformedBody,
    ProjectNotFound,
    StoreUnavailable,
    UnsupportedMediaType,
)
from tests.support.house import House
from tests.support.http import Api, Reply, expect_problem

HEADER = (
    b'{"type":"header","format":"omnimem-export","version":1,'
    b'"scope":{"project_id":null,"memories_only":true,"for_git":true}}\n'
)
PROJECT = b'{"type":"project","project_id":"p","name":"p","created_at":"2026-01-01T00:00:00.000Z","settings":{}}\n'
MEMORY = (
    b'{"type":"memory","project_id":"p","memory_id":"mem_1","memory_key":"k","version":1,'
    b'"created_at":"2026-01-01T00:00:00.000Z"}\n'
)
VERSION = (
    b'{"type":"version","memory_id":"mem_1","version":1,"memory_value":"v","expired":false,"metadata":{},"files":[],'
    b'"created_at":"2026-01-01T00:00:00.000Z","ttl_seconds":null,"expires_at":null,"session_id":null}\n'
)
SESSION = (
    b'{"type":"session","project_id":"p","session_id":"s","tool_id":"t","user_id":null,"workspace_path":"/w",'
    b'"created_at":"2026-01-01T00:00:00.000Z","last_activity":"2026-01-01T00:00:00.000Z","ended_at":null,'
    b'"end_reason":null,"end_detail":null,"continues":null,"process":null,"seen_alive_at":null,"pinned":false,'
    b'"archived":false,"metadata":{}}\n'
)
DECISION = (
    b'{"type":"entry","session_id":"s","entry_id":1,"timestamp":"2026-01-01T00:00:00.000Z","source":"api",'
    b'"kind":"decision","decision":"d"}\n'
)
END = b'{"type":"end"}\n'
FILE = HEADER + PROJECT + MEMORY + VERSION + SESSION + DECISION + END


async def send(api: Api, body: bytes, query: str = "", media_type: str = LINES) -> Reply:
    return await api.call("POST", f"/import{query}", body, media_type=media_type)


class TestExport:
    async def test_it_is_json_lines_from_the_header_to_the_end(self, api: Api) -> None:
        await api.post("/projects/p/memories", {"key": "k", "value": "v"})

        reply = await api.get("/export")

        assert (reply.status, reply.headers["Content-Type"]) == (200, LINES)
        assert reply.headers["Omnimem-Version"]
        types = [msgspec.json.decode(line)["type"] for line in reply.body.splitlines()]
        assert types == ["header", "project", "memory", "version", "end"]

    async def test_a_project_that_is_not_there_is_not_found(self, api: Api) -> None:
        expect_problem(await api.get("/export?project_id=nobody"), ProjectNotFound)

    async def test_a_project_is_exported_without_the_others(self, api: Api) -> None:
        for project in ("p", "q"):
            await api.post(f"/projects/{project}/memories", {"key": "k", "value": "v"})

        lines = [msgspec.json.decode(line) for line in (await api.get("/export?project_id=q")).body.splitlines()]

        assert [one["project_id"] for one in lines if one["type"] == "project"] == ["q"]
        assert lines[0]["scope"] == {"project_id": "q", "memories_only": False, "for_git": False}

    async def test_what_is_not_committed_to_git_is_left_out(self, api: Api, session: str) -> None:
        await api.post("/projects/p/memories", {"key": "k", "value": "v"})
        before = (await api.get("/export?for_git=true")).body

        await api.get("/projects/p/memories?key=k")
        await api.post(f"/sessions/{session}/context", {"decision": "x"})
        after = (await api.get("/export?for_git=true")).body

        assert after == before

    async def test_a_store_that_is_gone_is_unavailable(self, api: Api, house: House) -> None:
        house.database.path.rename(house.database.path.with_suffix(".away"))

        expect_problem(await api.get("/export"), StoreUnavailable)


class TestImport:
    async def test_a_whole_file_is_taken_at_once(self, api: Api) -> None:
        reply = await send(api, FILE.rstrip(b"\n"))

        assert (reply.status, reply.json["complete"]) == (200, True)
        assert reply.json["memories"] == {"added": 1, "updated": 0, "unchanged": 0, "conflicting": 0}
        assert (await api.get("/projects/p/memories?key=k")).json["memory"]["memory_value"] == "v"
        assert (await api.get("/sessions/s")).json["state"] == "ended"
        assert (await api.get("/sessions/s")).json["metrics"]["decisions"] == 1

    async def test_pieces_are_cut_anywhere_and_follow_each_other(self, api: Api) -> None:
        told = [
            await send(api, FILE[offset : offset + 100], f"?import_id=i&offset={offset}")
            for offset in range(0, len(FILE), 100)
        ]

        assert [one.json["complete"] for one in told] == [False] * (len(told) - 1) + [True]
        assert [one.json["offset"] for one in told[:2]] == [100, 200]
        assert (await api.get("/sessions/s/entries")).json["entries"][0]["decision"] == "d"

    @pytest.mark.parametrize("query", ["?import_id=i&offset=99", "?import_id=other&offset=100"])
    async def test_a_piece_that_does_not_follow_is_refused(self, api: Api, query: str) -> None:
        await send(api, FILE[:100], "?import_id=i")

        expect_problem(await send(api, FILE[100:], query), ImportInterrupted)

    async def test_a_piece_that_is_wished_otherwise_is_refused(self, api: Api) -> None:
        await send(api, FILE[:100], "?import_id=i")

        expect_problem(await send(api, FILE[100:], "?import_id=i&offset=100&dry_run=true"), ImportInterrupted)

    async def test_a_piece_needs_a_name_to_follow_another(self, api: Api) -> None:
        expect_problem(await send(api, FILE, "?offset=5"), InvalidRequest, "offset")

    async def test_it_is_not_taken_as_something_else(self, api: Api) -> None:
        expect_problem(await send(api, FILE, media_type="application/json"), UnsupportedMediaType)

    async def test_a_body_is_no_longer_than_any_other(self, api: Api) -> None:
        expect_problem(await send(api, b" " * (2**20 + 1)), BodyTooLarge)

    async def test_a_store_that_is_gone_is_unavailable(self, api: Api, house: House) -> None:
        house.lose_the_store()

        expect_problem(await send(api, FILE), StoreUnavailable)

    @pytest.mark.parametrize("line", [b"nonsense", b'{"type":', b"[" * 200, b'{"type":"end","a":"\xff"}'])
    async def test_a_line_that_is_no_json_is_malformed(self, api: Api, line: bytes) -> None:
        reply = await send(api, HEADER + line + b"\n" + END)

        expect_problem(reply, MalformedBody)
        assert "Line 2" in reply.json["detail"]

    @pytest.mark.parametrize(
        ("body", "line"),
        [
            (b"", 1),
            (HEADER, 2),
            (PROJECT + END, 1),
            (HEADER + HEADER + END, 2),
            (HEADER + b"[]\n" + END, 2),
            (HEADER + b'{"type":"surprise"}\n' + END, 2),
            (HEADER + PROJECT.replace(b'"name"', b'"nom"') + END, 2),
            (HEADER + PROJECT.replace(b'"settings"', b'"extra":1,"settings"') + END, 2),
            (HEADER.replace(b'"version":1', b'"version":2,"more":1') + END, 1),
            (HEADER.replace(b"omnimem-export", b"something-else") + END, 1),
            (HEADER + MEMORY + VERSION + END, 2),
            (HEADER + PROJECT + VERSION + END, 3),
            (HEADER + PROJECT + MEMORY + END, 3),
            (HEADER + PROJECT + MEMORY + VERSION + VERSION + END, 3),
            (HEADER + PROJECT + MEMORY + VERSION.replace(b"mem_1", b"mem_2") + END, 3),
            (HEADER + PROJECT + MEMORY + VERSION.replace(b"2026-", b"20-") + END, 3),
            (HEADER + PROJECT + MEMORY + VERSION.replace(b"000Z", b"000") + END, 3),
            (HEADER + PROJECT + MEMORY + VERSION.replace(b'"expires_at":null', b'"expires_at":"x"') + END, 3),
            (HEADER + PROJECT + DECISION + END, 3),
            (HEADER + PROJECT + SESSION + DECISION + DECISION + END, 5),
            (HEADER + PROJECT + SESSION + DECISION.replace(b'"s"', b'"z"') + END, 4),
            (HEADER + PROJECT + SESSION.replace(b'"ended_at":null', b'"ended_at":"2020-01-01T00:00:00Z"') + END, 3),
            (HEADER + PROJECT + SESSION.replace(b'"project_id":"p"', b'"project_id":"q"') + END, 3),
            (HEADER + END + PROJECT, 3),
            (HEADER + PROJECT + b'{"type":"end","counts":{"projects":2}}', 3),
        ],
    )
    async def test_a_line_that_does_not_belong_is_refused_and_nothing_is_stored(
        self, api: Api, body: bytes, line: int
    ) -> None:
        reply = await send(api, body)

        expect_problem(reply, ImportRefused, f"line {line}")
        assert (await api.get("/projects")).json["count"] == 0
        assert (await api.get("/sessions")).json["count"] == 0

    async def test_what_is_refused_leaves_no_trace_in_memory_either(self, api: Api) -> None:
        await send(api, HEADER + PROJECT + SESSION + DECISION + b'{"type":"surprise"}\n')
        await send(api, HEADER + PROJECT + SESSION + DECISION + VERSION + END)

        assert (await api.get("/sessions/s")).status == 404

    async def test_a_dry_run_says_the_same_and_does_nothing(self, api: Api) -> None:
        told = (await send(api, FILE, "?dry_run=true")).json

        assert (await api.get("/projects")).json["count"] == 0
        done = (await send(api, FILE)).json
        assert done == told | {"dry_run": False}

    async def test_secrets_are_removed_on_the_way_in(self, api: Api) -> None:
        token = "ghp_" + "a1B2" * 9
        body = FILE.replace(b'"decision":"d"', f'"decision":"use {token}"'.encode())
        body = body.replace(b'"memory_value":"v"', f'"memory_value":"{token}"'.encode())

        reply = await send(api, body)

        assert len(reply.json["redacted"]) == 1
        assert token not in (await api.get("/export")).body.decode()

    async def test_secrets_stay_where_the_project_wants_them(self, api: Api) -> None:
        token = "ghp_" + "a1B2" * 9
        body = FILE.replace(b'"decision":"d"', f'"decision":"use {token}"'.encode())

        reply = await send(api, body.replace(b'"settings":{}', b'"settings":{"redact":false}'))

        assert reply.json["redacted"] == []
        assert token in (await api.get("/export")).body.decode()

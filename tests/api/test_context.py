"""`/sessions/{id}/context` and `/entries`: what is recorded, folded and entry by entry."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem.errors import InvalidRequest, SessionNotFound
from omnimem.model import Access, Attribution, Source
from omnimemd.domain.entries import CheckpointTaken
from tests.support.clock import MINUTE, NOON, SECOND
from tests.support.factories import a_gap, a_scan, an_access
from tests.support.house import House, World
from tests.support.http import Api, Reply, expect_problem

CONTEXT_MEMBERS = [
    "files_accessed",
    "file_importance_scores",
    "recent_searches",
    "decisions",
    "saved_memories",
]
#: Text that programs get wrong: NUL, a pair of surrogates, right-to-left, a line separator, combining marks.
ODD_TEXT = "NUL \0 🧠 שלום \u2028 é \x7f \\ \" '; DROP TABLE entries; --"


async def append(api: Api, session: str, **fields: Any) -> Reply:
    reply = await api.post(f"/sessions/{session}/context", fields)
    assert reply.status == 200, reply.body
    return reply


async def context_of(api: Api, session: str) -> dict[str, Any]:
    reply = await api.get(f"/sessions/{session}/context")
    assert reply.status == 200
    return dict(reply.json["context"])


async def entries_of(api: Api, session: str, query: str = "") -> list[dict[str, Any]]:
    reply = await api.get(f"/sessions/{session}/entries{query}")
    assert reply.status == 200, reply.body
    return list(reply.json["entries"])


def as_json(body: object) -> bytes:
    """Encode a *body* that msgspec may refuse to, with numbers no float can hold."""
    return json.dumps(body).encode()


class TestContext:
    async def test_an_empty_context_has_all_five_members(self, api: Api, session: str) -> None:
        reply = await api.get(f"/sessions/{session}/context")

        assert reply.status == 200
        assert list(reply.json) == ["session_id", "context", "compressed", "size_bytes"]
        assert (reply.json["session_id"], reply.json["compressed"]) == (session, False)
        assert list(reply.json["context"]) == CONTEXT_MEMBERS
        assert list(reply.json["context"].values()) == [[], {}, [], [], []]

    async def test_one_append_may_record_one_of_each(
        self, api: Api, session: str, workspace: Path, world: World
    ) -> None:
        reply = await append(
            api,
            session,
            file_path=f"{workspace}/src/a.py",
            file_importance=0.8,
            access="write",
            search_query="where?",
            decision="there",
            memory_id="mem_1",
            memory_key="place",
        )

        now = "2026-03-01T12:00:00.000Z"
        path = f"{workspace}/src/a.py"
        assert reply.json["context"] == {
            "files_accessed": [
                {
                    "path": path,
                    "accessed_at": now,
                    "order": 1,
                    "importance": 0.8,
                    "access_count": 1,
                    "reads": 0,
                    "writes": 1,
                    "source": "api",
                }
            ],
            "file_importance_scores": {path: 0.8},
            "recent_searches": [{"query": "where?", "timestamp": now}],
            "decisions": [{"decision": "there", "timestamp": now}],
            "saved_memories": [{"id": "mem_1", "key": "place", "timestamp": now}],
        }
        assert reply.json == (await api.get(f"/sessions/{session}/context")).json
        kinds = [one["kind"] for one in await entries_of(api, session)]
        assert kinds == ["access", "search", "decision", "memory"]

    async def test_the_size_is_that_of_the_context_in_the_answer(self, api: Api, session: str) -> None:
        reply = await append(api, session, file_path="ä.py", decision=ODD_TEXT)

        raw = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])["context"]
        assert reply.json["size_bytes"] == len(bytes(raw))

    async def test_a_file_has_one_row_however_often_it_is_accessed(self, api: Api, session: str, world: World) -> None:
        for access in ("read", "write", "read", "delete", "create", "move"):
            await append(api, session, file_path="/w/a.py", access=access)
        await append(api, session, file_path="/w/b.py")
        world.clock.advance(SECOND)
        await append(api, session, file_path="/w/a.py", access="read")

        rows = (await context_of(api, session))["files_accessed"]

        assert [(row["path"], row["order"]) for row in rows] == [("/w/b.py", 7), ("/w/a.py", 8)]
        assert (rows[1]["access_count"], rows[1]["reads"], rows[1]["writes"]) == (7, 3, 3)
        assert rows[1]["accessed_at"] == "2026-03-01T12:00:01.000Z"

    async def test_importance_is_a_half_until_something_better_is_known(self, api: Api, session: str) -> None:
        await append(api, session, file_path="/w/a.py")

        context = await context_of(api, session)

        assert context["files_accessed"][0]["importance"] == 0.5
        assert context["file_importance_scores"] == {"/w/a.py": 0.5}

    @pytest.mark.parametrize("importance", [0, 0.0, 1, 1.0, 0.123456789012345])
    async def test_importance_stays_what_it_was_said_to_be(self, api: Api, session: str, importance: float) -> None:
        await append(api, session, file_path="/w/a.py", file_importance=importance)
        await append(api, session, file_path="/w/a.py")

        context = await context_of(api, session)

        assert context["files_accessed"][0]["importance"] == importance
        assert context["file_importance_scores"]["/w/a.py"] == importance
        assert [one["importance"] for one in await entries_of(api, session)] == [importance, None]

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("src/a.py", "{w}/src/a.py"),
            ("./a.py", "{w}/a.py"),
            ("a//b/../c.py", "{w}/a/c.py"),
            (".", "{w}"),
            ("/x/./y/", "/x/y"),
            ("//x", "/x"),
            ("~/x", "{w}/~/x"),
        ],
    )
    async def test_a_path_is_taken_from_the_workspace(
        self, api: Api, session: str, workspace: Path, given: str, kept: str
    ) -> None:
        await append(api, session, file_path=given)

        rows = (await context_of(api, session))["files_accessed"]

        assert [row["path"] for row in rows] == [kept.format(w=workspace)]

    async def test_odd_text_is_given_back_as_it_was(self, api: Api, session: str) -> None:
        path = "/w/" + ODD_TEXT.replace("\0", "")
        await append(
            api,
            session,
            file_path=path,
            search_query=ODD_TEXT,
            decision=ODD_TEXT,
            memory_id="m",
            memory_key=ODD_TEXT,
        )

        context = await context_of(api, session)
        access, search, decision, memory = await entries_of(api, session)

        assert context["files_accessed"][0]["path"] == access["path"] == path
        assert context["file_importance_scores"] == {path: 0.5}
        assert context["recent_searches"][0]["query"] == search["query"] == ODD_TEXT
        assert context["decisions"][0]["decision"] == decision["decision"] == ODD_TEXT
        assert context["saved_memories"][0]["key"] == memory["memory_key"] == ODD_TEXT

    async def test_a_memory_is_kept_as_given_known_or_not(self, api: Api, session: str) -> None:
        await append(api, session, memory_id="never-heard-of")

        saved = (await context_of(api, session))["saved_memories"]

        assert saved == [{"id": "never-heard-of", "key": None, "timestamp": "2026-03-01T12:00:00.000Z"}]

    async def test_the_callers_time_is_kept(self, api: Api, session: str) -> None:
        await append(api, session, decision="x", timestamp="2020-02-29T23:59:59.999999+05:30")

        decisions = (await context_of(api, session))["decisions"]

        assert decisions[0]["timestamp"] == "2020-02-29T18:29:59.999Z"

    async def test_activity_of_the_past_or_the_future_moves_the_session_no_further_than_now(
        self, api: Api, session: str, world: World
    ) -> None:
        world.clock.advance(MINUTE)
        await append(api, session, decision="x", timestamp="2020-01-01T00:00:00Z")
        past = (await api.get(f"/sessions/{session}")).json["last_activity"]
        await append(api, session, decision="x", timestamp="2099-01-01T00:00:00Z")
        future = (await api.get(f"/sessions/{session}")).json["last_activity"]

        assert (past, future) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:01:00.000Z")

    async def test_an_append_counts_as_activity(self, api: Api, session: str, world: World) -> None:
        world.clock.advance(MINUTE)
        await append(api, session, file_path="a")

        shown = (await api.get(f"/sessions/{session}")).json

        assert shown["last_activity"] == "2026-03-01T12:01:00.000Z"
        assert (shown["metrics"]["accesses"], shown["metrics"]["reads"]) == (1, 1)
        assert shown["context_size_bytes"] > 0

    async def test_an_ended_session_keeps_late_entries_and_its_times(
        self, api: Api, session: str, world: World
    ) -> None:
        world.clock.advance(SECOND)
        ended = (await api.post(f"/sessions/{session}/end")).json
        world.clock.advance(MINUTE)

        await append(api, session, decision="too late, yet kept")

        after = (await api.get(f"/sessions/{session}")).json
        assert [one["decision"] for one in await entries_of(api, session)] == ["too late, yet kept"]
        assert after["metrics"]["decisions"] == 1
        for name in ("state", "ended_at", "last_activity", "end_reason"):
            assert after[name] == ended[name]


class TestMinimal:
    @pytest.mark.parametrize(
        "prefer", ["return=minimal", "respond-async, return=minimal", "return=minimal, wait=1", "Return=Minimal"]
    )
    async def test_the_minimal_reply_is_empty_and_the_append_is_kept(self, api: Api, session: str, prefer: str) -> None:
        reply = await api.post(f"/sessions/{session}/context", {"decision": "x"}, Prefer=prefer)

        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Omnimem-Version"]
        assert len(await entries_of(api, session)) == 1

    @pytest.mark.parametrize("prefer", ["return=representation", "return=minimalist", "wait=10"])
    async def test_other_preferences_change_nothing(self, api: Api, session: str, prefer: str) -> None:
        reply = await api.post(f"/sessions/{session}/context", {"decision": "x"}, Prefer=prefer)

        assert (reply.status, len(reply.json["context"]["decisions"])) == (200, 1)

    async def test_an_error_is_told_in_full(self, api: Api, session: str) -> None:
        reply = await api.post(f"/sessions/{session}/context", {}, Prefer="return=minimal")

        expect_problem(reply, InvalidRequest, "")


class TestMoves:
    async def test_a_move_names_where_it_came_from(self, api: Api, session: str, workspace: Path) -> None:
        await append(api, session, file_path="b.py", old_path="a.py", access="move")

        (entry,) = await entries_of(api, session)

        assert (entry["access"], entry["path"]) == ("move", f"{workspace}/b.py")
        assert entry["old_path"] == f"{workspace}/a.py"

    async def test_agents_of_one_process_are_told_apart(self, api: Api, session: str, workspace: Path) -> None:
        batch = [{"file_path": "a.py", "agent_id": "explorer"}, {"file_path": "a.py", "agent_id": "reviewer"}]
        await api.post(f"/sessions/{session}/context/batch", {"entries": batch})
        await append(api, session, file_path="a.py", agent_id="reviewer", decision="Yes.")
        await append(api, session, file_path="a.py")

        entries = await entries_of(api, session)
        (row,) = (await context_of(api, session))["files_accessed"]

        assert [one.get("agent_id") for one in entries] == ["explorer", "reviewer", "reviewer", None, None]
        assert row["access_count"] == 4

    async def test_only_a_move_came_from_somewhere(self, api: Api, session: str) -> None:
        reply = await api.post(f"/sessions/{session}/context", {"file_path": "b", "old_path": "a", "access": "write"})

        expect_problem(reply, InvalidRequest, "old_path")


BAD_APPENDS = [
    ({}, ""),
    ({"timestamp": "2026-01-01T00:00:00Z"}, ""),
    ({"file_path": ""}, "file_path"),
    ({"file_path": "a\0b"}, "file_path"),
    ({"file_path": "x" * 4097}, "file_path"),
    ({"file_path": 1}, "file_path"),
    ({"file_path": "a", "file_importance": 1.01}, "file_importance"),
    ({"file_path": "a", "file_importance": -0.01}, "file_importance"),
    ({"file_path": "a", "file_importance": "0.5"}, "file_importance"),
    ({"file_path": "a", "file_importance": True}, "file_importance"),
    ({"file_path": "a", "file_importance": 10**400}, "file_importance"),
    ({"file_importance": 0.5, "decision": "x"}, "file_importance"),
    ({"access": "read", "decision": "x"}, "access"),
    ({"agent_id": "a-1", "decision": "x"}, "agent_id"),
    ({"file_path": "a", "agent_id": ""}, "agent_id"),
    ({"file_path": "a", "agent_id": "not an id"}, "agent_id"),
    ({"file_path": "a", "access": "chmod"}, "access"),
    ({"file_path": "a", "access": 1}, "access"),
    ({"search_query": ""}, "search_query"),
    ({"search_query": ["a"]}, "search_query"),
    ({"decision": ""}, "decision"),
    ({"decision": {}}, "decision"),
    ({"memory_id": "not an id"}, "memory_id"),
    ({"memory_key": "k", "decision": "x"}, "memory_key"),
    ({"memory_id": "m", "memory_key": ""}, "memory_key"),
    ({"decision": "x", "timestamp": "yesterday"}, "timestamp"),
    ({"decision": "x", "timestamp": "2026-01-01T00:00:00"}, "timestamp"),
    ({"decision": "x", "timestamp": "2026-13-01T00:00:00Z"}, "timestamp"),
    ({"decision": "x", "timestamp": "1969-12-31T23:59:59Z"}, "timestamp"),
    ({"decision": "x", "timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
    ({"decision": "x", "timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp"),
    ({"decision": "x", "timestamp": 1}, "timestamp"),
    ({"file_pth": "a", "decision": "x"}, "file_pth"),
]


class TestRefusals:
    @pytest.mark.parametrize(("body", "field"), BAD_APPENDS)
    async def test_a_bad_append_is_refused_named_and_records_nothing(
        self, api: Api, session: str, body: object, field: str
    ) -> None:
        reply = await api.post(f"/sessions/{session}/context", as_json(body))

        expect_problem(reply, InvalidRequest, field)
        assert await entries_of(api, session) == []

    @pytest.mark.parametrize(("body", "field"), BAD_APPENDS)
    async def test_one_bad_append_refuses_the_batch_and_is_named_with_its_place(
        self, api: Api, session: str, body: object, field: str
    ) -> None:
        batch = [{"decision": "0"}, {"decision": "1"}, {"decision": "2"}, body]

        reply = await api.post(f"/sessions/{session}/context/batch", as_json({"entries": batch}))

        expect_problem(reply, InvalidRequest, f"entries[3].{field}" if field else "entries[3]")
        assert await entries_of(api, session) == []

    async def test_every_mistake_of_one_append_is_named(self, api: Api, session: str) -> None:
        reply = await api.post(f"/sessions/{session}/context", {"decision": "x", "access": "read", "memory_key": "k"})

        expect_problem(reply, InvalidRequest, "access", "memory_key")

    @pytest.mark.parametrize("path", ["context", "context/batch"])
    async def test_an_unknown_session_is_not_found(self, api: Api, path: str) -> None:
        body = {"decision": "x"} if path == "context" else {"entries": [{"decision": "x"}]}

        expect_problem(await api.post(f"/sessions/nobody/{path}", body), SessionNotFound)
        expect_problem(await api.get("/sessions/nobody/context"), SessionNotFound)


class TestBatch:
    async def test_a_batch_is_recorded_in_order_and_counted(self, api: Api, session: str) -> None:
        batch = [{"decision": str(number)} for number in range(1000)]

        reply = await api.post(f"/sessions/{session}/context/batch", {"entries": batch})

        assert (reply.status, reply.json) == (200, {"accepted": 1000})
        shown = (await context_of(api, session))["decisions"]
        assert [one["decision"] for one in shown] == [str(number) for number in range(1000)]

    async def test_more_than_a_thousand_are_refused(self, api: Api, session: str) -> None:
        batch = [{"decision": "x"}] * 1001

        reply = await api.post(f"/sessions/{session}/context/batch", {"entries": batch})

        expect_problem(reply, InvalidRequest, "entries")
        assert await entries_of(api, session) == []

    async def test_an_empty_batch_records_nothing(self, api: Api, session: str) -> None:
        reply = await api.post(f"/sessions/{session}/context/batch", {"entries": []})

        assert (reply.status, reply.json) == (200, {"accepted": 0})

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "entries"), ({"entries": {}}, "entries"), ({"entries": [1]}, "entries[0]"), ({"entry": []}, "entry")],
    )
    async def test_what_is_no_batch_is_refused(self, api: Api, session: str, body: object, field: str) -> None:
        expect_problem(await api.post(f"/sessions/{session}/context/batch", body), InvalidRequest, field)


class TestConcurrency:
    async def test_64_appends_at_once_are_each_stored_once(self, api: Api, session: str) -> None:
        replies = await asyncio.gather(
            *(
                api.post(f"/sessions/{session}/context", {"search_query": f"q{number}"}, Prefer="return=minimal")
                for number in range(64)
            )
        )

        assert {reply.status for reply in replies} == {204}
        entries = await entries_of(api, session)
        assert [one["entry_id"] for one in entries] == list(range(1, 65))
        assert sorted(one["query"] for one in entries) == sorted(f"q{number}" for number in range(64))

    async def test_64_appends_of_all_kinds_to_two_sessions_are_each_stored_once(
        self, api: Api, session: str, workspace: Path
    ) -> None:
        await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace), "session_id": "s-2"})

        await asyncio.gather(
            *(
                api.post(
                    f"/sessions/{('s-1', 's-2')[number % 2]}/context",
                    {"decision": f"d{number}"} if number % 3 else {"file_path": f"f{number}"},
                )
                for number in range(64)
            )
        )

        for one in ("s-1", "s-2"):
            entries = await entries_of(api, one)
            assert [entry["entry_id"] for entry in entries] == list(range(1, 33))
            assert len({entry.get("decision") or entry["path"] for entry in entries}) == 32


class TestEntries:
    async def test_each_entry_has_its_members(self, api: Api, session: str, house: House) -> None:
        await append(api, session, file_path="/w/a", file_importance=0.25, access="read")
        await record_what_is_not_said_over_http(house, session)

        shown = await entries_of(api, session)

        common = {"timestamp": "2026-03-01T12:00:00.000Z"}
        assert [(one["entry_id"], one["kind"]) for one in shown] == [
            (1, "access"),
            (2, "access"),
            (3, "scan"),
            (4, "gap"),
            (5, "checkpoint"),
        ]
        assert shown[0] == common | {
            "kind": "access",
            "entry_id": 1,
            "source": "api",
            "path": "/w/a",
            "access": "read",
            "importance": 0.25,
            "attribution": "exact",
        }
        assert shown[1] == common | {
            "kind": "access",
            "entry_id": 2,
            "source": "watch",
            "path": "/w/odd-\\xff",
            "path_raw": "L3cvb2RkLf8=",
            "access": "move",
            "old_path": "/w/old-\\xfe",
            "importance": None,
            "attribution": "ambiguous",
            "others": ["s-2"],
        }
        assert shown[2] == common | {
            "kind": "scan",
            "entry_id": 3,
            "source": "watch",
            "burst_id": "burst-1",
            "started_at": "2026-03-01T12:00:00.000Z",
            "ended_at": "2026-03-01T12:00:01.000Z",
            "files": 300,
            "directories": 4,
            "reads": 299,
            "writes": 1,
            "top": ["/w/src"],
            "attribution": "probable",
        }
        assert shown[3] == common | {
            "kind": "gap",
            "entry_id": 4,
            "source": "watch",
            "started_at": "2026-03-01T12:00:00.000Z",
            "ended_at": "2026-03-01T12:00:01.000Z",
            "reason": "overflow",
            "reads_unknown": True,
            "recovered": 3,
        }
        assert shown[4] == common | {
            "kind": "checkpoint",
            "entry_id": 5,
            "source": "api",
            "checkpoint_id": "ckpt_1",
        }

    async def test_a_path_that_is_not_utf8_is_shown_and_its_bytes_are_given(
        self, api: Api, session: str, house: House
    ) -> None:
        await record_what_is_not_said_over_http(house, session)

        context = await context_of(api, session)

        (row,) = context["files_accessed"]
        assert (row["path"], row["path_raw"], row["source"]) == ("/w/odd-\\xff", "L3cvb2RkLf8=", "watch")
        assert context["file_importance_scores"] == {"/w/odd-\\xff": row["importance"]}

    async def test_pages_follow_each_other_without_gap_or_repetition(self, api: Api, session: str) -> None:
        await api.post(f"/sessions/{session}/context/batch", {"entries": [{"decision": str(n)} for n in range(7)]})

        seen, after = [], 0
        while after is not None:
            page = (await api.get(f"/sessions/{session}/entries?limit=3&after={after}")).json
            seen += [one["entry_id"] for one in page["entries"]]
            after = page["next_after"]

        assert seen == [1, 2, 3, 4, 5, 6, 7]

    async def test_a_last_page_that_is_full_has_no_next(self, api: Api, session: str) -> None:
        await append(api, session, decision="x")

        assert (await api.get(f"/sessions/{session}/entries?limit=1")).json["next_after"] is None

    async def test_two_hundred_are_listed_unless_told_otherwise(self, api: Api, session: str) -> None:
        await api.post(f"/sessions/{session}/context/batch", {"entries": [{"decision": str(n)} for n in range(201)]})

        page = (await api.get(f"/sessions/{session}/entries")).json

        assert (len(page["entries"]), page["next_after"]) == (200, 200)
        assert len(await entries_of(api, session, "?limit=1000")) == 201

    async def test_a_kind_chooses_and_pages(self, api: Api, session: str) -> None:
        for number in range(3):
            await append(api, session, decision=str(number), search_query=str(number))

        first = (await api.get(f"/sessions/{session}/entries?kind=decision&limit=2")).json
        rest = (await api.get(f"/sessions/{session}/entries?kind=decision&after={first['next_after']}")).json

        assert [one["decision"] for one in first["entries"] + rest["entries"]] == ["0", "1", "2"]
        assert rest["next_after"] is None
        assert await entries_of(api, session, "?kind=checkpoint") == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("after=-1", "after"),
            ("after=x", "after"),
            ("after=99999999999999999999", "after"),
            ("kind=accesses", "kind"),
            ("kind=", "kind"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("before=1", "before"),
            ("after=1&after=1", "after"),
        ],
    )
    async def test_a_bad_query_is_refused_and_named(self, api: Api, session: str, query: str, field: str) -> None:
        expect_problem(await api.get(f"/sessions/{session}/entries?{query}"), InvalidRequest, field)

    async def test_an_unknown_session_is_not_found(self, api: Api) -> None:
        expect_problem(await api.get("/sessions/nobody/entries"), SessionNotFound)


async def record_what_is_not_said_over_http(house: House, session: str) -> None:
    ambiguous = an_access(
        "/w/odd-\udcff",
        Access.MOVE,
        old_path="/w/old-\udcfe",
        attribution=Attribution.AMBIGUOUS,
        others=("s-2",),
    )
    checkpoint = CheckpointTaken(at=NOON, source=Source.API, checkpoint_id="ckpt_1")
    await house.services.entries.record({session: [ambiguous, a_scan(), a_gap(recovered=3), checkpoint]})

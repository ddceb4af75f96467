"""`/sessions`: begun, taken up again, changed, ended, listed, deleted."""

from pathlib import Path

import pytest

from omnimem.errors import (
    InvalidRequest,
    ProcessNotFound,
    SessionActive,
    SessionElsewhere,
    SessionNotFound,
    SessionPinned,
    WorkspaceInvalid,
)
from omnimemd.domain.identity import Peer
from tests.support.clock import MINUTE, SECOND
from tests.support.house import OWNER, House, World
from tests.support.http import Api, expect_problem

MEMBERS = [
    "session_id",
    "tool_id",
    "user_id",
    "workspace_path",
    "project_id",
    "state",
    "created_at",
    "last_activity",
    "ended_at",
    "end_reason",
    "end_detail",
    "continues",
    "process_id",
    "process_started_at",
    "pinned",
    "archived",
    "context_size_bytes",
    "metrics",
    "metadata",
]
METRICS = ["accesses", "reads", "writes", "files", "searches", "decisions", "memories", "scans", "gaps"]


async def begin(api: Api, workspace: Path, session_id: str | None = None, **more: object) -> str:
    """Begin a session; return its id."""
    named = {} if session_id is None else {"session_id": session_id}
    made = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace), **named, **more})
    assert made.status == 201, made.body
    return str(made.json["session_id"])


async def listed(api: Api, query: str = "") -> list[str]:
    """Return the ids that GET /sessions lists."""
    reply = await api.get(f"/sessions{query}")
    assert reply.status == 200, reply.body
    return [one["session_id"] for one in reply.json["sessions"]]


class TestBeginning:
    async def test_a_new_session_is_shown_with_every_member(self, api: Api, workspace: Path) -> None:
        reply = await api.post("/sessions", {"tool_id": "claude-code", "workspace_path": str(workspace)})

        assert reply.status == 201
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["Omnimem-Version"]
        shown = reply.json
        assert list(shown) == MEMBERS
        assert list(shown["metrics"]) == METRICS
        assert set(shown["metrics"].values()) == {0}
        assert shown["session_id"].startswith("sess_")
        assert len(shown["session_id"]) == len("sess_") + 12
        assert shown["tool_id"] == "claude-code"
        assert shown["workspace_path"] == str(workspace)
        assert shown["project_id"]
        assert shown["state"] == "active"
        assert shown["created_at"] == shown["last_activity"] == "2026-03-01T12:00:00.000Z"
        assert (shown["pinned"], shown["archived"], shown["context_size_bytes"]) == (False, False, 0)
        assert shown["metadata"] == {}
        nulls = ("user_id", "ended_at", "end_reason", "end_detail", "continues", "process_id")
        assert [shown[name] for name in (*nulls, "process_started_at")] == [None] * 7

    async def test_what_the_caller_says_is_kept(self, api: Api, workspace: Path, world: World) -> None:
        world.processes.begin(4242)

        made = await api.post(
            "/sessions",
            {
                "tool_id": "tool",
                "workspace_path": str(workspace),
                "session_id": "abc-123",
                "user_id": "me@here",
                "process_id": 4242,
                "project_id": "my-project",
                "continues": "an-earlier-one",
                "metadata": {"model": "x", "deep": [{"ümläut": None}], "big": 10**30, "zero": 0.0},
            },
        )

        assert made.status == 201
        shown = (await api.get("/sessions/abc-123")).json
        assert shown == made.json
        assert (shown["user_id"], shown["process_id"]) == ("me@here", 4242)
        assert shown["process_started_at"] == "2026-03-01T11:59:00.000Z"
        assert (shown["project_id"], shown["continues"]) == ("my-project", "an-earlier-one")
        assert shown["metadata"] == {
            "model": "x",
            "deep": [{"ümläut": None}],
            "big": 10**30,
            "zero": 0.0,
        }

    @pytest.mark.parametrize("session_id", ["insertion-sort", "SELECT", "a", "_", "9:.@-_", "x" * 128])
    async def test_an_id_is_an_id(self, api: Api, workspace: Path, session_id: str) -> None:
        await begin(api, workspace, session_id)

        assert (await api.get(f"/sessions/{session_id}")).json["session_id"] == session_id

    async def test_a_link_to_the_workspace_is_the_workspace(self, api: Api, workspace: Path, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(workspace)

        made = await api.post("/sessions", {"tool_id": "tool", "workspace_path": f"{link}/"})

        assert made.json["workspace_path"] == str(workspace)

    async def test_the_caller_is_bound_when_no_pid_is_given(self, api: Api, workspace: Path, world: World) -> None:
        world.processes.begin(50, name="claude")
        world.processes.begin(51, name="bash", parent=50)
        world.processes.begin(52, name="curl", parent=51)
        world.peer = Peer(OWNER, 52)

        made = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace)})

        assert made.json["process_id"] == 50

    async def test_a_caller_nobody_stands_behind_leaves_the_session_unbound(
        self, api: Api, workspace: Path, world: World
    ) -> None:
        world.processes.begin(51, name="bash", parent=1)
        world.peer = Peer(OWNER, 51)

        made = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace)})

        assert made.json["process_id"] is None

    async def test_a_caller_that_has_died_since_leaves_no_session_behind_that_nobody_would_end(
        self, api: Api, workspace: Path, world: World
    ) -> None:
        world.peer = Peer(OWNER, 51)

        for session_id in (await begin(api, workspace, "s-1"), await begin(api, workspace)):
            ended = (await api.get(f"/sessions/{session_id}")).json
            assert (ended["state"], ended["end_reason"]) == ("ended", "process_exited")

        again = {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-1"}
        assert (await api.post("/sessions", again)).json["end_reason"] == "process_exited"

    async def test_who_dies_after_asking_for_a_session_that_lives_ends_nothing(
        self, api: Api, session: str, workspace: Path, world: World
    ) -> None:
        world.peer = Peer(OWNER, 51)

        again = {"tool_id": "tool", "workspace_path": str(workspace), "session_id": session}
        assert (await api.post("/sessions", again)).json["state"] == "active"

    async def test_the_workspace_is_watched_when_the_answer_comes(
        self, api: Api, workspace: Path, house: House
    ) -> None:
        await begin(api, workspace)

        assert str(workspace) in house.watcher.watched


class TestTakingUp:
    async def test_an_active_session_is_returned_as_it_is(self, api: Api, workspace: Path) -> None:
        await begin(api, workspace, "s-1", metadata={"a": 1})
        before = (await api.get("/sessions/s-1")).json

        again = await api.post(
            "/sessions",
            {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-1", "metadata": {"b": 2}},
        )

        assert again.status == 200
        assert again.json == before

    async def test_an_active_session_is_rebound_when_another_process_is_named(
        self, api: Api, workspace: Path, world: World
    ) -> None:
        world.processes.begin(10)
        world.processes.begin(11)
        await begin(api, workspace, "s-1", process_id=10)

        again = await api.post(
            "/sessions",
            {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-1", "process_id": 11},
        )

        assert again.status == 200
        assert again.json["process_id"] == 11
        assert not world.processes.waited_for(10)
        assert world.processes.waited_for(11)

    async def test_an_ended_session_is_reopened_and_bound_to_the_new_process(
        self, api: Api, workspace: Path, world: World
    ) -> None:
        world.processes.begin(10)
        world.processes.begin(11)
        await begin(api, workspace, "s-1", process_id=10)
        world.clock.advance(MINUTE)
        await api.post("/sessions/s-1/end", {"reason": "lunch"})
        world.clock.advance(MINUTE)

        again = await api.post(
            "/sessions",
            {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-1", "process_id": 11},
        )

        assert again.status == 200
        shown = again.json
        assert shown["state"] == "active"
        assert (shown["ended_at"], shown["end_reason"], shown["end_detail"]) == (None, None, None)
        assert shown["process_id"] == 11
        assert shown["created_at"] == "2026-03-01T12:00:00.000Z"
        assert shown["last_activity"] == "2026-03-01T12:02:00.000Z"

    async def test_another_workspace_is_a_conflict(
        self, api: Api, workspace: Path, tmp_path: Path, session: str
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()

        reply = await api.post(
            "/sessions", {"tool_id": "tool", "workspace_path": str(elsewhere), "session_id": session}
        )

        expect_problem(reply, SessionElsewhere)
        assert (await api.get(f"/sessions/{session}")).json["workspace_path"] == str(workspace)


class TestRefusals:
    @pytest.mark.parametrize("path", ["relative", "./app", "~", "/does/not/exist", "/etc/passwd", "/" + "x" * 300])
    async def test_a_workspace_that_is_no_absolute_existing_directory_is_refused(self, api: Api, path: str) -> None:
        reply = await api.post("/sessions", {"tool_id": "tool", "workspace_path": path})

        expect_problem(reply, WorkspaceInvalid, "workspace_path")

    @pytest.mark.parametrize("path", ["", "/a\0b", "/" + "x/" * 2500])
    async def test_text_that_can_be_no_path_is_refused(self, api: Api, path: str) -> None:
        reply = await api.post("/sessions", {"tool_id": "tool", "workspace_path": path})

        expect_problem(reply, InvalidRequest, "workspace_path")

    async def test_a_process_that_is_not_there_is_refused(self, api: Api, workspace: Path) -> None:
        reply = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace), "process_id": 99})

        expect_problem(reply, ProcessNotFound, "process_id")
        assert await listed(api) == []

    @pytest.mark.parametrize("pid", [0, -1, 2**31, 10**30, 1.5, "1", True])
    async def test_a_number_that_is_no_pid_is_refused(self, api: Api, workspace: Path, pid: object) -> None:
        reply = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace), "process_id": pid})

        expect_problem(reply, InvalidRequest, "process_id")

    @pytest.mark.parametrize("field", ["session_id", "tool_id", "user_id", "project_id", "continues"])
    async def test_what_is_no_id_is_refused_and_named(self, api: Api, workspace: Path, field: str) -> None:
        for bad in ("", "-a", ".a", "a b", "a/b", "a\n", "ä", "x" * 129, "a\0", 7):
            body = {"tool_id": "tool", "workspace_path": str(workspace)} | {field: bad}
            expect_problem(await api.post("/sessions", body), InvalidRequest, field)

    @pytest.mark.parametrize("missing", ["tool_id", "workspace_path"])
    async def test_a_missing_field_is_named(self, api: Api, workspace: Path, missing: str) -> None:
        body = {"tool_id": "tool", "workspace_path": str(workspace)}
        del body[missing]

        expect_problem(await api.post("/sessions", body), InvalidRequest, missing)

    async def test_a_typo_is_named(self, api: Api, workspace: Path) -> None:
        body = {"tool_id": "tool", "workspace_path": str(workspace), "sesion_id": "x"}

        expect_problem(await api.post("/sessions", body), InvalidRequest, "sesion_id")

    @pytest.mark.parametrize("metadata", [[], "text", 1])
    async def test_metadata_is_an_object(self, api: Api, workspace: Path, metadata: object) -> None:
        body = {"tool_id": "tool", "workspace_path": str(workspace), "metadata": metadata}

        expect_problem(await api.post("/sessions", body), InvalidRequest, "metadata")

    async def test_a_session_cannot_continue_itself(self, api: Api, workspace: Path) -> None:
        body = {"tool_id": "t", "workspace_path": str(workspace), "session_id": "a", "continues": "a"}

        expect_problem(await api.post("/sessions", body), InvalidRequest, "continues")

    async def test_a_project_file_with_a_mistake_is_told(self, api: Api, workspace: Path) -> None:
        (workspace / ".omnimem.toml").write_text("project_id = 3\n")

        reply = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace)})

        expect_problem(reply, WorkspaceInvalid, "workspace_path")
        assert ".omnimem.toml" in reply.json["hint"]


class TestReadingOne:
    @pytest.mark.parametrize("session_id", ["nobody", "%00", "%ff", "a%2Fb", "'%20OR%201=1--", "%F0%9F%98%80"])
    async def test_an_unknown_session_is_not_found(self, api: Api, session_id: str) -> None:
        expect_problem(await api.get(f"/sessions/{session_id}"), SessionNotFound)


class TestChanging:
    async def test_what_is_given_is_changed_and_the_rest_stays(self, api: Api, workspace: Path, world: World) -> None:
        await begin(api, workspace, "s-1", user_id="me", metadata={"a": 1})
        world.clock.advance(SECOND)

        reply = await api.patch("/sessions/s-1", {"pinned": True, "metadata": {"b": 2}})

        assert reply.status == 200
        assert list(reply.json) == MEMBERS
        assert reply.json == (await api.get("/sessions/s-1")).json
        assert (reply.json["pinned"], reply.json["archived"], reply.json["user_id"]) == (True, False, "me")
        assert reply.json["metadata"] == {"b": 2}
        assert reply.json["last_activity"] == "2026-03-01T12:00:00.000Z"

    async def test_a_user_can_be_taken_away(self, api: Api, workspace: Path) -> None:
        await begin(api, workspace, "s-1", user_id="me")

        assert (await api.patch("/sessions/s-1", {"user_id": None})).json["user_id"] is None

    @pytest.mark.parametrize("body", [None, {}])
    async def test_nothing_given_changes_nothing(self, api: Api, session: str, body: object) -> None:
        before = (await api.get(f"/sessions/{session}")).json

        assert (await api.patch(f"/sessions/{session}", body)).json == before

    async def test_an_ended_session_can_be_annotated(self, api: Api, session: str) -> None:
        ended = (await api.post(f"/sessions/{session}/end")).json

        archived = await api.patch(f"/sessions/{session}", {"archived": True})

        assert archived.json == ended | {"archived": True}

    @pytest.mark.parametrize("field", ["pinned", "archived", "metadata"])
    @pytest.mark.parametrize("bad", [None, 1, "true"])
    async def test_a_wrong_type_is_named(self, api: Api, session: str, field: str, bad: object) -> None:
        expect_problem(await api.patch(f"/sessions/{session}", {field: bad}), InvalidRequest, field)

    @pytest.mark.parametrize("field", ["state", "ended_at", "session_id", "tool_id"])
    async def test_what_is_not_the_callers_to_change_is_refused(self, api: Api, session: str, field: str) -> None:
        expect_problem(await api.patch(f"/sessions/{session}", {field: "x"}), InvalidRequest, field)

    async def test_an_unknown_session_is_not_found(self, api: Api) -> None:
        expect_problem(await api.patch("/sessions/nobody", {"pinned": True}), SessionNotFound)


class TestEnding:
    async def test_the_end_is_the_clients_with_its_reason(self, api: Api, session: str, world: World) -> None:
        world.clock.advance(MINUTE)

        reply = await api.post(f"/sessions/{session}/end", {"reason": "done: 🎉"})

        assert reply.status == 200
        assert list(reply.json) == MEMBERS
        assert reply.json["state"] == "ended"
        assert reply.json["ended_at"] == "2026-03-01T12:01:00.000Z"
        assert (reply.json["end_reason"], reply.json["end_detail"]) == ("client", "done: 🎉")

    async def test_a_second_end_changes_nothing(self, api: Api, session: str, world: World) -> None:
        first = await api.post(f"/sessions/{session}/end", {"reason": "first"})
        world.clock.advance(MINUTE)

        second = await api.post(f"/sessions/{session}/end", {"reason": "second"})

        assert (second.status, second.json) == (200, first.json)

    @pytest.mark.parametrize("body", [None, b"", {}, {"reason": None}, {"reason": ""}])
    async def test_no_reason_needs_to_be_given(self, api: Api, session: str, body: object) -> None:
        reply = await api.post(f"/sessions/{session}/end", body)

        assert (reply.status, reply.json["state"]) == (200, "ended")

    async def test_a_reason_may_have_200_characters(self, api: Api, session: str) -> None:
        reply = await api.post(f"/sessions/{session}/end", {"reason": "ä" * 200})

        assert reply.json["end_detail"] == "ä" * 200

    async def test_a_reason_of_201_characters_is_refused_and_the_session_goes_on(self, api: Api, session: str) -> None:
        expect_problem(await api.post(f"/sessions/{session}/end", {"reason": "x" * 201}), InvalidRequest, "reason")
        assert (await api.get(f"/sessions/{session}")).json["state"] == "active"

    async def test_an_unknown_session_is_not_found(self, api: Api) -> None:
        expect_problem(await api.post("/sessions/nobody/end"), SessionNotFound)

    async def test_a_clock_set_back_ends_no_session_before_it_was_active(
        self, api: Api, session: str, world: World
    ) -> None:
        world.clock.advance(-MINUTE)

        ended = (await api.post(f"/sessions/{session}/end")).json

        assert ended["ended_at"] == ended["last_activity"] == ended["created_at"]


class TestDeleting:
    async def test_an_ended_session_goes_with_everything_recorded_in_it(
        self, api: Api, session: str, house: House
    ) -> None:
        await api.post(f"/sessions/{session}/context", {"decision": "x"})
        await api.post(f"/sessions/{session}/end")

        reply = await api.delete(f"/sessions/{session}")

        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Omnimem-Version"]
        for path in ("", "/context", "/entries"):
            expect_problem(await api.get(f"/sessions/{session}{path}"), SessionNotFound)
        assert await listed(api, "?archived=all") == []
        left = house.database.read_now(lambda db: db.execute("SELECT count(*) FROM entries").fetchone())
        assert left == (0,)

    async def test_an_active_session_stays(self, api: Api, session: str) -> None:
        expect_problem(await api.delete(f"/sessions/{session}"), SessionActive)
        assert (await api.get(f"/sessions/{session}")).status == 200

    async def test_a_pinned_session_stays(self, api: Api, session: str) -> None:
        await api.patch(f"/sessions/{session}", {"pinned": True})
        await api.post(f"/sessions/{session}/end")

        expect_problem(await api.delete(f"/sessions/{session}"), SessionPinned)
        assert (await api.get(f"/sessions/{session}")).status == 200

    async def test_a_deleted_session_is_not_found_the_second_time(self, api: Api, session: str) -> None:
        await api.post(f"/sessions/{session}/end")
        await api.delete(f"/sessions/{session}")

        expect_problem(await api.delete(f"/sessions/{session}"), SessionNotFound)

    async def test_its_id_may_be_used_again_for_a_new_session(self, api: Api, workspace: Path, session: str) -> None:
        await api.post(f"/sessions/{session}/context", {"decision": "x"})
        await api.post(f"/sessions/{session}/end")
        await api.delete(f"/sessions/{session}")

        await begin(api, workspace, session)

        assert (await api.get(f"/sessions/{session}/entries")).json["entries"] == []


class TestListing:
    async def test_no_sessions_are_an_empty_list(self, api: Api) -> None:
        reply = await api.get("/sessions")

        assert (reply.status, reply.json) == (200, {"sessions": [], "count": 0, "next_cursor": None})

    async def test_the_newest_activity_comes_first(self, api: Api, workspace: Path, world: World) -> None:
        for name in ("a", "b", "c"):
            await begin(api, workspace, name)
            world.clock.advance(SECOND)
        await api.post("/sessions/a/context", {"search_query": "x"})

        assert await listed(api) == ["a", "c", "b"]

    async def test_each_row_is_what_reading_it_alone_gives(self, api: Api, session: str) -> None:
        await api.post(f"/sessions/{session}/context", {"file_path": "a.py", "decision": "x"})

        rows = (await api.get("/sessions")).json["sessions"]

        assert rows == [(await api.get(f"/sessions/{session}")).json]
        assert rows[0]["metrics"]["decisions"] == rows[0]["metrics"]["files"] == 1
        assert rows[0]["context_size_bytes"] > 0

    async def test_filters_choose(self, api: Api, workspace: Path, tmp_path: Path, world: World) -> None:
        other = tmp_path / "other"
        other.mkdir()
        world.processes.begin(77)
        await begin(api, workspace, "a", project_id="p-1", process_id=77)
        await begin(api, other, "b", tool_id="vim")
        await begin(api, workspace, "c", project_id="p-2")
        await api.post("/sessions/c/end")
        await api.patch("/sessions/b", {"pinned": True})
        await api.patch("/sessions/c", {"archived": True})

        assert await listed(api) == ["b", "a"]
        assert await listed(api, "?archived=false") == ["b", "a"]
        assert await listed(api, "?archived=true") == ["c"]
        assert await listed(api, "?archived=all") == ["c", "b", "a"]
        assert await listed(api, "?active=true") == ["b", "a"]
        assert await listed(api, "?active=false&archived=all") == ["c"]
        assert await listed(api, "?project_id=p-1") == ["a"]
        assert await listed(api, f"?workspace_path={other}") == ["b"]
        assert await listed(api, f"?workspace_path={other}/../other/") == ["b"]
        assert await listed(api, "?tool_id=vim") == ["b"]
        assert await listed(api, "?process_id=77") == ["a"]
        assert await listed(api, "?pinned=true") == ["b"]
        assert await listed(api, "?pinned=false") == ["a"]
        assert await listed(api, "?tool_id=vim&process_id=77") == []

    async def test_a_workspace_that_is_gone_still_finds_its_sessions(
        self, api: Api, workspace: Path, session: str
    ) -> None:
        workspace.rmdir()

        assert await listed(api, f"?workspace_path={workspace}") == [session]

    async def test_pages_follow_each_other_without_gap_or_repetition(
        self, api: Api, workspace: Path, world: World
    ) -> None:
        for number in range(7):
            await begin(api, workspace, f"s{number}")
            world.clock.advance(number % 2)  # some of the same millisecond

        seen, query, sizes = [], "?limit=3", []
        while query:
            reply = (await api.get(f"/sessions{query}")).json
            seen += [one["session_id"] for one in reply["sessions"]]
            sizes.append(reply["count"])
            query = reply["next_cursor"] and f"?limit=3&cursor={reply['next_cursor']}"

        assert sizes == [3, 3, 1]
        assert seen == await listed(api)
        assert len(set(seen)) == 7

    async def test_a_last_page_that_is_full_has_no_cursor(self, api: Api, workspace: Path) -> None:
        await begin(api, workspace, "a")
        await begin(api, workspace, "b")

        assert (await api.get("/sessions?limit=2")).json["next_cursor"] is None

    async def test_fifty_are_listed_unless_told_otherwise(self, api: Api, workspace: Path) -> None:
        for number in range(51):
            await begin(api, workspace, f"s{number}")

        reply = (await api.get("/sessions")).json

        assert reply["count"] == len(reply["sessions"]) == 50
        assert reply["next_cursor"]
        assert (await api.get("/sessions?limit=500")).json["count"] == 51

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("limit=many", "limit"),
            ("limit=", "limit"),
            ("limit=1.5", "limit"),
            ("limit=99999999999999999999999", "limit"),
            ("active=perhaps", "active"),
            ("archived=some", "archived"),
            ("archived=", "archived"),
            ("pinned=2", "pinned"),
            ("process_id=0", "process_id"),
            ("process_id=x", "process_id"),
            ("project_id=", "project_id"),
            ("project_id=a/b", "project_id"),
            ("tool_id=%ff", "tool_id"),
            ("workspace_path=", "workspace_path"),
            ("workspace_path=%00", "workspace_path"),
            ("workspace_path=relative", "workspace_path"),
            ("cursor=", "cursor"),
            ("cursor=nonsense", "cursor"),
            ("cursor=%F0%9F%98%80", "cursor"),
            ("cursor=W10", "cursor"),
            ("cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTksMV0", "cursor"),
            ("sort=newest", "sort"),
            ("limit=1&limit=2", "limit"),
        ],
    )
    async def test_a_bad_query_is_refused_and_named(self, api: Api, query: str, field: str) -> None:
        expect_problem(await api.get(f"/sessions?{query}"), InvalidRequest, field)

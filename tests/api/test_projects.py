"""`/projects` and `/workspaces`."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from omnimem.errors import InvalidRequest, ProjectNotFound, WorkspaceInvalid, WorkspaceNotFound
from tests.support.clock import SECOND
from tests.support.house import House, World
from tests.support.http import Api, expect_problem

RESOLVED = ["project_id", "name", "root", "worktree", "kind", "track"]
PROJECT = [
    "project_id",
    "name",
    "root",
    "kind",
    "created_at",
    "last_activity",
    "sessions",
    "memories",
    "settings",
]
WORKSPACE = [
    "path",
    "project_id",
    "state",
    "directories",
    "reads_observed",
    "by_hand",
    "since",
    "problem",
]
BAD_PATHS = ["relative", "/does/not/exist", "~"]


class TestResolving:
    async def test_a_folder_outside_git_is_its_own_project(self, api: Api, workspace: Path) -> None:
        reply = await api.post("/projects/resolve", {"path": str(workspace)})

        assert reply.status == 200
        assert list(reply.json) == RESOLVED
        assert reply.json["project_id"].startswith("app-")
        assert reply.json["name"] == "app"
        assert (reply.json["root"], reply.json["worktree"]) == (str(workspace), None)
        assert reply.json["kind"] == "path"

    @pytest.mark.needs("git")
    async def test_a_repository_is_one_project_from_anywhere_in_it(self, api: Api, workspace: Path) -> None:
        await asyncio.to_thread(subprocess.run, ["git", "init", "-q", str(workspace)], check=True)
        (workspace / "src").mkdir()
        (workspace / "src" / "a.py").touch()

        top = (await api.post("/projects/resolve", {"path": f"{workspace}/"})).json
        below = (await api.post("/projects/resolve", {"path": f"{workspace}/src/a.py"})).json

        assert top["kind"] == "git"
        assert (top["root"], top["worktree"]) == (str(workspace), str(workspace))
        assert below == top

    async def test_a_project_file_decides(self, api: Api, workspace: Path) -> None:
        (workspace / ".omnimem.toml").write_text('project_id = "ours"\nname = "Our project"\ntrack = false\n')
        (workspace / "sub").mkdir()

        reply = await api.post("/projects/resolve", {"path": f"{workspace}/sub"})

        assert reply.json == {
            "project_id": "ours",
            "name": "Our project",
            "root": str(workspace),
            "worktree": None,
            "kind": "marker",
            "track": False,
        }

    @pytest.mark.parametrize("path", BAD_PATHS)
    async def test_what_is_not_there_is_no_project(self, api: Api, path: str) -> None:
        expect_problem(await api.post("/projects/resolve", {"path": path}), WorkspaceInvalid, "path")

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "path"), ({"path": ""}, "path"), ({"path": "/a\0"}, "path"), ({"path": "/", "p": 1}, "p")],
    )
    async def test_a_bad_question_is_refused(self, api: Api, body: object, field: str) -> None:
        expect_problem(await api.post("/projects/resolve", body), InvalidRequest, field)


class TestProjects:
    async def test_no_projects_are_an_empty_list(self, api: Api) -> None:
        reply = await api.get("/projects")

        assert (reply.status, reply.json) == (200, {"projects": [], "count": 0})

    async def test_a_project_counts_its_sessions_and_live_memories(
        self, api: Api, workspace: Path, session: str
    ) -> None:
        project_id = (await api.get(f"/sessions/{session}")).json["project_id"]
        await api.post(f"/projects/{project_id}/memories", {"key": "a", "value": "1"})
        gone = await api.post(f"/projects/{project_id}/memories", {"key": "b", "value": "1"})
        await api.delete(f"/projects/{project_id}/memories/{gone.json['memory_id']}")

        reply = await api.get(f"/projects/{project_id}")

        assert reply.status == 200
        assert list(reply.json) == PROJECT
        assert reply.json == {
            "project_id": project_id,
            "name": "app",
            "root": str(workspace),
            "kind": "path",
            "created_at": "2026-03-01T12:00:00.000Z",
            "last_activity": "2026-03-01T12:00:00.000Z",
            "sessions": 1,
            "memories": 1,
            "settings": {},
        }
        assert (await api.get("/projects")).json == {"projects": [reply.json], "count": 1}

    async def test_an_expired_memory_is_counted_no_more(self, api: Api, world: World) -> None:
        await api.post("/projects/p/memories", {"key": "a", "value": "1", "ttl_seconds": 1})
        world.clock.advance(SECOND)

        assert (await api.get("/projects/p")).json["memories"] == 0

    async def test_an_id_somebody_used_is_a_named_project(self, api: Api) -> None:
        await api.post("/projects/insertion-sort/memories", {"key": "a", "value": "1"})

        shown = (await api.get("/projects/insertion-sort")).json

        assert (shown["kind"], shown["root"], shown["name"]) == ("named", None, "insertion-sort")

    async def test_the_newest_activity_comes_first(self, api: Api, world: World) -> None:
        for name in ("a", "b", "c", "a"):
            await api.post(f"/projects/{name}/memories", {"key": "k", "value": name})
            world.clock.advance(SECOND)

        listed = (await api.get("/projects")).json["projects"]

        assert [one["project_id"] for one in listed] == ["a", "c", "b"]

    async def test_what_is_recorded_in_a_session_is_activity_of_its_project(
        self, api: Api, session: str, world: World
    ) -> None:
        project_id = (await api.get(f"/sessions/{session}")).json["project_id"]
        world.clock.advance(SECOND)
        await api.post(f"/sessions/{session}/context", {"decision": "x"})

        assert (await api.get(f"/projects/{project_id}")).json["last_activity"] == "2026-03-01T12:00:01.000Z"

    async def test_what_is_given_is_changed_and_the_rest_stays(self, api: Api) -> None:
        await api.post("/projects/p/memories", {"key": "k", "value": "v"})

        renamed = await api.patch("/projects/p", {"name": "Ünser Projekt"})
        settled = await api.patch("/projects/p", {"settings": {"briefing": [1, None]}})

        assert (renamed.status, renamed.json["name"], renamed.json["settings"]) == (200, "Ünser Projekt", {})
        assert settled.json["name"] == "Ünser Projekt"
        assert settled.json["settings"] == {"briefing": [1, None]}
        assert list(settled.json) == PROJECT
        assert settled.json == (await api.get("/projects/p")).json

    async def test_a_name_somebody_gave_outlasts_looking_at_the_folder_again(self, api: Api, workspace: Path) -> None:
        project_id = (await api.post("/projects/resolve", {"path": str(workspace)})).json["project_id"]
        await api.patch(f"/projects/{project_id}", {"name": "Mine"})

        again = await api.post("/projects/resolve", {"path": str(workspace)})

        assert again.json["name"] == "Mine"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"settings": []}, "settings"),
            ({"settings": None}, "settings"),
            ({"root": "/x"}, "root"),
        ],
    )
    async def test_a_bad_change_is_refused_and_named(self, api: Api, body: object, field: str) -> None:
        await api.post("/projects/p/memories", {"key": "k", "value": "v"})

        expect_problem(await api.patch("/projects/p", body), InvalidRequest, field)

    async def test_an_unknown_project_is_not_found(self, api: Api) -> None:
        expect_problem(await api.get("/projects/nobody"), ProjectNotFound)
        expect_problem(await api.patch("/projects/nobody", {"name": "x"}), ProjectNotFound)


class TestWorkspaces:
    async def test_no_workspaces_are_an_empty_list(self, api: Api) -> None:
        reply = await api.get("/workspaces")

        assert (reply.status, reply.json) == (200, {"workspaces": [], "count": 0})

    async def test_a_folder_added_by_hand_is_watched(self, api: Api, workspace: Path, house: House) -> None:
        reply = await api.post("/workspaces", {"path": f"{workspace}/."})

        assert reply.status == 201
        assert list(reply.json) == WORKSPACE
        assert reply.json["path"] == str(workspace)
        assert (reply.json["by_hand"], reply.json["since"]) == (True, "2026-03-01T12:00:00.000Z")
        assert str(workspace) in house.watcher.watched
        (listed,) = (await api.get("/workspaces")).json["workspaces"]
        assert listed == reply.json | {"state": "watching", "directories": 1}
        assert (listed["reads_observed"], listed["problem"]) == (True, None)

    async def test_adding_it_again_is_no_error(self, api: Api, workspace: Path, world: World) -> None:
        await api.post("/workspaces", {"path": str(workspace)})
        world.clock.advance(SECOND)

        again = await api.post("/workspaces", {"path": str(workspace)})

        assert (again.status, again.json["since"]) == (200, "2026-03-01T12:00:00.000Z")

    async def test_the_folder_of_an_active_session_is_listed_and_may_be_added_too(
        self, api: Api, workspace: Path, session: str
    ) -> None:
        (listed,) = (await api.get("/workspaces")).json["workspaces"]

        added = await api.post("/workspaces", {"path": str(workspace)})

        assert (listed["path"], listed["by_hand"]) == (str(workspace), False)
        assert (added.status, added.json["by_hand"]) == (201, True)

    async def test_a_folder_taken_back_is_watched_no_more(self, api: Api, workspace: Path, house: House) -> None:
        await api.post("/workspaces", {"path": str(workspace)})

        reply = await api.delete(f"/workspaces?path={workspace}/")

        assert (reply.status, reply.body) == (204, b"")
        assert (await api.get("/workspaces")).json["workspaces"] == []
        assert str(workspace) not in house.watcher.watched

    async def test_a_folder_taken_back_stays_watched_while_a_session_is_active_in_it(
        self, api: Api, workspace: Path, session: str, house: House
    ) -> None:
        await api.post("/workspaces", {"path": str(workspace)})

        assert (await api.delete(f"/workspaces?path={workspace}")).status == 204

        (listed,) = (await api.get("/workspaces")).json["workspaces"]
        assert listed["by_hand"] is False
        assert str(workspace) in house.watcher.watched

    async def test_a_folder_that_is_gone_can_be_taken_back(self, api: Api, workspace: Path) -> None:
        await api.post("/workspaces", {"path": str(workspace)})
        workspace.rmdir()

        assert (await api.delete(f"/workspaces?path={workspace}")).status == 204
        assert (await api.get("/workspaces")).json["count"] == 0

    async def test_a_folder_that_asks_not_to_be_tracked_says_so(self, api: Api, workspace: Path, house: House) -> None:
        (workspace / ".omnimem.toml").write_text("track = false\n")

        await api.post("/workspaces", {"path": str(workspace)})

        (listed,) = (await api.get("/workspaces")).json["workspaces"]
        assert listed["state"] == "degraded"
        assert "track" in listed["problem"]
        assert str(workspace) not in house.watcher.watched

    @pytest.mark.parametrize("path", [*BAD_PATHS, "/etc/passwd"])
    async def test_what_is_no_directory_cannot_be_added(self, api: Api, path: str) -> None:
        expect_problem(await api.post("/workspaces", {"path": path}), WorkspaceInvalid, "path")

    @pytest.mark.parametrize(("body", "field"), [({}, "path"), ({"path": 1}, "path"), ({"pth": "/"}, "pth")])
    async def test_a_bad_addition_is_refused(self, api: Api, body: object, field: str) -> None:
        expect_problem(await api.post("/workspaces", body), InvalidRequest, field)

    async def test_what_was_not_added_cannot_be_taken_back(self, api: Api, workspace: Path, session: str) -> None:
        expect_problem(await api.delete("/workspaces?path=/nowhere"), WorkspaceNotFound)
        expect_problem(await api.delete(f"/workspaces?path={workspace}"), WorkspaceNotFound)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "path"),
            ("?path=", "path"),
            ("?path=relative", "path"),
            ("?path=%00", "path"),
            ("?path=/a&path=/b", "path"),
            ("?path=/a&all=true", "all"),
        ],
    )
    async def test_a_bad_query_is_refused_and_named(self, api: Api, query: str, field: str) -> None:
        expect_problem(await api.delete(f"/workspaces{query}"), InvalidRequest, field)

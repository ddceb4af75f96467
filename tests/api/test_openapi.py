"""`/openapi.json` describes what the daemon does."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem import model
from omnimem.calls import ALL, LINES, Operation
from omnimemd.api.openapi import describe
from tests.api.routes import EVERY, AnyOperation, body_of, path_of
from tests.support.house import House, World
from tests.support.http import JSON, Api, Reply
from tests.support.schema import faults, resolved

#: Statuses every route may answer besides its own.
_ANYWHERE = {"400", "403", "422", "500", "503"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The description, as it is given out."""
    return dict(msgspec.json.decode(msgspec.json.encode(describe(ALL))))


def described(document: dict[str, Any], operation: Operation[..., Any]) -> dict[str, Any]:
    return dict(document["paths"][operation.path][operation.method.lower()])


class TestForm:
    def test_it_says_what_it_is(self, document: dict[str, Any]) -> None:
        assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
        assert document["info"]["title"] == "omnimemd"
        assert document["info"]["version"]
        assert set(document) <= {"openapi", "info", "servers", "paths", "components"}

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        references = re.findall(r'"\$ref":"([^"]+)"', msgspec.json.encode(document).decode())

        assert references
        assert all(resolved(reference, document) for reference in references)

    def test_every_schema_has_a_name_that_openapi_allows(self, document: dict[str, Any]) -> None:
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in document["components"]["schemas"])

    def test_operation_ids_are_there_and_unique(self, document: dict[str, Any]) -> None:
        ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]

        assert sorted(ids) == sorted({one.name for one in ALL})

    def test_patterns_are_those_of_ecma_262(self, document: dict[str, Any]) -> None:
        text = msgspec.json.encode(document).decode()

        assert "\\\\Z" not in text
        assert "(?P<" not in text

    @pytest.mark.parametrize("operation", EVERY)
    def test_parameters_are_those_of_the_route(self, document: dict[str, Any], operation: AnyOperation) -> None:
        parameters = described(document, operation)["parameters"]

        by_place = {(one["in"], one["name"]): one for one in parameters}
        assert len(by_place) == len(parameters)
        in_path = {name for place, name in by_place if place == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", operation.path))
        assert all(one["required"] for (place, _), one in by_place.items() if place == "path")
        in_query = {name for place, name in by_place if place == "query"}
        expected = msgspec.structs.fields(operation.query) if operation.query else ()
        assert in_query == {field.encode_name for field in expected}
        assert all(one["schema"] for one in parameters)

    @pytest.mark.parametrize("operation", EVERY)
    def test_a_body_is_described_where_there_is_one(self, document: dict[str, Any], operation: AnyOperation) -> None:
        described_body = described(document, operation).get("requestBody")

        is_json = operation.takes == "application/json"
        assert (described_body is not None) == (operation.body is not None or not is_json)
        if described_body is not None and is_json:
            schema = described_body["content"]["application/json"]["schema"]
            assert faults(body_of(operation), schema, document) == []
            assert faults({**(body_of(operation) or {}), "nonsense": 1}, schema, document)

    @pytest.mark.parametrize("operation", EVERY)
    def test_every_status_a_route_can_answer_is_described(
        self, document: dict[str, Any], operation: AnyOperation
    ) -> None:
        responses = described(document, operation)["responses"]

        expected = _ANYWHERE | {str(error.status) for error in operation.raises}
        if operation.method in ("POST", "PATCH"):
            expected |= {"413", "415"}
        expected |= {"204"} if operation.result is type(None) else {"200"}
        assert set(responses) >= expected
        for status, response in responses.items():
            assert response["description"]
            assert ("content" in response) == (status != "204")

    def test_every_status_two_ways_is_described(self, document: dict[str, Any]) -> None:
        paths = document["paths"]

        assert set(paths["/sessions"]["post"]["responses"]) >= {"200", "201", "409"}
        assert set(paths["/workspaces"]["post"]["responses"]) >= {"200", "201"}
        assert set(paths["/projects/{project_id}/memories"]["post"]["responses"]) >= {"200", "201", "412"}
        assert set(paths["/sessions/{session_id}/context"]["post"]["responses"]) >= {"200", "204"}
        assert "application/json" in paths["/health"]["get"]["responses"]["503"]["content"]
        assert "text/event-stream" in paths["/events"]["get"]["responses"]["200"]["content"]


class TestTruth:
    async def test_it_is_given_out_as_it_is_made(self, api: Api, document: dict[str, Any]) -> None:
        reply = await api.get("/openapi.json")

        assert (reply.status, reply.json) == (200, document)

    async def test_every_route_is_described_and_every_described_route_is_there(
        self, house: House, document: dict[str, Any]
    ) -> None:
        routes = {
            (route.method.lower(), route.resource.canonical)
            for route in house.app.router.routes()
            if route.resource is not None
        }

        assert routes == {(method, path) for path, methods in document["paths"].items() for method in methods}

    async def test_a_walk_through_all_routes_is_answered_as_described(
        self, api: Api, world: World, house: House, document: dict[str, Any], workspace: Path
    ) -> None:
        world.processes.begin(7)
        walk = Walk(api, document)
        place = {"tool_id": "t", "workspace_path": str(workspace)}

        await walk("create_session", 201, body={**place, "session_id": "s-1", "process_id": 7, "metadata": {"a": 1}})
        await walk("create_session", 200, body={**place, "session_id": "s-1"})
        await walk("create_session", 409, body={"tool_id": "t", "workspace_path": "/", "session_id": "s-1"})
        await walk("create_session", 422, body={"tool_id": "t"})
        await walk("list_sessions", 200)
        await walk("list_sessions", 422, query="?limit=0")
        await walk("get_session", 200)
        await walk("get_session", 404, session_id="nobody")
        await walk("update_session", 200)
        await walk("update_session", 404, session_id="nobody")
        await walk("append_context", 200, body={"file_path": "a", "search_query": "q", "decision": "d"})
        await walk("append_context", 200, body={"file_path": "b", "access": "move", "old_path": "a", "memory_id": "m"})
        await walk("append_context", 204, Prefer="return=minimal")
        await walk("append_context", 400, body=b"{")
        await walk("append_context", 413, body=b" " * (2**20 + 1))
        await walk("append_batch", 200)
        await walk("get_context", 200)
        await walk("list_entries", 200)
        await walk("summary", 200)
        await walk("summary", 200, query="?format=markdown&max_tokens=50")
        await walk("summary", 404, session_id="nobody")
        await walk("summary", 422, query="?max_tokens=49")
        await walk("delete_session", 409)
        await walk("resolve_project", 200, body={"path": str(workspace)})
        await walk("resolve_project", 422, body={"path": "x"})
        await walk("create_memory", 201, body={"key": "k", "value": "v", "ttl_seconds": 60, "session_id": "s-1"})
        await walk("create_memory", 200, body={"key": "k", "value": "w", "metadata": {"a": []}})
        await walk("create_memory", 412, body={"key": "k", "value": "x", "expected_version": 9})
        memory_id = (await api.get("/projects/p/memories")).json["memories"][0]["memory_id"]
        await walk("list_memories", 200)
        await walk("list_memories", 404, query="?key=nothing")
        for name in ("get_memory_by_id", "update_memory", "memory_versions", "restore_memory", "confirm_memory"):
            await walk(name, 200, memory_id=memory_id)
            await walk(name, 404, memory_id="mem_0")
        await walk("update_memory", 412, memory_id=memory_id, body={"value": "x", "expected_version": 99})
        await walk("restore_memory", 404, memory_id=memory_id, body={"version": 99})
        await walk("search_memories", 200, query="&metadata=a:b&limit=1")
        await walk("search_memories", 422, query="&limit=0")
        await walk("search", 200)
        await walk("search", 422, query="&kind=nonsense")
        await walk("briefing", 200, query="?max_tokens=100&query=v&session_id=nobody&file=a&file=b")
        await walk("briefing", 422, query="?max_tokens=1")
        for name in ("briefing_report", "all_briefings_report"):
            await walk(name, 200, query="?days=7")
            await walk(name, 422, query="?days=0")
        await walk("delete_memory", 204, memory_id=memory_id)
        await walk("delete_memory", 404, memory_id=memory_id)
        await walk("rewind_memories", 200, body={"to": "2026-03-01T11:00:00Z", "dry_run": True})
        await walk("rewind_memories", 200, body={"to": "2026-03-01T11:00:00Z"})
        await walk("rewind_memories", 422, body={"to": "2026-03-01T13:00:00Z"})
        await walk("list_projects", 200)
        await walk("get_project", 200)
        await walk("get_project", 404, project_id="nobody")
        await walk("update_project", 200)
        await walk("update_project", 404, project_id="nobody")
        await walk("add_workspace", 201, body={"path": str(workspace)})
        await walk("add_workspace", 200, body={"path": str(workspace)})
        await walk("list_workspaces", 200)
        await walk("explain_workspace", 200, workspace=f"{workspace}/a.py")
        await walk("explain_workspace", 200, workspace="/nowhere")
        await walk("remove_workspace", 204, workspace=str(workspace))
        await walk("remove_workspace", 404, workspace=str(workspace))
        await walk("create_checkpoint", 201)
        await walk("create_checkpoint", 200, body={"reason": "compaction"})
        await walk("create_checkpoint", 404, session_id="nobody")
        checkpoint_id = (await api.get("/sessions/s-1/checkpoints")).json["checkpoints"][0]["checkpoint_id"]
        place = {"tool_id": "t", "workspace_path": str(workspace)}
        await walk("restore_checkpoint", 201, checkpoint_id=checkpoint_id, body=place)
        await walk("keep_checkpoint", 201, checkpoint_id=checkpoint_id)
        for name in ("keep_checkpoint", "get_checkpoint", "diff_checkpoint"):
            await walk(name, 200, checkpoint_id=checkpoint_id)
        await walk("list_checkpoints", 200)
        await walk("list_project_checkpoints", 200)
        for name in ("get_checkpoint", "diff_checkpoint", "restore_checkpoint", "keep_checkpoint"):
            await walk(name, 404)
        await walk("session_chain", 200)
        await walk("session_chain", 404, session_id="nobody")
        await walk("end_session", 200)
        await walk("end_session", 404, session_id="nobody")
        await walk("flush", 200)
        await walk("health", 200)
        await walk("status", 200)
        await walk("show_log", 200)
        await walk("change_log", 200)
        await walk("change_log", 422, body={"level": "loud"})
        await walk("show_retention", 200)
        await walk("apply_retention", 200, body={"dry_run": True})
        await walk("create_backup", 201)
        await walk("list_backups", 200)
        backup_id = (await api.get("/backups")).json["backups"][0]["backup_id"]
        await walk("verify_backup", 200, backup_id=backup_id)
        await walk("restore_backup", 200, backup_id=backup_id)
        await walk("restore_backup", 200, backup_id=backup_id, body={})
        await walk("delete_backup", 204, backup_id=backup_id)
        for name in ("verify_backup", "restore_backup", "delete_backup"):
            await walk(name, 404, backup_id=backup_id)
        await walk("openapi", 200)
        if "metrics" in {one.name for one in ALL}:
            await walk("metrics", 200)
        await walk("checks", 200)
        await walk("repair", 200)
        await walk("export", 200)
        await walk("export", 404, query="?project_id=nobody")
        await walk("import_lines", 200, body=(await api.get("/export")).body, media_type=LINES)
        await walk("import_lines", 409, query="?import_id=i&offset=1", body=b"{}", media_type=LINES)
        await walk("import_lines", 415, body=b"{}")
        await walk("import_lines", 422, body=b"", media_type=LINES)
        await walk("delete_session", 204)
        await walk("delete_session", 404)
        house.lose_the_store()
        await walk("health", 503)
        await walk("list_sessions", 503)

        assert walk.walked == {one.name for one in ALL} - {"events"}

    async def test_the_clients_types_read_what_is_answered(
        self, api: Api, document: dict[str, Any], session: str
    ) -> None:
        await api.post(f"/sessions/{session}/context", {"file_path": "a"})

        context = (await api.get(f"/sessions/{session}/context")).body
        status = (await api.get("/status")).body

        assert msgspec.json.decode(context, type=model.SessionContext).context.files_accessed
        assert msgspec.json.decode(status, type=model.Status).sessions.active == 1


class Walk:
    """Makes the requests of operations, and holds each answer against the description."""

    def __init__(self, api: Api, document: dict[str, Any]) -> None:
        self._api = api
        self._document = document
        self.walked: set[str] = set()

    async def __call__(
        self,
        name: str,
        status: int,
        *,
        body: object = None,
        query: str = "",
        Prefer: str | None = None,  # noqa: N803 it is what the header is called
        media_type: str = JSON,
        **ids: str,
    ) -> None:
        (operation,) = [one for one in ALL if one.name == name]
        self.walked.add(name)
        content = body_of(operation) if body is None else body
        encoded = content if content is None or isinstance(content, bytes) else msgspec.json.encode(content)
        headers = {"Prefer": Prefer} if Prefer else {}
        path = path_of(operation, **ids) + query
        reply = await self._api.call(operation.method, path, encoded, headers, media_type=media_type)
        assert reply.status == status, (name, reply)
        assert self._faults(operation, reply) == [], name

    def _faults(self, operation: AnyOperation, reply: Reply) -> list[str]:
        response = described(self._document, operation)["responses"][str(reply.status)]
        if "content" not in response:
            assert reply.body == b""
            return []
        media_type = reply.headers["Content-Type"].partition(";")[0]
        (offered,) = [one for one in response["content"] if one.partition(";")[0] == media_type]
        if media_type not in ("application/json", "application/problem+json"):
            return []
        return faults(reply.json, response["content"][offered]["schema"], self._document)

"""Reports on briefings, and who reads, over HTTP."""

from pathlib import Path

import pytest

from omnimemd.domain.usefulness import Item, ItemKind, mark_of
from tests.support.house import House
from tests.support.http import Api


async def shown_memory(api: Api, house: House, session: str) -> tuple[str, str]:
    """Show the session a memory and a file; return its project and the memory's id."""
    project_id = (await api.get(f"/sessions/{session}")).json["project_id"]
    written = await api.post(f"/projects/{project_id}/memories", {"key": "deploy", "value": "Run deploy by hand"})
    memory_id = written.json["memory_id"]
    items = [Item(ItemKind.MEMORY, memory_id), Item(ItemKind.FILE, "s-0", mark_of("/w/a.py"))]
    await house.services.usefulness.note(project_id, session, max_tokens=500, tokens=123, items=items)
    return project_id, memory_id


async def test_a_report_says_what_was_shown_and_used(api: Api, house: House, session: str) -> None:
    project_id, memory_id = await shown_memory(api, house, session)
    house.clock.advance(1500)
    await api.get(f"/projects/{project_id}/memories/{memory_id}?asked_by={session}")

    report = await api.get(f"/projects/{project_id}/briefing/report?days=7")

    assert report.status == 200
    assert {name: report.json[name] for name in ("project_id", "days", "briefings", "sessions", "shown", "used")} == {
        "project_id": project_id,
        "days": 7,
        "briefings": 1,
        "sessions": 1,
        "shown": 2,
        "used": 1,
    }
    assert report.json["kinds"] == [
        {
            "kind": "file",
            "shown": 1,
            "used": 0,
            "share": 0.0,
            "plainly_used": 0,
            "how": {},
            "median_seconds": None,
        },
        {
            "kind": "memory",
            "shown": 1,
            "used": 1,
            "share": 1.0,
            "plainly_used": 1,
            "how": {"read": 1},
            "median_seconds": 1.5,
        },
    ]
    everywhere = await api.get("/briefings/report?days=7")
    assert everywhere.json == {**report.json, "project_id": None}


async def test_no_path_of_a_deleted_session_stays_with_who_was_told_of_it(
    api: Api, house: House, session: str, workspace: Path
) -> None:
    await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-0"})
    await api.post("/sessions/s-0/context", {"file_path": "src/secret.py", "access": "write"})
    project_id = (await api.post("/sessions/s-0/end", {})).json["project_id"]
    briefing = await api.get(f"/projects/{project_id}/briefing?session_id={session}")
    assert b"src/secret.py" in briefing.body

    assert (await api.delete("/sessions/s-0")).status == 204

    told = house.database.read_now(lambda db: db.execute("SELECT * FROM briefing_items").fetchall())
    assert "s-0" in str(told)
    assert "secret.py" not in str(told)


@pytest.mark.parametrize(
    ("query", "how"), [("?key=deploy&asked_by=s-1", "read"), ("/search?q=deploy&asked_by=s-1", "found")]
)
async def test_a_memory_read_by_its_key_or_found_first_is_used(
    api: Api, house: House, session: str, query: str, how: str
) -> None:
    project_id, _ = await shown_memory(api, house, session)

    await api.get(f"/projects/{project_id}/memories{query}")

    assert (await api.get("/briefings/report")).json["kinds"][1]["how"] == {how: 1}


async def test_a_search_of_everything_uses_what_it_finds_first(api: Api, house: House, session: str) -> None:
    await shown_memory(api, house, session)

    await api.get(f"/search?q=deploy&asked_by={session}")

    assert (await api.get("/briefings/report")).json["kinds"][1]["how"] == {"found": 1}


async def test_an_unknown_project_has_nothing_to_report(api: Api) -> None:
    report = await api.get("/projects/nowhere/briefing/report")

    assert (report.status, report.json["briefings"], report.json["kinds"]) == (200, 0, [])


async def test_days_are_one_to_a_year(api: Api) -> None:
    for days in ("0", "366", "x"):
        assert (await api.get(f"/briefings/report?days={days}")).status == 422

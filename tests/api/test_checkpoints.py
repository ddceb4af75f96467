"""Checkpoints over HTTP: taken, listed, compared, restored and kept."""

from pathlib import Path

from tests.support.clock import MINUTE
from tests.support.house import World
from tests.support.http import Api


async def decide(api: Api, session: str, text: str) -> None:
    assert (await api.post(f"/sessions/{session}/context", {"decision": text})).status == 200


async def write(api: Api, session: str, name: str, access: str = "write") -> None:
    body = {"file_path": name, "access": access, "file_importance": 0.9}
    assert (await api.post(f"/sessions/{session}/context", body)).status == 200


async def test_one_taken_by_call_holds_what_the_session_came_to(api: Api, session: str, workspace: Path) -> None:
    await decide(api, session, "Use SQLite.")
    await write(api, session, "src/store.py")

    taken = await api.post(f"/sessions/{session}/checkpoints", {"name": "half way", "note": "before lunch"})

    assert taken.status == 201
    one = taken.json
    assert one["checkpoint_id"].startswith("ckpt_")
    assert (one["session_id"], one["name"], one["note"], one["reason"]) == (
        session,
        "half way",
        "before lunch",
        "client",
    )
    assert [each["decision"] for each in one["decisions"]] == ["Use SQLite."]
    assert [(each["path"], each["importance"]) for each in one["files"]] == [(f"{workspace}/src/store.py", 0.9)]
    assert "Use SQLite." in one["summary"]
    assert one["entries_through"] == 2
    assert (await api.get(f"/checkpoints/{one['checkpoint_id']}")).json == one
    entries = (await api.get(f"/sessions/{session}/entries?kind=checkpoint")).json["entries"]
    assert [each["checkpoint_id"] for each in entries] == [one["checkpoint_id"]]


async def test_the_list_is_newest_first(api: Api, session: str, world: World) -> None:
    for name in ("a", "b", "c"):
        world.clock.advance(MINUTE)
        await api.post(f"/sessions/{session}/checkpoints", {"name": name})

    listed = (await api.get(f"/sessions/{session}/checkpoints")).json

    assert [one["name"] for one in listed["checkpoints"]] == ["c", "b", "a"]
    assert listed["count"] == 3
    project = listed["checkpoints"][0]["project_id"]
    assert (await api.get(f"/projects/{project}/checkpoints?limit=2")).json["checkpoints"] == listed["checkpoints"][:2]


async def test_the_end_of_a_session_takes_one(api: Api, session: str) -> None:
    await decide(api, session, "Use SQLite.")

    await api.post(f"/sessions/{session}/end", {})

    (one,) = (await api.get(f"/sessions/{session}/checkpoints")).json["checkpoints"]
    assert (one["reason"], one["name"]) == ("ended", None)
    assert [each["decision"] for each in one["decisions"]] == ["Use SQLite."]
    shown = (await api.get(f"/sessions/{session}")).json
    assert shown["state"] == "ended"

"""What is deleted is gone: from the answers that are kept, and from the bytes of the database."""

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.support.house import a_house
from tests.support.http import Api

SENTENCE = "the-launch-code-is-4711"


def holders(data: Path) -> list[str]:
    """Return the names of the files in *data* that hold the sentence."""
    return [file.name for file in data.iterdir() if file.is_file() and SENTENCE.encode() in file.read_bytes()]


async def test_a_purged_memory_leaves_nothing_behind(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house, TestClient(TestServer(house.app)) as client:
        made = await client.post("/projects/p/memories", json={"key": "k", "value": SENTENCE * 50})
        place = f"/projects/p/memories/{(await made.json())['memory_id']}"
        restore = await client.post(f"{place}/restore", json={"version": 1}, headers={"Idempotency-Key": "a"})
        assert SENTENCE in await restore.text()

        await client.delete(place, params={"purge": "true"})
        at_once = await asyncio.to_thread(holders, tmp_path)

    assert at_once == []
    assert await asyncio.to_thread(holders, tmp_path) == []


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "a"}], ids=["plain", "with a kept answer"])
async def test_a_deleted_session_leaves_nothing_behind(tmp_path: Path, key: dict[str, str]) -> None:
    async with a_house(tmp_path) as house, TestClient(TestServer(house.app)) as client:
        await client.post("/sessions", json={"session_id": "s", "tool_id": "t", "workspace_path": str(tmp_path)})
        await client.post("/sessions/s/context", json={"decision": SENTENCE}, headers=key)
        await client.post("/sessions/s/end")

        await client.delete("/sessions/s")
        at_once = await asyncio.to_thread(holders, tmp_path)

    assert at_once == []
    assert await asyncio.to_thread(holders, tmp_path) == []


@pytest.mark.parametrize("change", ["pin", "take up"])
async def test_a_session_is_deleted_as_a_whole_or_not_at_all(
    api: Api, session: str, workspace: Path, change: str
) -> None:
    entries = [{"decision": f"{number}"} for number in range(500)]
    await api.post(f"/sessions/{session}/context/batch", {"entries": entries})
    await api.post(f"/sessions/{session}/end", {})
    again = {"tool_id": "tool", "workspace_path": str(workspace), "session_id": session}

    async def changed() -> int:
        while len((await api.get(f"/sessions/{session}/context")).json["context"]["decisions"]) == 500:
            pass
        if change == "pin":
            return (await api.patch(f"/sessions/{session}", {"pinned": True})).status
        return (await api.post("/sessions", again)).status

    deleted, answered = await asyncio.gather(api.delete(f"/sessions/{session}"), changed())

    assert deleted.status == 204
    assert answered == (404 if change == "pin" else 201)


async def test_what_is_not_deleted_is_still_there(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house, TestClient(TestServer(house.app)) as client:
        await client.post("/projects/p/memories", json={"key": "k", "value": SENTENCE})

    assert await asyncio.to_thread(holders, tmp_path) == ["omnimem.db"]


async def test_answers_about_others_are_kept(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house, TestClient(TestServer(house.app)) as client:
        for name in ("s", "sess_1"):
            body = {"session_id": name, "tool_id": "t", "workspace_path": str(tmp_path)}
            await client.post("/sessions", json=body)
        note, key = {"search_query": "x"}, {"Idempotency-Key": "a"}
        first = await client.post("/sessions/sess_1/context", json=note, headers=key)
        await client.post("/sessions/s/end")

        await client.delete("/sessions/s")
        again = await client.post("/sessions/sess_1/context", json=note, headers=key)

        assert await again.text() == await first.text()
        entries = await (await client.get("/sessions/sess_1/entries")).json()
        assert len(entries["entries"]) == 1

"""What is deleted is gone: from the answers that are kept, and from the bytes of the database."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from omnimemd.services import deletion
from omnimemd.storage import entries
from tests.support.house import House, a_house
from tests.support.http import Api
from tests.support.waiting import until

#: Takes what is to happen.
CutShort = Callable[[Callable[[], object]], None]
Client = TestClient[web.Request, web.Application]

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
    said = [{"decision": f"{number}"} for number in range(500)]
    await api.post(f"/sessions/{session}/context/batch", {"entries": said})
    await api.post(f"/sessions/{session}/end", {})
    again = {"tool_id": "tool", "workspace_path": str(workspace), "session_id": session}

    async def changed() -> int:
        while (await api.get(f"/sessions/{session}/context")).status == 200:
            pass
        if change == "pin":
            return (await api.patch(f"/sessions/{session}", {"pinned": True})).status
        return (await api.post("/sessions", again)).status

    deleted, answered = await asyncio.gather(api.delete(f"/sessions/{session}"), changed())

    assert deleted.status == 204
    assert answered == (404 if change == "pin" else 201)


async def a_long_session(client: Client, folder: Path) -> None:
    """Have the ended session `s`, of several pieces, that can be found in every way a session can be."""
    await client.post("/sessions", json={"session_id": "s", "tool_id": "t", "workspace_path": str(folder)})
    for kind in ("file_path", "decision"):
        said = [{kind: f"{SENTENCE} {number}"} for number in range(600 if kind == "file_path" else 40)]
        await client.post("/sessions/s/context/batch", json={"entries": said})
    await client.post("/sessions/s/checkpoints", json={"name": SENTENCE})
    await client.post("/sessions/s/end")


async def ways_to_find_it(client: Client) -> list[str]:
    """Return the calls that still tell something of the session `s`."""
    project = (await (await client.get("/projects")).json())["projects"][0]["project_id"]
    of_it = [f"/sessions/s{rest}" for rest in ("", "/context", "/entries", "/summary", "/checkpoints", "/chain")]
    told = [call for call in of_it if (await client.get(call)).status != 404]
    for call in (
        f"/projects/{project}/briefing",
        f"/projects/{project}/checkpoints",
        "/search?q=launch",
        "/sessions?archived=all",
        "/export",
    ):
        answer = await client.get(call)
        assert answer.status == 200, call
        told += [call] if SENTENCE in await answer.text() or '"s"' in await answer.text() else []
    counts = await (await client.get("/status")).json()
    project_counts = (await (await client.get(f"/projects/{project}")).json())["sessions"]
    return [*told, *(["counts"] if (counts["sessions"]["ended"], project_counts) != (0, 0) else [])]


def rows_left(house: House) -> int:
    tables = ("sessions", "entries", "entry_segments", "session_digests", "checkpoints", "search_documents")
    counts = " + ".join(f"(SELECT count(*) FROM {one})" for one in tables)  # noqa: S608 constants
    return house.database.read_now(lambda db: int(db.execute(f"SELECT {counts}").get))


@pytest.fixture
def cut_short(monkeypatch: pytest.MonkeyPatch) -> CutShort:
    """Have something happen in the midst of the next deletion, and each time it goes on."""
    remove, pieces = entries.remove, itertools.count(1)

    def cut_short(happen: Callable[[], object]) -> None:
        def removed(*given: Any, **named: Any) -> Any:
            if next(pieces) >= 3:
                happen()
            return remove(*given, **named)

        monkeypatch.setattr(entries, "remove", removed)

    monkeypatch.setattr(deletion, "_AGAIN_SECONDS", 0.0)
    return cut_short


async def test_a_deletion_that_the_store_cuts_short_leaves_no_half_and_is_finished(
    tmp_path: Path, cut_short: CutShort
) -> None:
    full = True

    def fail() -> None:
        if full:
            raise apsw.FullError

    async with a_house(tmp_path) as house, TestClient(TestServer(house.app)) as client:
        await a_long_session(client, tmp_path)
        assert len(await ways_to_find_it(client)) == 12
        cut_short(fail)

        deleted = await client.delete("/sessions/s")
        found = await ways_to_find_it(client)
        body = {"session_id": "s", "tool_id": "t", "workspace_path": str(tmp_path)}
        again = await client.post("/sessions", json=body)

        assert (deleted.status, found, again.status) == (503, [], 201)
        assert rows_left(house) > 50
        full = False
        await client.post("/sessions/s/end")
        await client.delete("/sessions/s")
        await until(lambda: rows_left(house) == 0)


async def test_a_deletion_that_a_kill_cuts_short_leaves_no_half_and_is_finished(
    tmp_path: Path, cut_short: CutShort
) -> None:
    async with a_house(tmp_path) as house, TestClient(TestServer(house.app)) as client:
        await a_long_session(client, tmp_path)
        killed = tmp_path / "killed"
        cut_short(lambda: killed.exists() or house.as_kill_9_would_leave_it(killed))
        await client.delete("/sessions/s")

    with closing(apsw.Connection(f"{killed}/omnimem.db")) as db:
        assert db.execute("SELECT count(*) FROM entries").get > 30

    async with a_house(killed) as house, TestClient(TestServer(house.app)) as client:
        assert await ways_to_find_it(client) == []
        await until(lambda: rows_left(house) == 0)


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

"""`/events`: what changes, as it changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse

from omnimem.exchange import EventStream
from omnimem.model import Event
from omnimemd.domain.entries import Numbered
from omnimemd.services.events import EntryAdded
from tests.support.clock import NOON
from tests.support.factories import a_decision, a_session
from tests.support.house import House
from tests.support.http import Api


class Listener:
    """Reads server-sent events as they come."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self._stream = EventStream()
        self._events: list[Event] = []
        self.raw = b""

    async def next(self) -> Event:
        async with asyncio.timeout(5):
            while not self._events:
                data = await self.response.content.readany()
                assert data, "the stream ended"
                self.raw += data
                self._events += self._stream.feed(data)
        return self._events.pop(0)

    async def until(self, event: str) -> Event:
        """Return the next event of this name; others are passed over."""
        while (one := await self.next()).event != event:
            pass
        return one

    async def ends(self) -> bool:
        async with asyncio.timeout(5):
            return not await self.response.content.read()


@asynccontextmanager
async def listening(api: Api, query: str = "") -> AsyncIterator[Listener]:
    async with api.client.get(f"/events{query}") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Omnimem-Version"]
        yield Listener(response)


def shown(event: Event) -> dict[str, Any]:
    return dict(msgspec.to_builtins(event.data))


async def test_a_session_is_told_as_the_api_shows_it(api: Api, workspace: Path) -> None:
    async with listening(api) as listener:
        made = await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace)})
        begun = await listener.until("session")
        session = made.json["session_id"]
        changed = await api.patch(f"/sessions/{session}", {"pinned": True, "metadata": {"a": None}})
        pinned = await listener.until("session")
        ended = await api.post(f"/sessions/{session}/end")
        over = await listener.until("session")

    assert shown(begun) == made.json
    assert shown(pinned) == changed.json
    assert shown(over) == ended.json


async def test_an_entry_is_told_as_the_api_shows_it_with_its_session(api: Api, session: str) -> None:
    async with listening(api) as listener:
        await api.post(f"/sessions/{session}/context", {"file_path": "a.py", "decision": "x\n\ny"})
        told = [await listener.until("entry"), await listener.until("entry")]

    entries = (await api.get(f"/sessions/{session}/entries")).json["entries"]
    assert [shown(one) for one in told] == [entry | {"session_id": session} for entry in entries]


async def test_a_memory_is_told_as_the_api_shows_it(api: Api, session: str) -> None:
    async with listening(api) as listener:
        body = {"key": "k", "value": "v", "ttl_seconds": 60, "session_id": session}
        memory_id = (await api.post("/projects/p/memories", body)).json["memory_id"]
        written = await listener.until("memory")
        noted = await listener.until("entry")
        expected = (await api.get(f"/projects/p/memories/{memory_id}?touch=false")).json
        changed = await api.patch(f"/projects/p/memories/{memory_id}", {"value": "w"})
        updated = await listener.until("memory")

    assert shown(written) == expected
    assert shown(noted)["memory_id"] == memory_id
    assert shown(updated) == changed.json


async def test_a_workspace_is_told_as_the_api_shows_it(api: Api, workspace: Path, house: House) -> None:
    async with listening(api) as listener:
        await api.post("/workspaces", {"path": str(workspace)})
        watched = await listener.until("workspace")
        await listener.until("workspace")  # the watcher tells it, and so does who asked for it
        house.watcher.loses_sight_of(str(workspace))
        gone = await listener.until("workspace")

    (listed,) = (await api.get("/workspaces")).json["workspaces"]
    assert shown(watched)["state"] == "watching"
    assert shown(gone) == listed
    assert listed["state"] == "gone"


async def test_health_is_told_when_it_changes(api: Api, house: House) -> None:
    async with listening(api) as listener:
        await api.get("/health")
        house.lose_the_store()
        sick = await api.get("/health")
        told = await listener.until("health")

    assert shown(told) == sick.json
    assert sick.json["status"] == "degraded"


async def test_ids_increase_and_never_repeat(api: Api, session: str) -> None:
    async with listening(api) as listener:
        for number in range(20):
            await api.post(f"/sessions/{session}/context", {"decision": str(number), "search_query": "x"})
        ids = [(await listener.next()).id for _ in range(40)]

    assert ids == sorted(set(ids))


async def test_one_session_is_heard_alone(api: Api, workspace: Path, session: str) -> None:
    async with listening(api, "?session_id=s-2") as listener:
        await api.post(f"/sessions/{session}/context", {"decision": "not for you"})
        await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace), "session_id": "s-2"})
        await api.post("/sessions/s-2/context", {"decision": "for you"})
        heard = [await listener.next(), await listener.next()]

    assert [one.event for one in heard] == ["session", "entry"]
    assert shown(heard[1])["decision"] == "for you"


async def test_one_project_is_heard_alone(api: Api, session: str) -> None:
    async with listening(api, "?project_id=p-2") as listener:
        await api.post(f"/sessions/{session}/context", {"decision": "not for you"})
        await api.post("/projects/p-1/memories", {"key": "k", "value": "not for you"})
        await api.post("/projects/p-2/memories", {"key": "k", "value": "for you"})
        heard = await listener.next()

    assert (heard.event, shown(heard)["project_id"]) == ("memory", "p-2")


async def test_a_reader_too_slow_is_told_how_many_it_missed(api: Api, house: House) -> None:
    events = house.services.events
    one = EntryAdded(a_session(), Numbered(1, a_decision("x" * 4000, at=NOON)))

    async with listening(api) as listener:
        await listener.response.content.readany()
        for _ in range(20_000):  # nothing is awaited: the reader has no chance
            events.publish(one)
        lagged = await listener.until("lagged")
        count_before = listener.raw.count(b"event: entry")
        events.publish(one)
        after = await listener.until("entry")

    assert count_before + shown(lagged)["missed"] == 20_000
    assert after.id > lagged.id


async def test_nothing_happens_twice_or_backwards_around_a_lag(api: Api, house: House) -> None:
    events = house.services.events
    one = EntryAdded(a_session(), Numbered(1, a_decision()))

    async with listening(api) as listener:
        await listener.response.content.readany()
        ids = []
        for _ in range(3):
            for _ in range(3_000):
                events.publish(one)
            while (told := await listener.next()).event != "lagged":
                ids.append(told.id)
            ids.append(told.id)

    assert ids == sorted(set(ids))


async def test_the_stream_ends_when_the_daemon_does(api: Api, house: House) -> None:
    async with listening(api) as listener:
        await listener.response.content.readany()
        house.services.events.close()

        assert await listener.ends()


async def test_a_listener_that_went_is_forgotten(api: Api, house: House, session: str) -> None:
    async with listening(api):
        assert len(house.services.events) == 1

    async with asyncio.timeout(5):
        while len(house.services.events):
            await api.post(f"/sessions/{session}/context", {"decision": "x"}, Prefer="return=minimal")


@pytest.mark.parametrize("query", ["session_id=s-1", "project_id=p"])
async def test_somebody_who_hears_nothing_keeps_listening(api: Api, session: str, query: str) -> None:
    async with listening(api, f"?{query}&") as listener:
        first = await listener.response.content.readany()

    assert first.startswith(b":")

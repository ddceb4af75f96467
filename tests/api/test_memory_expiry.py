"""Expiry to the millisecond on every path that shows a memory, and writers who meet."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import pytest

from omnimem.errors import VersionMismatch
from omnimemd.domain.clock import rfc3339
from tests.support.clock import HOUR, SECOND
from tests.support.house import House, World
from tests.support.http import Api, Reply, expect_problem

PLACE: Final = "/projects/p/memories"
WORDS: Final = "periwinkle lighthouse"

Shows = Callable[[Api, str], Awaitable[Reply]]

#: Every path that shows a memory, and none that shows its history.
PATHS: Final[dict[str, Shows]] = {
    "list": lambda api, _: api.get(PLACE),
    "key": lambda api, _: api.get(f"{PLACE}?key=k"),
    "id": lambda api, memory_id: api.get(f"{PLACE}/{memory_id}"),
    "patch": lambda api, memory_id: api.patch(f"{PLACE}/{memory_id}", {"metadata": {}}),
    "confirm": lambda api, memory_id: api.post(f"{PLACE}/{memory_id}/confirm"),
    "search in the project": lambda api, _: api.get(f"{PLACE}/search?q=periwinkle"),
    "search over everything": lambda api, _: api.get("/search?q=lighthouse"),
    "search of what is misspelt": lambda api, _: api.get(f"{PLACE}/search?q=periwinkel"),
    "similar": lambda api, _: api.post(PLACE, {"key": "other", "value": f"{WORDS} keeps the ships away"}),
    "deleted": lambda api, _: api.get(f"{PLACE}?deleted=true"),
    "deleted by key": lambda api, _: api.get(f"{PLACE}?key=k&deleted=true"),
}
#: Those of them that show what is gone, and never its value.
OF_THE_GONE: Final = {"deleted", "deleted by key"}


@pytest.mark.parametrize("swept", [False, True], ids=["not swept", "swept"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_memory_is_shown_until_its_last_millisecond(
    api: Api, world: World, house: House, path: str, swept: bool
) -> None:
    body = {"key": "k", "value": f"{WORDS} keeps the ships at bay", "ttl_seconds": 1}
    memory_id = (await api.post(PLACE, body)).json["memory_id"]
    await house.services.indexing.settle()
    world.clock.advance(SECOND - 1)
    if swept:
        await house.expiry.sweep()
    before = await PATHS[path](api, memory_id)

    world.clock.advance(1)
    if swept:
        await house.expiry.sweep()
    after = await PATHS[path](api, memory_id)

    assert shows(before, memory_id) is (path not in OF_THE_GONE)
    assert shows(after, memory_id) is (path in OF_THE_GONE)
    assert b"ships at bay" not in after.body


def shows(reply: Reply, memory_id: str) -> bool:
    """Whether an answer gives the memory."""
    return reply.status < 300 and memory_id.encode() in reply.body


async def test_a_project_counts_it_no_more(api: Api, world: World) -> None:
    await api.post(PLACE, {"key": "k", "value": "v", "ttl_seconds": 1})

    world.clock.advance(SECOND - 1)
    last = (await api.get("/projects/p")).json["memories"]
    world.clock.advance(1)

    assert [last, (await api.get("/projects/p")).json["memories"]] == [1, 0]


async def test_what_is_told_of_its_end_has_no_value(api: Api, world: World, house: House) -> None:
    await api.post(PLACE, {"key": "k", "value": WORDS, "metadata": {"a": WORDS}, "ttl_seconds": 1})
    world.clock.advance(HOUR)

    async with api.client.get("/events?project_id=p") as stream:
        await stream.content.readuntil(b"\n\n")
        await house.expiry.sweep()
        told = (await stream.content.readuntil(b"\n\n")).decode()

    memory = msgspec.json.decode(told.partition("data: ")[2])
    assert "event: memory" in told
    assert (memory["deleted"], memory["expired"], memory["memory_value"], memory["metadata"]) == (True, True, "", {})


@pytest.mark.parametrize("ways", ["post", "patch", "both"])
async def test_of_writers_who_expect_the_same_version_one_wins(api: Api, ways: str) -> None:
    memory_id = (await api.post(PLACE, {"key": "k", "value": "v"})).json["memory_id"]

    def write(number: int) -> Awaitable[Reply]:
        if ways == "post" or (ways == "both" and number % 2):
            return api.post(PLACE, {"key": "k", "value": str(number), "expected_version": 1})
        return api.patch(f"{PLACE}/{memory_id}", {"value": str(number), "expected_version": 1})

    replies = await asyncio.gather(*map(write, range(20)))

    won = [number for number, reply in enumerate(replies) if reply.status == 200]
    for number, reply in enumerate(replies):
        if number not in won:
            expect_problem(reply, VersionMismatch)
    assert len(won) == 1
    shown: Any = (await api.get(f"{PLACE}/{memory_id}")).json
    assert (shown["memory_value"], shown["version"]) == (str(won[0]), 2)


async def test_of_writers_who_expect_none_one_wins(api: Api) -> None:
    replies = await asyncio.gather(
        *(api.post(PLACE, {"key": "k", "value": str(number), "expected_version": 0}) for number in range(20))
    )

    assert sorted(reply.status for reply in replies) == [201, *[412] * 19]


async def test_writers_who_expect_nothing_lose_nothing(api: Api) -> None:
    await asyncio.gather(*(api.post(PLACE, {"key": "k", "value": str(number)}) for number in range(20)))

    memory = (await api.get(f"{PLACE}?key=k")).json["memory"]
    versions = (await api.get(f"{PLACE}/{memory['memory_id']}/versions")).json["versions"]
    assert [one["version"] for one in versions] == list(range(20, 0, -1))
    assert sorted(int(one["memory_value"]) for one in versions) == list(range(20))


async def test_a_moment_of_the_past_shows_what_had_not_expired_then(api: Api, world: World) -> None:
    at = world.clock.now()
    await api.post(PLACE, {"key": "k", "value": WORDS, "ttl_seconds": 1})
    world.clock.advance(HOUR)

    assert (await api.get(f"{PLACE}?as_of={rfc3339(at)}")).json["count"] == 1
    assert (await api.get(f"{PLACE}?as_of={rfc3339(world.clock.now())}")).json["count"] == 0

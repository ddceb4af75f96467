"""Reads of memories are counted, and the counts are stored in good time."""

from pathlib import Path

from omnimem.model import MemoryCreate
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory
from omnimemd.services import memories as module
from omnimemd.storage import memories as rows
from tests.support.clock import NOON, SECOND
from tests.support.house import House, World, a_house


async def write(house: House, key: str = "k") -> str:
    written = await house.services.memories.create("p", MemoryCreate(key=key, value="v"))
    return written.memory.memory_id


def stored(house: House, memory_id: str) -> Memory:
    found = house.database.read_now(lambda db: rows.find(db, "p", memory_id))
    assert found is not None
    return found


async def test_reading_writes_nothing(house: House) -> None:
    memory_id = await write(house)
    before = house.database._writer.total_changes()

    for _ in range(100):
        await house.services.memories.get("p", memory_id, touch=True)

    assert house.database._writer.total_changes() == before
    assert (await house.services.memories.get("p", memory_id, touch=False)).accessed_count == 100


async def test_counts_are_stored_when_the_daemon_stops(data: Path, world: World) -> None:
    async with a_house(data, world=world) as first:
        memory_id = await write(first)
        world.clock.advance(SECOND)
        await first.services.memories.get("p", memory_id, touch=True)

    async with a_house(data, world=world) as second:
        memory = stored(second, memory_id)

    assert (memory.accessed_count, memory.last_accessed) == (1, Millis(NOON + SECOND))


async def test_counts_of_many_memories_are_stored_in_between(house: House) -> None:
    first = await write(house, "0")
    await house.services.memories.get("p", first, touch=True)
    for number in range(1, module._COUNT_AT_ONCE):
        memory_id = await write(house, str(number))
        await house.services.memories.get("p", memory_id, touch=True)

    assert stored(house, first).accessed_count == 1


async def test_a_write_forgets_no_count(house: House) -> None:
    memory_id = await write(house)
    await house.services.memories.get("p", memory_id, touch=True)
    await house.services.memories.latest("p", limit=1, touch=True)

    await house.services.memories.create("p", MemoryCreate(key="k", value="other"))

    assert (await house.services.memories.get("p", memory_id, touch=False)).accessed_count == 2


async def test_a_purged_memory_takes_its_count_with_it(house: House) -> None:
    memory_id = await write(house)
    await house.services.memories.get("p", memory_id, touch=True)

    await house.services.memories.delete("p", memory_id, purge=True)
    await house.services.memories.count_accesses()

    assert await house.services.memories.latest("p", limit=9, touch=False) == []

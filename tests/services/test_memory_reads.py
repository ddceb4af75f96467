"""Which session read which memory: as the request says, or by the process that calls."""

from pathlib import Path

import pytest

from omnimem.model import MemoryCreate
from omnimemd.domain.usefulness import Item, ItemKind, Used
from omnimemd.storage import usefulness as rows
from tests.services.stories import begin, end, session_of
from tests.support.house import House


@pytest.fixture
async def memory(house: House, workspace: Path) -> str:
    """The id of a memory of the project of the session s-1, which the process 4242 is."""
    house.processes.begin(4242, name="agent")
    await begin(house, workspace, "s-1", pid=4242)
    project_id = session_of(house, "s-1").project_id
    written = await house.services.memories.create(project_id, MemoryCreate(key="deploy", value="by hand"))
    return written.memory.memory_id


async def read(house: House, memory_id: str, *, asked_by: str | None = None, pid: int | None = None) -> None:
    await house.services.memory_reads.read(memory_id, asked_by=asked_by, pid=pid)


async def reads_of(house: House, session_id: str) -> list[tuple[str, bool]]:
    await house.services.memory_reads.flush()
    key = house.cache.get(session_id).key
    return [(one.memory_id, one.found) for one in house.database.read_now(lambda db: rows.reads(db, key))]


async def test_who_says_so_is_the_reader(house: House, workspace: Path, memory: str) -> None:
    await begin(house, workspace, "s-2")

    await read(house, memory, asked_by="s-2", pid=4242)

    assert await reads_of(house, "s-2") == [(memory, False)]
    assert await reads_of(house, "s-1") == []


async def test_a_process_reads_for_its_session_and_so_do_those_it_began(house: House, memory: str) -> None:
    house.processes.begin(5000, name="bash", parent=4242)
    house.processes.begin(5001, name="omnimem", parent=5000)

    await read(house, memory, pid=5001)

    assert await reads_of(house, "s-1") == [(memory, False)]


@pytest.mark.parametrize("pid", [None, 7, 7000])
async def test_a_process_of_no_session_reads_for_none(house: House, memory: str, pid: int | None) -> None:
    house.processes.begin(7, name="bash")

    await read(house, memory, pid=pid)

    assert await reads_of(house, "s-1") == []


async def test_a_process_whose_session_ended_reads_for_none(house: House, memory: str) -> None:
    await end(house, "s-1")

    await read(house, memory, pid=4242)

    assert await reads_of(house, "s-1") == []


async def test_whose_a_process_is_may_change(house: House, workspace: Path, memory: str) -> None:
    house.processes.begin(5000, name="agent", parent=4242)
    await read(house, memory, pid=5000)

    await begin(house, workspace, "s-2", pid=5000)
    await read(house, memory, pid=5000)

    assert await reads_of(house, "s-1") == await reads_of(house, "s-2") == [(memory, False)]


async def test_what_was_only_found_and_then_read_was_read(house: House, memory: str) -> None:
    await house.services.memory_reads.read(memory, asked_by="s-1", pid=None, found=True)
    assert await reads_of(house, "s-1") == [(memory, True)]

    await read(house, memory, asked_by="s-1")

    assert await reads_of(house, "s-1") == [(memory, False)]


async def test_what_nobody_knows_is_passed_over(house: House, memory: str) -> None:
    await read(house, memory, asked_by="nobody")
    await read(house, "mem_nowhere", asked_by="s-1")

    assert await reads_of(house, "s-1") == []


async def test_many_reads_are_written_by_themselves(house: House, memory: str) -> None:
    await read(house, memory, asked_by="s-1")
    for number in range(999):
        await read(house, f"mem_{number}", asked_by="s-1")

    key = house.cache.get("s-1").key
    assert len(house.database.read_now(lambda db: rows.reads(db, key))) == 1


async def test_a_read_memory_that_was_shown_is_used(house: House, memory: str) -> None:
    project_id = session_of(house, "s-1").project_id
    await read(house, memory, asked_by="s-1")
    await house.services.memory_reads.flush()
    house.clock.advance(1)
    await house.services.usefulness.note(
        project_id, "s-1", max_tokens=50, tokens=50, items=[Item(ItemKind.MEMORY, memory)]
    )
    assert (await house.services.usefulness.report(None, days=1)).kinds[0].used == 0

    house.clock.advance(1)
    await house.services.memory_reads.read(memory, asked_by="s-1", pid=None, found=True)
    assert dict((await house.services.usefulness.report(None, days=1)).kinds[0].how) == {Used.FOUND: 1}

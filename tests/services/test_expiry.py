"""What expired says so in its history: in batches, when something is due, and never otherwise."""

import asyncio
from pathlib import Path

import apsw
import pytest

from omnimem.model import MemoryCreate, MemoryUpdate
from omnimemd.domain.clock import Millis
from omnimemd.services import expiry as module
from omnimemd.services.events import MemoryChanged, Subscription
from omnimemd.storage import memories as rows
from tests.support.clock import DAY, HOUR, MINUTE, NOON, SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import until


async def write(house: House, key: str = "k", *, ttl: float | None = None, value: str = "v") -> str:
    written = await house.services.memories.create("p", MemoryCreate(key=key, value=value, ttl_seconds=ttl))
    return written.memory.memory_id


def history(house: House, memory_id: str) -> list[tuple[int, bool, bool]]:
    """Return of each version, newest first: its number, whether it says deleted, and expired."""
    return [(one.version, one.deleted, one.expired) for one in house.services.memories.versions("p", memory_id)]


async def told(listener: Subscription) -> MemoryChanged:
    """Return the next that is told of a memory."""
    async with asyncio.timeout(30):
        while True:
            one = await listener.next()
            assert one is not None
            if isinstance(one.what, MemoryChanged):
                return one.what


async def test_what_expired_gets_a_version_that_says_so(house: House) -> None:
    memory_id = await write(house, ttl=1)
    house.clock.advance(SECOND - 1)
    await house.expiry.sweep()
    before = history(house, memory_id)

    house.clock.advance(HOUR)
    await house.expiry.sweep()

    assert before == [(1, False, False)]
    assert history(house, memory_id) == [(2, True, True), (1, False, False)]
    last = house.services.memories.versions("p", memory_id)[0]
    assert (last.created_at, last.value, last.session_id) == (NOON + SECOND, None, None)


async def test_it_is_told(house: House) -> None:
    memory_id = await write(house, ttl=1)
    house.clock.advance(SECOND)

    with house.services.events.subscribe() as listener:
        await house.expiry.sweep()
        memory = (await told(listener)).memory

    assert (memory.memory_id, memory.deleted, memory.expired, memory.value) == (memory_id, True, True, "")


async def test_a_second_sweep_does_nothing(house: House) -> None:
    memory_id = await write(house, ttl=1)
    house.clock.advance(SECOND)

    await house.expiry.sweep()
    await house.expiry.sweep()

    assert len(history(house, memory_id)) == 2


@pytest.mark.parametrize("swept", [False, True])
async def test_an_expired_memory_is_written_on(house: House, swept: bool) -> None:
    memory_id = await write(house, ttl=1)
    house.clock.advance(SECOND)
    if swept:
        await house.expiry.sweep()

    again = await house.services.memories.create("p", MemoryCreate(key="k", value="v"))

    assert not again.was_live
    assert (again.memory.memory_id, again.memory.version) == (memory_id, 3 if swept else 2)


async def test_one_that_was_renewed_is_let_be(house: House) -> None:
    memory_id = await write(house, ttl=1)
    await write(house, ttl=60)
    house.clock.advance(30 * SECOND)

    await house.expiry.sweep()

    assert history(house, memory_id) == [(1, False, False)]


async def test_a_sweep_lets_others_have_their_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many have expired at once: each transaction is short."""
    most: list[int] = []
    due = rows.due

    def counted(*args: object, **named: object) -> object:
        found = due(*args, **named)  # type: ignore[arg-type]  # it is called as it would be
        most.append(len(found))
        return found

    monkeypatch.setattr(rows, "due", counted)
    count = 2 * module._BATCH + 1
    for number in range(count):
        await write(house, str(number), ttl=1)
    most.clear()
    house.clock.advance(SECOND)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await house.expiry.sweep()
    beside.cancel()

    assert most == [module._BATCH, module._BATCH, 1]
    assert turns >= 2
    assert len(await house.services.history.gone("p", limit=1000)) == count


async def test_it_sleeps_without_end_when_nothing_will_expire(house: House) -> None:
    await write(house)

    assert house.expiry._delay() is None


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [(1, 11.0), (60, 70.0), (DAY / SECOND, 3600.0)],
    ids=["soon", "later", "it looks at the clock once an hour: it may be set, or have stood still"],
)
async def test_it_sleeps_until_the_next_is_due(house: House, ttl: float, seconds: float) -> None:
    await write(house, "late", ttl=10 * DAY)
    await write(house, ttl=ttl)

    assert house.expiry._delay() == seconds


async def test_a_clock_that_jumped_ahead_makes_it_due(house: House) -> None:
    await write(house, ttl=3600)
    house.clock.advance(2 * HOUR)

    assert house.expiry._delay() == module._LEAST_MS / 1000


async def test_the_timer_that_was_set_by_a_write_goes_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER_MS", 0)
    await write(house, "late", ttl=3600)
    with house.services.events.subscribe() as listener:
        memory_id = await write(house, ttl=0.01)
        assert not (await told(listener)).memory.deleted
        house.clock.advance(10)

        memory = (await told(listener)).memory

    assert (memory.memory_id, memory.expired) == (memory_id, True)
    assert house.expiry._next == NOON + HOUR


async def test_an_earlier_expiry_by_any_way_sets_the_timer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER_MS", 0)
    memory_id = await write(house)
    await house.services.memories.update("p", memory_id, MemoryUpdate(ttl_seconds=0.01))

    with house.services.events.subscribe() as listener:
        house.clock.advance(10)
        memory = (await told(listener)).memory

    assert memory.expired


async def test_what_expired_while_no_daemon_ran_is_swept_at_the_start(data: Path, world: World) -> None:
    async with a_house(data, world=world) as first:
        memory_id = await write(first, ttl=60)
    world.clock.advance(MINUTE)

    async with a_house(data, world=world) as second:
        with second.services.events.subscribe() as listener:
            if len(history(second, memory_id)) == 1:
                await told(listener)

        assert history(second, memory_id) == [(2, True, True), (1, False, False)]


async def test_a_clock_that_is_set_back_revives_nothing(house: House) -> None:
    memory_id = await write(house, ttl=1)
    house.clock.advance(HOUR)
    await house.expiry.sweep()
    house.clock.advance(-HOUR)

    assert await house.services.memories.latest("p", limit=9, touch=False) == []
    again = await house.services.memories.create("p", MemoryCreate(key="k", value="v", ttl_seconds=5))
    assert (again.memory.version, again.memory.expires_at) == (3, Millis(NOON + 5 * SECOND))
    assert len(history(house, memory_id)) == 3


async def test_a_store_that_fails_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER_MS", 0)
    monkeypatch.setattr(module, "_TRY_AGAIN_SECONDS", 0.01)
    tries: list[None] = []
    sweep = house.expiry.sweep

    async def counted() -> None:
        tries.append(None)
        await sweep()

    memory_id = await write(house, ttl=0.01)
    intruder = apsw.Connection(str(house.database.path))
    intruder.execute("BEGIN IMMEDIATE")  # another program holds the database
    house.clock.advance(10)
    monkeypatch.setattr(house.expiry, "sweep", counted)
    await until(lambda: len(tries) >= 2)

    intruder.execute("ROLLBACK")
    intruder.close()
    await until(lambda: len(history(house, memory_id)) == 2)

    assert "expiry" not in house.background.failing

"""A clock that is set, by hours or by years, back or forth: nothing is lost by it, and nothing stands still."""

import asyncio
from pathlib import Path

import pytest

from omnimem.model import Access, EndReason, MemoryCreate, MemoryRestore
from omnimemd.domain.checkpoints import GROWTH_MS
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import FileAccess, Gap
from omnimemd.domain.file_events import Change, Loss
from omnimemd.services.idempotency import Answer
from tests.services.stories import begin, decide, end, entries_of, happens, record, session_of
from tests.services.test_checkpoints import reasons_of
from tests.support.clock import DAY, HOUR, MINUTE, SECOND
from tests.support.faults import Disk
from tests.support.house import House, World, a_house
from tests.support.waiting import rounds, until

JUMPS = [-400 * DAY, -2 * DAY, -3 * HOUR, 3 * HOUR, 2 * DAY, 400 * DAY]


async def remember(house: House, key: str, *, ttl: float | None = None) -> str:
    written = await house.services.memories.create("p", MemoryCreate(key=key, value=key, ttl_seconds=ttl))
    return written.memory.memory_id


def changes(house: House, session_id: str) -> list[tuple[Access, str]]:
    found = entries_of(house, session_id)
    return [(one.access, one.path.rpartition("/")[2]) for one in found if isinstance(one, FileAccess)]


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_session_goes_on_and_ends_with_its_process(
    data: Path, world: World, workspace: Path, jump: int
) -> None:
    world.processes.begin(7)
    async with a_house(data, world=world) as house:
        await begin(house, workspace, "s-1", pid=7)
        await decide(house, "s-1", "before")
        happens(house, workspace, "held.py", Change.WRITTEN)  # seen, and not stored yet
        house.watcher.hand_over()

        world.clock.jump(jump)

        await decide(house, "s-1", "after")
        await record(house, workspace, "read.py")
        assert changes(house, "s-1") == [(Access.WRITE, "held.py"), (Access.READ, "read.py")]
        assert session_of(house, "s-1").metrics.decisions == 2
        active = session_of(house, "s-1").last_activity
        world.clock.advance(MINUTE)
        world.processes.die(7)
        await until(lambda: not session_of(house, "s-1").active)

    async with a_house(data, world=world) as house:
        ended = session_of(house, "s-1")
        assert ended.end_reason is EndReason.PROCESS_EXITED
        assert ended.ended_at == max(world.clock.now(), active)
        assert len(entries_of(house, "s-1")) == 4


@pytest.mark.parametrize("jump", JUMPS)
async def test_no_session_of_a_live_process_ends_by_a_jump_over_a_restart(
    data: Path, world: World, workspace: Path, jump: int
) -> None:
    world.processes.begin(7)
    async with a_house(data, world=world) as house:
        await begin(house, workspace, "s-1", pid=7)

    world.clock.jump(jump)

    async with a_house(data, world=world) as house:
        assert session_of(house, "s-1").active
        await decide(house, "s-1")
        await end(house, "s-1")
        assert (await house.services.health.check()).stores


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_memory_lives_on_and_one_that_expires_does_so(house: House, jump: int) -> None:
    await remember(house, "lasts")
    expiring = await remember(house, "expires", ttl=DAY / SECOND)

    house.clock.jump(jump)
    await house.expiry.sweep()

    live = {one.key for one in await house.services.memories.latest("p", limit=9, touch=False)}
    assert live == {"lasts", *(["expires"] if jump < DAY else [])}
    house.clock.advance(max(-jump, 0) + DAY)  # at the latest when the clock shows that time
    await house.expiry.sweep()
    (gone,) = await house.services.history.gone("p", limit=9)
    assert (gone.memory_id, gone.expired) == (expiring, True)
    back = await house.services.memories.restore("p", expiring, MemoryRestore(version=1))
    assert back.value == "expires"


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_request_that_is_sent_again_has_no_second_effect(house: House, jump: int) -> None:
    effects: list[int] = []

    async def once(key: str) -> Answer:
        async def run() -> Answer:
            effects.append(1)
            return Answer(200, b"first")

        return await house.services.idempotency.once("POST /x", key, b"", run)

    await once("one")
    house.clock.jump(jump)
    await once("other")  # which lets go of what is old
    await house.services.retention.apply()
    house.clock.advance(HOUR)

    assert (await once("one")).body == b"first"
    assert len(effects) == 2
    house.clock.advance(DAY)
    await once("one")
    assert len(effects) == 3


@pytest.mark.parametrize("jump", JUMPS)
async def test_backups_are_made_once_in_their_time(house: House, jump: int) -> None:
    backups = house.services.backups
    await remember(house, "one")
    await backups.look()

    house.clock.jump(jump)
    made = 0
    for hour in range(2 * 24):
        await remember(house, f"hour {hour}")
        made += await backups.look() is not None
        house.clock.advance(HOUR)

    assert made == 2


@pytest.mark.parametrize("jump", [-400 * DAY, -2 * DAY])
async def test_a_checkpoint_of_what_grew_is_taken_though_the_last_is_of_the_future(
    house: House, workspace: Path, jump: int
) -> None:
    await begin(house, workspace, "s-1")
    house.clock.jump(jump)
    for number in range(8):
        await decide(house, "s-1", f"decision {number}")
    house.clock.advance(GROWTH_MS)

    await house.services.unasked.look()

    assert await reasons_of(house, "s-1") == ["growth"]


async def test_a_clock_that_is_set_back_between_two_looks_at_once_alarms_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    disk.hold_up()
    first = asyncio.ensure_future(house.services.health.check())
    await rounds()
    house.clock.jump(-HOUR)
    second = asyncio.ensure_future(house.services.health.check())
    await rounds()

    disk.let_go()

    assert [one.problems for one in await asyncio.gather(first, second)] == [(), ()]


async def test_a_gap_in_which_the_clock_was_set_back_does_not_end_before_it_began(
    house: House, workspace: Path
) -> None:
    await begin(house, workspace, "s-1")
    began = house.clock.now()
    now = house.clock.jump(-HOUR)

    house.recovery.events_lost(Loss((str(workspace),), Millis(began), now, "overflow"))
    await until(lambda: house.services.tracking.gaps == 1)
    await rounds()

    (gap,) = [one for one in entries_of(house, "s-1") if isinstance(one, Gap)]
    assert (gap.started_at, gap.ended_at) == (now, now)

"""Health never lies: each part that is dead or stuck is seen within a time, and nobody waits for it longer."""

import asyncio
import threading
from pathlib import Path

import apsw
import pytest

from omnimem.errors import StoreUnavailable, Unavailable
from omnimemd.services import health as module
from omnimemd.services.events import HealthChanged, Subscription
from omnimemd.storage import canary
from tests.services.stories import begin, end
from tests.support.faults import Disk
from tests.support.house import House, a_house
from tests.support.waiting import rounds, until


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have parts answer, and be looked at again, within moments."""
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.01)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


async def problems_of(house: House) -> tuple[str, ...]:
    """Return what is wrong with a daemon that does not do its work."""
    condition = await house.services.health.check()
    assert not condition.stores
    return condition.problems


async def test_a_daemon_that_works_has_no_problem(house: House) -> None:
    condition = await house.services.health.check()

    assert condition.stores
    assert condition.problems == ()


async def test_a_watcher_that_ended_is_told(house: House) -> None:
    house.watcher.dead = "the thread that reads has ended"

    assert await problems_of(house) == ("the thread that reads has ended",)


@pytest.mark.usefixtures("impatient")
async def test_a_watcher_that_is_stuck_is_told_in_time(house: House) -> None:
    house.watcher.gets_stuck()

    (problem,) = await problems_of(house)
    house.watcher.goes_on()

    assert "File events have not been heard of" in problem
    assert (await house.services.health.check()).stores


@pytest.mark.usefixtures("impatient")
async def test_a_disk_that_does_not_answer_is_told_in_time(disk: Disk, house: House) -> None:
    disk.hold_up()

    (problem,) = await problems_of(house)
    disk.let_go()

    assert "has not confirmed a write" in problem
    await until_well(house)


@pytest.mark.usefixtures("impatient")
async def test_a_file_that_cannot_be_read_back_is_told_in_time(house: House) -> None:
    go_on = threading.Event()
    stuck = asyncio.create_task(house.database.read_from_outside(lambda _: go_on.wait(5)))
    await rounds()

    (problem,) = await problems_of(house)
    go_on.set()
    await stuck

    assert "has not confirmed a write" in problem
    await until_well(house)


async def test_what_is_read_back_comes_from_the_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "write", lambda db, at: None)  # a store that takes everything and keeps nothing

    assert await problems_of(house) == ("The database does not give back what was written.",)


async def test_once_an_fsync_failed_nothing_is_said_to_be_safe(disk: Disk, house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    disk.fails = True
    with pytest.raises(StoreUnavailable):
        await house.database.write(lambda db: None, durable=True)
    disk.fails = False

    with pytest.raises(StoreUnavailable, match="did not confirm"):
        await house.database.write(lambda db: None, durable=True)
    (problem,) = await problems_of(house)
    assert "may be lost in a power cut" in problem


@pytest.mark.usefixtures("impatient")
async def test_trouble_is_told_by_itself_and_so_is_its_end(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    intruder = apsw.Connection(str(house.database.path))
    intruder.execute("BEGIN IMMEDIATE")  # another program holds the database

    with house.services.events.subscribe() as told:
        with pytest.raises(StoreUnavailable):
            await begin(house, workspace, "s-2")
        assert not (await health_told(told)).stores
        intruder.execute("ROLLBACK")
        intruder.close()

        assert (await health_told(told)).stores


@pytest.mark.usefixtures("impatient")
async def test_a_thread_that_died_is_looked_into_at_once(house: House) -> None:
    house.watcher.dead = "the thread that reads has ended"

    with house.services.events.subscribe() as told:
        house.services.health.suspect()

        assert (await health_told(told)).problems == ("the thread that reads has ended",)


async def test_a_flush_without_a_watcher_is_refused_for_now(house: House) -> None:
    house.watcher.dead = "the thread that reads has ended"

    with pytest.raises(Unavailable, match="has ended"):
        await house.services.tracking.flush()


async def test_sessions_begin_and_end_though_the_watcher_cannot_be_asked(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    house.watcher.dead = "no marker can be set"

    await begin(house, workspace, "s-2")
    await end(house, "s-1")

    await until(lambda: [one.session_id for one in house.services.workspaces.everybody()] == ["s-2"])


async def test_a_task_that_waits_for_the_watcher_is_no_bug_and_goes_on(
    house: House, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await begin(house, workspace, "s-1")
    house.watcher.dead = "no marker can be set"
    house.watcher.loses(str(workspace), at=house.clock.now())
    await until(lambda: "background task waits" in caplog.messages)
    assert not house.background.failing

    house.watcher.dead = None
    await until(lambda: house.services.tracking.gaps == 1)
    assert "background task failed" not in caplog.messages


async def test_a_daemon_whose_watcher_died_stops_in_order(data: Path) -> None:
    async with a_house(data) as house:
        house.watcher.dead = "the thread that reads has ended"

    async with a_house(data) as house:
        assert (await house.services.health.check()).stores


async def until_well(house: House) -> None:
    """Wait until the daemon does its work."""
    async with asyncio.timeout(5):
        while not (await house.services.health.check()).stores:
            pass


async def health_told(subscription: Subscription) -> HealthChanged:
    """Wait for the next word on health."""
    async with asyncio.timeout(5):
        while True:
            told = await subscription.next()
            assert told is not None
            if isinstance(told.what, HealthChanged):
                return told.what

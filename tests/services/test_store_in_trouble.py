"""What the daemon owes its sessions while the store cannot be used, and how it says so."""

from pathlib import Path

import apsw

from omnimem.model import EndReason
from tests.services.stories import begin, session_of
from tests.support.clock import HOUR, MINUTE
from tests.support.house import House, World
from tests.support.waiting import rounds, until


async def test_a_death_that_could_not_be_stored_is_stored_when_it_can_be(
    house: House, workspace: Path, world: World
) -> None:
    world.processes.begin(7)
    await begin(house, workspace, "s-1", pid=7)
    intruder = apsw.Connection(str(house.database.path))
    intruder.execute("BEGIN IMMEDIATE")  # another program holds the database
    died = world.clock.advance(MINUTE)
    world.processes.die(7)
    await rounds()
    assert session_of(house, "s-1").active

    intruder.execute("ROLLBACK")
    intruder.close()
    world.clock.advance(HOUR)
    await until(lambda: not session_of(house, "s-1").active)

    ended = session_of(house, "s-1")
    assert (ended.ended_at, ended.end_reason) == (died, EndReason.PROCESS_EXITED)


async def test_a_database_that_was_moved_away_is_no_store(house: House) -> None:
    assert (await house.services.health.check()).stores

    house.database.path.rename(house.database.path.with_name("away.db"))

    condition = await house.services.health.check()
    assert not condition.stores
    assert "was deleted or moved" in condition.problems[0]

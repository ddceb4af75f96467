"""What the daemon owes its sessions while the store cannot be used, and how it says so."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import EndReason, SessionCreate
from tests.services.stories import begin, end, session_of
from tests.support.clock import HOUR, MINUTE
from tests.support.faults import no_file_grows_beyond
from tests.support.house import House, World
from tests.support.waiting import rounds, until


async def lose(house: House, work: Callable[[], Awaitable[object]]) -> None:
    """Have *work* done as it is for a request with an Idempotency-Key, and its commit fail."""

    async def held() -> None:
        async with house.database.held():
            await work()

    with no_file_grows_beyond(house.database.log_size()), pytest.raises(StoreUnavailable):
        await held()


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


async def test_a_beginning_that_was_not_kept_leaves_nobody_in_the_folder(
    house: House, workspace: Path, world: World
) -> None:
    world.processes.begin(7)
    request = SessionCreate(tool_id="tool", workspace_path=str(workspace), process_id=7)

    await lose(house, lambda: house.services.sessions.create(request, caller=None))
    assert [one.workspace for one in house.services.workspaces.everybody()] == [str(workspace)], "it was no member"

    await until(lambda: not house.services.workspaces.everybody())
    assert not house.liveness.watched()
    kept = await begin(house, workspace, "s-1", pid=7)
    assert house.liveness.watched().keys() == {kept.session_id}


async def test_an_end_that_was_not_kept_leaves_the_session_where_it_was(
    house: House, workspace: Path, world: World
) -> None:
    world.processes.begin(7)
    await begin(house, workspace, "bound", pid=7)
    await begin(house, workspace, "unbound")

    await lose(house, lambda: end(house, "bound"))
    await lose(house, lambda: end(house, "unbound"))

    await until(lambda: house.liveness.watched().keys() == {"bound"})
    await house.watcher.barrier()
    await rounds()
    assert {one.session_id for one in house.services.workspaces.everybody()} == {"bound", "unbound"}
    died = world.clock.advance(MINUTE)
    world.processes.die(7)
    await until(lambda: not session_of(house, "bound").active)
    assert session_of(house, "bound").ended_at == died


async def test_a_process_that_died_while_its_end_was_not_kept_ends_its_session(
    house: House, workspace: Path, world: World
) -> None:
    world.processes.begin(7)
    await begin(house, workspace, "s-1", pid=7)

    async def end_and_die() -> None:
        await end(house, "s-1")
        world.processes.die(7)  # nobody hears of it: it is unbound

    await lose(house, end_and_die)

    await until(lambda: not session_of(house, "s-1").active)
    assert session_of(house, "s-1").end_reason is EndReason.PROCESS_EXITED

"""Sessions in memory are what the database would say, whatever happened to either."""

import asyncio
from pathlib import Path

import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import ContextAppend, SessionCreate
from tests.services.stories import begin, decide, end, entries_of, session_of
from tests.support.clock import SECOND
from tests.support.faults import no_file_grows_beyond
from tests.support.house import House, World, a_house


async def test_more_sessions_than_are_kept_are_each_what_they_were(house: House, workspace: Path) -> None:
    names = [f"s-{number}" for number in range(100)]
    for name in names:
        await begin(house, workspace, name)
        house.clock.advance(SECOND)
        await decide(house, name, f"of {name}")
    before = {name: session_of(house, name) for name in names}

    for name in reversed(names):
        await decide(house, name, f"again of {name}")

    for name in names:
        after = session_of(house, name)
        assert after.metrics.decisions == 2
        assert (after.created_at, after.session_id) == (before[name].created_at, name)
        shown = house.services.entries.shown_context(name).decode()
        assert shown.count(f'of {name}"') == 2


async def test_a_long_session_killed_in_the_middle_is_what_it_was(
    data: Path, world: World, workspace: Path, tmp_path: Path
) -> None:
    drafts = [ContextAppend(file_path=f"{number % 700}.py", decision=str(number)) for number in range(900)]
    async with a_house(data, world=world) as first:
        await begin(first, workspace, "s-1")
        for at in range(0, 900, 300):
            world.clock.advance(SECOND)
            await first.services.entries.append("s-1", drafts[at : at + 300])
        before, context = session_of(first, "s-1"), first.services.entries.shown_context("s-1")
        left = first.as_kill_9_would_leave_it(tmp_path / "left")

    async with a_house(left, world=world) as second:
        assert session_of(second, "s-1") == before
        assert second.services.entries.shown_context("s-1") == context
        await decide(second, "s-1", "and on")
        assert session_of(second, "s-1").metrics.decisions == 901


async def test_a_lost_commit_is_forgotten_in_memory_too(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await decide(house, "s-1", "kept")
    before, context = session_of(house, "s-1"), house.services.entries.shown_context("s-1")
    house.fill_the_disk()

    with pytest.raises(StoreUnavailable):
        await decide(house, "s-1", "x" * 100_000)

    assert session_of(house, "s-1") == before
    assert house.services.entries.shown_context("s-1") == context
    house.make_room()
    await decide(house, "s-1", "next")
    assert session_of(house, "s-1").metrics.decisions == 2


async def test_a_lost_commit_of_several_is_forgotten_in_memory_too(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await decide(house, "s-1", "kept")
    before, context = session_of(house, "s-1"), house.services.entries.shown_context("s-1")

    with no_file_grows_beyond(Path(f"{house.database.path}-wal").stat().st_size):
        results = await asyncio.gather(
            *(decide(house, "s-1", f"{number}" * 5000) for number in range(3)), return_exceptions=True
        )

    assert all(isinstance(one, StoreUnavailable) for one in results)
    assert session_of(house, "s-1") == before
    assert house.services.entries.shown_context("s-1") == context
    await decide(house, "s-1", "next")
    assert [type(one).__name__ for one in entries_of(house, "s-1")] == ["Decision", "Decision"]


async def test_a_session_that_could_not_be_stored_does_not_exist(house: House, workspace: Path) -> None:
    house.fill_the_disk()
    long = {"text": "x" * 100_000}
    request = SessionCreate(tool_id="t", workspace_path=str(workspace), metadata=long)

    with pytest.raises(StoreUnavailable):
        await house.services.sessions.create(request, caller=None)

    assert house.services.sessions.count() == (0, 0)
    assert house.watcher.watched == {}


async def test_an_end_that_could_not_be_stored_did_not_happen(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    house.lose_the_store()

    with pytest.raises(StoreUnavailable):
        await end(house, "s-1")

    assert str(workspace) in house.watcher.watched

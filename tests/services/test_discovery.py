"""Sessions opened for tools that are found at work: when one looks, who is found, and what they are given."""

import threading
from pathlib import Path

import pytest

from omnimem.model import EndReason, SessionCreate, SessionQuery
from omnimemd.domain.sessions import Session
from omnimemd.services import discovery as discovery_module
from tests.services.stories import begin, end, files_of, happens, record, session_of
from tests.support.clock import MINUTE, SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened waits for a look however long that takes on a machine with much else to do."""
    monkeypatch.setattr(discovery_module, "_PATIENCE_SECONDS", 30)


@pytest.fixture
async def by_hand(house: House, workspace: Path) -> Path:
    """A folder that is watched though no session is active in it."""
    return await added(house, workspace)


async def added(house: House, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    await house.services.workspaces.add(str(folder))
    await house.services.workspaces.ready(str(folder))
    return folder


async def sessions(house: House, tool: str | None = None) -> list[Session]:
    """Every session of a tool, the first begun first."""
    page = await house.services.sessions.page(SessionQuery(tool_id=tool))
    return sorted(page.sessions, key=lambda one: (one.created_at, one.session_id))


async def the_session(house: House, tool: str) -> Session:
    (found,) = await sessions(house, tool)
    return found


class TestLooking:
    async def test_a_tool_at_work_gets_a_session_and_what_was_seen_is_its(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        process = world.processes.begin(7, at_work_in=by_hand)

        await record(house, by_hand, "a.py", "b.py")

        (session,) = await sessions(house)
        assert (session.tool_id, session.workspace, session.active) == ("claude", str(by_hand), True)
        assert session.metadata == {"discovered": True}
        assert session.process is not None
        assert session.process.identity == process.identity
        assert files_of(house, session.session_id) == ["a.py", "b.py"]

    async def test_what_happens_while_one_looks_is_its_too(
        self, house: House, by_hand: Path, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        held, go_on = hold_looks(world, monkeypatch)

        happens(house, by_hand, "a.py")
        house.watcher.hand_over()
        world.clock.advance(SECOND)
        await until(held.is_set)
        happens(house, by_hand, "b.py")
        house.watcher.hand_over()
        world.clock.advance(SECOND)
        go_on.set()
        await until(lambda: house.services.tracking.recorded == 2)

        (session,) = await sessions(house)
        assert files_of(house, session.session_id) == ["a.py", "b.py"]

    async def test_it_ends_with_the_process(self, house: House, by_hand: Path, world: World) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await record(house, by_hand, "a.py")
        session_id = (await the_session(house, "claude")).session_id

        world.processes.die(7)
        await until(lambda: not session_of(house, session_id).active)

        assert session_of(house, session_id).end_reason is EndReason.PROCESS_EXITED

    async def test_each_run_of_a_tool_gets_one(self, house: House, by_hand: Path, world: World) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        world.processes.begin(8, parent=7, at_work_in=by_hand)
        world.processes.begin(9, name="bash", parent=8, at_work_in=by_hand)
        world.processes.begin(10, name="nvim", parent=9, at_work_in=by_hand)

        await record(house, by_hand, "a.py")

        found = {one.tool_id: one.process.identity.pid for one in await sessions(house) if one.process}
        assert found == {"claude": 7, "nvim": 10}

    async def test_of_very_many_the_latest_eight_get_one(self, house: House, by_hand: Path, world: World) -> None:
        for pid in range(10, 20):
            world.processes.begin(pid, at_work_in=by_hand)

        await record(house, by_hand, "a.py")

        bound = [one.process.identity.pid for one in await sessions(house) if one.process]
        assert sorted(bound) == list(range(12, 20))

    @pytest.mark.parametrize("name", ["bash", "make", "python3"])
    async def test_what_is_no_known_tool_gets_none(self, house: House, by_hand: Path, world: World, name: str) -> None:
        world.processes.begin(7, name=name, at_work_in=by_hand)

        await record(house, by_hand, "a.py")

        assert [one.tool_id for one in await sessions(house)] == ["ambient"]

    async def test_a_shell_gets_none_whatever_is_asked_for(self, data: Path, workspace: Path, world: World) -> None:
        world.processes.begin(7, name="bash", at_work_in=workspace)
        async with a_house(data, world=world, tools=("bash",)) as house:
            await added(house, workspace)

            await record(house, workspace, "a.py")

            assert [one.tool_id for one in await sessions(house)] == ["ambient"]
            assert world.processes.looks == 0

    async def test_a_tool_elsewhere_gets_none(self, house: House, by_hand: Path, world: World, tmp_path: Path) -> None:
        world.processes.begin(7, at_work_in=tmp_path / "application")

        await record(house, by_hand, "a.py")

        assert [one.tool_id for one in await sessions(house)] == ["ambient"]

    async def test_a_tool_with_a_session_in_a_folder_below_gets_no_other(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        inner = by_hand / "inner"
        inner.mkdir()
        world.processes.begin(7, at_work_in=inner)
        world.processes.begin(8, parent=7, at_work_in=inner)
        await begin(house, inner, "s-1", pid=8)

        await record(house, by_hand, "a.py")

        assert [one.tool_id for one in await sessions(house)] == ["tool", "ambient"]

    async def test_a_process_that_dies_meanwhile_leaves_what_was_seen_to_nobody(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        world.processes.doom(7)

        await record(house, by_hand, "a.py")

        ambient = await the_session(house, "ambient")
        assert files_of(house, ambient.session_id) == ["a.py"]
        assert not (await the_session(house, "claude")).active

    async def test_an_ambient_session_ends_when_a_tool_is_found(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        await record(house, by_hand, "a.py")
        ambient = await the_session(house, "ambient")
        world.clock.advance(30 * SECOND)
        world.processes.begin(7, at_work_in=by_hand)

        await record(house, by_hand, "b.py")

        assert session_of(house, ambient.session_id).end_reason is EndReason.IDLE
        assert files_of(house, ambient.session_id) == ["a.py"]
        assert files_of(house, (await the_session(house, "claude")).session_id) == ["b.py"]

    async def test_nobody_is_looked_for_where_a_session_is_active(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await begin(house, by_hand, "s-1")

        await record(house, by_hand, "a.py")

        assert world.processes.looks == 0

    async def test_what_a_person_does_beside_an_agent_is_their_editors(
        self, house: House, workspace: Path, world: World
    ) -> None:
        agent = world.processes.begin(7, at_work_in=workspace)
        world.processes.begin(8, name="nvim", at_work_in=workspace)
        house.activity.uses(agent.identity)
        await begin(house, workspace, "agents", pid=7)
        await until(lambda: bool(house.activity.orders))
        world.clock.advance(SECOND)

        await record(house, workspace, "a.py")
        house.activity.uses(agent.identity, read=10_000, cpu_ns=50_000)
        world.clock.advance(SECOND)
        await record(house, workspace, "b.py")

        editors = await the_session(house, "nvim")
        assert editors.metadata == {"discovered": True}
        assert files_of(house, editors.session_id)[:1] == ["a.py"]
        assert files_of(house, "agents") == ["b.py"]

    async def test_nobody_is_looked_for_beside_an_agent_that_is_busy(
        self, house: House, workspace: Path, world: World
    ) -> None:
        agent = world.processes.begin(7, at_work_in=workspace)
        house.activity.uses(agent.identity)
        await begin(house, workspace, "agents", pid=7)
        await until(lambda: bool(house.activity.orders))
        world.clock.advance(SECOND)

        house.activity.uses(agent.identity, read=10_000, cpu_ns=50_000)
        await record(house, workspace, "a.py")

        assert files_of(house, "agents") == ["a.py"]
        assert world.processes.looks == 0

    async def test_a_tool_in_a_shell_that_has_a_session_gets_its_own(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7, name="bash", at_work_in=workspace)
        world.processes.begin(8, parent=7, at_work_in=workspace)
        request = SessionCreate(
            tool_id="bash", workspace_path=str(workspace), process_id=7, metadata={"shell_integration": True}
        )
        shells, _ = await house.services.sessions.create(request, caller=None)
        await house.services.workspaces.ready(shells.workspace)

        await record(house, workspace, "a.py")

        found = await the_session(house, "claude")
        assert (found.metadata, session_of(house, shells.session_id).active) == ({"discovered": True}, True)
        assert files_of(house, shells.session_id) == ["a.py"]

    async def test_nobody_is_looked_for_without_tools(self, data: Path, workspace: Path, world: World) -> None:
        world.processes.begin(7, at_work_in=workspace)
        async with a_house(data, world=world, tools=()) as house:
            await added(house, workspace)

            await record(house, workspace, "a.py")

            assert [one.tool_id for one in await sessions(house)] == ["ambient"]
            assert world.processes.looks == 0

    async def test_nobody_is_looked_for_while_nothing_happens(self, house: House, by_hand: Path, world: World) -> None:
        world.processes.begin(7, at_work_in=by_hand)

        await house.services.tracking.flush()

        assert world.processes.looks == 0
        assert house.services.sessions.count() == (0, 0)


class TestPauses:
    async def looks_at(self, house: House, folder: Path, *seconds: int) -> list[int]:
        """Let something happen after each of these pauses; return which of them had somebody looked for."""
        found = []
        for number, pause in enumerate(seconds):
            before = house.processes.looks
            house.clock.advance(pause * SECOND)
            await record(house, folder, f"{number}.py")
            if house.processes.looks > before:
                found.append(number)
        return found

    async def test_a_look_in_vain_is_not_repeated_for_ever_longer(self, house: House, by_hand: Path) -> None:
        every_nine_seconds = [9] * 26

        assert await self.looks_at(house, by_hand, *every_nine_seconds) == [0, 4, 11, 25]

    async def test_for_the_longest_pause_at_most(
        self, house: House, by_hand: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery_module, "_LONGEST_PAUSE_MS", 60 * SECOND)

        assert await self.looks_at(house, by_hand, *[9] * 26) == [0, 4, 11, 18, 25]

    async def test_what_comes_after_a_silence_may_be_a_tool_that_has_begun(self, house: House, by_hand: Path) -> None:
        assert await self.looks_at(house, by_hand, 0, 9, 10, 9, 0, 12) == [0, 2, 5]

    async def test_a_folder_in_which_a_session_has_ended_is_looked_at_anew(self, house: House, by_hand: Path) -> None:
        await self.looks_at(house, by_hand, 0)
        await begin(house, by_hand, "s-1")
        await end(house, "s-1")
        await until(lambda: not house.services.workspaces.members((str(by_hand),)))

        assert await self.looks_at(house, by_hand, *[9] * 6) == [0, 4]

    async def test_each_folder_has_its_own(self, house: House, by_hand: Path, tmp_path: Path) -> None:
        other = await added(house, tmp_path / "other")
        await self.looks_at(house, by_hand, 0)

        assert await self.looks_at(house, other, 0, 1) == [0]

    async def test_a_clock_that_is_set_back_makes_none_longer(self, house: House, by_hand: Path) -> None:
        await self.looks_at(house, by_hand, 0)

        assert await self.looks_at(house, by_hand, -3600) == [0]


class TestSlowLooks:
    async def test_what_happened_waits_for_a_moment_only(
        self, house: House, by_hand: Path, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery_module, "_PATIENCE_SECONDS", 0)
        world.processes.begin(7, at_work_in=by_hand)
        held, go_on = hold_looks(world, monkeypatch)

        await record(house, by_hand, "a.py")
        await until(held.is_set)
        await record(house, by_hand, "b.py")
        ambient = await the_session(house, "ambient")
        go_on.set()
        await until(lambda: bool(house.services.workspaces.members((str(by_hand),))))
        await record(house, by_hand, "c.py")

        assert files_of(house, ambient.session_id) == ["a.py", "b.py"]
        assert files_of(house, (await the_session(house, "claude")).session_id) == ["c.py"]
        assert world.processes.looks == 1

    async def test_a_tool_that_registers_meanwhile_is_not_opened_a_session_for(
        self, house: House, by_hand: Path, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        held, go_on = hold_looks(world, monkeypatch)
        happens(house, by_hand, "a.py")
        house.watcher.hand_over()
        world.clock.advance(SECOND)
        await until(held.is_set)

        await begin(house, by_hand, "s-1", pid=7)
        go_on.set()
        await house.services.tracking.flush()

        assert await sessions(house, "claude") == []


class TestReplacement:
    async def test_a_tool_that_registers_goes_on_from_its_discovered_session(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await record(house, by_hand, "a.py")
        discovered = await the_session(house, "claude")
        happens(house, by_hand, "b.py")

        registered = await begin(house, by_hand, "s-1", pid=7)
        await record(house, by_hand, "c.py")

        assert registered.continues == discovered.session_id
        assert session_of(house, discovered.session_id).end_reason is EndReason.REPLACED
        assert files_of(house, discovered.session_id) == ["a.py", "b.py"]
        assert files_of(house, "s-1") == ["c.py"]
        assert house.services.workspaces.members((str(by_hand),)) == ("s-1",)

    async def test_the_one_gives_way_to_the_other_at_once(
        self, house: House, by_hand: Path, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await record(house, by_hand, "a.py")
        monkeypatch.setattr(house.services.workspaces, "leave", lambda session: None)  # it takes its time

        await begin(house, by_hand, "s-1", pid=7)

        assert house.services.workspaces.members((str(by_hand),)) == ("s-1",)

    @pytest.mark.parametrize(("found", "registers"), [(7, 8), (8, 7)])
    async def test_the_processes_of_one_run_are_the_same_tool(
        self, house: House, by_hand: Path, world: World, found: int, registers: int
    ) -> None:
        for pid, parent in ((7, 1), (8, 7)):
            world.processes.begin(pid, parent=parent, at_work_in=by_hand if pid == found else None)
        await record(house, by_hand, "a.py")
        discovered = await the_session(house, "claude")

        registered = await begin(house, by_hand, "s-1", pid=registers)

        assert registered.continues == discovered.session_id
        assert session_of(house, discovered.session_id).end_reason is EndReason.REPLACED

    async def test_what_the_request_says_it_continues_stands(self, house: House, by_hand: Path, world: World) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await record(house, by_hand, "a.py")
        request = SessionCreate(tool_id="tool", workspace_path=str(by_hand), process_id=7, continues="earlier")

        registered, _ = await house.services.sessions.create(request, caller=None)

        assert registered.continues == "earlier"
        assert (await the_session(house, "claude")).end_reason is EndReason.REPLACED

    async def test_a_session_that_is_taken_up_again_replaces_too(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        await begin(house, by_hand, "s-1")
        await end(house, "s-1")
        await until(lambda: not house.services.workspaces.members((str(by_hand),)))
        world.processes.begin(7, at_work_in=by_hand)
        await record(house, by_hand, "a.py")

        again = await begin(house, by_hand, "s-1", pid=7)

        assert (again.active, again.continues) == (True, None)
        assert (await the_session(house, "claude")).end_reason is EndReason.REPLACED

    @pytest.mark.parametrize("name", ["nvim", "python3", "claude"])
    async def test_another_tool_within_it_does_not_replace_it(
        self, house: House, by_hand: Path, world: World, name: str
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        world.processes.begin(8, name="bash", parent=7)
        world.processes.begin(9, name=name, parent=8)
        await record(house, by_hand, "a.py")

        registered = await begin(house, by_hand, "s-1", pid=9)

        assert registered.continues is None
        assert (await the_session(house, "claude")).active

    async def test_a_session_elsewhere_does_not_replace_it(
        self, house: House, by_hand: Path, world: World, tmp_path: Path
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await record(house, by_hand, "a.py")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()

        registered = await begin(house, elsewhere, "s-1", pid=7)

        assert registered.continues is None
        assert (await the_session(house, "claude")).active

    async def test_a_session_that_was_not_discovered_is_not_replaced(
        self, house: House, by_hand: Path, world: World
    ) -> None:
        world.processes.begin(7, at_work_in=by_hand)
        await begin(house, by_hand, "s-1", pid=7)

        second = await begin(house, by_hand, "s-2", pid=7)

        assert second.continues is None
        assert session_of(house, "s-1").active


async def test_a_store_that_cannot_be_written_is_no_bug(house: House, by_hand: Path, world: World) -> None:
    world.processes.begin(7, at_work_in=by_hand)
    house.fill_the_disk()
    happens(house, by_hand, "a.py")
    house.watcher.hand_over()
    world.clock.advance(SECOND)
    await until(lambda: house.processes.looks == 1)
    await until(lambda: house.services.tracking.waiting == 1)
    house.make_room()
    world.clock.advance(MINUTE)

    await house.services.tracking.flush()

    assert house.background.failing == set()
    assert files_of(house, (await the_session(house, "claude")).session_id) == ["a.py"]


def hold_looks(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Have each look wait; return what is set when one does, and what lets it go on."""
    held, go_on = threading.Event(), threading.Event()
    look = world.processes.at_work_in

    def held_look(directory: str, programs: frozenset[str]) -> object:
        held.set()
        assert go_on.wait(30)
        return look(directory, programs)

    monkeypatch.setattr(world.processes, "at_work_in", held_look)
    return held, go_on

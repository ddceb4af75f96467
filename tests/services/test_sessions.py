"""The life of sessions: bound to a process, ended by its death, taken up by the next daemon."""

import asyncio
from pathlib import Path

import pytest

from omnimem.errors import ProcessNotFound
from omnimem.model import EndReason, SessionCreate
from tests.services.stories import begin, decide, end, entries_of, session_of
from tests.support.clock import HOUR, MINUTE, SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import rounds, until


class TestDeath:
    async def test_a_session_ends_the_moment_its_process_dies(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        died = world.clock.advance(MINUTE)

        world.processes.die(7)
        world.clock.advance(HOUR)  # whatever the daemon does next comes later than the death
        await until(lambda: not session_of(house, "s-1").active)

        ended = session_of(house, "s-1")
        assert (ended.ended_at, ended.end_reason) == (died, EndReason.PROCESS_EXITED)

    async def test_a_process_takes_all_its_sessions_with_it(self, house: House, workspace: Path, world: World) -> None:
        world.processes.begin(7)
        for name in ("s-1", "s-2"):
            await begin(house, workspace, name, pid=7)

        world.processes.die(7)

        await until(lambda: not any(session_of(house, name).active for name in ("s-1", "s-2")))

    async def test_a_session_without_a_process_outlives_every_other(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "bound", pid=7)
        await begin(house, workspace, "unbound")

        world.processes.die(7)
        await until(lambda: not session_of(house, "bound").active)

        assert session_of(house, "unbound").active

    async def test_a_reused_pid_does_not_revive_a_session(self, house: House, workspace: Path, world: World) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        world.processes.die(7)
        world.processes.begin(7)
        await until(lambda: not session_of(house, "s-1").active)
        ended = session_of(house, "s-1")

        world.clock.advance(MINUTE)
        world.processes.die(7)
        await rounds()

        assert session_of(house, "s-1") == ended

    async def test_the_death_of_a_process_it_was_bound_to_before_ends_no_session(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        world.processes.begin(8)
        await begin(house, workspace, "s-1", pid=7)
        await begin(house, workspace, "s-1", pid=8)

        world.processes.die(7)
        await rounds()
        still_active = session_of(house, "s-1").active
        world.processes.die(8)
        await until(lambda: not session_of(house, "s-1").active)

        assert still_active

    async def test_a_death_behind_a_rebinding_ends_no_session(
        self, house: House, workspace: Path, world: World
    ) -> None:
        """The death is told, and before it is acted upon the session is bound to another process."""
        old, _ = world.processes.begin(7), world.processes.begin(8)
        await begin(house, workspace, "s-1", pid=7)
        await begin(house, workspace, "s-1", pid=8)
        house.liveness._died("s-1", old.identity)

        await rounds()

        assert session_of(house, "s-1").active

    async def test_a_client_that_ends_the_session_first_is_why_it_ended(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        ended = await end(house, "s-1")

        world.clock.advance(SECOND)
        world.processes.die(7)
        await rounds()

        assert session_of(house, "s-1") == ended
        assert ended.end_reason is EndReason.CLIENT

    async def test_nobody_waits_for_the_process_of_an_ended_session(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)

        await end(house, "s-1")

        assert not world.processes.waited_for(7)

    async def test_a_process_that_dies_as_the_session_begins_ends_it(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        world.processes.doom(7)

        session = await begin(house, workspace, "s-1", pid=7)

        assert (session.active, session.end_reason) == (False, EndReason.PROCESS_EXITED)
        assert session_of(house, "s-1") == session

    async def test_a_deleted_sessions_process_may_die_in_peace(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        await end(house, "s-1")
        await house.services.sessions.delete("s-1")

        world.processes.die(7)
        await rounds()

        assert not house.background.failing


class TestNextDaemon:
    """What the next daemon makes of the sessions it finds open."""

    async def test_a_live_session_is_taken_up_bound_and_watched(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as first:
            before = await begin(first, workspace, "s-1", pid=7)

        async with a_house(data, world=world) as second:
            await second.services.workspaces.ready(str(workspace))
            after = session_of(second, "s-1")
            watched = str(workspace) in second.watcher.watched
            world.processes.die(7)
            await until(lambda: not session_of(second, "s-1").active)

        assert (after.active, after.process) == (True, before.process)
        assert watched

    async def test_an_unbound_session_is_taken_up(self, data: Path, world: World, workspace: Path) -> None:
        async with a_house(data, world=world) as first:
            before = await begin(first, workspace, "s-1")
        world.clock.advance(HOUR)

        async with a_house(data, world=world) as second:
            assert session_of(second, "s-1").active
            assert session_of(second, "s-1").last_activity == before.last_activity

    async def test_a_process_that_died_while_no_daemon_ran_ends_its_session_when_it_was_last_known_alive(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as first:
            await begin(first, workspace, "s-1", pid=7)
            stopped = world.clock.advance(MINUTE)
        world.clock.advance(HOUR)
        world.processes.die(7)

        async with a_house(data, world=world) as second:
            ended = session_of(second, "s-1")

        assert (ended.ended_at, ended.end_reason) == (stopped, EndReason.PROCESS_EXITED)

    async def test_after_kill_9_the_last_recorded_activity_is_when_it_was_last_known_alive(
        self, data: Path, world: World, workspace: Path, tmp_path: Path
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as first:
            await begin(first, workspace, "s-1", pid=7)
            active = world.clock.advance(MINUTE)
            await decide(first, "s-1")
            world.clock.advance(MINUTE)
            left = first.as_kill_9_would_leave_it(tmp_path / "left")
            world.processes.die(7)

        async with a_house(left, world=world) as second:
            ended = session_of(second, "s-1")
            assert len(entries_of(second, "s-1")) == 1
            assert ended.metrics.decisions == 1

        assert (ended.ended_at, ended.last_activity) == (active, active)
        assert ended.end_reason is EndReason.PROCESS_EXITED

    async def test_after_a_restart_of_the_machine_the_reason_is_the_reboot(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as first:
            await begin(first, workspace, "s-1", pid=7)
            await begin(first, workspace, "unbound")
            stopped = world.clock.advance(MINUTE)
        world.clock.advance(HOUR)
        world.processes.reboot()
        world.processes.begin(7)

        async with a_house(data, world=world) as second:
            ended, unbound = session_of(second, "s-1"), session_of(second, "unbound")

        assert (ended.ended_at, ended.end_reason) == (stopped, EndReason.REBOOT)
        assert unbound.active

    async def test_a_pid_reused_while_no_daemon_ran_does_not_keep_the_session(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as first:
            await begin(first, workspace, "s-1", pid=7)
        world.processes.die(7)
        world.processes.begin(7)

        async with a_house(data, world=world) as second:
            assert not session_of(second, "s-1").active
            assert not world.processes.waited_for(7)

    async def test_a_clock_set_back_meanwhile_turns_no_time_backwards(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as first:
            begun = await begin(first, workspace, "s-1", pid=7)
            world.clock.advance(-HOUR)
        world.processes.die(7)

        async with a_house(data, world=world) as second:
            ended = session_of(second, "s-1")

        assert ended.ended_at == ended.last_activity == begun.created_at

    async def test_a_session_is_what_it_was(self, data: Path, world: World, workspace: Path) -> None:
        async with a_house(data, world=world) as first:
            await begin(first, workspace, "s-1")
            for number in range(10):
                world.clock.advance(SECOND)
                await decide(first, "s-1", str(number))
            before = session_of(first, "s-1")
            context = first.services.entries.shown_context("s-1")

        async with a_house(data, world=world) as second:
            assert session_of(second, "s-1") == before
            assert second.services.entries.shown_context("s-1") == context


class TestTakingUp:
    async def test_a_reopened_session_is_ended_by_its_new_process_only(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        world.processes.die(7)
        await until(lambda: not session_of(house, "s-1").active)
        world.processes.begin(8)
        reopened = await begin(house, workspace, "s-1", pid=8)

        world.processes.begin(7)
        world.processes.die(7)
        await rounds()
        still_active = session_of(house, "s-1").active
        world.processes.die(8)
        await until(lambda: not session_of(house, "s-1").active)

        assert reopened.active
        assert still_active

    async def test_a_session_reopened_without_a_process_is_bound_to_none(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        await end(house, "s-1")

        reopened = await begin(house, workspace, "s-1")
        world.processes.die(7)
        await rounds()

        assert reopened.process is None
        assert session_of(house, "s-1").active

    async def test_a_refused_process_leaves_the_session_as_it_was(
        self, house: House, workspace: Path, world: World
    ) -> None:
        before = await begin(house, workspace, "s-1")

        with pytest.raises(ProcessNotFound):
            await begin(house, workspace, "s-1", pid=99)

        assert session_of(house, "s-1") == before

    async def test_reopening_adds_to_the_metadata(self, house: House, workspace: Path) -> None:
        async def take_up(**metadata: object) -> None:
            request = SessionCreate(tool_id="tool", workspace_path=str(workspace), session_id="s-1", metadata=metadata)
            await house.services.sessions.create(request, caller=None)

        await take_up(a=1, b=1)
        await end(house, "s-1")
        await take_up(b=2)

        assert session_of(house, "s-1").metadata == {"a": 1, "b": 2}

    async def test_two_that_begin_the_same_session_at_once_share_it(self, house: House, workspace: Path) -> None:
        request = SessionCreate(tool_id="tool", workspace_path=str(workspace), session_id="s-1")
        begun = await asyncio.gather(*(house.services.sessions.create(request, caller=None) for _ in range(8)))

        assert sorted(new for _, new in begun) == [False] * 7 + [True]
        assert house.services.sessions.count() == (1, 0)

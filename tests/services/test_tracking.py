"""From what the watcher sees to entries: whose they are, ambient sessions, and a store that cannot take them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import Attribution, EndReason, EntryKind, SessionQuery
from omnimemd.domain.entries import Entry, FileAccess, Gap
from omnimemd.domain.file_events import Change
from omnimemd.services import tracking as tracking_module
from tests.services.stories import begin, end, entries_of, files_of, happens, record, session_of
from tests.support.clock import DAY, HOUR, MINUTE, SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import rounds, until


def accesses(house: House, session_id: str) -> list[FileAccess]:
    found = entries_of(house, session_id, EntryKind.ACCESS)
    return [one for one in found if isinstance(one, FileAccess)]


def gaps(house: House, session_id: str) -> list[Gap]:
    return [one for one in entries_of(house, session_id, EntryKind.GAP) if isinstance(one, Gap)]


async def ambient_of(house: House) -> str:
    """Return the id of the one ambient session there is."""
    page = await house.services.sessions.page(SessionQuery(tool_id="ambient"))
    (session,) = page.sessions
    return session.session_id


class TestAttribution:
    async def test_a_session_that_is_alone_has_it_as_probable(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")

        await record(house, workspace, "a.py")

        (access,) = accesses(house, "s-1")
        assert (access.attribution, access.others) == (Attribution.PROBABLE, ())

    async def test_of_several_each_has_it_as_ambiguous_naming_the_others(self, house: House, workspace: Path) -> None:
        for name in ("s-1", "s-2", "s-3"):
            await begin(house, workspace, name)

        await record(house, workspace, "a.py")

        shares = {name: accesses(house, name)[0] for name in ("s-1", "s-2", "s-3")}
        assert {one.attribution for one in shares.values()} == {Attribution.AMBIGUOUS}
        assert shares["s-2"].others == ("s-1", "s-3")
        assert house.services.tracking.recorded == 1

    async def test_what_may_be_of_many_is_stored_in_turns(
        self, house: House, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tracking_module, "_ENTRIES_AT_ONCE", 6)
        for name in ("s-1", "s-2", "s-3"):
            await begin(house, workspace, name)
        for number in range(5):
            happens(house, workspace, f"{number}.py")
        sizes: list[int] = []
        record_all = house.services.entries.record

        async def counted(new: Mapping[str, Sequence[Entry]]) -> None:
            sizes.append(sum(map(len, new.values())))
            await record_all(new)

        monkeypatch.setattr(house.services.entries, "record", counted)
        await house.services.tracking.flush()

        assert sizes == [6, 6, 3]
        assert files_of(house, "s-2") == [f"{number}.py" for number in range(5)]

    async def test_a_file_below_two_watched_folders_is_of_the_sessions_of_both(
        self, house: House, workspace: Path
    ) -> None:
        inner = workspace / "inner"
        inner.mkdir()
        await begin(house, workspace, "outer")
        await begin(house, inner, "inner")

        house.watcher.happens(f"{inner}/a.py", Change.READ, roots=[str(workspace), str(inner)])
        await house.services.tracking.flush()

        assert [one.others for one in accesses(house, "outer")] == [("inner",)]
        assert [one.others for one in accesses(house, "inner")] == [("outer",)]

    async def test_who_was_active_when_it_happened_decides(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        happens(house, workspace, "before.py")
        house.watcher.hand_over()

        await begin(house, workspace, "s-2")
        await record(house, workspace, "after.py")

        assert files_of(house, "s-1") == ["before.py", "after.py"]
        assert files_of(house, "s-2") == ["after.py"]

    async def test_what_a_dying_process_did_last_is_its_sessions(
        self, house: House, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        happens(house, workspace, "last.py", Change.WRITTEN)

        world.processes.die(7)
        await until(lambda: not session_of(house, "s-1").active)
        await until(lambda: not house.watcher.watched)
        await house.services.tracking.flush()

        assert files_of(house, "s-1") == ["last.py"]

    async def test_what_happens_is_stored_without_anybody_asking(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")

        happens(house, workspace, "a.py")
        house.watcher.hand_over()
        house.clock.advance(SECOND)

        await until(lambda: files_of(house, "s-1") == ["a.py"])

    async def test_lost_events_are_a_gap_in_each_session(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await begin(house, workspace, "s-2")
        happens(house, workspace, "a.py")
        house.watcher.loses(str(workspace), reason="overflow")
        happens(house, workspace, "b.py")

        await house.services.tracking.flush()

        for name in ("s-1", "s-2"):
            kinds = [type(one) for one in entries_of(house, name)]
            assert kinds == [FileAccess, Gap, FileAccess]
            assert gaps(house, name)[0].reason == "overflow"
            assert session_of(house, name).metrics.gaps == 1


class TestAmbient:
    @pytest.fixture
    async def by_hand(self, house: House, workspace: Path) -> Path:
        """A folder that is watched though no session is active in it."""
        await house.services.workspaces.add(str(workspace))
        await house.services.workspaces.ready(str(workspace))
        return workspace

    async def test_activity_opens_an_ambient_session(self, house: House, by_hand: Path) -> None:
        await record(house, by_hand, "a.py", "b.py")

        session = session_of(house, await ambient_of(house))
        assert (session.tool_id, session.process, session.active) == ("ambient", None, True)
        assert session.workspace == str(by_hand)
        assert files_of(house, session.session_id) == ["a.py", "b.py"]

    async def test_silence_opens_none(self, house: House, by_hand: Path) -> None:
        await house.services.tracking.flush()

        assert house.services.sessions.count() == (0, 0)

    async def test_a_folder_with_a_real_session_has_none(self, house: House, by_hand: Path) -> None:
        await begin(house, by_hand, "s-1")

        await record(house, by_hand, "a.py")

        assert house.services.sessions.count() == (1, 0)
        assert files_of(house, "s-1") == ["a.py"]

    async def test_more_activity_goes_on_in_the_same_one(self, house: House, by_hand: Path) -> None:
        await record(house, by_hand, "a.py")
        house.clock.advance(29 * MINUTE)
        await record(house, by_hand, "b.py")

        assert files_of(house, await ambient_of(house)) == ["a.py", "b.py"]

    async def test_it_ends_as_a_real_session_opens(self, house: House, by_hand: Path) -> None:
        await record(house, by_hand, "a.py")
        at = house.clock.advance(SECOND)

        await begin(house, by_hand, "s-1")

        ambient = session_of(house, await ambient_of(house))
        assert (ambient.ended_at, ambient.end_reason) == (at, EndReason.IDLE)
        await record(house, by_hand, "b.py")
        assert files_of(house, "s-1") == ["b.py"]

    async def test_what_happens_after_a_suspend_is_of_another_session(self, house: House, by_hand: Path) -> None:
        await record(house, by_hand, "evening.py")
        last, evening = house.clock.now(), await ambient_of(house)
        house.clock.advance(12 * HOUR)  # and no timer with it

        await record(house, by_hand, "morning.py")

        assert session_of(house, evening).ended_at == last + 30 * MINUTE
        page = await house.services.sessions.page(SessionQuery(tool_id="ambient", active=True))
        assert [files_of(house, one.session_id) for one in page.sessions] == [["morning.py"]]

    async def test_a_clock_that_was_set_back_keeps_no_ambient_session_alive(self, house: House, by_hand: Path) -> None:
        await record(house, by_hand, "a.py")
        ambient = await ambient_of(house)
        house.clock.advance(-365 * DAY)
        await house.services.tracking._end_idle()
        house.clock.advance(31 * MINUTE)
        await house.services.tracking._end_idle()

        assert not session_of(house, ambient).active

    async def test_what_happened_before_the_real_session_is_the_ambient_ones(self, house: House, by_hand: Path) -> None:
        happens(house, by_hand, "before.py")
        house.watcher.hand_over()

        await begin(house, by_hand, "s-1")
        await house.services.tracking.flush()

        assert files_of(house, await ambient_of(house)) == ["before.py"]
        assert files_of(house, "s-1") == []
        assert not session_of(house, await ambient_of(house)).active

    async def test_the_next_activity_after_a_real_session_opens_another(self, house: House, by_hand: Path) -> None:
        await begin(house, by_hand, "s-1")
        await end(house, "s-1")
        await until(lambda: not house.services.workspaces.members((str(by_hand),)))

        await record(house, by_hand, "a.py")

        assert files_of(house, await ambient_of(house)) == ["a.py"]

    async def test_it_ends_idle_thirty_minutes_after_the_last_activity(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        async with a_house(data, world=world) as first:
            await first.services.workspaces.add(str(workspace))
            await record(first, workspace, "a.py")
            last = world.clock.advance(MINUTE)
            await record(first, workspace, "b.py")
            ambient = await ambient_of(first)
        world.clock.advance(30 * MINUTE - 1)

        async with a_house(data, world=world) as second:
            await rounds()
            before = session_of(second, ambient)
        world.clock.advance(1)
        async with a_house(data, world=world) as third:
            await until(lambda: not session_of(third, ambient).active)
            after = session_of(third, ambient)

        assert before.active
        assert (after.ended_at, after.end_reason) == (last + 30 * MINUTE, EndReason.IDLE)

    async def test_a_deadline_that_passed_while_no_daemon_ran_is_when_it_ended(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        async with a_house(data, world=world) as first:
            await first.services.workspaces.add(str(workspace))
            await record(first, workspace, "a.py")
            last, ambient = world.clock.now(), await ambient_of(first)
        world.clock.advance(300 * MINUTE)

        async with a_house(data, world=world) as second:
            await until(lambda: not session_of(second, ambient).active)

            assert session_of(second, ambient).ended_at == last + 30 * MINUTE

    async def test_it_ends_idle_while_the_daemon_runs(self, data: Path, world: World, workspace: Path) -> None:
        async with a_house(data, world=world, ambient_idle_ms=50) as house:
            await house.services.workspaces.add(str(workspace))
            await record(house, workspace, "a.py")
            ambient = await ambient_of(house)
            world.clock.advance(50)

            await until(lambda: not session_of(house, ambient).active)

            assert session_of(house, ambient).end_reason is EndReason.IDLE

    async def test_a_folder_deleted_with_all_that_is_in_it_stops_nothing(
        self, house: House, by_hand: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        await begin(house, other, "s-1")
        happens(house, by_hand, "a.py", Change.DELETED)
        by_hand.rmdir()
        happens(house, other, "b.py")

        await house.services.tracking.flush()

        assert files_of(house, "s-1") == ["b.py"]
        assert files_of(house, await ambient_of(house)) == ["a.py"]

    async def test_a_project_file_with_a_mistake_stops_nothing(self, house: House, by_hand: Path) -> None:
        (by_hand / ".omnimem.toml").write_text("project_id = [")

        await record(house, by_hand, "a.py")

        assert files_of(house, await ambient_of(house)) == ["a.py"]

    async def test_the_deepest_folder_added_by_hand_has_it(self, house: House, by_hand: Path) -> None:
        inner = by_hand / "inner"
        inner.mkdir()
        await house.services.workspaces.add(str(inner))

        house.watcher.happens(f"{inner}/a.py", Change.READ, roots=[str(by_hand), str(inner)])
        await house.services.tracking.flush()

        assert session_of(house, await ambient_of(house)).workspace == str(inner)


class TestFailingStore:
    async def test_what_the_store_cannot_take_is_kept_until_it_can(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        house.fill_the_disk()
        names = [f"{number}-{'x' * 200}.py" for number in range(600)]
        for name in names:
            happens(house, workspace, name, Change.WRITTEN)

        with pytest.raises(StoreUnavailable):
            await house.services.tracking.flush()
        waiting = house.services.tracking.waiting
        house.make_room()
        await house.services.tracking.flush()

        assert waiting > 0
        assert files_of(house, "s-1") == names
        assert house.services.tracking.recorded == 600

    async def test_more_than_can_wait_becomes_a_gap(
        self, house: House, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tracking_module, "_WAITING", 10)
        monkeypatch.setattr(tracking_module, "_RETRY_SECONDS", 0.01)
        await begin(house, workspace, "s-1")
        house.fill_the_disk()
        for number in range(600):
            happens(house, workspace, f"{number}-{'x' * 200}.py", Change.WRITTEN)
            house.watcher.hand_over()
        house.clock.advance(SECOND)

        await until(lambda: 0 < house.services.tracking.waiting <= 10)
        house.make_room()
        await house.services.tracking.flush()

        assert house.services.tracking.gaps == 1
        first, *rest = entries_of(house, "s-1")
        assert isinstance(first, Gap)
        assert first.reason == "store_unavailable"
        assert [one.partition("-")[0] for one in files_of(house, "s-1")] == [str(n) for n in range(591, 600)]
        assert len(rest) == 9

    async def test_while_too_much_waits_the_watcher_is_throttled(
        self, house: House, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tracking_module, "_TOO_MANY", 20)
        monkeypatch.setattr(tracking_module, "_FEW_ENOUGH", 10)
        await begin(house, workspace, "s-1")

        throttled = []
        for number in range(25):
            happens(house, workspace, f"{number}.py", Change.WRITTEN)
            house.watcher.hand_over()
            throttled.append(house.watcher.throttled)
        await house.services.tracking.flush()

        assert throttled == [False] * 20 + [True] * 5
        assert not house.watcher.throttled


async def test_what_is_held_when_the_daemon_stops_is_stored(data: Path, world: World, workspace: Path) -> None:
    async with a_house(data, world=world) as first:
        await begin(first, workspace, "s-1")
        happens(first, workspace, "a.py")

    async with a_house(data, world=world) as second:
        assert files_of(second, "s-1") == ["a.py"]

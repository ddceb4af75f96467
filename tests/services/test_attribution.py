"""Whose an access is: what tools said, what processes did, and who is there."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimem.model import Access, Attribution, ContextAppend, EntryKind
from omnimemd.domain.activity import Moved
from omnimemd.domain.attribution import Deed
from omnimemd.domain.bursts import BurstPart
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Observed
from omnimemd.domain.entries import FileAccess
from omnimemd.domain.file_events import Change
from omnimemd.domain.fitting import fitting
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.services.attribution import Verdict
from tests.services.stories import begin, end, entries_of, files_of, happens, session_of
from tests.support.house import House
from tests.support.waiting import rounds, until

SIZE = 10_000


def is_at_rest(house: House) -> bool:
    """Return whether no look is under way, nor one to come."""
    evidence = house.attributor._evidence
    return evidence._timer is None and evidence._looking is None


def accesses(house: House, session_id: str) -> list[FileAccess]:
    found = entries_of(house, session_id, EntryKind.ACCESS)
    return [one for one in found if isinstance(one, FileAccess)]


def methods(house: House, session_id: str) -> list[Attribution]:
    return [one.attribution for one in accesses(house, session_id)]


class Agents:
    """Sessions bound to processes of their own, and what these do."""

    def __init__(self, house: House, workspace: Path) -> None:
        self.house = house
        self.workspace = workspace

    async def begin(
        self, session_id: str, *, pid: int, folder: Path | None = None, parent: int = 1, measured: bool = True
    ) -> ProcessIdentity:
        processes = self.house.processes
        found = processes.find(pid) or processes.begin(pid, parent=parent)
        if measured:
            self.house.activity.uses(found.identity)
        await begin(self.house, folder or self.workspace, session_id, pid=pid)
        orders = self.house.activity.orders
        await until(lambda: orders and found.identity in orders[-1].bound)
        await rounds()
        self.house.clock.advance(100)
        return found.identity

    async def do(self, name: str, change: Change = Change.READ, **used: dict[ProcessIdentity, int]) -> None:
        """Let something happen to a file, while the processes use what *used* says by counter and process."""
        for counter, amounts in used.items():
            for tree, amount in amounts.items():
                self.house.activity.uses(tree, **{counter: amount})
        self.house.activity.sizes[f"{self.workspace}/{name}"] = SIZE
        happens(self.house, self.workspace, name, change)
        self.house.watcher.hand_over()  # before a look that belongs to what was before takes what was used for usual
        await self.house.services.tracking.flush()
        self.house.clock.advance(100)

    async def say(self, session_id: str, name: str, access: Access | None = None, agent_id: str | None = None) -> None:
        draft = ContextAppend(file_path=name, access=access, agent_id=agent_id)
        await self.house.services.entries.append(session_id, [draft])


@pytest.fixture
def agents(house: House, workspace: Path) -> Agents:
    return Agents(house, workspace)


class TestCounters:
    async def test_the_one_whose_processes_read_as_much_has_it(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)

        await agents.do("x.py", read={a: 20, b: SIZE + 20}, cpu_ns={a: 1_000, b: 1_000})

        assert files_of(house, "a") == []
        assert methods(house, "b") == [Attribution.PROBABLE]
        assert accesses(house, "b")[0].others == ()

    async def test_the_one_whose_processes_were_busy_has_deleted_it(self, house: House, agents: Agents) -> None:
        a, _ = await agents.begin("a", pid=7), await agents.begin("b", pid=8)

        await agents.do("x.py", Change.DELETED, cpu_ns={a: 50_000})

        assert methods(house, "a") == [Attribution.PROBABLE]
        assert files_of(house, "b") == []

    async def test_what_both_may_have_done_is_on_both(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)

        await agents.do("x.py", Change.DELETED, cpu_ns={a: 50_000, b: 50_000})

        assert methods(house, "a") == methods(house, "b") == [Attribution.AMBIGUOUS]
        assert accesses(house, "a")[0].others == ("b",)

    async def test_two_at_once_have_each_their_own(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        house.activity.uses(a, written=SIZE, cpu_ns=1_000)
        house.activity.uses(b, cpu_ns=100_000)
        house.activity.sizes[f"{agents.workspace}/new.py"] = SIZE
        happens(house, agents.workspace, "new.py", Change.CREATED)
        happens(house, agents.workspace, "old.py", Change.DELETED)

        await house.services.tracking.flush()

        assert files_of(house, "a") == ["new.py"]
        assert files_of(house, "b") == ["old.py"]

    async def test_who_cannot_be_measured_may_have_done_it(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)
        await begin(house, agents.workspace, "unbound")

        await agents.do("x.py", read={a: SIZE}, cpu_ns={a: 1_000})

        assert methods(house, "a") == methods(house, "unbound") == [Attribution.AMBIGUOUS]

    async def test_who_did_nothing_did_not_do_it(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        await begin(house, agents.workspace, "unbound")

        await agents.do("x.py")

        assert methods(house, "unbound") == [Attribution.PROBABLE]
        assert files_of(house, "a") == []

    async def test_many_at_once_are_taken_together(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        names = [f"{number}.py" for number in range(40)]
        house.activity.uses(a, written=40 * SIZE, cpu_ns=1_000)
        house.activity.uses(
            b, written=2 * SIZE, cpu_ns=1_000
        )  # to the byte, it would be the first, if that is seen alone
        for name in names:
            house.activity.sizes[f"{agents.workspace}/{name}"] = SIZE
            happens(house, agents.workspace, name, Change.WRITTEN)

        await house.services.tracking.flush()

        assert files_of(house, "a") == names
        assert files_of(house, "b") == []


class TestOneAlone:
    async def test_it_has_what_it_moved_enough_for(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)

        await agents.do("x.py", read={a: SIZE + 40}, cpu_ns={a: 1_000})

        assert methods(house, "a") == [Attribution.PROBABLE]

    async def test_it_has_the_name_that_it_was_busy_for(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)

        await agents.do("x.py", Change.DELETED, cpu_ns={a: 90_000})

        assert methods(house, "a") == [Attribution.PROBABLE]

    @pytest.mark.parametrize("change", [Change.READ, Change.WRITTEN, Change.CREATED])
    async def test_that_it_did_something_is_not_enough(self, house: House, agents: Agents, change: Change) -> None:
        a = await agents.begin("a", pid=7)

        await agents.do("x.py", change, read={a: 50}, written={a: 2}, cpu_ns={a: 200_000})

        assert methods(house, "a") == [Attribution.AMBIGUOUS]
        assert accesses(house, "a")[0].others == ()

    async def test_the_waking_up_of_an_event_loop_changes_no_name(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)
        for _ in range(3):
            before = len(house.activity.orders)
            house.clock.advance(100)
            house.activity.uses(a, cpu_ns=200_000)
            await until(lambda before=before: len(house.activity.orders) > before)  # type: ignore[misc]
            await rounds()

        await agents.do("x.py", Change.DELETED, cpu_ns={a: 200_000})

        assert methods(house, "a") == [Attribution.AMBIGUOUS]

    async def test_what_explains_one_write_is_not_there_for_another(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)
        house.activity.uses(a, written=SIZE, cpu_ns=100_000)
        for name, size in (("its.py", SIZE), ("mine.py", SIZE // 2)):
            house.activity.sizes[f"{agents.workspace}/{name}"] = size
            happens(house, agents.workspace, name, Change.WRITTEN)

        await house.services.tracking.flush()

        assert [(one.path[-7:], one.attribution) for one in accesses(house, "a")] == [
            ("/its.py", Attribution.PROBABLE),
            ("mine.py", Attribution.AMBIGUOUS),
        ]

    @pytest.mark.parametrize("change", [Change.READ, Change.WRITTEN, Change.DELETED])
    async def test_what_a_person_does_beside_an_agent_is_not_claimed_for_it(
        self, house: House, agents: Agents, change: Change
    ) -> None:
        await agents.begin("a", pid=7)

        await agents.do("x.py", change)

        assert methods(house, "a") == [Attribution.AMBIGUOUS]
        assert accesses(house, "a")[0].others == ()

    async def test_who_wrote_no_byte_is_not_the_writer(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)

        await agents.do("x.py", Change.WRITTEN, read={a: 8}, cpu_ns={a: 1_000})

        assert methods(house, "a") == [Attribution.AMBIGUOUS]

    async def test_without_evidence_it_has_it(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7, measured=False)

        await agents.do("x.py")

        assert methods(house, "a") == [Attribution.PROBABLE]

    async def test_what_a_process_did_before_its_session_began_is_no_evidence(
        self, house: House, agents: Agents
    ) -> None:
        process = house.processes.begin(7)
        house.activity.uses(process.identity, read=10 * SIZE, written=10 * SIZE, cpu_ns=1_000_000)
        await agents.begin("a", pid=7)

        await agents.do("x.py", Change.WRITTEN)

        assert methods(house, "a") == [Attribution.AMBIGUOUS]


class TestDecidedTogether:
    """What is alike is decided once; it must be alike in all that matters."""

    async def test_what_differs_in_counter_or_size_is_told_apart(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)
        await begin(house, agents.workspace, "unbound")
        house.activity.uses(a, written=5 * SIZE, cpu_ns=1_000_000)
        for name, change in (("read", Change.READ), ("written", Change.WRITTEN), ("mapped", Change.READ)):
            if name != "mapped":
                house.activity.sizes[f"{agents.workspace}/{name}"] = SIZE
            happens(house, agents.workspace, name, change)

        await house.services.tracking.flush()

        assert files_of(house, "unbound") == ["read", "written", "mapped"]
        assert files_of(house, "a") == ["written", "mapped"]  # it read nothing; of a file without a size that tells not

    async def test_what_differs_in_folder_is_told_apart(self, house: House, workspace: Path) -> None:
        (inner := workspace / "inner").mkdir()
        await begin(house, workspace, "outer")
        await begin(house, inner, "inner")
        house.watcher.happens(f"{workspace}/a.py", Change.READ, roots=[str(workspace)], at=house.clock.now())
        both = [str(workspace), str(inner)]
        house.watcher.happens(f"{inner}/b.py", Change.READ, roots=both, at=house.clock.now())

        await house.services.tracking.flush()

        assert files_of(house, "outer") == ["a.py", "b.py"]
        assert files_of(house, "inner") == ["b.py"]

    async def test_what_differs_in_time_is_told_apart(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)
        await begin(house, agents.workspace, "unbound")
        house.activity.uses(a, cpu_ns=1_000_000)
        looked = len(house.activity.orders)
        happens(house, agents.workspace, "before.py", Change.DELETED)
        house.watcher.hand_over()
        await until(lambda: len(house.activity.orders) > looked)
        await rounds()
        house.clock.advance(20)
        happens(house, agents.workspace, "after.py", Change.DELETED)

        await house.services.tracking.flush()

        assert files_of(house, "a") == ["before.py"]
        assert files_of(house, "unbound") == ["before.py", "after.py"]

    @pytest.mark.parametrize("apart", [1, 20])
    @pytest.mark.parametrize("ahead", [-1_000, 10])
    async def test_a_storm_with_few_looks_is_gone_through_once(
        self, house: House, agents: Agents, monkeypatch: pytest.MonkeyPatch, ahead: int, apart: int
    ) -> None:
        seen = []

        def counted(deeds: Sequence[Deed], moved: Moved, usual: Moved, *, known: Sequence[bool]) -> list[bool]:
            seen.append(len(deeds))
            return fitting(deeds, moved, usual, known=known)

        monkeypatch.setattr("omnimemd.services.attribution.fitting", counted)
        a = await agents.begin("a", pid=7)
        first = house.attributor._evidence.looks.latest
        await agents.do("x.py", Change.WRITTEN, written={a: SIZE + 40})
        assert first is not None
        storm = [
            Observed((str(agents.workspace),), f"{agents.workspace}/{number}.py", Access.WRITE, Millis(at))
            for number, at in enumerate(range(first.at + ahead, first.at + 100, apart))
        ]
        seen.clear()

        house.attributor.verdicts(storm)

        assert 0 < sum(seen) <= len(storm) + 1


class TestDescriptors:
    async def test_who_has_it_open_for_writing_is_writing_it(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        house.activity.opens(a, f"{agents.workspace}/x.py", pid=70)

        await agents.do("x.py", Change.MODIFIED, written={a: 10, b: 10}, cpu_ns={a: 1_000, b: 1_000})

        assert methods(house, "a") == [Attribution.PROCESS]
        assert files_of(house, "b") == []

    async def test_who_has_it_open_for_reading_is_not(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        house.activity.opens(a, f"{agents.workspace}/x.py", writing=False)

        await agents.do("x.py", Change.MODIFIED, written={a: 10, b: 10}, cpu_ns={a: 1_000, b: 1_000})

        assert methods(house, "a") == methods(house, "b") == [Attribution.AMBIGUOUS]

    async def test_a_log_that_its_owner_did_not_write_to_was_written_by_another(
        self, house: House, agents: Agents
    ) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        house.activity.opens(a, f"{agents.workspace}/x.log")

        await agents.do("x.log", Change.MODIFIED, written={b: SIZE}, cpu_ns={b: 1_000})

        assert files_of(house, "a") == []
        assert methods(house, "b") == [Attribution.PROBABLE]

    async def test_one_that_works_elsewhere_and_has_it_open_has_it_alone(
        self, house: House, agents: Agents, tmp_path: Path
    ) -> None:
        (elsewhere := tmp_path / "elsewhere").mkdir()
        editor = await agents.begin("editor", pid=9, folder=elsewhere)
        await agents.begin("a", pid=7)
        house.activity.opens(editor, f"{agents.workspace}/x.py")

        await agents.do("x.py", Change.WRITTEN, written={editor: SIZE}, cpu_ns={editor: 1_000})

        assert methods(house, "editor") == [Attribution.PROCESS]
        assert files_of(house, "a") == []


class TestAPersonBesideTwo:
    @pytest.mark.parametrize("change", [Change.READ, Change.WRITTEN, Change.DELETED])
    async def test_is_not_taken_for_the_one_that_is_never_still(
        self, house: House, agents: Agents, change: Change
    ) -> None:
        noisy, _ = await agents.begin("noisy", pid=7), await agents.begin("idle", pid=8)

        await agents.do("x.py", change, read={noisy: 200}, written={noisy: 200}, cpu_ns={noisy: 20_000})

        assert files_of(house, "idle") == []
        assert [(one.attribution, one.others) for one in accesses(house, "noisy")] == [(Attribution.AMBIGUOUS, ())]

    async def test_what_one_of_them_did_is_its_own(self, house: House, agents: Agents) -> None:
        noisy, _ = await agents.begin("noisy", pid=7), await agents.begin("idle", pid=8)

        await agents.do("x.py", Change.WRITTEN, written={noisy: SIZE + 200}, cpu_ns={noisy: 200_000})

        assert methods(house, "noisy") == [Attribution.PROBABLE]


class TestFamilies:
    async def test_what_a_session_below_another_did_is_its_own(
        self, house: House, agents: Agents, tmp_path: Path
    ) -> None:
        (elsewhere := tmp_path / "elsewhere").mkdir()
        outer = await agents.begin("outer", pid=7)
        inner = await agents.begin("inner", pid=8, folder=elsewhere, parent=7)
        house.activity.descends(inner, from_one=outer)
        await agents.do("before.py", read={outer: SIZE}, cpu_ns={outer: 1_000})

        await agents.do("x.py", read={inner: SIZE}, cpu_ns={inner: 1_000})

        assert files_of(house, "outer") == ["before.py"]
        assert files_of(house, "inner") == ["x.py"]

    async def test_of_sessions_of_one_process_the_deepest_folders_has_it(self, house: House, agents: Agents) -> None:
        (deep := agents.workspace / "deep").mkdir()
        a = await agents.begin("outer", pid=7)
        await agents.begin("inner", pid=7, folder=deep)
        house.activity.uses(a, read=SIZE, cpu_ns=1_000)
        house.activity.sizes[f"{deep}/x.py"] = SIZE

        house.watcher.happens(
            f"{deep}/x.py", Change.READ, roots=[str(agents.workspace), str(deep)], at=house.clock.now()
        )
        await house.services.tracking.flush()

        assert files_of(house, "outer") == []
        assert methods(house, "inner") == [Attribution.PROBABLE]

    async def test_sessions_of_one_process_in_one_folder_are_told_apart_by_what_they_say_only(
        self, house: House, agents: Agents
    ) -> None:
        a = await agents.begin("one", pid=7)
        await agents.begin("two", pid=7)

        await agents.do("x.py", read={a: SIZE}, cpu_ns={a: 1_000})
        await agents.say("two", "y.py")
        await agents.do("y.py", Change.WRITTEN, written={a: SIZE}, cpu_ns={a: 1_000})

        assert [(one.path[-4:], one.attribution) for one in accesses(house, "one")] == [("x.py", Attribution.AMBIGUOUS)]
        assert [(one.path[-4:], one.attribution) for one in accesses(house, "two")] == [
            ("x.py", Attribution.AMBIGUOUS),
            ("y.py", Attribution.EXACT),
            ("y.py", Attribution.EXACT),
        ]


class TestClaims:
    async def test_an_access_that_the_tool_told_of_is_recorded_once(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        await agents.begin("b", pid=8)
        before = house.services.tracking.folded

        await agents.say("a", "x.py")
        await agents.do("x.py")

        (access,) = accesses(house, "a")
        assert (access.source, access.attribution) == ("api", Attribution.EXACT)
        assert files_of(house, "b") == []
        assert house.services.tracking.folded == before + 1
        assert house.services.tracking.recorded == 0

    async def test_what_a_tool_tells_while_it_is_held_counts_too(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        happens(house, agents.workspace, "x.py")
        house.watcher.hand_over()

        await agents.say("a", "x.py")
        await house.services.tracking.flush()

        assert [one.source for one in accesses(house, "a")] == ["api"]

    async def test_each_is_recorded_that_it_told_of(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)

        await agents.say("a", "x.py")
        await agents.say("a", "x.py")

        assert len(accesses(house, "a")) == 2

    @pytest.mark.parametrize("delay", [0, 150, 2_000])
    async def test_what_a_tool_tells_when_it_is_recorded_already_counts_once(
        self, house: House, agents: Agents, delay: int
    ) -> None:
        await agents.begin("a", pid=7)
        await agents.do("x.py", Change.WRITTEN)
        house.clock.advance(delay)

        await agents.say("a", "x.py", Access.WRITE, agent_id="helper")

        seen, told = accesses(house, "a")
        assert (seen.source, seen.same_as) == ("watch", None)
        assert (told.source, told.attribution, told.agent_id, told.same_as) == ("api", "exact", "helper", 1)
        assert house.services.sessions.get("a").metrics.accesses == 1
        await agents.do("x.py", Change.WRITTEN)  # by whom the tool has not told yet
        assert house.services.sessions.get("a").metrics.writes == 2

    async def test_what_it_tells_between_decision_and_record_counts_once(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        happens(house, agents.workspace, "x.py")
        house.watcher.hand_over()
        house.services.tracking.decide()

        await agents.say("a", "x.py")
        await house.services.tracking.flush()

        assert [(one.source, one.same_as) for one in accesses(house, "a")] == [("api", None), ("watch", 1)]
        assert house.services.sessions.get("a").metrics.accesses == 1

    async def test_another_access_to_what_it_named_is_exact(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        await agents.begin("b", pid=8)

        await agents.say("a", "x.py", Access.WRITE, agent_id="helper")
        await agents.do("x.py", Change.READ)

        assert [(one.source, one.access, one.attribution, one.agent_id) for one in accesses(house, "a")] == [
            ("api", Access.WRITE, Attribution.EXACT, "helper"),
            ("watch", Access.READ, Attribution.EXACT, "helper"),
        ]
        assert files_of(house, "b") == []

    async def test_what_another_did_to_what_it_named_is_the_others(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        b = await agents.begin("b", pid=8)

        await agents.say("a", "x.py")
        await agents.do("x.py", Change.WRITTEN, written={b: SIZE}, cpu_ns={b: 1_000})

        assert [one.access for one in accesses(house, "a")] == [Access.READ]
        assert methods(house, "b") == [Attribution.PROBABLE]

    async def test_what_another_did_just_as_it_named_it_is_the_others(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7)
        b = await agents.begin("b", pid=8)

        await agents.say("a", "x.py", Access.WRITE)
        await agents.do("x.py", Change.WRITTEN, written={b: SIZE}, cpu_ns={b: 1_000})

        assert [one.source for one in accesses(house, "a")] == ["api"]
        assert methods(house, "b") == [Attribution.PROBABLE]

    async def test_long_ago_is_no_claim(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7, measured=False)
        await agents.say("a", "x.py")
        house.clock.advance(3_001)

        await agents.do("x.py")

        assert [one.source for one in accesses(house, "a")] == ["api", "watch"]


class TestBursts:
    async def test_it_is_of_the_one_that_moved_most(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        started_at = house.clock.now()
        house.activity.uses(a, pid=70, read=100 * SIZE, cpu_ns=1_000_000)
        house.activity.uses(b, read=50, cpu_ns=1_000)
        happens(house, agents.workspace, "x.py")
        await house.services.tracking.flush()

        verdict = self.of_burst(house, agents, started_at)

        assert [(one.session_id, one.attribution) for one in verdict.shares] == [("a", Attribution.PROBABLE)]
        assert verdict.worker == 70

    async def test_one_that_cannot_be_told_is_on_both(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        started_at = house.clock.now()
        house.activity.uses(a, read=SIZE, cpu_ns=1_000)
        house.activity.uses(b, read=SIZE, cpu_ns=1_000)
        happens(house, agents.workspace, "x.py")
        await house.services.tracking.flush()

        verdict = self.of_burst(house, agents, started_at)

        assert [one.attribution for one in verdict.shares] == [Attribution.AMBIGUOUS] * 2

    async def test_one_alone_has_it(self, house: House, agents: Agents) -> None:
        await agents.begin("a", pid=7, measured=False)

        verdict = self.of_burst(house, agents, house.clock.now())

        assert [one.attribution for one in verdict.shares] == [Attribution.PROBABLE]

    async def test_what_one_alone_read_enough_for_is_its_own(self, house: House, agents: Agents) -> None:
        a = await agents.begin("a", pid=7)
        started_at = house.clock.now()
        house.activity.uses(a, read=60 * SIZE, cpu_ns=1_000_000)
        await self.sweep(house, agents)

        verdict = self.of_burst(house, agents, started_at)

        assert [(one.session_id, one.attribution) for one in verdict.shares] == [("a", Attribution.PROBABLE)]

    @pytest.mark.parametrize("second", [False, True], ids=["alone", "beside one that does nothing"])
    async def test_one_that_only_wakes_up_meanwhile_did_not_read_it_all(
        self, house: House, agents: Agents, second: bool
    ) -> None:
        a = await agents.begin("a", pid=7)
        if second:
            await agents.begin("b", pid=8)
        started_at = house.clock.now()
        house.activity.uses(a, read=3_000, written=3_000, cpu_ns=1_000_000)
        await self.sweep(house, agents)

        verdict = self.of_burst(house, agents, started_at)

        assert [(one.session_id, one.attribution, one.others) for one in verdict.shares] == [
            ("a", Attribution.AMBIGUOUS, ())
        ]

    async def sweep(self, house: House, agents: Agents) -> None:
        """Have a file read, which stands for all."""
        house.activity.sizes[f"{agents.workspace}/x.py"] = SIZE
        happens(house, agents.workspace, "x.py")
        await house.services.tracking.flush()

    def of_burst(self, house: House, agents: Agents, started_at: Millis) -> Verdict:
        part = BurstPart(
            workspaces=(str(agents.workspace),),
            burst_id="burst-1",
            started_at=started_at,
            ended_at=house.clock.now(),
            files=100,
            directories=1,
            reads=100,
            writes=0,
            top=(),
        )
        return house.attributor.of_burst(part)


class TestLooking:
    async def test_nothing_is_looked_at_while_no_session_has_a_process(self, house: House, agents: Agents) -> None:
        await begin(house, agents.workspace, "unbound")

        await agents.do("x.py")

        assert house.activity.orders == []

    async def test_nothing_is_looked_at_for_the_sake_of_another_folder(
        self, house: House, agents: Agents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (elsewhere := tmp_path / "elsewhere").mkdir()
        monkeypatch.setattr("omnimemd.services.evidence._AFTERWARDS", ())
        await agents.begin("a", pid=7, folder=elsewhere)
        await begin(house, agents.workspace, "unbound")
        await until(lambda: is_at_rest(house))
        before = len(house.activity.orders)

        await agents.do("x.py")

        assert len(house.activity.orders) == before

    async def test_a_storm_is_looked_at_a_few_times(
        self, house: House, agents: Agents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("omnimemd.services.evidence._AFTERWARDS", ())
        monkeypatch.setattr("omnimemd.services.evidence._APART_IN_STORM", 60)
        await agents.begin("a", pid=7)
        await until(lambda: is_at_rest(house))
        before = len(house.activity.orders)

        for number in range(2_000):
            happens(house, agents.workspace, f"{number}.py")
        house.watcher.hand_over()
        await house.services.tracking.flush()

        assert 1 <= len(house.activity.orders) - before <= 4
        assert session_of(house, "a").metrics.scans > 0

    async def test_some_looks_follow_when_it_is_over_and_then_no_more(
        self, house: House, agents: Agents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("omnimemd.services.evidence._AFTERWARDS", (0.03, 0.001, 0.001))
        await agents.begin("a", pid=7)
        await until(lambda: is_at_rest(house))
        asked = len(house.activity.orders)

        await agents.do("x.py")
        await until(lambda: is_at_rest(house))
        of_it = len(house.activity.orders) - asked
        await rounds(200)

        assert of_it > 3
        assert len(house.activity.orders) == asked + of_it

    async def test_a_look_that_is_never_answered_holds_up_nothing(
        self, house: House, agents: Agents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await agents.begin("a", pid=7)
        await rounds()
        monkeypatch.setattr(house.activity, "look", lambda order, seen: None)

        await agents.do("x.py")

        assert files_of(house, "a") == ["x.py"]

    async def test_an_ended_session_is_looked_at_no_more(self, house: House, agents: Agents) -> None:
        a, b = await agents.begin("a", pid=7), await agents.begin("b", pid=8)
        await end(house, "b")
        await until(lambda: house.services.workspaces.members((str(agents.workspace),)) == ("a",))

        await agents.do("x.py")

        assert a in house.activity.orders[-1].bound
        assert b not in house.activity.orders[-1].bound
        assert not session_of(house, "b").active

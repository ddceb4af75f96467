"""The fakes do what the ports promise: a test that rests on one rests on this."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.file_events import Change, FileEvent, Loss, WatchReport
from omnimemd.domain.ports import Processes, Watcher, WatchListener
from tests.support.clock import NOON, SECOND, FakeClock
from tests.support.processes import FakeProcesses
from tests.support.schema import faults
from tests.support.waiting import rounds, until
from tests.support.watcher import FakeWatcher

#: mypy holds the fakes against their ports here.
CLOCK: Clock = FakeClock()
PROCESSES: Processes = FakeProcesses()
WATCHER: type[Watcher] = FakeWatcher


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.all: list[FileEvent | Loss | WatchReport] = []

    def file_events(self, events: Sequence[FileEvent]) -> None:
        self.all += events

    def events_lost(self, loss: Loss) -> None:
        self.all.append(loss)

    def watch_changed(self, report: WatchReport) -> None:
        self.all.append(report)


LISTENER: type[WatchListener] = Heard


class TestClock:
    def test_it_stands_still_until_it_is_moved(self) -> None:
        clock = FakeClock()

        assert clock.now() == clock.now() == NOON
        assert clock.advance(SECOND) == clock.now() == NOON + SECOND
        assert clock.advance(-2 * SECOND) == Millis(NOON - SECOND)

    def test_what_has_elapsed_does_not_follow_a_clock_that_is_set(self) -> None:
        clock = FakeClock()
        clock.advance(SECOND)

        assert clock.jump(SECOND) == NOON + 2 * SECOND
        clock.advance(-SECOND)
        assert clock.elapsed() == SECOND


class TestProcesses:
    def test_a_process_is_found_while_it_lives(self) -> None:
        processes = FakeProcesses()
        begun = processes.begin(7)

        assert processes.find(7) == begun
        processes.die(7)
        assert processes.find(7) is None

    def test_a_death_is_told_once_to_whoever_waits(self) -> None:
        processes = FakeProcesses()
        process = processes.begin(7)
        told: list[str] = []
        processes.on_death(process.identity, lambda: told.append("a"))
        cancel = processes.on_death(process.identity, lambda: told.append("b"))
        assert cancel is not None
        cancel()
        cancel()

        processes.die(7)
        processes.begin(7)
        processes.die(7)

        assert told == ["a"]

    def test_nobody_waits_for_a_process_that_is_dead_or_another(self) -> None:
        processes = FakeProcesses()
        old = processes.begin(7)
        processes.die(7)
        dead = processes.on_death(old.identity, lambda: None)
        new = processes.begin(7)

        assert (dead, processes.on_death(old.identity, lambda: None)) == (None, None)
        assert new.identity != old.identity
        assert not processes.waited_for(7)

    def test_a_doomed_process_dies_as_it_is_waited_for(self) -> None:
        processes = FakeProcesses()
        process = processes.begin(7)
        processes.doom(7)

        assert processes.find(7) == process
        assert processes.on_death(process.identity, lambda: None) is None
        assert processes.find(7) is None

    def test_ancestry_goes_upwards_while_there_is_somebody(self) -> None:
        processes = FakeProcesses()
        for pid, parent in ((5, 1), (6, 5), (7, 6)):
            processes.begin(pid, parent=parent)

        assert [one.identity.pid for one in processes.ancestry(7)] == [7, 6, 5]
        assert list(processes.ancestry(99)) == []

    def test_who_works_in_a_folder_is_found_by_program_and_place(self) -> None:
        processes = FakeProcesses()
        inside = processes.begin(5, at_work_in=Path("/w/sub"))
        processes.begin(6, at_work_in=Path("/elsewhere"))
        processes.begin(7, name="bash", at_work_in=Path("/w"))
        processes.begin(8)

        assert processes.at_work_in("/w", {"claude"}) == [inside]
        processes.die(5)
        assert processes.at_work_in("/w", {"claude"}) == []

    def test_a_reboot_is_another_boot_without_any_process(self) -> None:
        processes = FakeProcesses()
        old = processes.begin(7)
        processes.reboot()
        new = processes.begin(7)

        assert new.identity.boot == processes.boot != old.identity.boot


class TestWatcher:
    @pytest.fixture
    def heard(self) -> Heard:
        return Heard()

    async def test_what_happens_is_heard_at_the_next_barrier_in_order(self, heard: Heard) -> None:
        watcher = FakeWatcher()
        await watcher.start(heard)
        watcher.happens("/w/a", Change.READ, roots=["/w"])
        watcher.loses("/w")
        watcher.happens("/w/b", Change.WRITTEN, roots=["/w"])
        before = len(heard.all)

        await watcher.barrier()

        assert before == 0
        assert [type(one) for one in heard.all] == [FileEvent, Loss, FileEvent]
        assert watcher.counts().events_seen == 2

    async def test_a_root_is_watched_until_it_is_not(self, heard: Heard) -> None:
        watcher = FakeWatcher()
        await watcher.start(heard)
        watcher.will_degrade("/bad", "no room")

        good, bad = await watcher.watch("/good"), await watcher.watch("/bad")
        await watcher.unwatch("/good")
        await watcher.unwatch("/unknown")

        assert (good.state, bad.state, bad.problem) == (
            WorkspaceState.WATCHING,
            WorkspaceState.DEGRADED,
            "no room",
        )
        assert (watcher.report("/good"), watcher.report("/bad")) == (None, bad)

    async def test_a_root_that_is_gone_is_told_and_may_come_back(self, heard: Heard) -> None:
        watcher = FakeWatcher()
        await watcher.start(heard)
        await watcher.watch("/w")

        watcher.loses_sight_of("/w")
        told = heard.all[-1]
        again = await watcher.watch("/w")

        assert isinstance(told, WatchReport)
        assert (told.state, again.state) == (WorkspaceState.GONE, WorkspaceState.WATCHING)


class TestWaiting:
    async def test_it_returns_when_the_condition_holds(self) -> None:
        asked = itertools.count(1)

        await until(lambda: next(asked) == 3)
        await rounds()

        assert next(asked) == 4

    async def test_it_does_not_wait_for_ever(self) -> None:
        with pytest.raises(TimeoutError):
            await until(lambda: False, seconds=0.01)


class TestSchema:
    DOCUMENT = {"components": {"Id": {"type": "string", "pattern": "^[a-z]+$"}}}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("value", "schema"),
        [
            ("a", {"$ref": "#/components/Id"}),
            (None, {"anyOf": [{"type": "null"}, {"type": "integer"}]}),
            ({"a": 1}, {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}),
            ({"a": 1}, {"type": "object", "additionalProperties": {"type": "integer"}}),
            ([1, 2], {"type": "array", "items": {"type": "integer"}, "maxItems": 2}),
            ("x", {"enum": ["x", "y"]}),
            (1, True),
        ],
    )
    def test_what_fits_has_no_faults(self, value: object, schema: object) -> None:
        assert faults(value, schema, self.DOCUMENT) == []

    @pytest.mark.parametrize(
        ("value", "schema"),
        [
            ("A", {"$ref": "#/components/Id"}),
            ("x", {"anyOf": [{"type": "null"}, {"type": "integer"}]}),
            (True, {"type": "integer"}),
            ({}, {"type": "object", "required": ["a"]}),
            ({"a": "x"}, {"type": "object", "properties": {"a": {"type": "number"}}}),
            ({"b": 1}, {"type": "object", "properties": {}, "additionalProperties": False}),
            ([1, "2"], {"type": "array", "items": {"type": "integer"}}),
            ("z", {"enum": ["x", "y"]}),
            ("", {"type": "string", "minLength": 1}),
            (2, {"type": "integer", "maximum": 1}),
            (0, {"type": "integer", "exclusiveMinimum": 0}),
        ],
    )
    def test_what_does_not_fit_has(self, value: object, schema: object) -> None:
        assert faults(value, schema, self.DOCUMENT)

"""Bursts are told from work, whatever the order and pace of events, and everything is accounted for."""

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Access
from omnimemd.domain.bursts import BurstPart
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Coalescer, Observed, Settled
from omnimemd.domain.file_events import Change, FileEvent
from tests.support.clock import MINUTE, NOON, SECOND

#: What happens to one file when it is written: three events.
A_WRITE = (Change.CREATED, Change.MODIFIED, Change.WRITTEN)


def a_coalescer() -> Coalescer:
    numbers = itertools.count()
    return Coalescer(lambda: f"burst_{next(numbers)}")


def event(path: str, *, at: float, change: Change = Change.READ, root: str = "/w") -> FileEvent:
    return FileEvent((root,), f"{root}/{path}", change, Millis(NOON + int(at)))


def reads(count: int, *, every: float, start: float = 0, name: str = "f") -> list[FileEvent]:
    """Return the reads of *count* files, one each *every* milliseconds, from *start* on."""
    return [event(f"d{number % 7}/{name}{number}", at=start + number * every) for number in range(count)]


def writes(count: int, *, every: float, start: float = 0, name: str = "w") -> list[FileEvent]:
    return [
        event(f"d{number % 7}/{name}{number}", at=start + number * every, change=change)
        for number in range(count)
        for change in A_WRITE
    ]


class Telling:
    """A coalescer that is looked at every 50 ms, as the daemon does, and what came out of it."""

    def __init__(self, events: Iterable[FileEvent], *, until: float = MINUTE) -> None:
        self.coalescer = a_coalescer()
        self.out: list[Settled] = []
        self.longest_held = 0
        self.events = sorted(events, key=lambda one: one.at)
        self._now = NOON
        queue = list(self.events)
        while self._now < NOON + until:
            self._now = Millis(self._now + 50)
            due = sum(one.at <= self._now for one in queue)
            self.coalescer.add(queue[:due])
            del queue[:due]
            self.look()

    def look(self, *, everything: bool = False) -> None:
        now = self._now
        found = self.coalescer.take(now=now, everything=everything)
        self.out += found
        held = [now - (one.at if isinstance(one, Observed) else one.started_at) for one in found]
        self.longest_held = max([self.longest_held, *held])

    @property
    def rows(self) -> list[Observed]:
        return [one for one in self.out if isinstance(one, Observed)]

    @property
    def read_rows(self) -> list[str]:
        return [one.path for one in self.rows if one.access is Access.READ]

    @property
    def parts(self) -> list[BurstPart]:
        return [one for one in self.out if isinstance(one, BurstPart)]

    @property
    def bursts(self) -> set[str]:
        return {one.burst_id for one in self.parts}


class TestReads:
    @pytest.mark.parametrize("count", [1, 8, 20, 35])
    @pytest.mark.parametrize("every", [0, 1, 5, 100])
    def test_work_is_told_file_by_file(self, count: int, every: float) -> None:
        told = Telling(reads(count, every=every))

        assert len(told.read_rows) == count
        assert told.parts == []
        assert told.longest_held < 1_000

    @pytest.mark.parametrize(
        ("count", "every", "rows"),
        [(500, 0, 0), (500, 0.01, 0), (5_000, 1, 0), (500, 5, 0), (500, 10, 0), (500, 20, 5)],
    )
    def test_a_scan_leaves_next_to_no_rows_of_reads(self, count: int, every: float, rows: int) -> None:
        told = Telling(reads(count, every=every))

        assert len(told.read_rows) <= rows
        assert sum(one.reads for one in told.parts) == count - len(told.read_rows)
        assert sum(one.files for one in told.parts) == count - len(told.read_rows)
        assert len(told.bursts) == 1

    @pytest.mark.parametrize("every", [50, 100])
    def test_a_walk_that_is_slower_than_that_is_found_out_later(self, every: float) -> None:
        told = Telling(reads(400, every=every))

        assert len(told.read_rows) < 48
        assert len(told.read_rows) + sum(one.reads for one in told.parts) == 400
        assert len(told.bursts) == 1

    @pytest.mark.parametrize(("every", "rows"), [(30, 5), (50, 8), (100, 16)])
    @pytest.mark.parametrize("is_sorted", [True, False])
    def test_a_slow_walk_is_found_out_by_its_order(self, every: float, rows: int, is_sorted: bool) -> None:
        names = [f"{directory:03}/{number:03}" for directory in range(40) for number in range(10)]
        if not is_sorted:
            names = [name for group in range(39, -1, -1) for name in names[group * 10 : group * 10 + 10]]

        told = Telling(event(name, at=number * every) for number, name in enumerate(names))

        assert len(told.read_rows) <= rows
        assert len(told.read_rows) + sum(one.reads for one in told.parts) == 400

    def test_files_read_in_order_while_others_are_written_are_work(self) -> None:
        work = [event(f"{number:03}", at=number * 60) for number in range(40)]
        saves = [event("notes", at=number * 600, change=Change.WRITTEN) for number in range(4)]

        assert len(Telling([*work, *saves]).read_rows) == 40

    @pytest.mark.parametrize("every", [150, 1_000])
    def test_files_read_in_order_at_leisure_are_told_at_once(self, every: float) -> None:
        told = Telling(event(f"{number:03}", at=number * every) for number in range(40))

        assert len(told.read_rows) == 40
        assert told.longest_held <= 200

    def test_one_file_read_again_and_again_is_no_scan(self) -> None:
        told = Telling(event("a", at=number / 10) for number in range(5_000))

        assert told.parts == []

    def test_work_that_is_seen_beside_other_work_is_no_scan(self) -> None:
        here = [event(f"f{number}", at=number, root="/w") for number in range(35)]
        there = [event(f"f{number}", at=number, root="/v") for number in range(35)]

        assert len(Telling([*here, *there]).read_rows) == 70

    def test_a_part_names_the_directories_with_the_most_files(self) -> None:
        files = [f"{'abcdefg'[of]}/{number}" for of in range(7) for number in range(10 * (of + 1))]

        (part,) = Telling(event(path, at=number / 10) for number, path in enumerate(files)).parts

        assert (part.files, part.directories, part.reads, part.writes) == (280, 7, 280, 0)
        assert part.top == ("/w/g", "/w/f", "/w/e", "/w/d", "/w/c")

    def test_what_is_read_before_and_after_counts_as_itself(self) -> None:
        scan = reads(500, every=0.1, start=1_000)

        told = Telling([event("before", at=700), *scan, event("after", at=1_050 + 600)])

        assert told.read_rows == ["/w/before", "/w/after"]
        assert [one.reads for one in told.parts] == [500]

    def test_what_stands_apart_from_the_burst_that_it_precedes_counts_as_itself(self) -> None:
        near = [event(f"near{number}", at=number * 10) for number in range(10)]

        told = Telling([*near, *reads(500, every=0.1, start=350)])

        assert len(told.read_rows) == 10

    def test_what_follows_upon_a_flush_has_to_prove_that_it_is_of_the_burst(self) -> None:
        told = Telling(reads(500, every=0.1), until=60)
        told.look(everything=True)

        told.coalescer.add(reads(20, every=0.1, start=70, name="work"))
        told.look(everything=True)

        assert len(told.read_rows) == 20
        assert [one.reads for one in told.parts] == [500]

    def test_a_burst_that_goes_on_behind_a_flush_goes_on_under_its_id(self) -> None:
        told = Telling(reads(500, every=0.1), until=60)
        told.look(everything=True)

        told.coalescer.add(reads(500, every=0.1, start=70, name="more"))
        told.look(everything=True)

        assert told.read_rows == []
        assert [one.reads for one in told.parts] == [500, 500]
        assert len(told.bursts) == 1

    def test_the_next_scan_is_another_burst(self) -> None:
        told = Telling([*reads(500, every=0.1), *reads(500, every=0.1, start=10 * SECOND)])

        assert len(told.bursts) == 2

    def test_a_clock_set_back_ends_a_burst_and_loses_nothing(self) -> None:
        told = Telling(reads(500, every=0.1), until=100)

        told.coalescer.add([event("later", at=-MINUTE)])
        told.look(everything=True)

        assert sum(one.reads for one in told.parts) == 500
        assert told.read_rows == ["/w/later"]


class TestParts:
    def test_a_part_spans_two_seconds_at_most_and_is_given_out_by_then(self) -> None:
        told = Telling(reads(20_000, every=1))

        assert len(told.parts) > 5
        assert all(one.ended_at - one.started_at <= 2 * SECOND for one in told.parts)
        assert told.longest_held <= 2 * SECOND
        assert len(told.bursts) == 1
        assert sum(one.files for one in told.parts) == 20_000

    def test_a_part_holds_no_more_files_than_memory_is_meant_for(self) -> None:
        told = Telling([], until=50)

        for start in range(0, 1_000_000, 1_000):
            told.coalescer.add([event(f"{start + number}", at=start / 1_000) for number in range(1_000)])
        told.look(everything=True)

        assert max(one.files for one in told.parts) <= 34_000
        assert sum(one.files for one in told.parts) == 1_000_000

    def test_parts_of_one_workspace_can_be_taken(self) -> None:
        told = Telling([], until=50)
        for root in ("/w", "/v"):
            told.coalescer.add([event(f"f{number}", at=0, root=root) for number in range(500)])

        (mine,) = told.coalescer.take_of("/w", now=NOON)
        (rest,) = told.coalescer.take(now=NOON, everything=True)

        assert (mine.workspaces, rest.workspaces) == (("/w",), ("/v",))


class TestWrites:
    def test_files_written_in_a_burst_are_told_and_counted(self) -> None:
        told = Telling(writes(500, every=0.1))

        assert [one.access for one in told.rows] == [Access.CREATE] * 500
        assert {one.burst_id for one in told.rows} == told.bursts == {"burst_0"}
        assert [(one.files, one.reads, one.writes) for one in told.parts] == [(500, 0, 500)]

    def test_saving_some_files_at_once_is_work(self) -> None:
        told = Telling(writes(20, every=0))

        assert {one.burst_id for one in told.rows} == {None}
        assert told.parts == []

    def test_a_file_somebody_saves_while_another_scans_is_that_ones_own(self) -> None:
        told = Telling([*reads(500, every=1), *writes(3, every=50, start=200)])

        assert [one.burst_id for one in told.rows] == [None] * 3
        assert [(one.reads, one.writes) for one in told.parts] == [(500, 0)]

    def test_what_is_read_and_what_is_written_by_a_build_are_one_burst(self) -> None:
        told = Telling([*reads(500, every=2), *writes(100, every=10)])

        assert told.read_rows == []
        assert len(told.rows) == 100
        assert len(told.bursts) == 1
        (burst,) = told.bursts
        assert sum(one.writes for one in told.parts) == sum(one.burst_id == burst for one in told.rows) > 90

    def test_a_row_is_not_held_by_the_burst_it_is_of(self) -> None:
        told = Telling(writes(5_000, every=1))
        held = [one for one in told.rows if one.burst_id is None]

        assert len(told.rows) == 5_000
        assert len(held) < 65


class TestLock:
    @staticmethod
    def lock(change: Change, at: float) -> FileEvent:
        return event(".git/index.lock", at=at, change=change)

    def test_while_git_works_few_files_are_a_burst(self) -> None:
        work = [self.lock(Change.LOCKED, 0), *writes(12, every=1, start=1), self.lock(Change.UNLOCKED, 20)]

        told = Telling(work)

        assert len(told.rows) == 12
        assert [(one.files, one.writes) for one in told.parts] == [(12, 12)]

    def test_what_git_looked_at_just_before_is_of_it(self) -> None:
        told = Telling([*reads(12, every=1), self.lock(Change.LOCKED, 20), self.lock(Change.UNLOCKED, 21)])

        assert told.read_rows == []
        assert [one.reads for one in told.parts] == [12]

    def test_what_git_looks_at_just_after_is_of_it(self) -> None:
        told = Telling([self.lock(Change.LOCKED, 0), self.lock(Change.UNLOCKED, 1), *reads(12, every=1, start=100)])

        assert [one.reads for one in told.parts] == [12]

    def test_a_single_read_beside_it_is_not(self) -> None:
        told = Telling([self.lock(Change.LOCKED, 0), *reads(7, every=1, start=5), self.lock(Change.UNLOCKED, 20)])

        assert len(told.read_rows) == 7

    @pytest.mark.parametrize("locked", [[Change.LOCKED, Change.UNLOCKED], [Change.LOCKED]])
    def test_long_after_a_lock_work_is_work_whether_or_not_it_was_removed(self, locked: list[Change]) -> None:
        told = Telling([*(self.lock(one, 0) for one in locked), *reads(20, every=1, start=11 * SECOND)])

        assert len(told.read_rows) == 20

    def test_a_lock_elsewhere_says_nothing(self) -> None:
        lock = FileEvent(("/v",), "/v/.git/index.lock", Change.LOCKED, NOON)

        assert len(Telling([lock, *reads(20, every=1)]).read_rows) == 20


#: A program: how many files, how long after one another, what happens to each, when, and in which workspaces.
programs = st.lists(
    st.tuples(
        st.sampled_from([1, 7, 30, 70, 300]),
        st.sampled_from([0, 0.1, 1, 10, 60]),
        st.lists(st.sampled_from(Change), min_size=1, max_size=3),
        st.integers(0, 5_000),
        st.sampled_from([("/w",), ("/w", "/w/v")]),
    ),
    max_size=4,
)
looks = st.lists(st.tuples(st.integers(0, 8_000), st.sampled_from(["take", "flush", "take_of"])), max_size=10)


def run(programs: Sequence[tuple[int, float, list[Change], int, tuple[str, ...]]]) -> list[FileEvent]:
    events = [
        FileEvent(roots, f"/w/v/{number}", change, Millis(NOON + start + int(number * every)))
        for count, every, changes, start, roots in programs
        for number in range(count)
        for change in changes
    ]
    return sorted(events, key=lambda one: one.at)


@given(programs, looks)
def test_everything_is_accounted_for(
    programs: list[tuple[int, float, list[Change], int, tuple[str, ...]]], looks: list[tuple[int, str]]
) -> None:
    coalescer, out = a_coalescer(), list[Settled]()
    events = run(programs)
    queue = list(events)
    for at, what in sorted([*looks, *((at, "take") for at in range(0, 8_000, 100))]):
        now = Millis(NOON + at)
        due = sum(one.at <= now for one in queue)
        coalescer.add(queue[:due])
        del queue[:due]
        out += (
            coalescer.take_of("/w/v", now=now)
            if what == "take_of"
            else coalescer.take(now=now, everything=what == "flush")
        )
    coalescer.add(queue)
    out += coalescer.take(now=Millis(NOON + MINUTE), everything=True)

    rows = [one for one in out if isinstance(one, Observed)]
    parts = [one for one in out if isinstance(one, BurstPart)]
    assert len(coalescer) == 0
    assert len(rows) + coalescer.folded == len(events)
    assert sum(one.writes for one in parts) == sum(one.burst_id is not None for one in rows)
    read = [one for one in events if one.change is Change.READ]
    assert sum(one.reads for one in parts) + sum(one.access is Access.READ for one in rows) <= len(read)
    assert {one.burst_id for one in rows} <= {one.burst_id for one in parts} | {None}
    for one in parts:
        assert 0 <= one.ended_at - one.started_at <= 2 * SECOND
        assert 0 < one.directories <= one.files <= one.reads + one.writes
        assert 0 < len(one.top) <= 5


@given(st.integers(1, 20), st.floats(0, 500), st.booleans())
def test_work_on_twenty_files_is_never_a_burst(count: int, every: float, flushed: bool) -> None:
    coalescer = a_coalescer()
    coalescer.add(reads(count, every=every))

    found = coalescer.take(now=Millis(NOON + MINUTE), everything=flushed)

    assert [type(one) for one in found] == [Observed] * count

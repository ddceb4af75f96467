"""What the kernel says of a file, folded into what a person would name: nothing vanishes, the order stays."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Access
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Coalescer, Observed, Settled
from omnimemd.domain.file_events import Change, FileEvent
from tests.support.clock import NOON, SECOND

R, C, F, M, W, D = (
    Change.READ,
    Change.CREATED,
    Change.FOUND,
    Change.MODIFIED,
    Change.WRITTEN,
    Change.DELETED,
)
LONG_AFTER = Millis(NOON + 10 * SECOND)

#: One happening: what, to which file; a rename is two paths.
Happening = tuple[Change, str] | tuple[str, str]


def event(change: Change, path: str, *, at: int = NOON, cookie: int = 0, roots: tuple[str, ...] = ("/w",)) -> FileEvent:
    return FileEvent(roots, f"/w/{path}", change, Millis(at), cookie)


def told(*happenings: Happening) -> list[str]:
    """Return what is told of *happenings*, one millisecond apart, in words."""
    coalescer = a_coalescer()
    for number, (what, path) in enumerate(happenings, start=1):
        if isinstance(what, Change):
            coalescer.add([event(what, path, at=NOON + number)])
        else:
            coalescer.add([event(Change.MOVED_FROM, what, at=NOON + number, cookie=number)])
            coalescer.add([event(Change.MOVED_TO, path, at=NOON + number, cookie=number)])
    observed = coalescer.take(now=LONG_AFTER)
    assert len(coalescer) == 0
    return [in_words(one) for one in observed]


def a_coalescer() -> Coalescer:
    """Return an empty one, whose bursts are burst_0, burst_1 …"""
    numbers = itertools.count()
    return Coalescer(lambda: f"burst_{next(numbers)}")


def accesses(settled: Iterable[Settled]) -> list[Observed]:
    return [one for one in settled if isinstance(one, Observed)]


def in_words(one: Settled) -> str:
    assert isinstance(one, Observed)
    path = one.path.removeprefix("/w/")
    return f"{one.access} {one.old_path.removeprefix('/w/')} > {path}" if one.old_path else f"{one.access} {path}"


class TestStories:
    @pytest.mark.parametrize(
        ("happenings", "expected"),
        [
            pytest.param([(R, "a")], ["read a"], id="cat"),
            pytest.param([(R, "a"), (R, "a"), (R, "a")], ["read a"], id="read again and again"),
            pytest.param([(R, "a"), (R, "b"), (R, "a")], ["read a", "read b"], id="two in turn"),
            pytest.param([(C, "a"), (M, "a"), (W, "a")], ["create a"], id="echo > new"),
            pytest.param([(M, "a"), (W, "a")], ["write a"], id="echo > old"),
            pytest.param([(W, "a")], ["write a"], id="touch"),
            pytest.param(
                [(R, "a"), (M, "a"), (W, "a"), (R, "a")], ["read a", "write a", "read a"], id="read, write, read"
            ),
            pytest.param([(D, "a")], ["delete a"], id="rm"),
            pytest.param(
                [(C, "a.go.1234567"), (W, "a.go.1234567"), (M, "a.go"), (W, "a.go"), (D, "a.go.1234567")],
                ["write a.go"],
                id="gofmt",
            ),
            pytest.param([(C, "a"), (W, "a"), (D, "a")], ["create a", "delete a"], id="made and removed"),
            pytest.param([(D, "a"), (C, "a"), (W, "a")], ["write a"], id="removed and made anew at once"),
            pytest.param([("a", "b")], ["move a > b"], id="mv"),
            pytest.param([("a", "b"), ("b", "c")], ["move a > b", "move b > c"], id="a chain of renames"),
            pytest.param(
                [("a", "t.x"), ("b", "a"), ("t.x", "b")], ["move a > t.x", "move b > a", "move t.x > b"], id="a swap"
            ),
            pytest.param([(C, "a"), (W, "a"), ("a", "b")], ["create a", "move a > b"], id="made and renamed"),
            pytest.param([(F, "a")], ["create a"], id="found in a new folder"),
            pytest.param([(F, "a"), (C, "a"), (W, "a")], ["create a"], id="found, and told of too"),
        ],
    )
    def test_each_is_told_as_a_person_would(self, happenings: list[Happening], expected: list[str]) -> None:
        assert told(*happenings) == expected

    @pytest.mark.parametrize(
        ("happenings", "expected"),
        [
            pytest.param([(C, "sedX1y2Z3"), (W, "sedX1y2Z3"), ("sedX1y2Z3", "a.py")], ["write a.py"], id="sed -i"),
            pytest.param(
                [
                    (C, ".goutputstream-A1B2"),
                    (M, ".goutputstream-A1B2"),
                    (W, ".goutputstream-A1B2"),
                    (".goutputstream-A1B2", "a.py"),
                ],
                ["write a.py"],
                id="GLib",
            ),
            pytest.param(
                [
                    (C, "a.py___jb_tmp___"),
                    (W, "a.py___jb_tmp___"),
                    ("a.py", "a.py___jb_old___"),
                    ("a.py___jb_tmp___", "a.py"),
                    (D, "a.py___jb_old___"),
                ],
                ["write a.py"],
                id="JetBrains",
            ),
            pytest.param(
                [("a.py", "a.py~"), (C, "a.py"), (M, "a.py"), (W, "a.py"), (D, "a.py~")],
                ["write a.py"],
                id="vim with a backup",
            ),
            pytest.param([("a.py", "a.py~")], ["delete a.py"], id="moved aside, and never made anew"),
            pytest.param([("a.py~", "a.py")], ["write a.py"], id="a backup that is put back"),
            pytest.param(
                [
                    (C, ".a.py.swp"),
                    (C, ".a.py.swx"),
                    (D, ".a.py.swx"),
                    (R, "a.py"),
                    (M, ".a.py.swp"),
                    (C, "4913"),
                    (D, "4913"),
                    (W, "a.py"),
                    (W, ".a.py.swp"),
                    (D, ".a.py.swp"),
                ],
                ["read a.py", "write a.py"],
                id="vim with a swap file",
            ),
            pytest.param(
                [(C, ".a.py.tmp"), (W, ".a.py.tmp"), (".a.py.tmp", "a.py")], ["write a.py"], id="atomic write"
            ),
            pytest.param(
                [(R, "a.py"), (C, "tmpab12cd34"), (W, "tmpab12cd34"), ("tmpab12cd34", "a.py")],
                ["read a.py", "write a.py"],
                id="black",
            ),
        ],
    )
    def test_an_editors_save_is_told_as_a_write(self, happenings: list[Happening], expected: list[str]) -> None:
        assert told(*happenings) == expected

    def test_a_file_moved_in_from_outside_is_created(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_TO, "a", cookie=9)])

        assert [in_words(one) for one in coalescer.take(now=LONG_AFTER)] == ["create a"]

    def test_a_file_moved_out_is_deleted(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_FROM, "a", cookie=9)])

        assert [in_words(one) for one in coalescer.take(now=LONG_AFTER)] == ["delete a"]

    def test_halves_of_different_renames_are_no_rename(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_FROM, "a", cookie=1)])
        coalescer.add([event(Change.MOVED_TO, "b", cookie=2)])

        assert [in_words(one) for one in coalescer.take(now=LONG_AFTER)] == ["delete a", "create b"]

    def test_a_rename_into_another_workspace_is_told_in_both(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_FROM, "a", cookie=1, roots=("/w",))])
        coalescer.add([event(Change.MOVED_TO, "b", cookie=1, roots=("/v",))])

        told = {(one.workspaces, one.access, one.path) for one in accesses(coalescer.take(now=LONG_AFTER))}
        assert told == {(("/v",), Access.MOVE, "/w/b"), (("/w",), Access.DELETE, "/w/a")}


class TestWaiting:
    def test_the_second_half_of_a_rename_is_waited_for(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_FROM, "a", cookie=1)])

        early = coalescer.take(now=Millis(NOON + 99))
        coalescer.add([event(Change.MOVED_TO, "b", cookie=1, at=NOON + 99)])

        assert early == []
        assert [in_words(one) for one in coalescer.take(now=LONG_AFTER)] == ["move a > b"]

    def test_a_half_that_stays_alone_is_told(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_FROM, "a", cookie=1)])

        assert [in_words(one) for one in coalescer.take(now=Millis(NOON + 100))] == ["delete a"]

    def test_a_second_half_that_comes_too_late_is_an_arrival(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(Change.MOVED_FROM, "a", cookie=1)])
        coalescer.take(now=LONG_AFTER)
        coalescer.add([event(Change.MOVED_TO, "b", cookie=1, at=LONG_AFTER)])

        assert [in_words(one) for one in coalescer.take(now=Millis(LONG_AFTER + SECOND))] == ["create b"]

    def test_a_temporary_file_that_was_told_already_is_told_to_move(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a.tmp")])
        coalescer.add([event(W, "a.tmp")])
        coalescer.add([event(Change.MOVED_FROM, "a.tmp", cookie=1, at=NOON + 50)])
        first = coalescer.take(now=Millis(NOON + 100))

        coalescer.add([event(Change.MOVED_TO, "a", cookie=1, at=NOON + 100)])
        rest = coalescer.take(now=LONG_AFTER)

        assert [in_words(one) for one in first + rest] == ["create a.tmp", "move a.tmp > a"]

    @pytest.mark.parametrize(("name", "waited"), [("a", 199), ("a.tmp", 999), (".a.X1y2", 999)])
    def test_a_file_just_opened_is_waited_for(self, name: str, waited: int) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, name)])

        early = coalescer.take(now=Millis(NOON + waited))
        coalescer.add([event(W, name, at=NOON + waited)])

        assert early == []
        assert [in_words(one) for one in coalescer.take(now=Millis(NOON + waited))] == [f"create {name}"]

    def test_what_is_not_closed_is_told_all_the_same(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a-link")])

        assert [in_words(one) for one in coalescer.take(now=Millis(NOON + 200))] == ["create a-link"]

    def test_the_end_of_a_write_that_was_told_already_is_not_told_again(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(M, "a")])
        told = coalescer.take(now=Millis(NOON + 200))
        coalescer.add([event(M, "a", at=NOON + 900), event(W, "a", at=NOON + 999)])
        coalescer.add([event(W, "a", at=NOON + 1100)])

        assert [in_words(one) for one in told] == ["write a"]
        assert [one.at - NOON for one in accesses(coalescer.take(now=LONG_AFTER))] == [1100]
        assert coalescer.folded == 2

    def test_what_is_written_to_a_file_that_was_told_when_it_was_made_is_told(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a-link")])
        told = coalescer.take(now=NOON, everything=True)
        coalescer.add([event(M, "a-link", at=NOON + 350), event(W, "a-link", at=NOON + 350)])
        told += coalescer.take(now=LONG_AFTER)

        assert [in_words(one) for one in told] == ["create a-link", "write a-link"]
        assert [one.at - NOON for one in accesses(told)] == [0, 350]

    def test_that_a_file_was_closed_which_was_told_when_it_was_made_is_not_told(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a.lock")])
        told = coalescer.take(now=NOON, everything=True)
        coalescer.add([event(W, "a.lock", at=NOON + 350)])

        assert [in_words(one) for one in [*told, *coalescer.take(now=LONG_AFTER)]] == ["create a.lock"]

    def test_writes_of_a_file_that_is_opened_for_each_are_told_one_by_one(self) -> None:
        coalescer = a_coalescer()
        seen = []
        for at in (NOON, NOON + 300, NOON + 600):
            coalescer.add([event(M, "a", at=at), event(W, "a", at=at)])
            seen += coalescer.take(now=Millis(at + 100))

        assert [in_words(one) for one in seen] == ["write a", "write a", "write a"]

    def test_what_is_settled_waits_a_while_for_what_came_before_it(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a.tmp"), event(W, "b", at=NOON + 1)])

        assert coalescer.take(now=Millis(NOON + 200)) == []
        assert [in_words(one) for one in coalescer.take(now=Millis(NOON + 201))] == ["write b"]

    def test_a_file_removed_while_it_is_open_was_made_before_it_was_removed(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a")])
        coalescer.add([event(D, "a", at=NOON + 1)])

        seen = [*coalescer.take(now=Millis(NOON + 100)), *coalescer.take(now=LONG_AFTER)]

        assert [in_words(one) for one in seen] == ["create a", "delete a"]

    def test_a_log_that_is_kept_open_is_told_again_every_half_minute(self) -> None:
        coalescer = a_coalescer()
        seen: list[Observed] = []
        for second in range(61):
            coalescer.add([event(M, "log", at=NOON + second * SECOND)])
            seen += accesses(coalescer.take(now=Millis(NOON + second * SECOND + 1000)))

        assert [(one.access, one.at - NOON) for one in seen] == [
            (Access.WRITE, 0),
            (Access.WRITE, 30 * SECOND),
            (Access.WRITE, 60 * SECOND),
        ]
        assert coalescer.folded == 58

    def test_a_log_that_was_closed_is_told_at_once_when_it_is_written_again(self) -> None:
        coalescer = a_coalescer()
        for at in (NOON, NOON + 2 * SECOND):
            coalescer.add([event(M, "log", at=at)])
            coalescer.add([event(W, "log", at=at)])

            assert [in_words(one) for one in coalescer.take(now=Millis(at + 100))] == ["write log"]

    def test_a_clock_set_back_holds_nothing_up(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a")])
        coalescer.add([event(Change.MOVED_FROM, "b", cookie=1)])

        assert len(coalescer.take(now=Millis(NOON - SECOND))) == 2

    def test_what_is_held_of_one_workspace_can_be_taken(self) -> None:
        coalescer = a_coalescer()
        coalescer.add([event(C, "a", roots=("/w",))])
        coalescer.add([event(C, "b", roots=("/v",))])

        assert [in_words(one) for one in coalescer.take_of("/w", now=NOON)] == ["create a"]
        assert len(coalescer) == 1


#: Few files and few renames, so that they meet; time between two events and between two takings.
steps = st.lists(
    st.tuples(
        st.sampled_from(Change),
        st.sampled_from(["a", "b", "a.tmp", ".a.swp"]),
        st.integers(1, 3),
        st.sampled_from([0, 1, 30, 200, 2_000, -500]),
        st.sampled_from(["", "", "take", "take_of"]),
    ),
    max_size=30,
)


@given(steps)
def test_no_event_vanishes(steps: list[tuple[Change, str, int, int, str]]) -> None:
    coalescer = a_coalescer()
    observed, now = 0, NOON
    for change, path, cookie, later, then in steps:
        now = Millis(now + later)
        halves = change in (Change.MOVED_FROM, Change.MOVED_TO)
        coalescer.add([event(change, path, at=now, cookie=cookie if halves else 0)])
        if then == "take":
            observed += len(coalescer.take(now=now))
        elif then == "take_of":
            observed += len(coalescer.take_of("/w", now=now))

    observed += len(coalescer.take(now=now, everything=True))

    assert len(coalescer) == 0
    assert observed + coalescer.folded == len(steps)
    assert coalescer.take(now=LONG_AFTER, everything=True) == []


@given(steps)
def test_what_happens_to_a_file_is_told_in_its_order(steps: list[tuple[Change, str, int, int, str]]) -> None:
    coalescer = a_coalescer()
    seen: list[Observed] = []
    now = NOON
    for number, (change, path, _, later, then) in enumerate(steps, start=1):
        now = Millis(now + abs(later))
        if change in (Change.MOVED_FROM, Change.MOVED_TO):
            coalescer.add([event(Change.MOVED_FROM, path, at=now, cookie=number)])
            coalescer.add([event(Change.MOVED_TO, "a" if path == "b" else "b", at=now, cookie=number)])
        else:
            coalescer.add([event(change, path, at=now)])
        if then:
            seen += accesses(coalescer.take(now=now))
    seen += accesses(coalescer.take(now=now, everything=True))

    for path in {one.path for one in seen}:
        times = [one.at for one in seen if path in (one.path, one.old_path)]
        assert times == sorted(times)

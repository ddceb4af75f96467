"""What processes did, as two looks at them tell it."""

from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.activity import Look, Looks, Moved, Span, Usage
from omnimemd.domain.clock import Millis
from tests.support.factories import an_identity

A, B, C = (an_identity(pid=pid) for pid in (10, 20, 30))


def a_look(at: int = 0, **of_a: tuple[int, int, int]) -> Look:
    """Return a look at the tree of A, in which p10=(read, written, cpu) is what process 10 has used."""
    return Look(Millis(at), {A: {int(pid[1:]): Usage(*used) for pid, used in of_a.items()}} if of_a else {})


def between(before: Look, after: Look) -> Moved | None:
    return Span(before, after).moved(A)


class TestMoved:
    def test_it_is_what_all_processes_of_a_tree_did(self) -> None:
        before = a_look(p10=(100, 10, 5), p11=(0, 0, 0))
        after = a_look(p10=(150, 10, 6), p11=(7, 8, 9))

        assert between(before, after) == Moved(57, 8, 10)

    def test_nothing_is_nothing(self) -> None:
        moved = between(a_look(p10=(100, 10, 5)), a_look(p10=(100, 10, 5)))

        assert moved == Moved()
        assert not moved

    def test_what_a_child_did_goes_over_to_its_parent_and_counts_once(self) -> None:
        before = a_look(p10=(100, 10, 5), p11=(50, 50, 7))
        after = a_look(p10=(160, 60, 6))

        assert between(before, after) == Moved(10, 0, 2)

    def test_a_process_that_ended_did_something(self) -> None:
        assert between(a_look(p10=(1, 1, 1), p11=(0, 0, 0)), a_look(p10=(1, 1, 1)))

    def test_a_child_whose_end_nobody_noted_makes_it_untellable(self) -> None:
        assert between(a_look(p10=(100, 10, 5), p11=(50, 0, 7)), a_look(p10=(120, 10, 6))) is None

    def test_a_tree_that_was_not_measured_both_times_is_untellable(self) -> None:
        assert between(a_look(), a_look(p10=(1, 1, 1))) is None
        assert between(a_look(p10=(1, 1, 1)), a_look()) is None


class TestForemost:
    def test_a_child_that_read_more_than_four_times_the_others_is_it(self) -> None:
        span = Span(a_look(p10=(100, 0, 0), p11=(0, 0, 0)), a_look(p10=(110, 0, 0), p11=(41, 0, 0)))

        assert span.foremost(A, ratio=4) == 11
        assert span.foremost(A, ratio=5) is None

    def test_the_bound_process_itself_is_none(self) -> None:
        span = Span(a_look(p10=(100, 0, 0), p11=(0, 0, 0)), a_look(p10=(200, 0, 0), p11=(1, 0, 0)))

        assert span.foremost(A, ratio=4) is None

    def test_nobody_did_anything(self) -> None:
        assert Span(a_look(p10=(1, 0, 0)), a_look(p10=(1, 0, 0))).foremost(A, ratio=4) is None


class TestLooks:
    def looks(self, *times: int) -> Looks:
        looks = Looks()
        for number, at in enumerate(times, start=1):
            looks.add(a_look(at), number=number)
        return looks

    def test_the_last_before_it_and_the_one_that_follows_it_are_chosen(self) -> None:
        span = self.looks(10, 20, 40, 50).span(Millis(30), 3)

        assert span is not None
        assert (span.before.at, span.after.at) == (20, 40)

    def test_a_look_from_just_before_may_know_of_it_already(self) -> None:
        span = self.looks(10, 28, 40).span(Millis(30), 3)

        assert span is not None
        assert span.before.at == 10

    def test_without_a_look_on_either_side_there_is_no_span(self) -> None:
        assert self.looks().span(Millis(30), 1) is None
        assert self.looks(10).span(Millis(30), 2) is None
        assert self.looks(40).span(Millis(30), 1) is None

    def test_one_is_surely_later_that_is_not_of_the_same_millisecond(self) -> None:
        looks = self.looks(10, 30, 40)

        assert looks.number_after(Millis(29)) == 2
        assert looks.number_after(Millis(30)) == 3
        assert looks.span(Millis(30), looks.number_after(Millis(40))) is None

    def test_until_now_it_is_up_to_the_newest(self) -> None:
        looks = self.looks(10, 20, 40, 90)
        span = looks.until_now(Millis(30))

        assert span is not None
        assert (span.before.at, span.after.at) == (20, 90)
        assert looks.until_now(Millis(5)) is None
        assert looks.until_now(Millis(99)) is None

    def test_between_are_those_within(self) -> None:
        found = self.looks(10, 20, 30, 40).between(Millis(20), Millis(30))

        assert [one.at for one in found] == [20, 30]

    def test_a_clock_that_was_set_back_begins_anew(self) -> None:
        looks = self.looks(1_000, 2_000, 30)

        assert looks.span(Millis(1_500), 2) is None
        assert looks.latest is not None
        assert looks.latest.at == 30

    @given(st.lists(st.integers(0, 10_000), min_size=1, max_size=2_000).map(sorted))
    def test_they_do_not_become_ever_more(self, times: list[int]) -> None:
        looks = self.looks(*times)

        assert looks.latest is not None
        assert looks.latest.at == times[-1]
        assert len(looks.between(Millis(0), Millis(10_000))) <= 512


def test_a_bound_process_descends_from_those_above_it() -> None:
    look = Look(Millis(0), above={C: B, B: A})

    assert look.descends(C, {A})
    assert look.descends(C, {B})
    assert not look.descends(A, {B, C})
    assert not look.descends(B, {C})

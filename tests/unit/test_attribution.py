"""Whose an observed access is."""

from hypothesis import assume, given
from hypothesis import strategies as st

from omnimem.model import Access, Attribution
from omnimemd.domain.activity import Moved
from omnimemd.domain.attribution import (
    NAMED,
    Contender,
    Deed,
    Kind,
    Share,
    attribute,
    by_place,
    explain,
    kind_of,
    settle,
)
from omnimemd.domain.identity import ProcessIdentity
from tests.support.factories import an_identity
from tests.support.strategies import ids

A, B, C = (an_identity(pid=pid) for pid in (1, 2, 3))
BOTH = frozenset((A, B))


def reads(size: int) -> Deed:
    return Deed(Kind.READ, size, BOTH)


def writes(size: int) -> Deed:
    return Deed(Kind.WRITE, size, BOTH)


def deletes() -> Deed:
    return Deed(Kind.QUIET, 0, BOTH)


def moved(*, read: int = 0, written: int = 0, cpu: int = 1_000) -> Moved:
    return Moved(read, written, cpu)


STILL = Moved()
trees = st.sampled_from([A, B, C])
amounts = st.integers(0, 50_000)
movements = st.builds(Moved, amounts, amounts, amounts)
some_deeds = st.lists(
    st.builds(Deed, st.sampled_from(Kind), amounts, st.frozensets(trees, min_size=1, max_size=3)), max_size=6
)
all_moved = st.dictionaries(trees, movements)


class TestByPlace:
    def test_nobody_has_what_nobody_could_have_done(self) -> None:
        assert by_place(()) == attribute(()) == ()

    def test_one_alone_has_it_as_probable(self) -> None:
        assert attribute(("a",)) == (Share("a", Attribution.PROBABLE),)

    @given(st.lists(ids, min_size=2, max_size=6, unique=True))
    def test_of_several_each_has_it_and_names_all_the_others(self, candidates: list[str]) -> None:
        shares = attribute(candidates)

        assert [share.session_id for share in shares] == candidates
        assert all(share.attribution is Attribution.AMBIGUOUS for share in shares)
        assert all({share.session_id, *share.others} == set(candidates) for share in shares)
        assert all(share.session_id not in share.others for share in shares)

    def test_who_did_nothing_did_not_do_it(self) -> None:
        assert by_place([Contender(("a",), idle=True), Contender(("b",))]) == (Share("b", Attribution.PROBABLE),)

    def test_where_all_did_nothing_each_has_it(self) -> None:
        shares = by_place([Contender(("a",), idle=True), Contender(("b",), idle=True)])

        assert [(one.session_id, one.others) for one in shares] == [("a", ("b",)), ("b", ("a",))]

    def test_of_many_it_names_some_so_that_what_is_recorded_grows_with_their_number_only(self) -> None:
        sessions = [f"session-{number}" for number in range(500)]

        shares = attribute(sessions)

        assert [share.session_id for share in shares] == sessions
        assert {len(share.others) for share in shares} == {NAMED}
        assert all(share.session_id not in share.others for share in shares)

    def test_what_one_alone_did_not_do_is_kept_as_ambiguous_without_others(self) -> None:
        assert by_place([Contender(("a",), idle=True)]) == (Share("a", Attribution.AMBIGUOUS),)

    def test_sessions_of_one_process_cannot_be_told_apart(self) -> None:
        shares = settle(Contender(("a", "b")), Attribution.PROCESS)

        assert [(one.session_id, one.attribution, one.others) for one in shares] == [
            ("a", Attribution.AMBIGUOUS, ("b",)),
            ("b", Attribution.AMBIGUOUS, ("a",)),
        ]
        assert settle(Contender(("a",)), Attribution.PROCESS) == (Share("a", Attribution.PROCESS),)

    def test_each_access_moves_its_counter(self) -> None:
        assert [kind_of(one) for one in Access] == [Kind.READ, Kind.WRITE, Kind.WRITE, Kind.QUIET, Kind.QUIET]


class TestExplain:
    def test_who_read_as_much_as_the_file_has_read_it(self) -> None:
        assert explain([reads(5_000)], {A: moved(read=5_020), B: moved(read=60)}) == [A]

    def test_who_wrote_as_much_has_written_it(self) -> None:
        assert explain([writes(5_000)], {A: moved(read=90_000, written=6), B: moved(written=5_006)}) == [B]

    def test_a_name_is_changed_by_the_one_that_was_busy(self) -> None:
        assert explain([deletes()], {A: STILL, B: moved()}) == [B]

    def test_at_the_same_moment_each_has_its_own(self) -> None:
        both = {A: moved(read=5_020), B: moved(read=20_020)}

        assert explain([reads(5_000), reads(20_000)], both) == [A, B]

    def test_what_explains_a_movement_to_the_byte_is_preferred(self) -> None:
        through_a_child = moved(read=16_000)

        assert explain([reads(6_000), reads(5_000)], {A: moved(read=6_020), B: through_a_child}) == [A, B]

    def test_an_edit_and_a_copy_are_of_one_that_read_and_wrote(self) -> None:
        both = {A: moved(read=19_000, written=9_000), B: moved(read=20_000)}
        edit = [
            Deed(Kind.READ, 8_000, BOTH, "f"),
            Deed(Kind.WRITE, 9_000, BOTH, "f"),
            Deed(Kind.READ, 7_000, BOTH, "g"),
        ]
        copy = [
            Deed(Kind.READ, 9_000, BOTH, "f"),
            Deed(Kind.WRITE, 9_000, BOTH, "h"),
            Deed(Kind.READ, 7_000, BOTH, "g"),
        ]

        assert explain(edit, both) == explain(copy, both) == [A, A, B]

    def test_what_is_left_is_of_the_one_with_nothing_else_to_explain_what_it_did(self) -> None:
        both = {A: moved(written=9_000, cpu=5_000), B: moved(cpu=100)}

        assert explain([writes(9_000), deletes()], both) == [A, B]

    def test_what_is_left_is_open_when_there_may_have_been_more(self) -> None:
        both = {A: moved(written=9_000, cpu=5_000), B: moved(cpu=100)}

        assert explain([writes(9_000), deletes()], both, all_told=False) == [A, None]

    def test_two_that_only_changed_names_cannot_be_told_apart(self) -> None:
        assert explain([deletes(), deletes()], {A: moved(cpu=100), B: moved(cpu=9_000)}) == [None, None]

    def test_four_times_as_much_as_any_other_is_enough_and_less_is_not(self) -> None:
        assert explain([reads(1)], {A: moved(read=4_000), B: moved(read=1_000)}) == [A]
        assert explain([reads(1)], {A: moved(read=3_999), B: moved(read=1_000)}) == [None]

    def test_who_was_busy_long_enough_for_a_name_may_have_changed_it(self) -> None:
        assert explain([deletes()], {A: moved(cpu=900_000), B: moved(cpu=29_000)}) == [A]
        assert explain([deletes()], {A: moved(cpu=900_000), B: moved(cpu=30_000)}) == [None]

    def test_a_part_of_a_file_is_read_by_the_one_that_read_at_all(self) -> None:
        assert explain([reads(1_000_000)], {A: moved(read=8_192), B: moved(read=10)}) == [A]

    def test_a_few_bytes_are_no_evidence_against_one_that_maps_the_file(self) -> None:
        assert explain([reads(9_000)], {A: moved(cpu=3_000), B: moved(read=30)}) == [None]

    def test_what_is_known_explains_what_it_explains(self) -> None:
        deeds = [reads(5_000), reads(5_000)]

        assert explain(deeds, {A: moved(read=5_020), B: moved(read=5_020)}, known=[A, None]) == [A, B]

    def test_who_was_not_measured_may_have_done_it(self) -> None:
        assert explain([reads(5_000)], {A: moved(read=5_000)}) == [None]

    @given(some_deeds, all_moved)
    def test_only_who_may_have_done_it_and_did_something_has_it(
        self, deeds: list[Deed], all_moved: dict[ProcessIdentity, Moved]
    ) -> None:
        for deed, owner in zip(deeds, explain(deeds, all_moved), strict=True):
            if owner is not None:
                assert owner in deed.trees
                assert deed.trees <= all_moved.keys()
                assert all_moved[owner]

    @given(some_deeds, movements)
    def test_who_did_the_same_cannot_be_told_apart(self, deeds: list[Deed], one: Moved) -> None:
        deeds = [Deed(deed.kind, deed.size, BOTH) for deed in deeds]

        assert explain(deeds, {A: one, B: one}) == [None] * len(deeds)

    @given(some_deeds, all_moved)
    def test_it_does_not_matter_who_is_who(self, deeds: list[Deed], all_moved: dict[ProcessIdentity, Moved]) -> None:
        swap = {A: B, B: A, C: C}
        swapped = [Deed(deed.kind, deed.size, frozenset(swap[one] for one in deed.trees)) for deed in deeds]

        found = explain(swapped, {swap[tree]: one for tree, one in all_moved.items()})

        assert [one and swap[one] for one in found] == explain(deeds, all_moved)

    @given(st.integers(1, 100_000), st.integers(0, 100_000), st.integers(0, 100_000))
    def test_a_deed_that_one_alone_moved_enough_for_is_its(self, size: int, more: int, less: int) -> None:
        assume(less < size)

        assert explain([reads(size)], {A: moved(read=size + more), B: moved(read=less)}) == [A]

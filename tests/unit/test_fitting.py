"""Whether one tree did what a person may have done as well."""

from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.activity import Look, Looks, Moved, Usage
from omnimemd.domain.attribution import Deed, Kind
from omnimemd.domain.clock import Millis
from omnimemd.domain.fitting import beyond, fitting, swept
from tests.support.factories import an_identity

TREE = an_identity(pid=1)
ITS = frozenset((TREE,))


def reads(size: int, path: str = "f") -> Deed:
    return Deed(Kind.READ, size, ITS, path)


def writes(size: int, path: str = "f") -> Deed:
    return Deed(Kind.WRITE, size, ITS, path)


def renames(path: str = "f") -> Deed:
    return Deed(Kind.QUIET, 0, ITS, path)


class TestFitting:
    def test_enough_bytes_fit(self) -> None:
        assert fitting([writes(5_000)], Moved(written=5_010)) == [True]
        assert fitting([reads(5_000)], Moved(read=15_000)) == [True]

    def test_two_bytes_of_a_log_are_no_write_of_a_file(self) -> None:
        assert fitting([writes(5_000)], Moved(read=300, written=2, cpu_ns=200_000)) == [False]

    def test_a_part_of_a_file_fits(self) -> None:
        assert fitting([reads(1_000_000)], Moved(read=8_192)) == [True]
        assert fitting([writes(1_000_000)], Moved(written=4_096)) == [True]

    def test_what_it_moves_by_the_way_does_not(self) -> None:
        assert fitting([writes(700)], Moved(written=900), Moved(written=1_200)) == [False]
        assert fitting([renames()], Moved(cpu_ns=300_000), Moved(cpu_ns=400_000)) == [False]

    def test_what_is_more_than_that_does(self) -> None:
        assert fitting([writes(9_000)], Moved(written=9_900), Moved(written=1_200)) == [True]
        assert fitting([renames()], Moved(cpu_ns=100_000)) == [True]

    def test_what_is_explained_is_not_there_for_another(self) -> None:
        deeds = [writes(3_000, "a"), writes(2_000, "b")]

        assert fitting(deeds, Moved(written=3_005)) == [True, False]
        assert fitting(deeds, Moved(written=5_005)) == [True, True]
        assert fitting(deeds, Moved(written=3_005), known=[True, False]) == [True, False]

    def test_two_that_explain_it_equally_are_open(self) -> None:
        assert fitting([writes(3_000, "a"), writes(3_000, "b")], Moved(written=3_005)) == [False, False]

    def test_one_with_something_else_to_do_changed_no_name(self) -> None:
        assert fitting([writes(3_000, "a"), renames("b")], Moved(written=3_000, cpu_ns=300_000)) == [True, False]
        assert fitting([renames("a"), renames("b")], Moved(cpu_ns=300_000)) == [False, False]

    @given(st.lists(st.builds(writes, st.integers(1, 50_000), st.text("abc", min_size=1)), max_size=12))
    def test_one_that_wrote_it_all_has_it_all(self, deeds: list[Deed]) -> None:
        assert all(fitting(deeds, Moved(written=sum(deed.size for deed in deeds))))

    @given(st.lists(st.builds(writes, st.integers(1, 50_000)), max_size=12))
    def test_one_that_did_nothing_has_nothing(self, deeds: list[Deed]) -> None:
        assert not any(fitting([*deeds, renames()], Moved()))


class TestBeyond:
    def test_what_it_moves_by_the_way_is_no_evidence(self) -> None:
        usual = Moved(read=2_000, written=2_000, cpu_ns=500_000)

        assert not beyond(reads(5_000), Moved(read=1_900, written=1_900, cpu_ns=400_000), usual)
        assert not beyond(writes(5_000), Moved(read=9_000, written=1_900, cpu_ns=400_000), usual)
        assert not beyond(renames(), Moved(cpu_ns=400_000), usual)

    def test_what_is_more_is(self) -> None:
        usual = Moved(read=2_000, written=2_000, cpu_ns=500_000)

        assert beyond(reads(5_000), Moved(read=7_000), usual)
        assert beyond(writes(100), Moved(written=2_101), usual)
        assert beyond(writes(1_000_000), Moved(written=8_192), usual)  # a part of it
        assert beyond(renames(), Moved(cpu_ns=600_000), usual)
        assert beyond(reads(0), Moved(cpu_ns=600_000), usual)  # it is empty, or gone

    def test_no_name_is_changed_without_a_processor(self) -> None:
        assert not beyond(renames(), Moved(cpu_ns=1_000), Moved())


class TestSwept:
    def test_half_of_the_bytes_is_the_least(self) -> None:
        assert swept(Moved(read=200_001), Moved(), reads=100, writes=0, size=4_000)
        assert not swept(Moved(read=200_000), Moved(), reads=100, writes=0, size=4_000)
        assert not swept(Moved(read=200_001), Moved(read=1), reads=100, writes=0, size=4_000)

    def test_what_changes_files_writes(self) -> None:
        assert swept(Moved(written=200_001), Moved(), reads=10, writes=100, size=4_000)
        assert not swept(Moved(read=900_000), Moved(), reads=10, writes=100, size=4_000)

    def test_names_take_time_on_a_processor(self) -> None:
        assert swept(Moved(cpu_ns=5_000_000), Moved(cpu_ns=100_000), reads=0, writes=1_000, size=0)
        assert not swept(Moved(cpu_ns=2_000_000), Moved(cpu_ns=100_000), reads=0, writes=1_000, size=0)

    @given(st.integers(1, 10_000), st.integers(0, 10_000), st.floats(0, 4_096))
    def test_who_did_nothing_did_not(self, reads: int, writes: int, size: float) -> None:
        assert not swept(Moved(), Moved(), reads=reads, writes=writes, size=size)


class TestUsual:
    def test_it_is_what_was_seen_in_calm_times(self) -> None:
        looks = Looks()
        for number in range(6):
            usage = Usage(number * 100, number * 300, number * 200_000)
            looks.add(Look(Millis(1_000 + 100 * number), {TREE: {1: usage}}), number=number, calm=number > 0)
        span = looks.until_now(Millis(1_410))
        assert span is not None

        assert looks.usual(TREE, span) == Moved(read=200, written=600, cpu_ns=800_000)

    def test_once_is_not_usual(self) -> None:
        looks = Looks()
        for number, written in enumerate((0, 9_000, 9_000, 9_000)):
            look = Look(Millis(1_000 + 100 * number), {TREE: {1: Usage(0, written, 0)}})
            looks.add(look, number=number, calm=number > 0)
        span = looks.until_now(Millis(1_210))
        assert span is not None

        assert looks.usual(TREE, span) == Moved()

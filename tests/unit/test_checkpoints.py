"""What lies between two checkpoints, which of too many go, and that a content comes back as it was."""

from msgspec.structs import replace

from omnimem.model import Access
from omnimemd.domain.checkpoints import (
    MOST_AUTOMATIC,
    Content,
    KeptDecision,
    KeptFile,
    difference,
    has_grown,
    packed,
    surplus,
    unpacked,
)
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Numbered
from tests.support.clock import MINUTE, NOON
from tests.support.factories import a_decision, an_access

A = KeptFile(path="/w/a.py", importance=0.5, at=NOON, reads=1)
B = KeptFile(path="/w/ünï\\xff", importance=0.75, at=NOON, writes=1, created=True)
ONE = KeptDecision(at=NOON, text="Use Postgres.", seq=1)
TWO = KeptDecision(at=Millis(NOON + 1), text="Use SQLite 🧠 \0", seq=2)
EARLIER = Content(summary="s", files=(A,), decisions=(ONE,), open_points=("the tests fail",))


def test_a_content_comes_back_as_it_was() -> None:
    content = replace(EARLIER, files=(B, A), decisions=(ONE, TWO), more_files=3)

    assert unpacked(packed(content).data) == content
    assert packed(content) == packed(unpacked(packed(content).data))
    assert packed(content).digest != packed(EARLIER).digest


class TestDifference:
    def test_there_is_none_between_equal_ones(self) -> None:
        found = difference(EARLIER, replace(EARLIER, summary="another"))

        assert not any(getattr(found, name) for name in found.__struct_fields__)

    def test_it_has_what_is_new_what_changed_and_what_is_gone(self) -> None:
        used = replace(A, reads=3, importance=0.6)
        later = Content(
            summary="s", files=(B, used), decisions=(replace(ONE, superseded=True), TWO), open_points=("no docs",)
        )

        found = difference(EARLIER, later)
        back = difference(later, EARLIER)

        assert (found.files_added, found.files_removed) == ((B,), ())
        assert [(one.before, one.after) for one in found.files_changed] == [(A, used)]
        assert (found.decisions_added, found.decisions_removed) == ((TWO,), ())
        assert [one.text for one in found.decisions_superseded] == [ONE.text]
        assert (found.open_points_added, found.open_points_closed) == (("no docs",), ("the tests fail",))
        assert (back.files_removed, back.decisions_removed) == ((B,), (TWO,))


class TestSurplus:
    def test_none_goes_as_long_as_there_are_few(self) -> None:
        assert surplus([(str(number), Millis(number)) for number in range(MOST_AUTOMATIC)]) == []

    def test_the_one_nearest_behind_another_goes_but_not_the_first_or_the_last(self) -> None:
        at = [Millis(NOON + number * MINUTE) for number in range(MOST_AUTOMATIC + 1)]
        at[1] = Millis(at[0] + 2)
        at[4] = Millis(at[3] + 1)
        at[-1] = Millis(at[-2])

        assert surplus([(str(number), moment) for number, moment in enumerate(at)]) == ["4"]


class TestGrowth:
    def test_decisions_count_and_reads_do_not_below_500_entries(self) -> None:
        decisions = [Numbered(seq, a_decision(str(seq))) for seq in range(1, 9)]
        reads = [Numbered(seq, an_access(f"/w/{seq}.py")) for seq in range(1, 501)]

        assert has_grown(decisions, workspace="/w")
        assert not has_grown(decisions[1:], workspace="/w")
        assert not has_grown(reads[1:], workspace="/w")
        assert has_grown(reads, workspace="/w")

    def test_each_changed_file_counts_once(self) -> None:
        writes = [Numbered(seq, an_access(f"/w/{seq % 24}.py", Access.WRITE)) for seq in range(1, 200)]

        assert not has_grown(writes, workspace="/w")
        assert has_grown([*writes, Numbered(200, an_access("/w/new.py", Access.DELETE))], workspace="/w")

"""What is stored, as lines and back, is the same value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from omnimem.model import EndReason
from omnimemd.domain import exporting
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Entry, Numbered
from omnimemd.domain.export_lines import decode, encode
from omnimemd.domain.exporting import session_line, session_of
from omnimemd.domain.exporting_entries import entry_line, entry_of
from omnimemd.domain.memories import Draft, Memory, begin, confirm, version_of, write
from omnimemd.domain.memory_chains import Amendment, Link, final, merge, unwritten
from tests.support.clock import NOON, SECOND
from tests.support.factories import a_binding, a_session
from tests.support.strategies import an_entry

FULL = replace(
    a_session("s-1", ended_at=NOON + 5 * SECOND, process=a_binding()),
    user_id="me",
    last_activity=Millis(NOON + SECOND),
    end_reason=EndReason.PROCESS_EXITED,
    end_detail="said",
    continues="s-0",
    seen_alive_at=Millis(NOON + 2 * SECOND),
    pinned=True,
    archived=True,
    metadata={"a": [1, 1.5, None, {"ü": "\x00"}]},
)


@given(an_entry(), st.integers(1, 2**53))
def test_an_entry_comes_back_as_it_was(entry: Entry, number: int) -> None:
    line = encode(entry_line("s-1", Numbered(number, entry)))

    assert entry_of(decode(line, number=1)) == Numbered(number, entry)  # type: ignore[arg-type]  # it is of an entry


def test_a_session_comes_back_as_it_was() -> None:
    line = decode(encode(session_line(FULL)), number=1)

    assert session_of(line, project_id="p-1") == FULL  # type: ignore[arg-type]  # it is of a session


def test_a_session_that_was_active_comes_back_ended() -> None:
    back = session_of(session_line(a_session()), project_id="p-1")

    assert (back.ended_at, back.end_reason, back.end_detail) == (NOON, EndReason.CLIENT, exporting.WAS_ACTIVE)


FIRST = begin(Draft(value="a"), memory_id="mem_1", project_id="p", key="k", now=NOON)
SECOND_ONE = write(FIRST, Draft(value="b", session_id="s"), now=Millis(NOON + SECOND))
ONE, TWO = Link(version_of(FIRST)), Link(version_of(SECOND_ONE))
OTHER = Link(version_of(replace(SECOND_ONE, value="c")))
NOTE = Amendment(at=Millis(NOON + 2 * SECOND), ttl_seconds=None, expires_at=None, files=("/f",), confirmed_at=NOON)


class TestMerge:
    def test_the_same_history_asks_for_nothing(self) -> None:
        assert merge([ONE, TWO], [ONE, TWO]) == merge([ONE], [ONE])

    def test_a_shorter_history_asks_for_nothing(self) -> None:
        found = merge([ONE, Link(TWO.version, (NOTE,))], [ONE, TWO])

        assert (found.missing, found.amendments, found.diverged) == ((), (), None)

    def test_what_follows_is_missing(self) -> None:
        assert merge([ONE], [ONE, TWO]).missing == (TWO,)

    def test_amendments_that_follow_are_missing(self) -> None:
        found = merge([ONE, TWO], [ONE, Link(TWO.version, (NOTE,))])

        assert (found.amendments, found.missing) == ((NOTE,), ())

    def test_another_version_diverges_and_with_it_all_that_follows(self) -> None:
        third = Link(replace(TWO.version, version=3))

        found = merge([ONE, TWO], [ONE, OTHER, third])

        assert (found.diverged, found.theirs) == (2, (OTHER, third))

    def test_another_amendment_diverges(self) -> None:
        ours = Link(TWO.version, (replace(NOTE, files=("/g",)),))

        assert merge([ONE, ours], [ONE, Link(TWO.version, (NOTE,))]).diverged == 2

    def test_what_was_erased_here_is_not_missed(self) -> None:
        assert merge([TWO], [ONE, TWO]).missing == ()


class TestUnwritten:
    def test_a_memory_that_is_as_its_history_says_needs_no_more(self) -> None:
        assert unwritten(FIRST, ONE) is None

    @pytest.mark.parametrize(
        "memory", [confirm(FIRST, now=Millis(NOON + SECOND)), replace(FIRST, files=("/f",))], ids=["confirmed", "files"]
    )
    def test_what_its_history_lacks_is_an_amendment(self, memory: Memory) -> None:
        more = unwritten(memory, ONE)

        assert more is not None
        assert final(FIRST, Link(ONE.version, (more,))) == memory
        assert more.at >= NOON

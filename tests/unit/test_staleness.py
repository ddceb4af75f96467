"""A file is what it was as long as its content is: whatever happened to its times, its inode and its name meanwhile."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import UNSEEN, Content, FileFacts
from omnimemd.domain.staleness import first_seen, needs_reading, seen_again, stored_path
from tests.support.clock import NOON, SECOND

NOW = Millis(NOON + 60 * SECOND)


def content(text: bytes = b"one", *, at: int = NOON, inode: int = 1, read: bool = True) -> Content:
    facts = FileFacts("a.py", inode, len(text), at * 1_000_000, at * 1_000_000)
    return Content("/w/a.py", facts, text if read else None)


REMEMBERED = first_seen("a.py", content(), since=NOON, now=NOW)


class TestFirstLook:
    def test_it_is_remembered_as_it_is(self) -> None:
        assert REMEMBERED.facts == content().facts
        assert (REMEMBERED.digest, REMEMBERED.changed_at) == (b"one", None)

    def test_what_changed_after_the_memory_was_written_has_changed_for_good(self) -> None:
        late = first_seen("a.py", content(at=NOON + 5), since=NOON, now=NOW)

        assert late.changed_at == NOON + 5
        assert seen_again(late, content(at=NOON + 5), now=NOW) is late
        assert not needs_reading([late], content(at=NOON + 9).facts)

    def test_of_a_memory_of_which_nobody_knows_when_it_was_written_nothing_is_claimed(self) -> None:
        assert first_seen("a.py", content(at=NOON + 5), since=None, now=NOW).changed_at is None

    def test_a_time_in_the_future_is_taken_for_now(self) -> None:
        assert first_seen("a.py", content(at=NOW + SECOND), since=NOW, now=NOW).changed_at is None

    def test_one_that_was_changed_just_now_is_read_again(self) -> None:
        fresh = first_seen("a.py", content(at=NOW), since=NOW, now=NOW)

        assert needs_reading([fresh], content(at=NOW).facts)

    def test_one_that_is_not_there_is_remembered_once_it_is(self) -> None:
        absent = first_seen("a.py", None, since=NOON, now=NOW)
        assert seen_again(absent, None, now=NOW) is absent

        there = seen_again(absent, content(), now=NOW)

        assert (there.digest, there.changed_at) == (b"one", None)


class TestLaterLooks:
    def test_the_same_facts_need_no_reading_and_say_nothing_new(self) -> None:
        assert not needs_reading([REMEMBERED], content().facts)
        assert seen_again(REMEMBERED, content(read=False), now=NOW) is REMEMBERED

    def test_another_size_needs_no_reading(self) -> None:
        assert not needs_reading([REMEMBERED], content(b"four").facts)
        changed = seen_again(REMEMBERED, content(b"four", at=NOON + 7, read=False), now=NOW)
        assert changed.changed_at == NOON + 7

    def test_the_same_content_elsewhere_on_the_disk_is_the_same(self) -> None:
        touched = content(at=NOON + 7, inode=2)
        assert needs_reading([REMEMBERED], touched.facts)

        again = seen_again(REMEMBERED, touched, now=NOW)

        assert again.changed_at is None
        assert not needs_reading([again], touched.facts)

    def test_it_says_when_it_changed_first(self) -> None:
        changed = seen_again(REMEMBERED, content(b"two", at=NOON + 7), now=NOW)
        later = seen_again(changed, content(b"six", at=NOON + 9), now=NOW)
        gone = seen_again(later, None, now=NOW)

        assert {changed.changed_at, later.changed_at, gone.changed_at} == {NOON + 7}

    def test_one_that_is_gone_changed_when_that_was_noticed(self) -> None:
        assert seen_again(REMEMBERED, None, now=NOW).changed_at == NOW

    def test_what_cannot_be_told_changes_nothing(self) -> None:
        assert seen_again(REMEMBERED, Content("/w/a.py", UNSEEN, None), now=NOW) is REMEMBERED

    def test_one_that_is_too_large_to_be_read_is_known_by_size_and_time(self) -> None:
        large = replace(REMEMBERED, digest=None)

        assert seen_again(large, content(inode=2, read=False), now=NOW).changed_at is None
        assert seen_again(large, content(at=NOON + 1, read=False), now=NOW).changed_at == NOON + 1

    @given(st.lists(st.sampled_from([None, b"one", b"two", b"longer", b""]), max_size=12))
    def test_it_has_changed_exactly_when_its_content_is_another(self, contents: list[bytes | None]) -> None:
        file, at = REMEMBERED, int(NOON)
        for number, text in enumerate(contents):
            at += 1
            seen = None if text is None else content(text, at=at, inode=number)
            if seen is not None and not needs_reading([file], seen.facts):
                seen = replace(seen, digest=None)
            file = seen_again(file, seen, now=NOW)

            assert (file.changed_at is None) is (text == b"one")


def test_a_path_is_kept_below_the_project() -> None:
    assert stored_path("/w/src/a.py", root="/w") == "src/a.py"
    assert stored_path("/a.py", root="/") == "a.py"
    assert stored_path("/wide/a.py", root="/w") == "/wide/a.py"
    assert stored_path("/w/a.py", root=None) == "/w/a.py"

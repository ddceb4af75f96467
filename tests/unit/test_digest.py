"""The digest: folding all, or a kept fold and the rest, is the same; it is small; searches lead where work was done."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Access, Attribution, EntryKind, Source
from omnimemd.domain import digest as rules
from omnimemd.domain.clock import Millis
from omnimemd.domain.context import ContextFold
from omnimemd.domain.digest import Content, DigestFold, How, SessionDigest, digest_of
from omnimemd.domain.entries import Entry, FileAccess, MemoryNote, Numbered, Search
from omnimemd.domain.paths import shown
from tests.support.clock import NOON, SECOND
from tests.support.factories import a_decision, a_gap, a_scan, a_session, an_access
from tests.support.strategies import an_access_entry, an_entry, texts

few = st.sampled_from(["/w/a", "/w/b", "/w/odd-\udcff", "/w/uv.lock"])
times = st.integers(NOON, NOON + 1200 * SECOND).map(Millis)
accesses = st.builds(
    lambda access, path, at, burst_id, old: msgspec.structs.replace(
        access, path=path, at=at, burst_id=burst_id, old_path=old, same_as=None, importance=None
    ),
    an_access_entry(),
    few,
    times,
    st.none() | st.just("burst-1"),
    st.none() | few,
)
searches = st.builds(Search, at=times, source=st.sampled_from(Source), query=texts)
stories = st.lists(accesses | searches | an_entry(), max_size=25)


class Story:
    """The entries of a session, folded as they come."""

    def __init__(self, entries: list[Entry]) -> None:
        self.context, self.fold = ContextFold(workspace="/w"), DigestFold()
        self.go_on(entries)

    def go_on(self, entries: list[Entry]) -> None:
        for seq, entry in enumerate(entries, start=self.context.through + 1):
            self.context.apply(Numbered(seq, entry), size=10)
            self.fold.apply(Numbered(seq, entry))

    def kept(self) -> "Story":
        again = Story([])
        again.context = ContextFold.restore(self.context.snapshot(), workspace="/w")
        again.fold = DigestFold.restore(self.content(), self.fold.rest())
        return again

    def content(self) -> Content:
        return self.fold.content(self.context.work())

    def digest(self) -> SessionDigest:
        return digest_of(a_session(), self.content())


def a_search(query: str = "rate limit", *, at: int = NOON) -> Search:
    return Search(at=Millis(at), source=Source.API, query=query)


def digest(*entries: Entry) -> SessionDigest:
    return Story(list(entries)).digest()


def led_to(*entries: Entry) -> list[tuple[str, ...]]:
    return [one.led_to for one in digest(*entries).searches]


@given(stories, st.data())
def test_a_kept_fold_and_the_rest_are_the_same_as_everything(entries: list[Entry], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))

    pieced = Story(entries[:cut]).kept()
    pieced.go_on(entries[cut:])

    assert pieced.digest() == Story(entries).digest()
    assert pieced.fold.rest() == Story(entries).fold.rest()


@given(stories)
def test_a_digest_can_be_written_as_json_and_read_back(entries: list[Entry]) -> None:
    made = digest(*entries)

    assert msgspec.json.decode(msgspec.json.encode(made), type=SessionDigest) == made


@given(stories)
def test_a_search_leads_only_to_what_followed_it_closely_and_was_worked_with(entries: list[Entry]) -> None:
    made = digest(*entries)

    worked_with = Story(entries).context.work().worked_with
    moved = any(isinstance(one, FileAccess) and one.old_path is not None for one in entries)
    for one in made.searches:
        behind: set[str] = set()
        for entry in entries[one.seq :]:
            if isinstance(entry, Search):
                break
            if isinstance(entry, FileAccess) and 0 <= entry.at - one.at <= 600 * SECOND and entry.burst_id is None:
                behind.add(shown(entry.path))
        assert one.led_to
        assert set(one.led_to) <= worked_with
        assert moved or set(one.led_to) <= behind


class TestSearches:
    def test_a_search_led_to_the_file_that_was_written_behind_it(self) -> None:
        entries: list[Entry] = [
            a_search(),
            an_access("/w/a", at=NOON + SECOND),
            an_access("/w/b", at=NOON + 2 * SECOND),
        ]

        assert led_to(*entries, an_access("/w/b", Access.WRITE, at=NOON + 3600 * SECOND)) == [("/w/b",)]

    def test_a_search_led_to_a_file_that_the_session_came_back_to_later(self) -> None:
        entries: list[Entry] = [
            a_search(),
            an_access("/w/a", at=NOON + SECOND),
            a_search("other", at=NOON + 2 * SECOND),
        ]

        assert led_to(*entries) == []
        assert led_to(*entries, an_access("/w/a", at=NOON + 3600 * SECOND)) == [("/w/a",)]

    def test_what_follows_late_or_behind_the_next_search_was_not_led_to(self) -> None:
        late = an_access("/w/a", Access.WRITE, at=NOON + 601 * SECOND)
        next_ones = an_access("/w/b", Access.WRITE, at=NOON + 5 * SECOND)

        assert led_to(a_search(), late) == []
        assert led_to(a_search(), a_search("next", at=NOON + SECOND), next_ones) == [("/w/b",)]

    @pytest.mark.parametrize(
        "access",
        [
            msgspec.structs.replace(an_access("/w/a", Access.WRITE), burst_id="burst-1"),
            an_access("/w/a", Access.WRITE, attribution=Attribution.AMBIGUOUS, others=("s-2",)),
            an_access("/w/a", Access.DELETE),
            an_access("/w/uv.lock", Access.WRITE),
        ],
        ids=["of a burst", "another session's, maybe", "deleted", "made by a tool"],
    )
    def test_what_nobody_looked_for_was_not_led_to(self, access: FileAccess) -> None:
        assert led_to(a_search(), access, an_access("/w/a", Access.WRITE, at=NOON + 3600 * SECOND)) == []

    def test_a_file_that_somebody_says_matters_was_led_to(self) -> None:
        assert led_to(a_search(), an_access("/w/a", importance=0.9)) == [("/w/a",)]
        assert led_to(a_search(), an_access("/w/a", importance=0.1), an_access("/w/a")) == []

    def test_a_search_leads_to_where_a_file_was_moved(self) -> None:
        entries: list[Entry] = [a_search(), an_access("/w/a", Access.WRITE, at=NOON + SECOND)]

        assert led_to(*entries, an_access("/w/b", Access.MOVE, old_path="/w/a", at=NOON + 3600 * SECOND)) == [("/w/b",)]


class TestFiles:
    def test_they_are_those_that_were_used_the_most_important_first(self) -> None:
        swept = msgspec.structs.replace(an_access("/w/swept"), burst_id="burst-1")
        made = digest(an_access("/w/read"), an_access("/w/written", Access.WRITE), swept)

        assert [one.path for one in made.files] == ["/w/written", "/w/read"]
        assert made.more_files == 1

    def test_a_file_that_came_to_be_and_one_that_went_say_so(self) -> None:
        made = digest(
            an_access("/w/new", Access.CREATE),
            an_access("/w/old"),
            an_access("/w/old", Access.DELETE),
            an_access("/w/old", Access.CREATE),
            an_access("/w/gone", Access.DELETE),
        )

        told = {one.path: (one.created, one.gone) for one in made.files}
        assert told == {"/w/new": (True, False), "/w/old": (False, False), "/w/gone": (False, True)}

    def test_a_new_file_that_is_moved_to_a_new_name_is_new_there(self) -> None:
        moved = an_access("/w/b", Access.MOVE, old_path="/w/a")

        assert {one.path: one.created for one in digest(an_access("/w/a", Access.CREATE), moved).files}["/w/b"]
        assert not {one.path: one.created for one in digest(an_access("/w/a"), moved).files}["/w/b"]

    def test_a_path_that_is_no_text_is_shown(self) -> None:
        assert digest(an_access("/w/odd-\udcff")).files[0].path == r"/w/odd-\xff"


class TestSize:
    def test_a_long_session_has_a_small_digest(self) -> None:
        entries: list[Entry] = []
        for number in range(2_000):
            entries.append(a_search("q" * 100_000 if number % 100 == 0 else f"q{number}"))
            entries += [an_access(f"/w/{number}-{one}", Access.WRITE) for one in range(10)]
            entries.append(a_decision(f"Decision {number}."))
            entries.append(a_memory_note(f"mem_{number}"))
        made = digest(*entries)

        assert (len(made.files), made.more_files) == (rules.MOST_FILES, 20_000 - rules.MOST_FILES)
        assert (len(made.decisions), made.more_decisions) == (rules.MOST_DECISIONS, 2_000 - rules.MOST_DECISIONS)
        assert (len(made.searches), made.more_searches) == (rules.MOST_SEARCHES, 2_000 - rules.MOST_SEARCHES)
        assert len(made.memories) == rules.MOST_MEMORIES
        assert len(msgspec.json.encode(made)) < 100_000
        assert len(Story(entries).fold.rest()) < 200_000

    def test_the_first_decisions_stay_and_the_latest(self) -> None:
        kept = [one.text for one in digest(*(a_decision(f"{number}") for number in range(1_000))).decisions]

        assert kept == [*map(str, range(50)), *map(str, range(850, 1_000))]

    def test_a_long_text_is_cut(self) -> None:
        said = digest(a_decision("d" * 100_000)).decisions[0].text

        assert len(said) == rules.LONGEST_TEXT
        assert said.endswith("d…")


class TestForgetting:
    def test_what_was_said_before_a_moment_goes(self) -> None:
        story = Story(
            [
                a_decision("old"),
                a_search("old"),
                an_access("/w/a", Access.WRITE),
                a_decision("new", at=NOON + SECOND),
                a_search("new", at=NOON + SECOND),
                an_access("/w/a", Access.WRITE, at=NOON + SECOND),
            ]
        )

        for fold in (story.context, story.fold):
            fold.forget([EntryKind.DECISION, EntryKind.SEARCH], before=Millis(NOON + SECOND))

        made = story.digest()
        assert [one.text for one in made.decisions] == ["new"]
        assert [one.query for one in made.searches] == ["new"]
        assert (made.more_decisions, made.more_searches) == (0, 0)
        assert b"old" not in story.fold.rest()

    def test_other_kinds_stay(self) -> None:
        story = Story([a_decision("old"), a_search(), an_access("/w/a", Access.WRITE), a_memory_note("mem_1")])

        story.fold.forget([EntryKind.ACCESS, EntryKind.SCAN, EntryKind.GAP], before=None)

        made = story.digest()
        assert (len(made.decisions), len(made.searches), len(made.memories)) == (1, 1, 1)


def a_memory_note(memory_id: str, *, at: int = NOON) -> MemoryNote:
    return MemoryNote(at=Millis(at), source=Source.API, memory_id=memory_id, memory_key="key")


def test_a_memory_that_is_written_again_is_told_once_and_last() -> None:
    made = digest(a_memory_note("mem_1"), a_memory_note("mem_2"), a_memory_note("mem_1", at=NOON + SECOND))

    assert [(one.memory_id, one.seq, one.how) for one in made.memories] == [
        ("mem_2", 2, How.WRITTEN),
        ("mem_1", 3, How.WRITTEN),
    ]


def test_bursts_and_gaps_are_counted() -> None:
    made = digest(a_scan(), a_scan(), a_gap())

    assert (made.scans, made.gaps, made.through) == (2, 1, 3)

"""What tools said that they did, and the watched accesses it tells of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from omnimem.model import Access, Attribution, Source
from omnimemd.domain.claims import Claims
from omnimemd.domain.clock import Millis
from omnimemd.domain.context import ContextFold
from omnimemd.domain.entries import FileAccess
from tests.support.clock import NOON
from tests.support.factories import a_decision, an_access

PATH = "/w/a.py"


def tell(claims: Claims, access: FileAccess, *, session_id: str = "s-1", seq: int = 1) -> int | None:
    """Have a tool tell of *access*; return the entry that this is the same as."""
    spoken = replace(access, source=Source.API, attribution=Attribution.EXACT)
    return same_as(claims, spoken, session_id=session_id, seq=seq)


def same_as(claims: Claims, access: FileAccess, *, session_id: str = "s-1", seq: int = 1) -> int | None:
    """Record *access*; return the entry that this is the same as."""
    (numbered,) = claims.numbered(session_id, [access], first=seq)
    assert numbered.seq == seq
    assert isinstance(numbered.entry, FileAccess)
    assert replace(numbered.entry, same_as=None) == access
    return numbered.entry.same_as


def said(*accesses: Access, session_id: str = "s-1", at: int = NOON) -> Claims:
    claims = Claims()
    for access in accesses:
        tell(claims, an_access(PATH, access, at=at), session_id=session_id)
    return claims


@pytest.mark.parametrize(
    ("spoken", "watched", "same"),
    [
        (Access.READ, Access.READ, True),
        (Access.WRITE, Access.CREATE, True),
        (Access.CREATE, Access.WRITE, True),
        (Access.DELETE, Access.DELETE, True),
        (Access.MOVE, Access.MOVE, True),
        (Access.READ, Access.WRITE, False),
        (Access.WRITE, Access.READ, False),
        (Access.DELETE, Access.MOVE, False),
    ],
)
def test_a_claim_tells_of_an_access_of_its_class(spoken: Access, watched: Access, same: bool) -> None:
    claim = said(spoken).of(PATH, watched, at=NOON)

    assert claim is not None
    assert claim.tells_of(watched) is same


def test_it_tells_of_one_access_only() -> None:
    claim = said(Access.READ).of(PATH, Access.READ, at=NOON)
    assert claim is not None

    claim.spent = True

    assert not claim.tells_of(Access.READ)


@pytest.mark.parametrize(("apart", "found"), [(-3_000, True), (3_000, True), (-3_001, False), (3_001, False)])
def test_it_holds_for_three_seconds(apart: int, found: bool) -> None:
    assert (said(Access.READ).of(PATH, Access.READ, at=Millis(NOON + apart)) is not None) is found


def test_another_path_is_not_meant() -> None:
    assert said(Access.READ).of("/w/b.py", Access.READ, at=NOON) is None


def test_the_one_that_tells_of_it_goes_before_one_that_is_nearer() -> None:
    claims = said(Access.READ, at=NOON - 1_000)
    tell(claims, an_access(PATH, Access.WRITE, at=NOON), session_id="s-2")

    found = claims.of(PATH, Access.READ, at=NOON)

    assert found is not None
    assert found.session_id == "s-1"


def test_of_two_the_nearer_is_meant() -> None:
    claims = said(Access.READ, at=NOON - 1_000)
    tell(claims, an_access(PATH, Access.READ, at=NOON - 10), session_id="s-2")

    found = claims.of(PATH, Access.READ, at=NOON)

    assert found is not None
    assert found.session_id == "s-2"


def test_old_paths_are_forgotten() -> None:
    claims = said(Access.READ)
    for number in range(5_000):
        tell(claims, an_access(f"/w/{number}", at=NOON), session_id="s-2")

    assert claims.of(PATH, Access.READ, at=NOON) is None


class TestToldAfterIt:
    """What was watched is recorded before a tool tells of it."""

    @pytest.mark.parametrize("delay", [-3_000, 0, 150, 2_000, 3_000])
    def test_the_later_entry_names_the_earlier_one(self, delay: int) -> None:
        claims = Claims()
        assert same_as(claims, an_access(PATH, Access.CREATE, at=NOON), seq=5) is None

        assert tell(claims, an_access(PATH, Access.WRITE, at=NOON + delay), seq=6) == 5

    @pytest.mark.parametrize(
        ("path", "access", "at", "session_id"),
        [
            ("/w/b.py", Access.WRITE, NOON, "s-1"),
            (PATH, Access.READ, NOON, "s-1"),
            (PATH, Access.WRITE, NOON + 3_001, "s-1"),
            (PATH, Access.WRITE, NOON, "s-2"),
        ],
        ids=["path", "kind", "late", "session"],
    )
    def test_another_access_is_another(self, path: str, access: Access, at: int, session_id: str) -> None:
        claims = Claims()
        same_as(claims, an_access(PATH, Access.WRITE, at=NOON))

        assert tell(claims, an_access(path, access, at=at), session_id=session_id) is None

    def test_each_is_told_of_once_the_oldest_first(self) -> None:
        claims = Claims()
        for seq in (1, 2):
            same_as(claims, an_access(PATH, at=NOON + seq * 1_000), seq=seq)

        told = [tell(claims, an_access(PATH, at=NOON + 3_500), seq=seq) for seq in (3, 4, 5)]

        assert told == [1, 2, None]

    def test_what_tells_of_one_does_not_tell_of_the_next(self) -> None:
        claims = Claims()
        same_as(claims, an_access(PATH, at=NOON))
        tell(claims, an_access(PATH, at=NOON + 200))

        claim = claims.of(PATH, Access.READ, at=Millis(NOON + 400))

        assert claim is not None
        assert not claim.tells_of(Access.READ)

    def test_what_is_recorded_after_it_though_decided_before_names_it(self) -> None:
        claims = said(Access.READ)

        assert same_as(claims, an_access(PATH, at=NOON), seq=2) == 1
        assert same_as(claims, an_access(PATH, at=NOON), seq=3) is None

    def test_what_is_no_access_is_only_numbered(self) -> None:
        (numbered,) = Claims().numbered("s-1", [a_decision()], first=7)

        assert (numbered.seq, numbered.entry) == (7, a_decision())

    def test_nothing_is_known_of_what_was_not_committed(self) -> None:
        claims = said(Access.READ)
        same_as(claims, an_access(PATH, Access.WRITE, at=NOON))

        claims.clear()

        assert claims.of(PATH, Access.READ, at=NOON) is None
        assert tell(claims, an_access(PATH, Access.WRITE, at=NOON)) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["/w/a", "/w/b"]), st.sampled_from(Access), st.integers(0, 20_000)), max_size=12
    ),
    st.integers(-3_000, 3_000),
    st.sampled_from([Source.API, Source.HOOK]),
)
def test_what_is_watched_and_told_is_counted_once(
    done: list[tuple[str, Access, int]], delay: int, source: Source
) -> None:
    """Whoever comes first; told *delay* ms after it was done, as one tool does it always."""
    accesses = [an_access(path, access, at=NOON + at) for path, access, at in done]
    told = [replace(one, source=source, attribution=Attribution.EXACT, at=Millis(one.at + delay)) for one in accesses]
    entries = sorted([*accesses, *told], key=lambda one: one.at)
    claims, both, once = Claims(), ContextFold(workspace="/w"), ContextFold(workspace="/w")

    for entry in entries:
        for numbered in claims.numbered("s-1", [entry], first=both.through + 1):
            both.apply(numbered, size=1)
    for entry in sorted(accesses, key=lambda one: one.at):
        for numbered in Claims().numbered("s-1", [entry], first=once.through + 1):
            once.apply(numbered, size=1)

    assert both.metrics() == once.metrics()


def test_of_sessions_that_come_and_go_those_of_the_last_seconds_are_remembered() -> None:
    claims = Claims()

    for number in range(100):
        same_as(claims, an_access(PATH, at=NOON + number * 1_000), session_id=f"s-{number}")

    assert list(claims._seen[PATH]) == ["s-96", "s-97", "s-98", "s-99"]


def test_what_a_tool_told_of_is_remembered_no_more_and_stands_in_nobodys_way() -> None:
    claims = Claims()
    same_as(claims, an_access(PATH, at=NOON), session_id="s-1", seq=1)
    tell(claims, an_access(PATH, at=NOON), session_id="s-1", seq=2)

    assert same_as(claims, an_access(PATH, at=NOON + 10), session_id="s-2", seq=1) is None
    assert list(claims._seen[PATH]) == ["s-2"]

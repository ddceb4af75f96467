"""What tools said that they did, and the watched accesses it tells of."""

import pytest

from omnimem.model import Access, Attribution
from omnimemd.domain.claims import Claims
from omnimemd.domain.clock import Millis
from tests.support.clock import NOON
from tests.support.factories import an_access

PATH = "/w/a.py"


def said(*accesses: Access, session_id: str = "s-1", at: int = NOON) -> Claims:
    claims = Claims()
    for access in accesses:
        claims.add(session_id, an_access(PATH, access, at=at, attribution=Attribution.EXACT))
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
    claims.add("s-2", an_access(PATH, Access.WRITE, at=NOON))

    found = claims.of(PATH, Access.READ, at=NOON)

    assert found is not None
    assert found.session_id == "s-1"


def test_of_two_the_nearer_is_meant() -> None:
    claims = said(Access.READ, at=NOON - 1_000)
    claims.add("s-2", an_access(PATH, Access.READ, at=NOON - 10))

    found = claims.of(PATH, Access.READ, at=NOON)

    assert found is not None
    assert found.session_id == "s-2"


def test_old_paths_are_forgotten() -> None:
    claims = said(Access.READ)
    for number in range(5_000):
        claims.add("s-2", an_access(f"/w/{number}", at=NOON))

    assert claims.of(PATH, Access.READ, at=NOON) is None

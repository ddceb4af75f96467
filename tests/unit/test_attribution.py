"""Whose an observed access is."""

from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Attribution
from omnimemd.domain.attribution import Share, attribute
from tests.support.strategies import ids


def test_nobody_has_what_nobody_could_have_done() -> None:
    assert attribute(()) == ()


def test_one_alone_has_it_as_probable() -> None:
    assert attribute(("a",)) == (Share("a", Attribution.PROBABLE),)


@given(st.lists(ids, min_size=2, max_size=6, unique=True))
def test_of_several_each_has_it_and_names_all_the_others(candidates: list[str]) -> None:
    shares = attribute(candidates)

    assert [share.session_id for share in shares] == candidates
    assert all(share.attribution is Attribution.AMBIGUOUS for share in shares)
    assert all({share.session_id, *share.others} == set(candidates) for share in shares)
    assert all(share.session_id not in share.others for share in shares)

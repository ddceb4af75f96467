"""The order of results: what tells most first, the newer of two alike before the older, and always the same."""

import random

from msgspec.structs import replace

from omnimemd.domain.clock import Millis
from omnimemd.domain.ranking import Candidate, Corpus, idf, likeness, rank, telling, unknown
from omnimemd.domain.search_terms import terms


def candidates(*texts: str, session: str | None = None) -> list[Candidate]:
    """Return a candidate for each of *texts*, numbered from 1, each newer than the one before."""
    return [
        Candidate(
            document=number,
            terms=" ".join(terms(text)),
            length=len(terms(text)),
            at=Millis(number),
            session=session,
            place=number,
        )
        for number, text in enumerate(texts, start=1)
    ]


def corpus(question: str, found: list[Candidate], *, documents: int | None = None) -> Corpus:
    frequency = {term: sum(term in one.terms.split() for one in found) for term in terms(question)}
    return Corpus(documents=documents or len(found), length=sum(one.length for one in found), frequency=frequency)


def ranked(question: str, found: list[Candidate]) -> list[int]:
    return [one.document for one in rank(terms(question), found, corpus(question, found))]


def test_a_rare_word_tells_more_than_a_frequent_one() -> None:
    found = candidates("redis timeout", "redis cache", "redis queue", "redis lock", "a timeout of postgres")

    assert ranked("redis timeout", found)[:2] == [1, 5]


def test_words_that_stand_together_as_asked_tell_more() -> None:
    found = candidates("the pool of the connection to x", "the connection pool of x to y", "else", "other")

    assert ranked("connection pool", found)[:2] == [2, 1]


def test_words_of_grammar_tell_little() -> None:
    found = candidates("what is it that they do, and how", "deploy by hand", "else", "other", "more", "again")

    assert ranked("how do they deploy", found)[0] == 2


def test_what_stands_next_to_a_hit_in_its_session_gains() -> None:
    found = candidates("which database", "sqlite it is", "x", "bye", session="s")

    assert ranked("database", found)[:3] == [1, 2, 3]


def test_of_two_that_nearly_repeat_each_other_the_newer_takes_the_better_place() -> None:
    found = candidates("ship ship from the main branch on monday", "ship from the main branch on monday", "x", "y")

    scores = rank(terms("ship"), found, corpus("ship", found))

    assert [one.document for one in scores][:2] == [2, 1]
    assert scores[0].score > scores[1].score


def test_equals_are_ordered_by_age_and_then_by_number_whatever_order_they_come_in() -> None:
    found = candidates(*("alpha beta",) * 3, *("alpha gamma delta epsilon",) * 3)
    shuffled = found[:]
    random.Random(1).shuffle(shuffled)  # noqa: S311 any order will do

    assert ranked("alpha", found) == ranked("alpha", shuffled)
    assert ranked("alpha", found)[:3] == [3, 2, 1]


def test_scores_fall_from_one_at_most() -> None:
    found = candidates("alpha beta", "alpha", "gamma")

    scores = [one.score for one in rank(terms("alpha beta"), found, corpus("alpha beta", found))]

    assert scores == sorted(scores, reverse=True)
    assert 0.9 < scores[0] <= 1
    assert rank(terms("alpha zeta"), found, corpus("alpha zeta", found))[0].score <= 1.0


def test_what_means_something_else_scores_no_less_than_nothing() -> None:
    found = [replace(one, cosine=-0.5) for one in candidates("the alpha", "the beta", "gamma")]

    scores = [one.score for one in rank(terms("the"), found, corpus("the", found))]

    assert len(scores) == 3
    assert 1 >= scores[0] >= scores[-1] >= 0


def test_nothing_ranks_nothing() -> None:
    assert rank([], [], Corpus(documents=0, length=0, frequency={})) == []


class TestTelling:
    def test_frequent_terms_are_looked_for_only_where_there_are_no_rarer_ones(self) -> None:
        many = Corpus(documents=1000, length=9, frequency={"common": 300, "usual": 500, "rare": 3, "none": 0})

        assert telling(["usual", "rare", "common", "none"], many) == ["rare"]
        assert telling(["usual", "common"], many) == ["common"]

    def test_in_a_small_store_every_term_is_looked_for(self) -> None:
        few = Corpus(documents=100, length=9, frequency={"common": 90, "rare": 3, "none": 0})

        assert telling(["common", "rare", "none"], few) == ["rare", "common"]

    def test_words_are_unknown_if_half_of_what_tells_is(self) -> None:
        some = Corpus(documents=9, length=9, frequency={"deploi": 3, "the": 9})

        assert unknown(["the", "deploi", "kuberntes"], some) == ["kuberntes"]
        assert unknown(["deploi", "deploi", "the"], some) == []


def test_a_rarer_term_weighs_more_and_every_term_something() -> None:
    assert idf(1, 100) > idf(50, 100) > idf(100, 100) > 0


def test_likeness_is_the_share_of_common_terms() -> None:
    assert likeness(frozenset("abcd"), frozenset("abcd")) == 1
    assert likeness(frozenset("abcd"), frozenset("abce")) == 0.6
    assert likeness(frozenset("abcd"), frozenset("wxyz")) == 0
    assert likeness(frozenset(), frozenset()) == 0

"""Put what was found in order: one rule for every store.

1. A term weighs what it tells: `idf`, the logarithm of how rare it is; one that only makes a sentence of the question
   (`_GRAMMAR`) a third of that.
2. A document's own score is BM25 over its terms, and `_PAIR` times the weight of two terms that stand next to each
   other in it as in the question.
3. What was said near it counts: `_NEXT` of the score of the memory before and after it in its session, `_SECOND` of
   those one further, and the mean of the best three of its session. Where each memory is a session of its own, that is
   nothing. An answer often holds no word of the question: in a session of many memories, which is a conversation, what
   stands next to the most promising is a candidate too.
4. Of two that nearly repeat each other, the newer stands where the better of them stood.

The weights were chosen on chats and on developers' sessions (docs/BENCHMARKS.md).
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.stemming import stem

#: BM25: how soon more of a term counts no more, and how much a document's length tells against it.
_K1: Final = 0.6
_B: Final = 0.4
_PAIR: Final = 1.0
_NEXT: Final = 0.4
_SECOND: Final = 0.2
_SESSION: Final = 1.0
#: What a cosine of 1 adds, where a document that holds each word of the question scores 1. So words count against
#: meaning as far as the question's words are there at all: where only `how` and `we` are, they are no match.
_MEANING: Final = 0.8

#: What words of grammar weigh: they say little, but `from`, `in` and `with` are code as well.
_GRAMMAR_WEIGHT: Final = 0.3
_GRAMMAR: Final = frozenset(
    map(
        stem,
        "what when where who whom which why how did do does is are was were has have had the a an of to in on for with "
        "and or at by from it its this that these those been be they he she his her him their them would could should "
        "can will about any some".split(),
    )
)

#: Terms in more of the documents than this are not looked for while there are rarer ones: their documents are too many,
#: and the better ones hold a rarer one too. In stores smaller than that, nothing can be told.
_COMMON: Final = 0.2
_SMALL_STORE: Final = 100
#: Jaccard index of the terms from which two documents nearly repeat each other, …
NEARLY_THE_SAME: Final = 0.6
#: … how many of the first are compared, and how near in score the newer must be.
_COMPARED: Final = 30
_NEAR_IN_SCORE: Final = 0.75


class Corpus(msgspec.Struct, frozen=True, kw_only=True):
    """What the documents that were searched are like."""

    documents: int
    length: int  #: terms of all of them together
    frequency: Mapping[str, int]  #: documents that hold a term, for each of the question's


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A document that may answer."""

    document: int
    terms: str  #: with a space between two
    length: int  #: how many terms
    at: Millis
    session: str | None  #: whose neighbours its neighbours are
    place: int  #: in that session
    cosine: float = 0.0  #: how near its meaning is to the question's, where that is known


class Ranked(msgspec.Struct, frozen=True):
    """A candidate and its score, 0 to 1."""

    document: int
    score: float


def telling(asked: Iterable[str], corpus: Corpus) -> list[str]:
    """Return the terms of *asked* to look for, each once, most telling first: those not in too many, nor in none."""
    known = {term: corpus.frequency.get(term, 0) for term in asked}
    found = sorted((term in _GRAMMAR, count, term) for term, count in known.items() if count)
    if corpus.documents <= _SMALL_STORE:
        return [term for _, _, term in found]
    most = corpus.documents * _COMMON
    return [term for _, count, term in found if count <= most] or [term for _, _, term in found[:1]]


def unknown(asked: Iterable[str], corpus: Corpus) -> list[str]:
    """Return the terms of *asked* that are nowhere, if they are half or more of those that tell something."""
    telling = [term for term in dict.fromkeys(asked) if term not in _GRAMMAR]
    nowhere = [term for term in telling if not corpus.frequency.get(term)]
    return nowhere if 2 * len(nowhere) >= len(telling) else []


def rank(asked: Sequence[str], candidates: Sequence[Candidate], corpus: Corpus) -> list[Ranked]:
    """Order *candidates* best first; by score, then the newer, then the greater number, so that the order is total.

    Args:
        asked: the question's terms in their order.
        candidates: any number, in any order.
        corpus: of the documents that were searched.
    """
    weights = _weights(asked, corpus)
    pairs = _pairs(asked, weights)
    own = {one.document: _own(one, weights, pairs, corpus) for one in candidates}
    best, possible = max(own.values(), default=0.0), sum(weights.values()) + _PAIR * sum(pairs.values())
    whole = max(best, _whole(asked, corpus))
    scores = {
        one.document: (own[one.document] / whole if best else 0.0) + _MEANING * max(one.cosine, 0.0)  # never below 0
        for one in candidates
    }
    _add_company(scores, candidates)
    order = sorted(candidates, key=lambda one: (-scores[one.document], -one.at, -one.document))
    highest = max(scores.values(), default=0.0)
    full = min(best / possible, 1.0) if possible else 0.0  # the share of the question that the best holds
    full = max(full, max((one.cosine for one in candidates), default=0.0))
    ranked = [Ranked(one.document, scores[one.document] / highest * full) for one in order] if highest else []
    return _newer_first(ranked, {one.document: one for one in candidates})


def idf(frequency: int, documents: int) -> float:
    """Return what a term of *frequency* among *documents* tells; above 0."""
    return math.log1p((max(documents - frequency, 0) + 0.5) / (frequency + 0.5))


def weight(term: str, frequency: int, documents: int) -> float:
    """Return what *term* tells: as `idf`, but of a word of grammar a third of that."""
    return idf(frequency, documents) * (_GRAMMAR_WEIGHT if term in _GRAMMAR else 1.0)


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard index of two documents' terms, if it is NEARLY_THE_SAME or more; else something less."""
    fewer, more = sorted((len(one), len(other)))
    if fewer < more * NEARLY_THE_SAME:
        return fewer / more  # it is that at most: too little
    common = len(one & other)
    return common / (fewer + more - common) if more else 0.0


def _weights(asked: Iterable[str], corpus: Corpus) -> dict[str, float]:
    """Return what each term of *asked* that is anywhere weighs; the terms as they stand in a document's terms."""
    return {
        f" {term} ": weight(term, count, corpus.documents)
        for term in dict.fromkeys(asked)
        if (count := corpus.frequency.get(term, 0))
    }


def _whole(asked: Iterable[str], corpus: Corpus) -> float:
    """Return what the terms of *asked* weigh all together, those that are nowhere included."""
    return sum(weight(term, corpus.frequency.get(term, 0), corpus.documents) for term in dict.fromkeys(asked))


def _pairs(asked: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """Return each two neighbouring terms of the question, as they stand in a document's terms, with their weight."""
    found = {}
    for one, other in pairwise(asked):
        weight = (weights.get(f" {one} ", 0.0) + weights.get(f" {other} ", 0.0)) / 2
        if weight and one != other:
            found[f" {one} {other} "] = weight
    return found


def _own(one: Candidate, weights: Mapping[str, float], pairs: Mapping[str, float], corpus: Corpus) -> float:
    text = f" {one.terms} "
    damping = _K1 * (1 - _B + _B * one.length * corpus.documents / max(corpus.length, 1))
    score = 0.0
    for term, weight in weights.items():
        if term in text:
            count = text.count(term)  # of a term that is said twice in a row, once
            score += weight * count * (_K1 + 1) / (count + damping)
    for pair, weight in pairs.items():
        if pair in text:
            score += _PAIR * weight
    return score


def _add_company(scores: dict[int, float], candidates: Sequence[Candidate]) -> None:
    """Add to each score what was found in the same session: next to it, and best."""
    sessions: dict[str, dict[int, float]] = {}
    for one in candidates:
        if one.session is not None:
            sessions.setdefault(one.session, {})[one.place] = scores[one.document]
    best = {name: _SESSION * sum(heapq.nlargest(3, said.values())) / 3 for name, said in sessions.items()}
    for one in candidates:
        if one.session is not None and len(said := sessions[one.session]) > 1:
            near = _NEXT * (said.get(one.place - 1, 0.0) + said.get(one.place + 1, 0.0))
            further = _SECOND * (said.get(one.place - 2, 0.0) + said.get(one.place + 2, 0.0))
            scores[one.document] += near + further + best[one.session]


def _newer_first(ranked: list[Ranked], candidates: Mapping[int, Candidate]) -> list[Ranked]:
    """Return *ranked* with those that nearly repeat each other in the same places, the newest first."""
    first = ranked[:_COMPARED]
    terms = [frozenset(candidates[one.document].terms.split(" ")) for one in first]
    taken: set[int] = set()
    for number, one in enumerate(first):
        if number in taken:
            continue
        alike = [
            other
            for other in range(number, len(first))
            if other not in taken
            and first[other].score >= one.score * _NEAR_IN_SCORE
            and likeness(terms[number], terms[other]) >= NEARLY_THE_SAME
        ]
        taken.update(alike)
        newest = sorted((ranked[other].document for other in alike), key=lambda d: (-candidates[d].at, -d))
        for place, document in zip(alike, newest, strict=True):
            first[place] = Ranked(document, ranked[place].score)
    return [*first, *ranked[_COMPARED:]]

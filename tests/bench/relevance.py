"""How well a ranking answers a question whose right answers are known."""

import math
from collections.abc import Collection, Sequence
from statistics import fmean

import msgspec


class Relevance(msgspec.Struct, frozen=True):
    """The measures of one question, or their means over several; all 0 to 1."""

    recall_1: float  #: the share of the right answers that stand first
    recall_5: float  #: ... among the first five
    recall_10: float
    mrr: float  #: one over the place of the first right answer; 0 if there is none
    ndcg_10: float  #: normalised discounted cumulative gain of the first ten, each right answer counting the same

    def __str__(self) -> str:
        """Give all of them, in percent."""
        named = zip(("R@1", "R@5", "R@10", "MRR", "nDCG@10"), msgspec.structs.astuple(self), strict=True)
        return ", ".join(f"{name} {100 * value:.1f}" for name, value in named)


def relevance(ranked: Sequence[str], right: Collection[str]) -> Relevance:
    """Return the measures of what was *ranked*, best first and each once, where *right* are the right answers (≥ 1)."""
    places = [place for place, one in enumerate(ranked, start=1) if one in right]

    def recall(first: int) -> float:
        return sum(place <= first for place in places) / len(right)

    gained = sum(1 / math.log2(place + 1) for place in places if place <= 10)
    possible = sum(1 / math.log2(place + 1) for place in range(1, min(len(right), 10) + 1))
    return Relevance(recall(1), recall(5), recall(10), 1 / places[0] if places else 0.0, gained / possible)


def mean(several: Collection[Relevance]) -> Relevance:
    """Return the mean of each measure over *several* (≥ 1)."""
    return Relevance(*map(fmean, zip(*map(msgspec.structs.astuple, several), strict=True)))


def firsts(ranked: Sequence[str]) -> list[str]:
    """Return what is *ranked*, each only where it stands first."""
    return list(dict.fromkeys(ranked))

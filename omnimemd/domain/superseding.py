"""Which decision gave way to a later one: by their words alone, and only where they are plain.

A later decision replaces an earlier one when it

1. fills the same slot otherwise: "timeout is 30 s" and "timeout is 60 s", "use A for X" and "use B for X", "store X in
   A" and "store X in B", "retry uploads" and "do not retry uploads". A slot is all that is said besides the value, so
   the same thing said of something else ("of downloads") is another slot;
2. gives up what the earlier one decided for: "instead of A", "no longer A", "replaces A", "switched from A to B",
   "dropped A", "not A but B", unless the two speak of it for different ends;
3. goes back to what the earlier one gave up: "back to A";
4. says that something is different now ("from now on", "the old …", "is gone"), and speaks of what the earlier one
   speaks of: the rarer a word is among the decisions, the more it tells, and no other decision is nearly as close.

To be shown a decision as superseded that is not costs its reader more than to read one too many. So in doubt, it
stands.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.statements import GivenUp, Keys, Statement, read

#: What is given up must be this share of what the earlier one speaks of, where that does not say what it chooses; and
#: both must have so many words in common.
_MOST_OF_IT: Final = 0.6
_IN_COMMON: Final = 3
#: What a later one that only says that something changed must share with the earlier: so many words, of this weight
#: among all of the earlier one's, and so much more than with any other.
_SHARED_WORDS: Final = 3
_SHARED_WEIGHT: Final = 0.3
_NEAREST_BY: Final = 1.3
#: Words more in what was chosen than in what is given up.
_MORE_WORDS: Final = 2


class Decided(msgspec.Struct, frozen=True):
    """A decision of a session, or of several of one project."""

    id: str
    at: Millis
    text: str


def superseded(decisions: Sequence[Decided]) -> Mapping[str, str]:
    """Return the id of each decision that gave way to a later one, with the id of the first that replaced it.

    So what a decision was replaced by may be replaced itself. Who decided first is told by `at`, in the same
    millisecond by the order given; that order tells nothing else. The cost is that of reading each text once.
    """
    read_in_order = {one.id: read(one.text) for one in sorted(decisions, key=lambda one: one.at)}
    frequency = Counter(key for statement in read_in_order.values() for key in statement.told)
    told = _Told({key: math.log1p(len(read_in_order) / count) for key, count in frequency.items()})
    for new, statement in read_in_order.items():
        told.add(new, statement)
    return told.gave_way


class _Told:
    """What was decided up to a moment, found by what it says."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Begin with nothing; *weights* is what each word tells."""
        self._weights = weights
        self.gave_way: dict[str, str] = {}
        self._standing: dict[str, Statement] = {}  # by id, in the order of time
        self._slots: dict[tuple[str, Keys], dict[str, Keys]] = {}  # what each that fills a slot fills it with
        self._speaking: dict[str, dict[str, None]] = {}  # key → ids of those that speak of it

    def add(self, new: str, later: Statement) -> None:
        """Add *later*, whose id is *new*, and take away what gave way to it."""
        plain = dict.fromkeys((*self._otherwise(later), *self._dropped(later), *self._returned_from(later)))
        for old in plain or self._overturned(later):
            if self._standing[old] != later:  # else it says the same
                self.gave_way[old] = new
                del self._standing[old]
        self._standing[new] = later
        for one in later.filled:
            self._slots.setdefault((one.kind, one.slot), {})[new] = one.value
        for key in later.told:
            self._speaking.setdefault(key, {})[new] = None

    def _otherwise(self, later: Statement) -> Iterator[str]:
        """Yield those that fill a slot of *later* with something else."""
        for one in later.filled:
            if one.kind == "use widely" and not later.changes:
                continue
            for old, value in self._slots.get((one.kind, one.slot), {}).items():
                if old in self._standing and _another(value, one.value):
                    yield old

    def _dropped(self, later: Statement) -> Iterator[str]:
        """Yield those that decided for what *later* gives up; of several ends only those it speaks of, too."""
        for gone in later.given_up:
            standing = {old: self._standing[old] for old in self._all_speaking_of(gone.keys)}
            meant = [old for old, one in standing.items() if _may_drop(gone, one) and _decided_for(one, gone, later)]
            near = [old for old in meant if (standing[old].keys & later.keys) - gone.keys]
            yield from near or (meant if len(meant) == 1 else ())

    def _returned_from(self, later: Statement) -> Iterator[str]:
        """Yield the last that gave up what *later* goes back to."""
        if later.returns_to:
            for old in reversed(self._all_speaking_of(later.returns_to)):
                if any(gone.keys == later.returns_to for gone in self._standing[old].given_up):
                    yield old
                    return

    def _overturned(self, later: Statement) -> list[str]:
        """Return the one that *later* is plainly about, if it says that something is different now."""
        if not later.overturns:
            return []
        shared: dict[str, list[float]] = {}
        for key in later.told:
            for old in self._speaking.get(key, ()):
                if old in self._standing and not _gave_up_too(self._standing[old], later):
                    shared.setdefault(old, []).append(self._weights[key])
        nearest = sorted(((sum(weights), len(weights), old) for old, weights in shared.items()), reverse=True)[:2]
        if not nearest or (len(nearest) > 1 and nearest[0][0] < nearest[1][0] * _NEAREST_BY):
            return []
        weight, words, old = nearest[0]
        whole = sum(self._weights[key] for key in self._standing[old].keys)
        return [old] if words >= _SHARED_WORDS and weight >= _SHARED_WEIGHT * whole else []

    def _all_speaking_of(self, keys: Keys) -> list[str]:
        """Return those that stand and speak of all *keys*, which are some, in the order of time."""
        fewest, *more = sorted((self._speaking.get(key, {}) for key in keys), key=len)
        return [old for old in fewest if old in self._standing and all(old in others for others in more)]


def _another(value: Keys, other: Keys) -> bool:
    """Return whether *other* is no way to say *value*, or to say it more exactly."""
    common = len(value & other)
    return not common or (len(value) == len(other) and 2 * common <= len(value))


def _gave_up_too(earlier: Statement, later: Statement) -> bool:
    """Return whether *earlier* gave up what *later* gives up: they say the same."""
    return any(one.keys & other.keys for one in earlier.given_up for other in later.given_up)


def _may_drop(gone: GivenUp, earlier: Statement) -> bool:
    """Return whether *earlier* keeps what is given up, and not for another end."""
    if not gone.keys <= earlier.kept or any(one.keys == gone.keys for one in earlier.given_up):
        return False
    return not gone.scope or not earlier.scope or bool(gone.scope & earlier.keys or earlier.scope & gone.keys)


def _decided_for(earlier: Statement, gone: GivenUp, later: Statement) -> bool:
    """Return whether what is given up is what *earlier* decided for, and no mere part of what it says."""
    if gone.keys <= earlier.chosen and len(earlier.chosen) <= len(gone.keys) + _MORE_WORDS:
        return True
    common = earlier.keys & later.keys
    return len(common) >= _IN_COMMON and len(common) >= _MOST_OF_IT * len(earlier.keys)

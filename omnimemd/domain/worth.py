"""What something is worth to a session that begins: the more, the more it is worth a place in its briefing.

    worth = prior(kind) x recency(kind, age) x (AT_REST + RELATED x relation) x length ** 0.5

* The **prior** is by kind. A memory was kept on purpose; what was left open is what the next session begins with; a
  dead end saves the time of walking it again; what was superseded is worth next to nothing.
* **Age** is in days on which somebody worked at the project: one that was left alone for a month is not a month older.
  What is halved is what is above the floor of the kind: a convention of a year ago still holds, while what was left
  open a year ago hardly is.
* The **relation**, 0 to 1, is to what the asker asks and has at hand (`relating`). Where nothing is asked and nothing
  at hand, everything is alike.
* A line that is twice as **long** says more, but not twice as much. Packing divides by the length, so of two lines that
  are worth the same otherwise, the shorter goes first.

docs/BRIEFING.md has the constants in a table. They were chosen by what sessions in made but realistic projects ask.
"""

import enum
from bisect import bisect_right
from collections.abc import Iterable
from math import log2, sqrt
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis

_DAY_MS: Final = 86_400_000


class What(enum.StrEnum):
    """The kinds of things that are told."""

    WARNING = "warning"
    OPEN = "open"  #: was left open by one of the last sessions
    MEMORY = "memory"
    DECISION = "decision"
    CONVENTION = "convention"  #: a decision how things are done always
    DEAD_END = "dead_end"  #: a decision that says what was tried in vain
    PASSED = "passed"  #: a decision that said that something was open, and is no news any more
    SUPERSEDED = "superseded"  #: a decision that a later one replaced
    SESSION = "session"
    FILE = "file"
    SEARCH = "search"
    CHECKPOINT = "checkpoint"


class _Kind(msgspec.Struct, frozen=True):
    prior: float
    floor: float  #: of recency
    half: float  #: age at which recency is half way to the floor


_KINDS: Final = {
    What.WARNING: _Kind(6.0, 1.0, 1.0),
    What.OPEN: _Kind(2.5, 0.05, 1.5),
    What.MEMORY: _Kind(1.3, 0.6, 8.0),
    What.DECISION: _Kind(0.7, 0.25, 4.0),
    What.CONVENTION: _Kind(0.9, 0.4, 6.0),
    What.DEAD_END: _Kind(1.0, 0.4, 6.0),
    What.PASSED: _Kind(0.4, 0.1, 3.0),
    What.SUPERSEDED: _Kind(0.02, 0.1, 4.0),
    What.SESSION: _Kind(2.0, 0.1, 2.0),
    What.FILE: _Kind(0.35, 0.1, 2.0),
    What.SEARCH: _Kind(0.2, 0.1, 2.0),
    What.CHECKPOINT: _Kind(0.6, 0.1, 3.0),
}
#: Where something is asked or at hand: what is worth the part of what has nothing to do with it, and what has.
AT_REST: Final = 0.15
RELATED: Final = 8.0
#: What is left of the worth of a memory whose files have changed since.
_STALE: Final = 0.7
#: What each doubling of the times that a memory was read adds.
_USED: Final = 0.15
#: What is left of a decision whose words are nowhere else in the project: it is no part of the work.
_ALONE: Final = 0.4
#: How much more what the asker goes on from is worth, and what somebody pinned.
_CONTINUED: Final = 3.0


class Days(msgspec.Struct, frozen=True):
    """The days on which somebody worked at a project."""

    days: tuple[int, ...]

    def age(self, at: Millis) -> int:
        """Return on how many of them somebody worked behind the day of *at*."""
        return len(self.days) - bisect_right(self.days, at // _DAY_MS)


def days_of(moments: Iterable[Millis]) -> Days:
    """Return the days (UTC) of *moments*."""
    return Days(tuple(sorted({at // _DAY_MS for at in moments})))


class Asked(msgspec.Struct, frozen=True):
    """What something has to do with the asker."""

    relation: float = 0.0  #: 0…1
    anything: bool = False  #: whether anything is asked or at hand, so that others may be more related
    continued: bool = False  #: it is of the session that the asker goes on from


def worth(what: What, *, age: int, asked: Asked, times: float = 1.0) -> float:
    """Return what a thing of the kind *what* is worth, above 0, its length left aside.

    Args:
        what: its kind.
        age: days on which somebody worked since.
        asked: what it has to do with the asker.
        times: what else is known of it: of a memory `of_memory`, of a decision `of_words`, of a file its importance.
    """
    kind = _KINDS[what]
    recency: float = kind.floor + (1 - kind.floor) * 2.0 ** (-age / kind.half)
    share = AT_REST + RELATED * asked.relation if asked.anything else 1.0
    return kind.prior * recency * share * times * (_CONTINUED if asked.continued else 1.0)


def of_memory(*, reads: int, stale: bool) -> float:
    """Return how much more or less a memory is worth that was read so often, and may not be true any more."""
    return (1 + _USED * log2(1 + reads)) * (_STALE if stale else 1.0)


def of_words(shared: float) -> float:
    """Return how much less a decision is worth of whose words only the part *shared*, 0…1, is elsewhere too."""
    return _ALONE + (1 - _ALONE) * shared


def of_length(worth: float, length: int) -> float:
    """Return *worth* of a line of this *length*, in characters."""
    return worth * sqrt(length)

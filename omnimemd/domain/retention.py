"""How long what was recorded is kept: a time for each kind, or for ever."""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from omnimem.model import EntryKind
from omnimemd.domain.clock import Millis

#: A whole number of days, weeks or years (of 365 days), or for ever.
KEPT_PATTERN: Final = r"^(?:forever|[1-9][0-9]{0,3}[dwy])(?![\s\S])"

_DAYS: Final = {"d": 1, "w": 7, "y": 365}
_DAY_MS: Final = 24 * 3600 * 1000


class Rule(enum.StrEnum):
    """What may go after a time, in the order in which it goes."""

    SESSIONS = "sessions"  #: ended sessions, with everything recorded in them
    ARCHIVED_SESSIONS = "archived_sessions"  #: those of them that are archived
    ACCESSES = "accesses"  #: the single accesses, scans and gaps of ended sessions; the folded context stays
    SEARCHES = "searches"  #: of ended sessions
    DECISIONS = "decisions"  #: of ended sessions
    DELETED_MEMORIES = "deleted_memories"  #: deleted and expired memories, with every version


class Run(msgspec.Struct, frozen=True):
    """What went, or would go, at a moment."""

    at: Millis
    removed: Mapping[Rule, int]


#: The rules by which entries of a session go, and their kinds.
ENTRY_RULES: Final[Mapping[Rule, tuple[EntryKind, ...]]] = {
    Rule.ACCESSES: (EntryKind.ACCESS, EntryKind.SCAN, EntryKind.GAP),
    Rule.SEARCHES: (EntryKind.SEARCH,),
    Rule.DECISIONS: (EntryKind.DECISION,),
}

#: How long each is kept, as the user writes it.
Policy = Mapping[Rule, str]


class Trust(enum.StrEnum):
    """How far the clock's word is taken that so much time has passed that something is to go."""

    AT_ONCE = "at_once"
    ONCE_IT_HOLDS = "once_it_holds"  #: a clock that is wrong after a start is mostly set right within minutes
    NEVER = "never"  #: a person must say so


#: What may pass between two runs without a question: a machine that is off over a weekend.
_ORDINARY_MS: Final = 7 * _DAY_MS
#: What no machine is off for, as against a clock that lost its battery.
_LONGEST_MS: Final = 365 * _DAY_MS


def trust(*, now: Millis, known: Millis | None) -> Trust:
    """Return whether *now* may be believed, where it was *known* at some time; None: nothing is known."""
    passed = 0 if known is None else now - known
    if -_DAY_MS <= passed <= _ORDINARY_MS:
        return Trust.AT_ONCE
    return Trust.NEVER if passed > _LONGEST_MS else Trust.ONCE_IT_HOLDS


def cutoff(kept: str, *, now: Millis) -> Millis | None:
    """Return the moment before which what is *kept* so long goes; None where it is for ever."""
    if kept == "forever":
        return None
    return Millis(now - int(kept[:-1]) * _DAYS[kept[-1]] * _DAY_MS)

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


def cutoff(kept: str, *, now: Millis) -> Millis | None:
    """Return the moment before which what is *kept* so long goes; None where it is for ever."""
    if kept == "forever":
        return None
    return Millis(now - int(kept[:-1]) * _DAYS[kept[-1]] * _DAY_MS)

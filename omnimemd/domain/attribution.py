"""Whose an observed access is. The method is kept on every row, and what cannot be told is said to be ambiguous.

The evidence, best first: the tool named the path (`exact`); a process of the session has the file open (`process`); the
session's processes alone moved as the access did (`probable`); only this session can see the folder (`probable`).
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from omnimem.model import Access, Attribution
from omnimemd.domain.activity import Moved
from omnimemd.domain.identity import ProcessIdentity

#: How many times as much as every other a tree must have done to be taken for the one that did it.
RATIO: Final = 4
#: Bytes that a program reads or writes besides the file: a line of its conversation with whoever told it to.
SLACK: Final = 256
#: Time on a processor that does not suffice to be woken and to change a name (measured: 80 to 150 µs for a program in
#: Python, some 50 for one in C): who had more may have done it, however much more another had.
NOTHING_NS: Final = 30_000
#: Of the sessions an access may be of, how many of the others each of them names: it is recorded in all of them, and to
#: name them all would take room with the square of their number.
NAMED: Final = 16


class Share(msgspec.Struct, frozen=True):
    """One session an access is recorded in."""

    session_id: str
    attribution: Attribution
    others: tuple[str, ...] = ()  #: the other sessions it may be of, `NAMED` at most
    agent_id: str | None = None  #: which of the agents in the session's process, where the tool said so


class Kind(enum.Enum):
    """Which counter an access moves."""

    READ = "read"
    WRITE = "written"
    QUIET = "cpu_ns"  #: a name that changes: nothing is read or written


_KINDS: Final = {Access.READ: Kind.READ, Access.WRITE: Kind.WRITE, Access.CREATE: Kind.WRITE}


class Deed(msgspec.Struct, frozen=True):
    """Something that one of several trees did."""

    kind: Kind
    size: int  #: bytes that were read or written at least
    trees: frozenset[ProcessIdentity]  #: who may have done it
    path: str = ""  #: of the file; "" when it is of no matter

    def is_within(self, moved: Moved) -> bool:
        """Return whether who *moved* so can have done it: a processor is needed, and for bytes there must be some."""
        none_of_it = self.kind is not Kind.QUIET and self.size and not getattr(moved, self.kind.value)
        return bool(moved) and not none_of_it


class Contender(msgspec.Struct, frozen=True):
    """A process tree, or a session without one, that may have done something."""

    sessions: tuple[str, ...]  #: ≥ 1; several share one process
    idle: bool = False  #: its processes are known not to have done it: they did nothing of the kind meanwhile
    doubted: bool = False  #: what they did meanwhile does not fit: they are not idle, but that is no evidence


def kind_of(access: Access) -> Kind:
    """Return which counter *access* moves."""
    return _KINDS.get(access, Kind.QUIET)


def settle(found: Contender, method: Attribution) -> tuple[Share, ...]:
    """Return where an access goes that the processes of *found* made, as *method* tells."""
    return _ambiguous(found.sessions) if len(found.sessions) > 1 else (Share(found.sessions[0], method),)


def attribute(candidates: Sequence[str]) -> tuple[Share, ...]:
    """Return where an access goes that any of the sessions *candidates* may have made: as `by_place` has it."""
    return by_place([Contender((one,)) for one in candidates])


def by_place(contenders: Sequence[Contender]) -> tuple[Share, ...]:
    """Return where an access goes that nothing but its place tells of.

    Who did nothing of the kind meanwhile did not do it. The one that is left has it, as probable, or as ambiguous if it
    is doubted; of several each has it, as ambiguous, naming the others. Where all did nothing somebody else did it, or
    a process that is not seen to be theirs: then each has it, as ambiguous.
    """
    left = [one for one in contenders if not one.idle]
    if len(left) == 1 and not left[0].doubted:
        return settle(left[0], Attribution.PROBABLE)
    return _ambiguous([session for one in left or contenders for session in one.sessions])


def explain(
    deeds: Sequence[Deed],
    moved: Mapping[ProcessIdentity, Moved],
    *,
    known: Sequence[ProcessIdentity | None] = (),
    all_told: bool = True,
) -> list[ProcessIdentity | None]:
    """Return, for each of *deeds*, whose it is by what the trees *moved*; None where that does not tell.

    Whoever reads a file reads at least its size: only a tree that moved as much can have done it, and what explains one
    deed is not there for the next. Where several can, it is whose movement it explains to the byte; or who wrote the
    same file, or one as large (an edit, a copy); or the one that has nothing else to explain its movement; or the one
    that did four times as much as any other. A deed that a tree may have done that was not measured stays open.

    Args:
        deeds: what was done meanwhile.
        moved: what those trees did that could be measured.
        known: for each deed the tree that is known to have done it; or nothing.
        all_told: whether *deeds* are all there were; if not, a movement may have to do with others.
    """
    return _Ledger(deeds, moved, known or [None] * len(deeds)).settled(all_told=all_told)


class _Ledger:
    """Which deeds have found their tree, and how much of each tree's movement is left for the others."""

    def __init__(
        self,
        deeds: Sequence[Deed],
        moved: Mapping[ProcessIdentity, Moved],
        known: Sequence[ProcessIdentity | None],
    ) -> None:
        self._owners = list(known)
        self._deeds = deeds
        self._left = {tree: {kind: getattr(one, kind.value) for kind in Kind} for tree, one in moved.items()}
        for deed, tree in zip(deeds, known, strict=True):
            if tree in self._left and deed.kind is not Kind.QUIET:
                self._left[tree][deed.kind] -= deed.size
        # The largest first: the fewest trees have moved enough for it.
        order = sorted(range(len(deeds)), key=lambda index: -deeds[index].size)
        self._open = [index for index in order if known[index] is None and deeds[index].trees <= moved.keys()]

    def settled(self, *, all_told: bool) -> list[ProcessIdentity | None]:
        """Return the tree of each deed; the rule that is surest goes first, and again after each success."""
        rules = (self._only, self._to_the_byte, self._along, self._unexplained, self._foremost)
        while any(self._assign(rule) for rule in (rules if all_told else rules[:3])):
            pass
        return self._owners

    def _assign(self, rule: "_Rule") -> bool:
        for index in self._open:
            deed = self._deeds[index]
            able = self._able(deed)
            tree = rule(deed, able) if able else None
            if tree is not None:
                self._owners[index] = tree
                self._open.remove(index)
                if deed.kind is not Kind.QUIET:
                    self._left[tree][deed.kind] -= deed.size
                return True
        return False

    def _able(self, deed: Deed) -> list[ProcessIdentity]:
        """Return who can have done it: who moved enough bytes; else (it was a part, or mmap(2)) who was busy at all."""
        enough = [tree for tree in deed.trees if deed.size and self._left[tree][deed.kind] >= deed.size]
        return enough or [tree for tree in deed.trees if self._left[tree][Kind.QUIET]]

    def _only(self, deed: Deed, able: list[ProcessIdentity]) -> ProcessIdentity | None:
        return able[0] if len(able) == 1 else None

    def _to_the_byte(self, deed: Deed, able: list[ProcessIdentity]) -> ProcessIdentity | None:
        if not deed.size:
            return None
        fitting = [tree for tree in able if 0 <= self._left[tree][deed.kind] - deed.size < SLACK]
        return fitting[0] if len(fitting) == 1 else None

    def _along(self, deed: Deed, able: list[ProcessIdentity]) -> ProcessIdentity | None:
        owners = {
            owner
            for other, owner in zip(self._deeds, self._owners, strict=True)
            if owner is not None
            and {deed.kind, other.kind} == {Kind.READ, Kind.WRITE}
            and (other.path == deed.path != "" or other.size == deed.size != 0)
        }
        return self._only(deed, [tree for tree in able if tree in owners])

    def _unexplained(self, deed: Deed, able: list[ProcessIdentity]) -> ProcessIdentity | None:
        return self._only(deed, [tree for tree in able if tree not in self._owners])

    def _foremost(self, deed: Deed, able: list[ProcessIdentity]) -> ProcessIdentity | None:
        if len(self._open) >= len(able):  # each may have done one of them, however little
            return None
        # Some bytes are no evidence against one who used mmap(2).
        kind = deed.kind if any(self._left[tree][deed.kind] >= SLACK for tree in able) else Kind.QUIET
        first, second = sorted((self._left[tree][kind] for tree in able), reverse=True)[:2]
        if first < RATIO * second or (kind is Kind.QUIET and second >= NOTHING_NS):
            return None
        return next(tree for tree in able if self._left[tree][kind] == first)


_Rule = Callable[[Deed, list[ProcessIdentity]], ProcessIdentity | None]


def _ambiguous(sessions: Sequence[str]) -> tuple[Share, ...]:
    first = sessions[: NAMED + 1]
    return tuple(
        Share(one, Attribution.AMBIGUOUS, tuple(other for other in first if other != one)[:NAMED]) for one in sessions
    )

"""What tools said that they did: the surest evidence for whose an access is, for as long as it can be the same one.

A tool tells of an access before it or after it, and it is watched, too. Told before, the watched access is not recorded
a second time. Told after, or while that is on its way to the store, both are recorded, as an entry never changes: then
the later of the two names the earlier one, and counts for nothing.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from omnimem.model import Access, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Entry, FileAccess, Numbered

_T = TypeVar("_T")

#: How far what a tool says and what is watched may be apart to be the same access: a hook is called just before it, or
#: when the tool is done with it.
_SAME_MS: Final = 3_000
#: Paths that are remembered.
_PATHS: Final = 4_096


class Claim(msgspec.Struct):
    """A session has said that it used a file. Mutable: it stands for one watched access only."""

    session_id: str
    seq: int  #: of its entry
    access: Access
    at: Millis
    agent_id: str | None
    spent: bool = False  #: the access it told of was seen

    def tells_of(self, access: Access) -> bool:
        """Return whether the watched *access* is the one it told of."""
        return not self.spent and _CLASSES[access] == _CLASSES[self.access]


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """A watched access that no tool has told of."""

    seq: int  # of its entry
    access: Access
    at: Millis


class Claims:
    """The claims of the last seconds, and the watched accesses, by path. One thread's."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_path: OrderedDict[str, list[Claim]] = OrderedDict()
        # By session within each path, who saw it last at the end: of hundreds in a folder each sees what happens there.
        self._seen: OrderedDict[str, dict[str, list[_Seen]]] = OrderedDict()

    def clear(self) -> None:
        """Forget everything: what was recorded is not there any more."""
        self._by_path.clear()
        self._seen.clear()

    def numbered(self, session_id: str, entries: Sequence[Entry], *, first: int) -> list[Numbered]:
        """Return *entries*, about to be recorded in a session, numbered from *first* on.

        An access that was recorded before, as it was watched and a tool told of it, names that entry.
        """
        return [
            Numbered(seq, self._paired(session_id, entry, seq) if isinstance(entry, FileAccess) else entry)
            for seq, entry in enumerate(entries, start=first)
        ]

    def _paired(self, session_id: str, entry: FileAccess, seq: int) -> FileAccess:
        pair = self._told_of if entry.source is Source.WATCH else self._telling
        earlier = pair(session_id, entry, seq)
        return entry if earlier is None else replace(entry, same_as=earlier)

    def _telling(self, session_id: str, said: FileAccess, seq: int) -> int | None:
        """Take note of what a tool said; return the entry of the watched access that it tells of."""
        here, kind = self._seen.get(said.path, {}), _CLASSES[said.access]
        seen = here.get(session_id, [])
        fitting = (one for one in seen if _CLASSES[one.access] == kind)
        # Tools tell of one access after the other, so the oldest is meant.
        meant = next((one for one in fitting if abs(one.at - said.at) <= _SAME_MS), None)
        if meant is not None:
            here[session_id] = [one for one in seen if one is not meant]
            if not here[session_id]:
                del here[session_id]
        claims = [one for one in self._by_path.get(said.path, ()) if abs(one.at - said.at) <= _SAME_MS]
        claim = Claim(session_id, seq, said.access, said.at, said.agent_id, spent=meant is not None)
        _remember(self._by_path, said.path, [*claims, claim])
        return None if meant is None else meant.seq

    def _told_of(self, session_id: str, seen: FileAccess, seq: int) -> int | None:
        """Take note of a watched access; return the entry of a tool that told of it after that was decided on."""
        for claim in self._by_path.get(seen.path, ()):
            if claim.session_id == session_id and claim.tells_of(seen.access) and abs(claim.at - seen.at) <= _SAME_MS:
                claim.spent = True
                return claim.seq
        here = self._seen.get(seen.path, {})
        earlier = [one for one in here.pop(session_id, ()) if abs(one.at - seen.at) <= _SAME_MS]
        here[session_id] = [*earlier, _Seen(seq, seen.access, seen.at)]
        while abs(here[oldest := next(iter(here))][-1].at - seen.at) > _SAME_MS:
            del here[oldest]
        _remember(self._seen, seen.path, here)
        return None

    def of(self, path: str, access: Access, *, at: Millis) -> Claim | None:
        """Return the claim that fits a watched *access* best: one that told of it, else the nearest in time."""
        if path not in self._by_path:  # as of most
            return None
        claims = [one for one in self._by_path[path] if abs(one.at - at) <= _SAME_MS]
        return min(claims, key=lambda one: (not one.tells_of(access), abs(one.at - at)), default=None)


def _remember(by_path: OrderedDict[str, _T], path: str, what: _T) -> None:
    by_path[path] = what
    by_path.move_to_end(path)
    if len(by_path) > _PATHS:
        by_path.popitem(last=False)


_CLASSES: Final = {
    Access.READ: "read",
    Access.WRITE: "write",
    Access.CREATE: "write",
    Access.DELETE: "delete",
    Access.MOVE: "move",
}

"""What tools said that they did: the surest evidence for whose an access is, for as long as it can be the same one."""

from collections import OrderedDict
from typing import Final

import msgspec

from omnimem.model import Access
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import FileAccess

#: How far what a tool says and what is watched may be apart to be the same access: a hook is called just before.
_SAME_MS: Final = 3_000
#: Paths that claims are kept of.
_PATHS: Final = 4_096


class Claim(msgspec.Struct):
    """A session has said that it used a file. Mutable: it stands for one watched access only."""

    session_id: str
    access: Access
    at: Millis
    agent_id: str | None
    spent: bool = False  #: the access it told of was seen

    def tells_of(self, access: Access) -> bool:
        """Return whether the watched *access* is the one it told of."""
        return not self.spent and _CLASSES[access] == _CLASSES[self.access]


class Claims:
    """The claims of the last seconds, by path. One thread's."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_path: OrderedDict[str, list[Claim]] = OrderedDict()

    def add(self, session_id: str, said: FileAccess) -> None:
        """Take note of what a tool said."""
        claims = [one for one in self._by_path.get(said.path, ()) if abs(one.at - said.at) <= _SAME_MS]
        self._by_path[said.path] = [*claims, Claim(session_id, said.access, said.at, said.agent_id)]
        self._by_path.move_to_end(said.path)
        if len(self._by_path) > _PATHS:
            self._by_path.popitem(last=False)

    def of(self, path: str, access: Access, *, at: Millis) -> Claim | None:
        """Return the claim that fits a watched *access* best: one that told of it, else the nearest in time."""
        claims = [one for one in self._by_path.get(path, ()) if abs(one.at - at) <= _SAME_MS]
        return min(claims, key=lambda one: (not one.tells_of(access), abs(one.at - at)), default=None)


_CLASSES: Final = {
    Access.READ: "read",
    Access.WRITE: "write",
    Access.CREATE: "write",
    Access.DELETE: "delete",
    Access.MOVE: "move",
}

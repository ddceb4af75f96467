"""A watched folder, and who is active in it."""

from collections import deque
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.identity import ProcessIdentity

#: How often within that time a folder is watched again as soon as it is back: one whose watch ends at once each time
#: must not keep the daemon busy.
RETURNS: Final = 3


class Member(msgspec.Struct, frozen=True):
    """A session active in a folder."""

    session_id: str
    workspace: str
    process: ProcessIdentity | None  #: the one it is bound to
    shell: bool  #: whether a shell opened it as it came by


class Folder:
    """One watched folder. Mutable; belongs to the event loop's thread."""

    def __init__(self, path: str, project_id: str, *, since: Millis) -> None:
        """Begin with nobody."""
        self.path = path
        self.project_id = project_id
        self.since = since
        self.track = True  # false: `.omnimem.toml` says not to
        self.mistake: str | None = None  # what is wrong with `.omnimem.toml`: what it said before holds
        self.rules_read = 0  # as the watcher told last
        self.looked_at = False  # now and then, as no watch tells of `.omnimem.toml`
        self.by_hand = False
        self.members: dict[str, Member] = {}  # the sessions active here, by id
        self.returns: deque[float] = deque(maxlen=RETURNS)  # when it was watched again, in the loop's seconds

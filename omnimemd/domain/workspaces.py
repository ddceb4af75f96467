"""A watched folder, as it is shown."""

import msgspec

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Millis


class WatchedWorkspace(msgspec.Struct, frozen=True, kw_only=True):
    """One watched folder and how well it is seen."""

    path: str
    project_id: str
    state: WorkspaceState
    directories: int
    reads_observed: bool
    by_hand: bool
    since: Millis
    problem: str | None
    track: bool = True  #: False: `.omnimem.toml` says that nothing is to be recorded

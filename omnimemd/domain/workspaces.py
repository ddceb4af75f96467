"""A watched folder, as it is shown, and which folders are none."""

from typing import Final

import msgspec

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Millis
from omnimemd.domain.paths import is_within

_KERNELS: Final = ("/proc", "/sys", "/dev")
_RAM_DISK: Final = "/dev/shm"  # noqa: S108 - a name, not a file made there


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


def unwatchable(path: str, *, own: str) -> str | None:
    """Say why the folder *path* (real) is never watched, whoever asks; None when nothing speaks against it.

    *own* is the real path of the daemon's own data. A folder around it can be watched: it is left out there.
    """
    if path == "/":
        return "it is the whole machine, not a folder somebody works in"
    if any(is_within(path, one) for one in _KERNELS) and not is_within(path, _RAM_DISK):
        return "it holds no real files: the kernel makes up what is read there"
    if is_within(path, own):
        return "it holds the daemon's own data, and to record what the daemon writes would never end"
    return None

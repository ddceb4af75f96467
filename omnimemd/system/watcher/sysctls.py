"""Which kernel setting keeps inotify from giving more, and how to raise it."""

from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc/sys")
#: Enough for a desktop full of programs that watch; each costs the kernel a few hundred bytes.
_USUAL: Final = 512


def raise_instances(proc: Path = _PROC) -> str:
    """Say what to do when no inotify instance is left; *proc* is where the kernel shows its settings.

    The lower one of two settings counts: the machine's for each user, and the user namespace's (inotify(7),
    namespaces(7)).
    """
    limits = {name: _limit(proc, name) for name in ("fs.inotify.max_user_instances", "user.max_inotify_instances")}
    name = min(limits, key=lambda each: limits[each])
    enough = max(_USUAL, 2 * limits[name])
    return f"Raise it (`sysctl {name}={enough}`), or end programs that watch files."


def _limit(proc: Path, name: str) -> int:
    try:
        return int(proc.joinpath(*name.split(".")).read_text())
    except (OSError, ValueError):
        return 1 << 30  # it is not what is in the way

"""Which kernel setting keeps inotify from giving more, and how to raise it.

Of two settings the lower one counts: the machine's for each user, and the user namespace's (inotify(7), namespaces(7)).
"""

from pathlib import Path
from typing import Final, NamedTuple

WATCHES: Final = ("fs.inotify.max_user_watches", "user.max_inotify_watches")
INSTANCES: Final = ("fs.inotify.max_user_instances", "user.max_inotify_instances")

PROC: Final = Path("/proc/sys")
#: Enough for a desktop full of programs that watch; each costs the kernel a few hundred bytes.
_USUAL_INSTANCES: Final = 512
#: What is suggested at least; costs no more than what is used of it, about 1 KiB of kernel memory a watch.
_USUAL_WATCHES: Final = 1 << 19
#: In place of a setting that cannot be read: it is not what is in the way.
_ANY: Final = 1 << 30


class Setting(NamedTuple):
    """What there may be of something."""

    name: str
    most: int
    shown: bool  #: the kernel shows it; otherwise it is taken for no limit


def lower(names: tuple[str, str], proc: Path = PROC) -> Setting:
    """Return that one of *names* which counts; *proc* is where the kernel shows its settings."""
    return min((_read(proc, name) for name in names), key=lambda one: one.most)


def raise_instances(proc: Path = PROC) -> str:
    """Say what to do when no inotify instance is left."""
    setting = lower(INSTANCES, proc)
    enough = max(_USUAL_INSTANCES, 2 * setting.most)
    return f"Raise it (`sysctl {setting.name}={enough}`), or end programs that watch files."


def raise_watches(wanted: int, proc: Path = PROC) -> str:
    """Say, as the end of a sentence, what to raise so that *wanted* directories can be watched."""
    enough = max(_USUAL_WATCHES, 1 << (4 * wanted - 1).bit_length())
    name = lower(WATCHES, proc).name
    return f"`sudo sysctl {name}={enough}` (to keep it, put the setting into /etc/sysctl.d/60-inotify.conf)"


def _read(proc: Path, name: str) -> Setting:
    try:
        return Setting(name, int(proc.joinpath(*name.split(".")).read_text()), shown=True)
    except (OSError, ValueError):
        return Setting(name, _ANY, shown=False)

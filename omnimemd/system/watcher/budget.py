"""How many inotify watches may be taken, and which setting of the kernel has to be raised for more.

The limit is the user's, over all programs: half of it is left to the others.
"""

from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc/sys")
_MACHINE: Final = "fs.inotify.max_user_watches"
_NAMESPACE: Final = "user.max_inotify_watches"
#: What is suggested at least; costs no more than what is used of it, about 1 KiB of kernel memory a watch.
_USUAL: Final = 1 << 19
#: In place of a setting that cannot be read: it is not what is in the way.
_ANY: Final = 1 << 30


class WatchBudget:
    """Says when to stop. Belongs to the dispatcher's thread."""

    def __init__(self, *, proc: Path = _PROC) -> None:
        """Read the settings from *proc*, where the kernel shows them."""
        self._proc = proc
        self.setting = _MACHINE  #: the lower one of the machine's and the user namespace's
        self.limit = 0
        self._most = 0
        self.renew()

    def renew(self) -> None:
        """Read the settings again, and forget what the kernel refused."""
        limits = {name: self._read(name) for name in (_MACHINE, _NAMESPACE)}
        self.setting = min(limits, key=lambda name: limits[name])
        self.limit = limits[self.setting]
        self._most = self.limit // 2

    def left(self, taken: int) -> int:
        """Return how many more watches may be asked for by who has *taken* so many."""
        return max(self._most - taken, 0)

    def refused(self, taken: int) -> None:
        """Take note that the kernel refused one more than the *taken*: other programs have the rest."""
        self._most = min(self._most, taken)

    def advice(self, wanted: int) -> str:
        """Say, as the end of a sentence, what to raise so that *wanted* directories can be watched."""
        enough = max(_USUAL, 1 << (4 * wanted - 1).bit_length())
        return f"`sudo sysctl {self.setting}={enough}` (to keep it, put the setting into /etc/sysctl.d/60-inotify.conf)"

    def _read(self, name: str) -> int:
        try:
            return int(self._proc.joinpath(*name.split(".")).read_text())
        except (OSError, ValueError):
            return _ANY

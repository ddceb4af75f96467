"""How many inotify watches may be taken, and which setting of the kernel has to be raised for more.

The limit is the user's, over all programs: half of it is left to the others.
"""

from pathlib import Path

from omnimemd.system.watcher import sysctls


class WatchBudget:
    """Says when to stop. Belongs to the dispatcher's thread."""

    def __init__(self, *, proc: Path = sysctls.PROC) -> None:
        """Read the settings from *proc*, where the kernel shows them."""
        self._proc = proc
        self.limit = 0  #: of the user
        self._most = 0
        self.renew()

    def renew(self) -> None:
        """Read the settings again, and forget what the kernel refused."""
        self.limit = sysctls.lower(sysctls.WATCHES, self._proc).most
        self._most = self.limit // 2

    def left(self, taken: int) -> int:
        """Return how many more watches may be asked for by who has *taken* so many."""
        return max(self._most - taken, 0)

    def refused(self, taken: int) -> None:
        """Take note that the kernel refused one more than the *taken*: other programs have the rest."""
        self._most = min(self._most, taken)

    def advice(self, wanted: int) -> str:
        """Say, as the end of a sentence, what to raise so that *wanted* directories can be watched."""
        return sysctls.raise_watches(wanted, self._proc)

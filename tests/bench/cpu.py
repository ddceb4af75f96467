"""What the threads of a process have taken of a processor, and when it is at rest."""

import time
from pathlib import Path

import msgspec


class Taken(msgspec.Struct, frozen=True):
    """Seconds on a processor since the threads began."""

    loop: float  #: the main thread: the daemon's event loop
    others: float  #: all other threads: those that read and decode file events, look at processes, wait for the disk

    @property
    def all(self) -> float:
        """Both together."""
        return self.loop + self.others

    def since(self, before: "Taken") -> "Taken":
        """Return what came after *before*."""
        return Taken(self.loop - before.loop, self.others - before.others)


def taken(pid: int) -> Taken:
    """Ask the kernel what *pid* has taken (schedstat: nanoseconds, where CONFIG_SCHED_INFO is set: everywhere)."""
    loop = others = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            nanoseconds = int((thread / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        if thread.name == str(pid):
            loop += nanoseconds
        else:
            others += nanoseconds
    return Taken(loop / 1e9, others / 1e9)


def rest(pid: int, *, quiet: float = 0.5, patience: float = 60.0) -> float:
    """Wait until *pid* has taken nothing for *quiet* seconds; return the time.monotonic() when it last did.

    Raises:
        TimeoutError: it did not come to rest in *patience* seconds.
    """
    deadline = time.monotonic() + patience
    before, since = taken(pid).all, time.monotonic()
    while time.monotonic() - since < quiet:
        time.sleep(min(0.02, quiet / 5))
        now = taken(pid).all
        if now != before:
            before, since = now, time.monotonic()
        if since > deadline:
            raise TimeoutError(f"process {pid} does not come to rest")
    return since

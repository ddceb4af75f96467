"""The floors of reading inotify: programs that only read, one in C, compiled here, and one in Python."""

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from omnimemd.system.watcher.inotify import LIVE
from tests.bench import cpu

_FLOORS = Path(__file__).parent / "floors"


class Reader:
    """A program that reads inotify, at work."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self._running = running
        self.heard = Heard(0, 0)  #: once it is stopped
        self.probes: dict[int, int] = {}  #: once it is stopped, in C only: when each was heard of, nanoseconds

    def seconds(self) -> float:
        """Return the processor time it has taken, once it has nothing more to read."""
        cpu.rest(self._running.pid, quiet=0.1)
        return cpu.taken(self._running.pid).all

    def stop(self) -> None:
        """Have it say what it heard."""
        said: str | None = None
        while said is None:
            self._running.terminate()
            # One that comes just before it reads wakes nobody: it is told again.
            with contextlib.suppress(subprocess.TimeoutExpired):
                said, _ = self._running.communicate(timeout=1)
        lines = [line.split() for line in said.splitlines()]
        (reads, overflows), *probes = ((int(one), int(other)) for one, other in lines)
        self.heard = Heard(reads, overflows)
        self.probes = dict(probes)


class Heard(msgspec.Struct, frozen=True):
    """What a reader heard."""

    reads: int  #: of files
    overflows: int


def compiled(place: Path) -> list[str]:
    """Compile the reader in C into *place*; return the command that starts it."""
    program = place / "reader"
    subprocess.run(["gcc", "-O2", "-o", program, _FLOORS / "reader.c"], check=True)
    return [str(program)]


def interpreted() -> list[str]:
    """Return the command that starts the reader in Python."""
    return [sys.executable, str(_FLOORS / "bare_reader.py")]


@contextmanager
def reading(command: list[str], directories: Iterable[str], *, rests: bool = False) -> Iterator[Reader]:
    """Run a reader that watches *directories* with the daemon's mask; in C it may rest after each read as that does."""
    running = subprocess.Popen(
        [*command, str(LIVE), *(["1000"] if rests else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
    )
    assert running.stdin is not None
    assert running.stdout is not None
    reader = Reader(running)
    try:
        running.stdin.writelines(f"{path}\n" for path in directories)
        running.stdin.close()
        running.stdin = None  # what communicate() would close again
        if running.stdout.readline() != "ready\n":
            raise RuntimeError(f"{command} did not start")
        yield reader
    finally:
        reader.stop()

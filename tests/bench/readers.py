"""The floors of reading inotify: programs that only read, one in C, compiled here, and one in Python."""

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

    def seconds(self) -> float:
        """Return the processor time it has taken, once it has nothing more to read."""
        cpu.rest(self._running.pid, quiet=0.1)
        return cpu.taken(self._running.pid).all

    def stop(self) -> None:
        """Have it say what it heard."""
        self._running.terminate()
        words, _ = self._running.communicate()
        self.heard = Heard(*map(int, words.split()[:2]))


class Heard(msgspec.Struct, frozen=True):
    """What a reader heard."""

    files: int  #: events that are of a file
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
def reading(command: list[str], directories: Iterable[str]) -> Iterator[Reader]:
    """Run a reader that watches *directories* as the daemon does."""
    running = subprocess.Popen(
        [*command, str(LIVE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="surrogateescape"
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

"""Single operations whose way through a watcher is timed: a program does them and writes down when it began each.

Times are of CLOCK_MONOTONIC, which is one for all processes.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench import trees

NAME: Final = "probe_"


class Probes:
    """A program that writes a file now and then."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self._running = running

    def at_work(self) -> bool:
        """Return whether it has not come to its end."""
        return self._running.poll() is None

    def done(self) -> dict[int, int]:
        """Wait for its end; return when each probe began, nanoseconds by its number."""
        words, _ = self._running.communicate()
        return {int(number): int(at) for number, at in (line.split() for line in words.splitlines())}


def number_of(path: str) -> int | None:
    """Return the number of the probe that wrote the file *path*, None when none did."""
    _, found, number = path.rpartition(f"/{NAME}")
    return int(number) if found else None


@contextmanager
def probing(directory: Path, *, count: int, every: float) -> Iterator[Probes]:
    """Run a program that writes *count* files (≤ 2,000) into *directory*, one *every* so many seconds."""
    assert count <= 2_000, "what it tells at its end must fit a pipe"
    command = [sys.executable, "-m", __name__, str(directory), str(count), str(every)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield Probes(running)
        finally:
            running.kill()


def main(directory: str, count: int, every: float) -> None:
    """Write, and tell at the end: to tell at once would be work beside what is measured."""
    began = []
    for number in range(count):
        time.sleep(every)
        began.append(time.monotonic_ns())
        trees.write(f"{directory}/{NAME}{number}", b"something\n")
    for number, at in enumerate(began):
        print(number, at)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

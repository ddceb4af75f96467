"""The processes a benchmark measures: the daemon, and the floors it is compared with."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from omnimem import Client

_ROOT = Path(__file__).resolve().parents[2]
_FLOORS = Path(__file__).parent / "floors"
_START_SECONDS = 20.0


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards; where, TMPDIR says. Its path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="omnimem-bench-") as path:
        yield Path(path)


@contextmanager
def daemon(place: Path, *, inside: Sequence[str] = ()) -> Iterator[tuple[Path, int]]:
    """Run the daemon with everything of its own below *place*; give its socket and its pid.

    Args:
        place: its home too, so that nothing a person configured counts.
        inside: a command that becomes the one behind it, as in `env A=b`.
    """
    path = place / "run" / "omnimemd.sock"
    command: list[str | Path] = [
        *inside,
        sys.executable,
        "-m",
        "omnimemd.daemon.main",
        "--socket",
        path,
        "--data-dir",
        place / "data",
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OMNIMEM_", "XDG_"))}
    with _process(command, environ | {"HOME": str(place)}, place / "daemon.log", answers=path) as pid:
        with Client(path, timeout=_START_SECONDS) as client:
            client.health()
        yield path, pid


@contextmanager
def floor(name: str, place: Path) -> Iterator[tuple[Path, int]]:
    """Run the program `bare_` *name* of the folder `floors`; give the socket it listens on and its pid."""
    path = place / f"{name}.sock"
    command: list[str | Path] = [sys.executable, _FLOORS / f"bare_{name}.py", path]
    with _process(command, dict(os.environ), place / f"{name}.log", answers=path) as pid:
        yield path, pid


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    """Give a connection to the socket at *path*."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_START_SECONDS)
        connection.connect(os.fspath(path))
        yield connection


@contextmanager
def _process(command: list[str | Path], environ: dict[str, str], log: Path, *, answers: Path) -> Iterator[int]:
    """Run *command* from when it listens on *answers*; give its pid."""
    with log.open("wb") as stderr:
        running = subprocess.Popen(command, cwd=_ROOT, env=environ, stdin=subprocess.DEVNULL, stderr=stderr)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(answers):
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield running.pid
    finally:
        running.terminate()
        try:
            running.wait(_START_SECONDS)
        finally:
            running.kill()  # it did not stop: nothing of it is to be left all the same
            running.wait()


def _listens(path: Path) -> bool:
    try:
        with connected(path):
            return True
    except OSError:
        return False

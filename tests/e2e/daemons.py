"""The daemon as its own process, started as a user starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from omnimem import Client
from tests.e2e.homes import Home
from tests.e2e.programs import as_user
from tests.e2e.waiting import DEADLINE_SECONDS, eventually

COMMAND: Final = (sys.executable, "-m", "omnimemd.daemon.main")
#: Another user's daemon: root reads for it what that user may not be allowed to read, the modules and the schema.
_LOADED: Final = """
import encodings.ascii, encodings.idna, encodings.latin_1, encodings.unicode_escape, importlib.readers, sys
import omnimemd.daemon.run
from omnimemd.daemon.main import main
from omnimemd.storage import migrations
schema = migrations.steps()
migrations.steps = lambda: schema
"""
#: Seconds a stop may take.
STOP_SECONDS: Final = 5.0
_READY = re.compile(r"^.*\bready\b.* pid=(\d+)", re.MULTILINE)


class Daemon:
    """One run of `omnimemd`, from its start; ready or not."""

    def __init__(
        self,
        home: Home,
        *flags: str,
        environ: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        uid: int | None = None,
    ) -> None:
        """Start it.

        Args:
            home: the user's directories.
            flags: for the command line.
            environ: variables besides those of *home*.
            wrapper: a command in front of the daemon's.
            uid: the user it runs as; root alone may choose.
        """
        self.home = home
        self.socket = home.socket
        number = len(list(home.base.glob("daemon-*.log")))
        self.log_file = home.base / f"daemon-{number}.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*wrapper, *(COMMAND if uid is None else _as_user(uid)), *flags],
                env=home.environ | dict(environ or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for the tests, not for it
            )

    @property
    def log(self) -> str:
        """Everything it said."""
        return self.log_file.read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        """The daemon's own pid, also behind a wrapper; it must be ready."""
        found = _READY.search(self.log)
        assert found, self.log
        return int(found[1])

    def is_ready(self) -> bool:
        """Return whether it said that it is ready."""
        return _READY.search(self.log) is not None

    def ready(self) -> "Daemon":
        """Wait until it says that it is ready."""
        eventually(lambda: self.is_ready() or self.process.poll() is not None, f"ready: {self.log}")
        assert self.process.poll() is None, f"exited with {self.process.returncode}: {self.log}"
        return self

    def exit_status(self, *, within: float = DEADLINE_SECONDS) -> int:
        """Wait for it to end; return its exit status."""
        return self.process.wait(within)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to stop, and check that it does so in time and in order; return the seconds it took."""
        began = time.monotonic()
        os.kill(self.pid, how)
        status = self.exit_status()
        took = time.monotonic() - began
        assert status == 0, self.log
        assert took < STOP_SECONDS, f"stopped after {took:.1f} s: {self.log}"
        return took

    def kill(self) -> None:
        """Take it away as `kill -9` does, a wrapper with it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def complaints(self) -> list[str]:
        """Return the lines of its log that say that it has a bug."""
        return [line for line in self.log.splitlines() if " ERROR " in line or line.startswith("Traceback")]

    def client(self, *, timeout: float = 10.0) -> Client:
        """Return a client of it, of its own."""
        return Client(self.socket, timeout=timeout)


@contextmanager
def running(
    home: Home,
    *flags: str,
    environ: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    uid: int | None = None,
) -> Iterator[Daemon]:
    """Run a daemon until the block ends; it must have had no bug and must stop in order, unless it was killed."""
    daemon = Daemon(home, *flags, environ=environ, wrapper=wrapper, uid=uid)
    try:
        yield daemon.ready()
        if daemon.process.poll() is None:
            daemon.stop()
            assert not daemon.complaints(), daemon.log
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


def run_to_end(home: Home, *flags: str, environ: Mapping[str, str] | None = None, uid: int | None = None) -> Daemon:
    """Start a daemon that cannot start, and wait for its end."""
    daemon = Daemon(home, *flags, environ=environ, uid=uid)
    try:
        daemon.exit_status()
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
    return daemon


def _as_user(uid: int) -> tuple[str, ...]:
    return sys.executable, "-c", as_user(uid, "sys.exit(main())", first=_LOADED)


def mode_of(path: Path) -> int:
    """Return the permission bits of *path*."""
    return path.stat().st_mode & 0o7777

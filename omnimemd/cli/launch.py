"""The daemon started in the background, and waited for until it answers.

Two starts at once take turns by a lock on the log file, so the second finds what the first one started. The log lies
beside the socket (`omnimemd.sock` and `omnimemd.log`): that is the one private place of the daemon's that a client
knows too, whatever the configuration says about the others.
"""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

from omnimem import CallFailed, Client, DaemonNotRunning
from omnimemd.cli.daemon import find, log_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.text import shown_path

#: Seconds a daemon may take until it answers; with a large database to reconcile that is longer than the usual one.
_START_SECONDS: Final = 30.0
#: The same for one that is given little of the processors by others, as long as it uses what it is given.
_SLOW_START_SECONDS: Final = 300.0
#: Seconds in which one that somebody else started at the same time must answer, or one make its lost socket anew.
_OTHER_SECONDS: Final = 10.0
#: Seconds one that failed to start may take to end.
_END_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 0.02
#: The exit status that says another daemon runs already.
_RUNS_ALREADY: Final = 3
#: How much of what a daemon said that did not start is shown.
_LAST_LINES: Final = 12


class Patience:
    """How long a daemon that starts is waited for."""

    def __init__(self, *, now: float) -> None:
        """Begin to wait *now*, in seconds of any clock that goes on."""
        self._longest = now + _SLOW_START_SECONDS
        self._until = now + _START_SECONDS
        self._worked = 0

    def lasts(self, *, now: float, worked: int) -> bool:
        """Return whether it is still waited for *now*, when it has *worked* for so many nanoseconds of a processor."""
        if worked > self._worked:  # it goes on, however slowly
            self._until = min(now + _START_SECONDS, self._longest)
        self._worked = worked
        return now <= self._until

    def shorten(self, *, until: float) -> None:
        """Wait no longer than *until*."""
        self._longest = self._until = min(self._until, until)


class Running(NamedTuple):
    """A daemon that answers."""

    pid: int
    ours: subprocess.Popen[bytes] | None  #: the process, if this call started it


class _Started(NamedTuple):
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    logged_before: int  #: bytes


def start(path: Path, *arguments: str) -> Running:
    """Return the daemon that answers on the socket *path*, started with *arguments* too if there is none.

    Raises:
        CannotGoOn: it does not start; nothing is left of it.
    """
    with _one_at_a_time(path) as log:
        if not _answers(path):
            with _interrupts_held() as let_go:
                started = _start(path, log, *arguments)
                try:
                    let_go()
                    _wait_until_it_answers(path, started)
                except BaseException:
                    _end(started.process)
                    raise
            if started.process.returncode is None:
                return Running(started.process.pid, started.process)
    return Running(find(path) or 0, None)


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the function that is given is called, so that no process begins that nobody knows."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))

    def let_go() -> None:
        signal.signal(signal.SIGINT, before)
        while came:
            signal.raise_signal(came.pop())

    try:
        yield let_go
    finally:
        let_go()


def _wait_until_it_answers(path: Path, started: _Started) -> None:
    patience = Patience(now=time.monotonic())
    while not _answers(path):
        status = started.process.poll()
        if status == _RUNS_ALREADY:  # a supervisor's, perhaps, that does not answer yet
            patience.shorten(until=time.monotonic() + _OTHER_SECONDS)
        lasts = patience.lasts(now=time.monotonic(), worked=_worked(started.process.pid))
        if status not in (None, _RUNS_ALREADY) or not lasts:
            raise _did_not_start(path, started)
        time.sleep(_LOOK_AGAIN_SECONDS)


def _worked(pid: int) -> int:
    """Return for how many nanoseconds of a processor *pid* has worked, 0 where that is not told."""
    if sys.platform != "linux":
        return 0
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
    except OSError:  # it has ended
        return 0


def _did_not_start(path: Path, started: _Started) -> CannotGoOn:
    started.log.seek(started.logged_before)
    last_words = started.log.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
    if started.process.returncode is None:
        detail, hint = f"did not answer within {_START_SECONDS:.0f} s", f"Its log is {shown_path(str(log_of(path)))}."
    else:
        detail, hint = f"did not start (exit status {started.process.returncode})", "Correct that, and start it again."
    return CannotGoOn(f"omnimemd {detail}.", hint=hint, quoted=last_words)


def _answers(path: Path) -> bool:
    try:
        with Client(path, timeout=_START_SECONDS) as client:
            client.health()
    except DaemonNotRunning:
        return False
    except CallFailed:
        return find(path) is not None  # it was going just then, or has much to do
    return True


def _start(path: Path, log: IO[bytes], *arguments: str) -> _Started:
    before = os.fstat(log.fileno()).st_size
    # -P: nothing is imported from the current directory, which is whoever's the user happens to look at. -E: nor from
    # where PYTHONPATH leads, which editors set for the project that is open; the daemon outlives that terminal.
    command = [sys.executable, "-E", "-P", "-m", "omnimemd.daemon.main", "--socket", os.fspath(path), *arguments]
    process = subprocess.Popen(  # noqa: S603 our own program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd="/",  # it must not keep a folder from being unmounted or removed
        env=_environment(),
        start_new_session=True,
    )
    return _Started(process, log, before)


def _environment() -> dict[str, str]:
    """Return the environment, its paths absolute, since the daemon runs in another directory."""
    paths = ("OMNIMEM_DATA_DIR", "OMNIMEM_CONFIG")
    return os.environ | {name: str(Path(os.environ[name]).absolute()) for name in paths if os.environ.get(name)}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[IO[bytes]]:
    """Hold the lock of whoever starts; give the log to write."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log, lock = _open_log(path), _open_log(path)
    except OSError:
        # The place is not right for a log, nor for the socket: the daemon says best what is wrong with it.
        with tempfile.TemporaryFile() as log:
            yield log
        return
    with log, lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever has it gives it back within _START_SECONDS, or dies
        yield log


def _open_log(path: Path) -> IO[bytes]:
    """Open the log, which must be a file of this user's own, and not in a folder that everybody shares."""
    folder = path.parent.stat()
    if folder.st_uid != os.getuid() or folder.st_mode & (stat.S_ISVTX | stat.S_IWOTH):
        raise PermissionError
    log = os.open(log_of(path), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    found = os.fstat(log)
    if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(log)
        raise PermissionError
    os.fchmod(log, 0o600)
    return os.fdopen(log, "rb+", buffering=0)

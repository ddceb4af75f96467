"""The daemon as a process: found by its socket, stopped by its pid.

Who listens on the socket is asked of the kernel, not of a file: there is nothing that can be stale.
"""

import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from omnimem.errors import ForbiddenUid
from omnimem.owner import check_owner
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.kernel import holder

#: Seconds a daemon may take to end; it promises five.
_STOP_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 0.02
#: getsockopt level and name of macOS, which Python's socket module lacks (sys/un.h).
_SOL_LOCAL: Final = 0
_LOCAL_PEERPID: Final = 2


def find(path: Path) -> int | None:
    """Return the pid of whoever listens on the socket *path*; None when nobody does.

    Raises:
        CannotGoOn: it is another user's, or cannot be looked at.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.settimeout(_STOP_SECONDS)
        try:
            connection.connect(os.fspath(path))
            if sys.platform == "darwin":
                (pid,) = struct.unpack("=i", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
            else:
                # struct ucred: pid, uid, gid of the process that called listen(2) (unix(7), SO_PEERCRED).
                pid, _, _ = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            check_owner(connection, path)
        except ForbiddenUid as error:
            raise CannotGoOn(error.detail, hint="Choose a --socket of your own.") from None
        except (FileNotFoundError, NotADirectoryError, ConnectionError):
            return None
        except OSError as error:
            raise CannotGoOn(
                f"The socket {path} cannot be looked at: {error.strerror or error}.", hint="Choose another --socket."
            ) from error
    return int(pid)


def log_of(path: Path) -> Path:
    """Return the log of a daemon that was started in the background on the socket *path*."""
    return path.with_name(path.name.removesuffix(".sock") + ".log")


def stop(path: Path) -> int | None:
    """Stop the daemon on the socket *path* and wait until it is gone; return its pid, None when there was none.

    Raises:
        CannotGoOn: it is another user's or no omnimemd, or does not end.
    """
    pid = find(path) or _find_again(path)
    if pid is None:
        return None
    if pid == 0:
        raise CannotGoOn("The daemon runs in another pid namespace (a container?).", hint="Stop it from there.")
    if _is_manager(pid):
        raise CannotGoOn(
            f"The socket {path} is a service manager's (pid {pid}), which would start the daemon again.",
            hint="`systemctl --user stop omnimemd.socket omnimemd.service` stops both, from a login of your own.",
        )
    if not _is_ours(path, pid):
        raise CannotGoOn(
            f"Whoever listens on {path} (pid {pid}) does not hold the lock of an omnimemd of yours beside it.",
            hint="See what it is with `omnimem doctor`; another socket is chosen with --socket.",
        )
    try:
        if sys.platform == "linux" and hasattr(os, "pidfd_open"):
            _stop_by_pidfd(path, pid)
        else:
            _stop_by_pid(pid)
    except ProcessLookupError:
        pass  # it ended by itself
    except PermissionError:
        raise CannotGoOn(f"The daemon (pid {pid}) is another user's.", hint="Ask them, or choose a --socket.") from None
    return pid


def without_socket(path: Path) -> int | None:
    """Return the pid of a daemon whose socket *path* was removed, which it makes anew within seconds; None: none."""
    return None if path.exists() else holder(path.with_name(path.name + ".lock"))


def _find_again(path: Path) -> int | None:
    deadline = time.monotonic() + _STOP_SECONDS
    while (pid := without_socket(path)) is not None:
        if time.monotonic() > deadline:
            raise CannotGoOn(
                f"omnimemd runs (pid {pid}), and makes its socket {path} not anew.", hint=f"`kill {pid}` stops it."
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
    return find(path)


def _is_ours(path: Path, pid: int) -> bool:
    """Return whether the lock beside the socket says that *pid* is an omnimemd of this user's."""
    try:
        file = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.fstat(file).st_uid == os.geteuid() and os.read(file, 32).split(b"\n")[0] == b"%d" % pid
    except OSError:
        return False
    finally:
        os.close(file)


def _is_manager(pid: int) -> bool:
    """Return whether that is the program which made the socket for the daemon: it must never be stopped for it."""
    try:
        return pid == 1 or Path(f"/proc/{pid}/comm").read_bytes() == b"systemd\n"
    except OSError:
        return False


if sys.platform == "linux":

    def _stop_by_pidfd(path: Path, pid: int) -> None:
        process = os.pidfd_open(pid)
        try:
            if find(path) != pid:  # it ended before there was a hold on it, and the pid may be anybody's
                return
            signal.pidfd_send_signal(process, signal.SIGTERM)
            ended, _, _ = select.select([process], [], [], _STOP_SECONDS)
            if not ended:
                raise _does_not_end(pid)
        finally:
            os.close(process)


def _stop_by_pid(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_SECONDS)
        os.kill(pid, 0)  # raises when it is gone
    raise _does_not_end(pid)


def _does_not_end(pid: int) -> CannotGoOn:
    return CannotGoOn(
        f"omnimemd (pid {pid}) was told to stop, and still runs after {_STOP_SECONDS:.0f} s.",
        hint=f"`kill -KILL {pid}` ends it; nothing it has answered is lost.",
    )

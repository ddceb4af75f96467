"""The daemon's socket: bound for its user alone, never taken from another daemon, removed only if it is ours.

One that a service manager made is the manager's: it is neither bound nor removed here.
"""

import contextlib
import os
import socket
import stat
from pathlib import Path

from omnimem.locate import SOCKET_PATH_LIMIT, fits
from omnimemd.system.activation import Activated
from omnimemd.system.directories import private_directory
from omnimemd.system.errors import AlreadyRunning, PlaceRefused
from omnimemd.system.lock import Lock
from omnimemd.system.peer import peer_of

#: Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn (4096, listen(2)).
BACKLOG = 4096


class Listening:
    """The place of the socket, kept from construction to `close`; `open` makes the socket itself."""

    def __init__(self, path: Path, activated: Activated | None = None) -> None:
        """Keep *path* for this process, or that of the socket it was *activated* by.

        Raises:
            AlreadyRunning: another daemon keeps the path or answers on it.
            PlaceRefused: the path is too long, not ours, or taken by something that is no socket.
        """
        self._activated = activated
        if activated is not None:
            path = activated.path
        elif not fits(path):
            raise PlaceRefused(
                f"the socket path {path} has {len(os.fsencode(path))} bytes, and {SOCKET_PATH_LIMIT} fit: "
                "set OMNIMEM_SOCKET to a shorter one"
            )
        private_directory(path.parent)
        self.path = path
        self._lock = Lock(path.with_name(path.name + ".lock"), protects=f"the socket {path}", socket=path)
        self._bound: os.stat_result | None = None
        try:
            if activated is None:
                self._refuse_if_taken()
        except BaseException:
            self._lock.release()
            raise

    def open(self) -> socket.socket:
        """Return the listening socket, mode 0600 from the instant it exists.

        Call it while the process has one thread: the mode comes from the umask, which is the process's.
        """
        if self._activated is not None:
            self._activated.socket.setblocking(False)
            return self._activated.socket
        self.path.unlink(missing_ok=True)  # stale: this process keeps the path, and nobody answered on it
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listening.bind(os.fspath(self.path))
        finally:
            os.umask(before)
        self._bound = self.path.lstat()
        listening.listen(BACKLOG)
        listening.setblocking(False)
        return listening

    @property
    def is_lasting(self) -> bool:
        """Whether somebody listens on it while the daemon does not: who calls meanwhile waits, or starts it."""
        return self._activated is not None

    def close(self) -> None:
        """Remove the socket if it is still the one that was bound, and let the path go."""
        with contextlib.suppress(FileNotFoundError):
            if self._bound is not None and os.path.samestat(self.path.lstat(), self._bound):
                self.path.unlink()
        self._lock.release()

    def _refuse_if_taken(self) -> None:
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise PlaceRefused(f"{self.path} is in the way and is no socket: move it, or choose another with --socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2.0)
            try:
                probe.connect(os.fspath(self.path))
            except (ConnectionRefusedError, FileNotFoundError):
                return
            except OSError as error:
                raise PlaceRefused(f"the socket {self.path} cannot be looked at: {error.strerror or error}") from error
            raise AlreadyRunning(f"another daemon (pid {peer_of(probe).pid}) answers on the socket {self.path}")

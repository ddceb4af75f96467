"""The daemon's socket: bound for its user alone, never taken from another daemon, removed only if it is ours.

One that a service manager made is the manager's: it is neither bound nor removed here. One that was removed while the
daemon runs (the end of a login takes the user's runtime directory away, a cleaner what is old in /tmp) is made anew.
"""

import contextlib
import os
import socket
import stat
import sys
from collections.abc import Iterator
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
    """The place of the socket, kept from construction to `close`; `open` makes the socket itself, `renew` another."""

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
        self._lock = self._locked()
        self._socket: socket.socket | None = None
        self._is_shut = False
        self._found: os.stat_result | None = None if activated is None else path.lstat()
        try:
            if activated is None:
                self._refuse_if_taken()
        except BaseException:
            self._lock.release()
            raise

    def open(self) -> socket.socket:
        """Return the listening socket, mode 0600 from the instant it exists; the same one as long as it is found."""
        if self._socket is None:
            self._socket = self._bound() if self._activated is None else self._activated.socket
        self._socket.setblocking(False)
        return self._socket

    def renew(self) -> socket.socket | None:
        """Be reachable again where the socket, or the lock on its place, is gone.

        Returns:
            The socket that callers find, another one than before if that was gone; None: it was shut for good.

        Raises:
            AlreadyRunning: another daemon took the place meanwhile.
            PlaceRefused: it cannot be taken, now or at all.
        """
        if self._is_shut:
            return None
        missing = not self._is_found()
        if missing and self._activated is not None:
            raise PlaceRefused(
                f"the service manager's socket {self.path} was removed, so nobody can call: "
                "stop its socket and the service, and start them again (omnimem stop; omnimem start)"
            )
        if missing or not self._lock.is_in_place():
            private_directory(self.path.parent)
            self._lock_again()
        if missing:
            self._refuse_if_taken()
            if self._socket is not None:
                self._socket.close()
            self._socket = None  # until there is another
        return self.open()

    def shut(self) -> None:
        """Close the socket for good; its place is kept."""
        self._is_shut = True
        if self._socket is not None:
            self._socket.close()

    @property
    def is_lasting(self) -> bool:
        """Whether somebody listens on it while the daemon does not: who calls meanwhile waits, or starts it."""
        return self._activated is not None

    def close(self) -> None:
        """Remove the socket if it is still the one that was bound, and let the path go."""
        with contextlib.suppress(FileNotFoundError):
            if self._activated is None and self._is_found():
                self.path.unlink()
        self._lock.release()

    def _bound(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.unlink(missing_ok=True)  # stale: this process keeps the path, and nobody answered on it
            with _made_private(listening):
                listening.bind(os.fspath(self.path))
            self.path.chmod(0o600)  # the umask may take from its user too
            self._found = self.path.lstat()
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            raise PlaceRefused(f"the socket {self.path} cannot be made: {error.strerror or error}") from error
        return listening

    def _is_found(self) -> bool:
        """Return whether callers find the socket."""
        try:
            return self._found is not None and os.path.samestat(self.path.lstat(), self._found)
        except OSError:
            return False

    def _locked(self) -> Lock:
        return Lock(self.path.with_name(self.path.name + ".lock"), protects=f"the socket {self.path}", socket=self.path)

    def _lock_again(self) -> None:
        if not self._lock.is_in_place():
            former, self._lock = self._lock, self._locked()
            former.release()

    def _refuse_if_taken(self) -> None:
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise PlaceRefused(f"{self.path} is in the way and is no socket: move it, or choose another with --socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # the daemon's loop does not wait for somebody who does not accept
            try:
                probe.connect(os.fspath(self.path))
            except BlockingIOError:
                raise AlreadyRunning(f"another daemon listens on the socket {self.path}, and does not answer") from None
            except (ConnectionRefusedError, FileNotFoundError):
                return
            except OSError as error:
                raise PlaceRefused(f"the socket {self.path} cannot be looked at: {error.strerror or error}") from error
            raise AlreadyRunning(f"another daemon (pid {peer_of(probe).pid}) answers on the socket {self.path}")


@contextlib.contextmanager
def _made_private(listening: socket.socket) -> Iterator[None]:
    """Have what the block binds *listening* to be its user's alone from the instant it is there."""
    if sys.platform == "linux":
        os.fchmod(listening.fileno(), 0o600)  # unix(7) does not say so: the path gets the socket's mode
        yield
    else:
        before = os.umask(0o177)  # the process's: other threads that make something meanwhile say how themselves
        try:
            yield
        finally:
            os.umask(before)

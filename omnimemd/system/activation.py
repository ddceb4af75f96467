"""The socket that a service manager made and listens on until the daemon does (sd_listen_fds(3), launchd.plist(5))."""

import os
import socket
import stat
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Final

from omnimemd.system import launchd
from omnimemd.system.errors import PlaceRefused

#: The first descriptor that systemd hands on (SD_LISTEN_FDS_START).
_FIRST: Final = 3
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Activated:
    """A listening socket that belongs to the service manager: it was there before the daemon, and will be after it."""

    def __init__(self, descriptor: int) -> None:
        """Take *descriptor*.

        Raises:
            PlaceRefused: it is no listening Unix socket, or not one that clients of this user alone can reach.
        """
        try:
            os.set_inheritable(descriptor, False)
            self.socket = socket.socket(fileno=descriptor)
        except OSError as error:
            raise PlaceRefused(f"descriptor {descriptor} of the service manager is no socket: {error}") from error
        try:
            self.path = _path_of(self.socket)
            self._keep_private()
        except BaseException:
            self.socket.close()
            raise

    def _keep_private(self) -> None:
        """Refuse a path where the socket is not, or no more; take it from other users."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            found = None
        if found is None or not stat.S_ISSOCK(found.st_mode):
            raise PlaceRefused(
                f"the service manager listens on {self.path}, but no socket is there any more, so nobody can call: "
                "restart its socket (systemctl --user restart omnimemd.socket)"
            )
        if found.st_uid != os.getuid():
            raise PlaceRefused(f"the socket {self.path} belongs to user {found.st_uid}")
        if stat.S_IMODE(found.st_mode) & 0o077:
            self.path.chmod(0o600)


def _path_of(given: socket.socket) -> Path:
    listens = bool(given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    if not listens or given.family != socket.AF_UNIX or given.type != socket.SOCK_STREAM:
        raise PlaceRefused("the service manager handed on something else than a Unix socket that listens")
    name = given.getsockname()
    if not isinstance(name, str) or not name.startswith("/"):
        raise PlaceRefused("the service manager's socket has no path: clients look for one")
    return Path(name)


def activated(environ: MutableMapping[str, str] | None = None) -> Activated | None:
    """Return the socket that this process was started with, if it was; the environment says nothing of it afterwards.

    Raises:
        PlaceRefused: what it was started with cannot be used.
    """
    env = os.environ if environ is None else environ
    pid, count, _ = (env.pop(name, "") for name in _VARIABLES)
    if pid == str(os.getpid()):
        descriptors: Sequence[int] = range(_FIRST, _FIRST + int(count)) if count.isdecimal() else []
    elif sys.platform == "darwin":
        descriptors = launchd.activated_sockets(launchd.system_library())
    else:
        return None
    if not descriptors:
        return None
    if len(descriptors) > 1:
        raise PlaceRefused(f"the service manager handed on {len(descriptors)} sockets, and one is expected")
    return Activated(descriptors[0])

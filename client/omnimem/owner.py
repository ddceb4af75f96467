"""Whose daemon is at the other end: nothing is said to another user's."""

import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final, Protocol

from omnimem.errors import ForbiddenUid

#: getsockopt level and name of macOS, which Python's socket module lacks (sys/un.h).
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1


class Connected(Protocol):
    """A socket, or what asyncio shows of one."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Return an option, as the kernel has it."""
        ...


def check_owner(connection: Connected, path: Path) -> None:
    """Check that who listens at *path*, to which *connection* leads, is the user who calls.

    Where the socket lies in a folder that everybody shares, another user may have been there first.

    Raises:
        ForbiddenUid: it is another user.
        OSError: the connection is gone.
    """
    if sys.platform == "darwin":
        # struct xucred: version, uid, number of groups, then the groups.
        _, uid = struct.unpack_from("=II", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76))
    else:
        # struct ucred: pid, uid, gid, of the process that called listen(2) (unix(7), SO_PEERCRED).
        _, uid, _ = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.geteuid():
        raise ForbiddenUid(f"The daemon at {path} belongs to user {uid}; you are user {os.geteuid()}.")

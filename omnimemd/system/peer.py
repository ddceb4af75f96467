"""Who is at the other end of a Unix socket, as the kernel knows it."""

import socket
import struct
import sys
from typing import Final

from omnimemd.domain.identity import Peer

#: getsockopt levels and names of macOS, which Python's socket module lacks (sys/un.h).
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_LOCAL_PEERPID: Final = 2


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected to this end of *connection*.

    Raises:
        OSError: the connection is gone.
    """
    if sys.platform == "darwin":
        # struct xucred: version, uid, number of groups, then the groups.
        _, uid = struct.unpack_from("=II", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76))
        (pid,) = struct.unpack("=i", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    else:
        # struct ucred: pid, uid, gid, of the moment of connect(2) (unix(7), SO_PEERCRED).
        pid, uid, _ = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return Peer(uid, pid or None)

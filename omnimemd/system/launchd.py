"""The sockets that launchd listens on for the daemon: `launch_activate_socket`, which has no module in Python."""

import ctypes
import errno
import os
from typing import Final

from omnimemd.system.errors import PlaceRefused

#: The socket's key in the agent's `Sockets`.
SOCKET_NAME: Final = "omnimemd"


def system_library() -> ctypes.CDLL:
    """Return the library that has the function: what every program of macOS is linked with."""
    return ctypes.CDLL(None, use_errno=False)


def activated_sockets(library: ctypes.CDLL) -> list[int]:
    """Return the descriptors that launchd made for this process; none where it was not launchd that started it.

    Raises:
        PlaceRefused: launchd has them, and does not hand them on.
    """
    activate = library.launch_activate_socket
    activate.restype = ctypes.c_int
    activate.argtypes = (
        ctypes.c_char_p,
        ctypes.POINTER(ctypes.POINTER(ctypes.c_int)),
        ctypes.POINTER(ctypes.c_size_t),
    )
    found, count = ctypes.POINTER(ctypes.c_int)(), ctypes.c_size_t(0)
    error = activate(SOCKET_NAME.encode("ascii"), ctypes.byref(found), ctypes.byref(count))
    if error in (errno.ESRCH, errno.ENOENT):  # not started by launchd; by it, but as an agent without this socket
        return []
    if error:
        raise PlaceRefused(f"launchd does not hand on the socket {SOCKET_NAME!r}: {os.strerror(error)}")
    descriptors = found[: count.value]
    library.free.restype, library.free.argtypes = None, (ctypes.c_void_p,)
    library.free(found)
    return descriptors

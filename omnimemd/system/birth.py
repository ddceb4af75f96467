"""What of a folder survives a move: device, inode and time of birth."""

import ctypes
import os
import struct
import sys
from typing import Final

from omnimemd.domain.projects import FolderIdentity

#: linux/stat.h; Python's os.stat leaves the birth time out on Linux.
_AT_FDCWD: Final = -100
_STATX_BTIME: Final = 0x800
#: struct statx: the mask, and the birth time's seconds and nanoseconds; 256 bytes in all.
_STATX: Final = struct.Struct("=I 76x qI 164x")


def folder_identity(path: str) -> FolderIdentity:
    """Return the identity of the folder at *path*.

    Raises:
        OSError: it is not there.
    """
    found = os.stat(path)
    return FolderIdentity(found.st_dev, found.st_ino, _birth_ns(path, found))


def _birth_ns(path: str, found: os.stat_result) -> int | None:
    if sys.platform != "linux":
        seconds = getattr(found, "st_birthtime", None)
        return None if seconds is None else int(seconds * 1_000_000_000)
    try:
        statx = ctypes.CDLL(None, use_errno=True).statx
    except AttributeError:  # glibc < 2.28, musl < 1.2.4
        return None
    buffer = ctypes.create_string_buffer(_STATX.size)
    if statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, buffer) != 0:
        return None
    mask, birth_seconds, nanoseconds = _STATX.unpack(buffer.raw)
    return birth_seconds * 1_000_000_000 + nanoseconds if mask & _STATX_BTIME else None

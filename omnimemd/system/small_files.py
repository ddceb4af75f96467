"""Read the small files that say how a project is to be treated; never be held up, filled up or led by one.

What lies above a folder may be anybody's (think of /tmp), a pipe that nobody writes to, or endless. So only regular
files of a sane size are read, and above a folder only those count that this user, root or the folder's own owner made,
as git has it (git-config(1), safe.directory).
"""

import contextlib
import os
import stat
from collections.abc import Collection
from typing import Final

#: Bytes such a file may have; what is longer is no such file.
_AT_MOST: Final = 1 << 20


def read_small(path: str, *, follow: bool = False) -> bytes | None:
    """Return what the file at *path* holds; None when it is not there, no regular file, or too large.

    Args:
        path: the file.
        follow: whether it may be a symbolic link.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _AT_MOST:
            return None
        return os.read(descriptor, _AT_MOST)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def owners_for(folder: str) -> frozenset[int]:
    """Return whose files may decide over *folder*: this user's, root's, and those of the folder's own owner."""
    owners = {0, os.getuid()}
    with contextlib.suppress(OSError):  # a folder that is not there has no owner
        owners.add(os.stat(folder).st_uid)
    return frozenset(owners)


def is_of(path: str, owners: Collection[int]) -> bool:
    """Return whether *path* is there and belongs to one of *owners*; a link is its maker's."""
    try:
        return os.lstat(path).st_uid in owners
    except (OSError, ValueError):
        return False

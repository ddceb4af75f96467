"""Small files of the daemon's beside its database, and how what is there gets to the disk."""

import errno
import os
import stat
from pathlib import Path


def put(path: Path, content: bytes, *, sync: bool) -> None:
    """Have a file at *path* with *content* that its user alone may read: a new one, or the one there until then.

    Args:
        path: where to; beside it a file is made that takes its place.
        content: all of it.
        sync: whether it is to be on the disk before it is there.

    Raises:
        OSError: it cannot be written; what was there still is.
    """
    new = path.with_name(f"{path.name}.new")
    # O_NONBLOCK: a pipe that somebody laid there must not hold up a stop.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(new, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _check_plain(new, descriptor)
        os.fchmod(file.fileno(), 0o600)  # whatever the umask made of it
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)


def read_plain(path: Path) -> bytes:
    """Return what the plain file at *path* holds.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        _check_plain(path, descriptor)
        return file.read()


def sync_directory(path: Path) -> None:
    """Have the names in the directory *path* on the disk.

    Raises:
        OSError: the disk did not confirm it.
    """
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _check_plain(path: Path, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))

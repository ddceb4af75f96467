"""Small files of the daemon's beside its database, and how what is there gets to the disk."""

import os
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
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask made of it
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)


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

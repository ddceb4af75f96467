"""What lstat(2) says of files. It opens nothing, so no watcher sees it."""

import os
import stat
from collections.abc import Sequence

from omnimemd.domain.file_events import UNSEEN, FileFacts


def facts_of(name: str, status: os.stat_result) -> FileFacts:
    """Return *status* as the facts of the file *name*."""
    return FileFacts(name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def facts_at(paths: Sequence[str]) -> list[FileFacts | None]:
    """Return the facts of each of *paths*; see `Watcher.look`. Blocks for some microseconds a path."""
    return [_facts_at(path) for path in paths]


def identity_of(path: str) -> tuple[int, int] | None:
    """Return the device and inode of what is at *path*, links followed; None when nothing can be seen there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_directory(path: str) -> bool:
    """Tell whether a directory is at *path*, "" being the root of the file system; a link to one is none."""
    try:
        return stat.S_ISDIR(os.lstat(path or "/").st_mode)
    except OSError:
        return False


def are_same(one: str, other: str) -> bool:
    """Tell whether one file or directory is at both paths."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def _facts_at(path: str) -> FileFacts | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return UNSEEN
    return None if stat.S_ISDIR(status.st_mode) else facts_of(os.path.basename(path), status)

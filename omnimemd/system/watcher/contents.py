"""What is in files: read without leaving the folder that is asked about, without being held up, and without a trace.

A pipe or a device is not opened, as that alone has effects. To close a file that was read makes an event, if its
directory is watched; whoever has to do with events closes the files in a way of its own (see `quiet.py`).
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from typing import Final

from omnimemd.domain.file_events import UNSEEN, Content, FileFacts
from omnimemd.domain.paths import is_within
from omnimemd.domain.staleness import READ_UP_TO_BYTES
from omnimemd.system.watcher.facts import facts_of

_ABSENT: Final = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL))
_AT_ONCE_BYTES: Final = 256 * 1024
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
#: Files that are open at once.
_OPEN: Final = 32


def contents_of(
    root: str,
    paths: Sequence[str],
    *,
    wanted: Callable[[str, FileFacts], bool],
    close: Callable[[Sequence[int]], None],
    stop: Callable[[], bool] = lambda: False,
) -> list[Content | None]:
    """Return what is in each of *paths*; see `Watcher.contents`. Blocks; any thread.

    Args:
        root, paths, wanted: see there.
        close: closes descriptors of files that were read.
        stop: asked before each file; when it says so, the rest is UNSEEN.
    """
    if not os.path.isdir(root):
        return [Content(path, UNSEEN, None) for path in paths]
    found: list[Content | None] = []
    opened: list[int] = []
    try:
        for path in paths:
            found.append(Content(path, UNSEEN, None) if stop() else _content(root, path, wanted, opened))
            if len(opened) == _OPEN:
                close(opened)
                opened.clear()
    finally:
        if opened:
            close(opened)
    return found


def close_all(descriptors: Sequence[int]) -> None:
    """Close *descriptors*."""
    for one in descriptors:
        with contextlib.suppress(OSError):
            os.close(one)


def _content(root: str, path: str, wanted: Callable[[str, FileFacts], bool], opened: list[int]) -> Content | None:
    try:
        real = os.path.realpath(path)
        if not is_within(real, root):
            return None
        real.encode()  # a path that is not Unicode is nobody's to remember
        status = os.lstat(real)
    except UnicodeEncodeError:
        return None
    except (OSError, ValueError) as error:
        absent = isinstance(error, ValueError) or error.errno in _ABSENT
        return None if absent else Content(path, UNSEEN, None)
    if not stat.S_ISREG(status.st_mode):
        return None
    facts = facts_of(os.path.basename(real), status)
    if status.st_size > READ_UP_TO_BYTES or not wanted(path, facts):
        return Content(real, facts, None)
    return _read(real, opened) or Content(real, facts, None)


def _read(real: str, opened: list[int]) -> Content | None:
    """Return what is in the regular file *real*, None when it cannot be read; its descriptor is added to *opened*."""
    try:
        file = os.open(real, _FLAGS)
    except OSError:
        return None
    opened.append(file)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return None
        digest, left = hashlib.blake2b(digest_size=16), status.st_size
        while left > 0 and (piece := os.read(file, min(left, _AT_ONCE_BYTES))):
            digest.update(piece)
            left -= len(piece)
    except OSError:
        return None
    return Content(real, facts_of(os.path.basename(real), status), digest.digest())

"""What a directory held when it was last looked at, kept small: how changes are found where no watch tells of them."""

import os
from array import array
from collections.abc import Generator, Mapping
from time import time_ns
from typing import Final

from omnimemd.domain.file_events import FileFacts

#: Files looked at between two yields: some 3 µs each.
_STRIDE: Final = 256
#: A directory that changed this little before it was listed may change again under the same time stamp.
_UNSETTLED_NS: Final = 2_000_000_000
#: Numbers kept of each file: inode, size in bytes, mtime in ns.
_WIDTH: Final = 3


class Snapshot:
    """One directory's entries; 100 bytes a file."""

    __slots__ = ("directories", "facts", "mtime_ns", "names", "settled")

    def __init__(self, mtime_ns: int) -> None:
        self.names: list[str] = []  # of all that is no directory
        self.facts = array("Q")
        self.directories: Mapping[str, int] = {}  # and their inodes
        self.mtime_ns = mtime_ns  # of the directory itself
        self.settled = time_ns() - mtime_ns > _UNSETTLED_NS  # as long as it is the same, so are the names

    def files(self) -> dict[str, FileFacts]:
        """Return what is known of the files, by name; the ctime is not."""
        facts = self.facts
        return {
            name: FileFacts(name, facts[at], facts[at + 1], facts[at + 2], 0)
            for name, at in zip(self.names, range(0, len(facts), _WIDTH), strict=True)
        }

    def holds_the_same_files(self, other: "Snapshot") -> bool:
        """Tell whether nothing happened to the files between the two; False also when only their order changed."""
        return self.facts == other.facts and self.names == other.names

    def add(self, name: str, status: os.stat_result) -> None:
        """Take in one that is no directory."""
        self.names.append(name)
        self.facts.extend((status.st_ino, status.st_size, status.st_mtime_ns & 0xFFFF_FFFF_FFFF_FFFF))


def look(path: str, before: Snapshot | None = None) -> Generator[None, None, Snapshot]:
    """Look at the directory at *path*, in steps; return what it holds.

    Where its names are known *before* and cannot have changed, it is not opened: no watch on it or above it is woken.

    Raises:
        OSError: it is not there, or may not be read.
    """
    status = os.lstat(path or "/")
    now = Snapshot(status.st_mtime_ns)
    if before is not None and before.settled and before.mtime_ns == now.mtime_ns:
        now.directories = before.directories
        names, missing = before.names, False
        for number, name in enumerate(names, 1):
            try:
                now.add(name, os.lstat(f"{path}/{name}"))
            except OSError:
                missing = True
                break
            if not number % _STRIDE:
                yield
        if not missing:
            now.names = names  # shared, as long as nothing changes
            return now
        now = Snapshot(os.lstat(path or "/").st_mtime_ns)
    directories: dict[str, int] = {}
    with os.scandir(path or "/") as entries:
        for number, entry in enumerate(entries, 1):
            if entry.is_dir(follow_symlinks=False):
                directories[entry.name] = entry.inode()
            else:
                try:
                    now.add(entry.name, entry.stat(follow_symlinks=False))
                except OSError:  # it went since the directory was read, or may not be asked about
                    now.settled = False
            if not number % _STRIDE:
                yield
    now.directories = directories
    return now

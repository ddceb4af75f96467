"""What the kernel tells of the daemon's files without their being opened: to try would change something (proc(5))."""

import os
from pathlib import Path
from typing import Final

#: Set of a socket that takes connections (linux/net.h, __SO_ACCEPTCON).
_ACCEPTS: Final = 1 << 16


def holder(file: Path) -> int | None:
    """Return the pid of who holds the lock *file*, None where nobody does, or it is not told."""
    try:
        found = file.lstat()
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for words in map(str.split, lines):
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == place:
            return int(words[4])
    return None


def listens(socket: Path) -> bool:
    """Return whether anybody listens on *socket*, as far as is told."""
    try:
        lines = Path("/proc/net/unix").read_text("utf-8", "surrogateescape").splitlines()[1:]
    except OSError:
        return False
    rows = (line.split(maxsplit=7) for line in lines)
    return any(row[7:] == [os.fspath(socket)] and int(row[3], 16) & _ACCEPTS for row in rows)

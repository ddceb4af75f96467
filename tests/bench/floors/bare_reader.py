"""The floor of hearing what is read, in Python: read inotify, and know the path of every file that an event is of.

It watches the directories it is given, one a line, with the mask of its first argument; says "ready"; and says on
SIGTERM how many files were read, and how often the queue overflowed.
"""

import ctypes
import os
import signal
import struct
import sys

#: inotify(7)
_IN_CLOSE_NOWRITE = 0x10
_IN_Q_OVERFLOW = 0x4000
_IN_ISDIR = 0x40000000


class Stop(Exception):
    """It was told to stop."""


def stop(*_: object) -> None:
    """Take the signal, which may come twice."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stop


def main(mask: int) -> None:
    """Read until told to stop."""
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_CLOEXEC)
    directories = {}
    for line in sys.stdin:
        path = line.rstrip("\n")
        wd = libc.inotify_add_watch(queue, os.fsencode(path), mask)
        if wd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        directories[wd] = path
    unpack = struct.Struct("iIII").unpack_from
    reads = overflows = 0
    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    try:
        while True:
            records = os.read(queue, 65536)
            paths = []
            offset, end = 0, len(records)
            while offset < end:
                wd, what, _, length = unpack(records, offset)
                offset += 16
                name = records[offset : offset + length].rstrip(b"\0")
                offset += length
                if what & _IN_Q_OVERFLOW:
                    overflows += 1
                elif name and not what & _IN_ISDIR:
                    paths.append(f"{directories[wd]}/{os.fsdecode(name)}")
                    reads += what & _IN_CLOSE_NOWRITE == _IN_CLOSE_NOWRITE
    except Stop:
        print(reads, overflows, flush=True)


main(int(sys.argv[1]))

"""inotify(7) through ctypes: one descriptor, its three system calls, the constants in use and nothing else.

watchdog has a binding too (`observers.inotify_c`), but it is private and starts threads of its own.
"""

import ctypes
import errno
import os
import select
import struct
import sys
from typing import Final

from omnimemd.system.watcher.errors import WatchUnavailable
from omnimemd.system.watcher.sysctls import raise_instances

#: Closed after being open for reading only: the one event that says "read". A descriptor that stays open
#: shows late.
IN_CLOSE_NOWRITE: Final = 0x10
#: Closed after being open for writing: the end of a write.
IN_CLOSE_WRITE: Final = 0x08
#: Written to: for writers that never close (logs, databases). The kernel folds it while it is the newest in
#: its queue.
IN_MODIFY: Final = 0x02
IN_MOVED_FROM: Final = 0x40
IN_MOVED_TO: Final = 0x80
#: Any new name, also one that nobody opens: link(2), symlink(2), mknod(2).
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
#: The directory itself moved; comes after both of its IN_MOVED_*, so it tells a move out of sight without a
#: timer.
IN_MOVE_SELF: Final = 0x800

IN_Q_OVERFLOW: Final = 0x4000
#: The watch is gone: its directory was deleted or unmounted, or we removed it. Makes IN_DELETE_SELF
#: superfluous.
IN_IGNORED: Final = 0x8000
IN_ISDIR: Final = 0x40000000

_IN_ONLYDIR: Final = 0x01000000
_IN_DONT_FOLLOW: Final = 0x02000000
#: No events of files that have no name any more (an unlinked temporary file that is still written to).
_IN_EXCL_UNLINK: Final = 0x04000000
#: Widens the mask of a watch that exists; without it the new mask replaces the old one.
IN_MASK_ADD: Final = 0x20000000

#: What inotify_add_watch(2) answers when there is no watch left, or no memory for one.
SPENT: Final = frozenset((errno.ENOSPC, errno.ENOMEM, errno.EDQUOT))

#: A directory while it is scanned: everything but what our own scan would cause.
NARROW: Final = (
    IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVE_SELF
    | _IN_ONLYDIR | _IN_DONT_FOLLOW | _IN_EXCL_UNLINK
)  # fmt: skip
#: A directory that is live. IN_OPEN is not in it: docs/ARCHITECTURE.md, "Attribution", says why.
LIVE: Final = NARROW | IN_CLOSE_NOWRITE
#: A directory that is to stay where it is.
PLACE: Final = IN_MOVE_SELF | _IN_ONLYDIR
#: One in which a name is to come into being, a lock to come and go, a file to change in any way.
COMING: Final = PLACE | IN_CREATE | IN_MOVED_TO
LOCKING: Final = PLACE | IN_CREATE | IN_DELETE | IN_MOVED_FROM
CHANGING: Final = PLACE | _IN_EXCL_UNLINK | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
#: The barrier's own directory: its marker is renamed.
MARKER: Final = IN_MOVED_TO | _IN_ONLYDIR

#: os.fsencode and os.fsdecode without their checks: they would be a tenth of a walk.
_ENCODING: Final = sys.getfilesystemencoding()
_ERRORS: Final = sys.getfilesystemencodeerrors()

#: What is written to an eventfd: eight bytes (eventfd(2)).
_ONE: Final = struct.pack("=Q", 1)

_ABSENT: Final = "Run omnimemd where the kernel offers inotify."

#: struct inotify_event without its name: int wd; uint32 mask, cookie, len (inotify(7)).
RECORD: Final = struct.Struct("iIII")

#: Below malloc's mmap threshold (128 KiB), above 1,300 records of usual names.
_READ_BYTES: Final = 64 * 1024
#: A read that left this much room took all there was: the longest record has a name of 255 bytes and its
#: padding.
DRAINED_BYTES: Final = _READ_BYTES - RECORD.size - 256


class Inotify:
    """An inotify instance that one thread waits on and reads, and others change.

    Raises:
        WatchUnavailable: from the constructor, when the kernel gives no instance.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            init = libc.inotify_init1
            self._add_watch = libc.inotify_add_watch
            self._rm_watch = libc.inotify_rm_watch
        except AttributeError as error:
            raise WatchUnavailable("this C library has no inotify", hint=_ABSENT) from error
        # No argtypes: ctypes passes int and bytes as the C types that are wanted here without them too, and with them a
        # start would take a thirtieth longer.
        self.leaving: set[int] = set()  #: watches that were removed, until IN_IGNORED is taken; the dispatcher's
        self._fd = init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            code = ctypes.get_errno()
            if code == errno.EMFILE:
                raise WatchUnavailable("this user's inotify instances are used up", hint=raise_instances())
            raise WatchUnavailable(f"inotify_init1: {os.strerror(code)}", hint="It is tried again every few minutes.")
        try:
            self._wake = _eventfd()
        except OSError as error:
            os.close(self._fd)
            raise WatchUnavailable(f"eventfd: {error.strerror}") from error
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def add(self, path: str, mask: int) -> int:
        """Watch the directory *path* and return its watch descriptor; the same inode has the same one.

        Args:
            path: absolute; "" is the root of the file system.

        Raises:
            OSError: as inotify_add_watch(2) has it; ENOSPC means that the user's watches are used up.
        """
        wd: int = self._add_watch(self._fd, path.encode(_ENCODING, _ERRORS) or b"/", mask)
        if wd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
        return wd

    def remove(self, wd: int) -> None:
        """Remove a watch; one that the kernel removed already is fine."""
        self.leaving.add(wd)
        if self._rm_watch(self._fd, wd) < 0:
            code = ctypes.get_errno()
            if code != errno.EINVAL:
                raise OSError(code, os.strerror(code))

    def wait(self) -> None:
        """Block until there is something to read or `wake` was called."""
        self._poll.poll()

    def read(self) -> bytes:
        """Return whole records; empty when there are none."""
        try:
            return os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""

    def wake(self) -> None:
        """End every wait from now on."""
        os.write(self._wake, _ONE)

    def close(self) -> None:
        """Close the descriptors; the kernel removes the watches."""
        os.close(self._fd)
        os.close(self._wake)


def _eventfd() -> int:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "this system has none")
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

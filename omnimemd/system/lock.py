"""One daemon per data directory and per socket: locks that die with the process."""

import contextlib
import fcntl
import os
from pathlib import Path

from omnimemd.system.errors import AlreadyRunning, PlaceRefused
from omnimemd.system.trust import check_owned


class Lock:
    """A lock held from construction to `release`, or to the death of the process, however it dies."""

    def __init__(self, path: Path, *, protects: str, socket: Path) -> None:
        """Take the lock file *path*, made if need be and never removed.

        Args:
            path: the lock file.
            protects: what it is for, in words.
            socket: where this daemon is to be found, told to the next who wants the lock.

        Raises:
            AlreadyRunning: another process holds it; the message names its pid.
            PlaceRefused: the file cannot be made, or somebody laid something else there.
        """
        self.path = path
        self._protects = protects
        self._socket = socket
        self._file = self._taken()
        self._folder = path.parent.stat()

    def _taken(self) -> int:
        path, protects = self.path, self._protects
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise PlaceRefused(f"the lock {path} cannot be made: {error.strerror}") from error
        try:
            check_owned(path, os.fstat(lock))  # what it holds is about to be cut off
        except PlaceRefused:
            os.close(lock)
            raise
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = os.pread(lock, 4096, 0).decode("utf-8", "backslashreplace").split("\n")
            os.close(lock)
            holder = f"pid {told[0] or 'unknown'}" + (f", on the socket {told[1]}" if len(told) > 2 else "")
            raise AlreadyRunning(f"another omnimemd ({holder}) has {protects} in use") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii") + os.fsencode(self._socket) + b"\n", 0)
        return lock

    def renew(self) -> bool:
        """Take the lock again if its file was removed; return whether it was.

        Raises:
            AlreadyRunning: another process took it meanwhile.
            PlaceRefused: its directory is not the one of before, or it cannot be made there.
        """
        if self.is_in_place():
            return False
        try:
            is_same = os.path.samestat(self.path.parent.stat(), self._folder)
        except OSError as error:
            raise PlaceRefused(f"{self.path.parent} cannot be seen: {error.strerror}") from error
        if not is_same:
            raise PlaceRefused(f"{self.path.parent} is another directory than before")
        former, self._file = self._file, self._taken()
        os.close(former)
        return True

    def is_in_place(self) -> bool:
        """Return whether the next who wants the lock finds this one: its file may have been removed or replaced."""
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self._file))
        except OSError:
            return False

    def release(self) -> None:
        """Let it go; the file stays, because removing it would let two hold it."""
        with contextlib.suppress(OSError):  # the disk failed: it says who held it last
            os.ftruncate(self._file, 0)
        os.close(self._file)

"""Markers in the kernel's own queue: what comes out before one had happened before it was set.

A marker is the rename of one small file to the next number, in a directory of ours that is watched on the
same descriptor. A rename allocates nothing, so that a full disk does not stop it, and takes no further watch.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from omnimemd.system.watcher.inotify import MARKER, Inotify


class Markers:
    """Sets markers, from any thread."""

    def __init__(self, *, inotify: Inotify, directory: Path) -> None:
        self.wd = -1  #: the watch on the directory
        self.path = os.path.realpath(directory)
        self._inotify = inotify
        self._directory = directory
        self._lock = threading.Lock()
        self._number = 0

    def make(self) -> None:
        """Make the directory, with the file in it; the one it is in is not this one's to make.

        Raises:
            OSError: it cannot be made, or written in.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        for leftover in self._directory.iterdir():
            leftover.unlink()
        (self._directory / str(self._number)).touch(mode=0o600)

    def watch(self) -> None:
        """Watch the directory.

        Raises:
            OSError: it is gone, or no watch is left.
        """
        self.wd = self._inotify.add(str(self._directory), MARKER)

    def set(self, first: Callable[[int], None] = lambda _: None) -> int:
        """Set the next marker and return its number; it stands for all lower ones too.

        Args:
            first: told the number before anybody can meet the marker.

        Raises:
            OSError: the directory was taken away and cannot be made again.
        """
        with self._lock:
            first(self._number + 1)
            try:
                self._rename()
            except FileNotFoundError:  # somebody cleaned up behind us
                self.make()
                self.watch()
                self._rename()
            return self._number

    def close(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            os.unlink(self._directory / str(self._number))
            self._directory.rmdir()

    def _rename(self) -> None:
        os.rename(self._directory / str(self._number), self._directory / str(self._number + 1))
        self._number += 1

"""Reads of our own that the kernel tells of, and that nobody is to hear of.

Theory of operation. A file that was open for reading tells of it when it is closed, once, and not who closed it. So
our files are closed between two markers: what the kernel tells of such a file between them is ours, the first time. If
somebody else closes the same file in between, there is a second event, which is told; unless both closed it in the same
twentieth of a millisecond with nothing between, as the kernel folds equal neighbours. A file that was renamed since it
was opened is expected under the name that it has when it is closed; one whose directory is not watched is not told of,
and is expected no more after the second marker.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Sequence

from omnimemd.system.watcher.contents import close_all
from omnimemd.system.watcher.markers import Markers


class _Window:
    """Files that are closed between two markers."""

    __slots__ = ("begin", "end", "paths")

    def __init__(self, begin: int, paths: list[str]) -> None:
        self.begin = begin
        self.end: int | None = None  # None until they are closed
        self.paths = paths


class Quiet:
    """See the module."""

    def __init__(self, markers: Markers) -> None:
        """Close between *markers*."""
        self.expected: set[str] = set()  #: paths whose next read is ours; the dispatcher's
        self._markers = markers
        self._windows: deque[_Window] = deque()  # those ahead, set on any thread
        self._open: deque[_Window] = deque()  # those of `expected`; the dispatcher's
        self._closing = threading.Lock()  # windows follow each other

    def close(self, descriptors: Sequence[int]) -> None:
        """Close *descriptors* of files that were open for reading only; where no marker can be set, it is told of.

        Any thread may call.
        """
        with self._closing:
            window: _Window | None = None

            def begins(number: int) -> None:
                nonlocal window
                window = _Window(number, [path for one in descriptors if (path := _path_of(one)) is not None])
                self._windows.append(window)

            def ends(number: int) -> None:
                if window is not None:
                    window.end = number

            with contextlib.suppress(OSError):
                self._markers.set(begins)
            close_all(descriptors)
            with contextlib.suppress(OSError):
                self._markers.set(ends)

    def passed(self, marker: int) -> None:
        """Take note that *marker* came out of the kernel's queue; the dispatcher's thread."""
        while self._open and (end := self._open[0].end) is not None and end <= marker:
            self.expected.difference_update(self._open.popleft().paths)
        while self._windows and self._windows[0].begin <= marker:
            window = self._windows.popleft()
            if window.end is None or window.end > marker:  # otherwise markers were dropped, and what lies between
                self.expected.update(window.paths)
                self._open.append(window)


def _path_of(descriptor: int) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}")
    return None

"""How much may be under way from the reader to the listener: in bytes of records, as a batch may be one or thousands.

What it is counted in is the user's concern; below it is called bytes.
"""

import threading
from typing import Final

#: Bytes of records under way: some 100,000 events, of which each takes ten times as much once it is told.
ROOM: Final = 4 * 1024 * 1024


class Room:
    """What is free of it. Any thread may call."""

    def __init__(self, size: int = ROOM) -> None:
        """Begin with *size* bytes free."""
        self._free = size
        self._closed = False
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Return once there is some, or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or self._closed)

    def take(self, size: int) -> None:
        """Take *size* bytes, if need be more than are free: how many a read will bring is not known before."""
        with self._changed:
            self._free -= size

    def give_back(self, size: int) -> None:
        """Give back *size* bytes that were taken."""
        with self._changed:
            self._free += size
            self._changed.notify()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

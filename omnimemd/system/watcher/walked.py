"""The names of the files that a walk came by, kept until a survey looks at the files.

A walk lists each directory while its watch is narrow, so that nobody is told of it; a survey that follows need not
list it again. All names are in one piece of memory, which goes as a whole when they have been used: kept with each
directory they would leave holes between what stays, half as large as that.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from omnimemd.domain.clock import Millis

_HEAD: Final = struct.Struct("=II")  # a watch, and how many bytes of names follow


class Walked:
    """What one walk of one root listed."""

    def __init__(self, since: Millis) -> None:
        """Begin with nothing; the walk begins now, at *since*: what comes and goes from then on is told."""
        self.since = since
        self._records = bytearray()

    def add(self, wd: int, names: Sequence[str]) -> None:
        """Add the files of the directory that has the watch *wd*; one without a watch is passed over."""
        if wd >= 0:
            raw = "\0".join(names).encode("utf-8", "surrogateescape")  # a NUL is in no name
            self._records += _HEAD.pack(wd, len(raw)) + raw

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each watch with the names of its directory's files."""
        place = 0
        while place < len(self._records):
            wd, length = _HEAD.unpack_from(self._records, place)
            place += _HEAD.size
            names = self._records[place : place + length].decode("utf-8", "surrogateescape")
            place += length
            yield wd, names.split("\0") if names else []

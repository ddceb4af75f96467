"""Whether a database file is the one that the log beside it goes on from.

SQLite takes any log that is sound in itself, whatever file it finds it beside: that of a newer database in an older
copy of it makes something that never was. So some of what the last checkpoint left in the file is remembered. It does
not go by inodes or times: files may be copied, with their log, to anywhere.

A checkpoint that was broken off, or another program's, changes the file too: to what is in the log. That is no other
file's. One that is damaged here and there is not either: most of what is known of it must be otherwise.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from omnimemd.storage.erasing import cleaned

#: Pages that are remembered.
_MOST: Final = 32
_PAGE: Final = 4096
_LOG_HEADER: Final = 32
_FRAME: Final = struct.Struct(">I20x")  # the number of its page, from 1 (fileformat2.html, "WAL File Format")
_DATABASE_HEADER: Final = 100


class Mark(msgspec.Struct, frozen=True):
    """Some pages of a file, by which it is known; none: it is not known by anything."""

    page_size: int = _PAGE
    sums: dict[int, int] = {}  #: crc32 by offset


def of_pages(sums: Mapping[int, int], page_size: int) -> Mark:
    """Return a mark of pages that were just written, the checksums of all of them by their offsets."""
    return Mark(page_size, {at: sums[at] for at in _some(sorted(sums))})


def sampled(file: int) -> Mark:
    """Return a mark of what the file with the descriptor *file* holds now."""
    pages = range(0, os.fstat(file).st_size, _PAGE)
    return Mark(_PAGE, {at: zlib.crc32(os.pread(file, _PAGE, at)) for at in _some(pages)})


def belongs(mark: Mark, file: int, log: int | None) -> bool:
    """Return whether *mark* is of the file with the descriptor *file*, whatever of its *log* was brought in since.

    Raises:
        OSError: they cannot be read.
    """
    there = {at: os.pread(file, mark.page_size, at) for at in mark.sums}
    other = {at: page for at, page in there.items() if zlib.crc32(page) != mark.sums[at]}
    same = len(there) - len(other)
    if len(other) > same and log is not None:
        header = os.pread(file, _DATABASE_HEADER, 0)
        for at, page in _logged(log, mark.page_size, other):
            if other.get(at) in (page, cleaned(page, header=header) if at else page):
                del other[at]
    return len(other) <= same


def belongs_to_log(mark: Mark, path: Path) -> bool:
    """Return `belongs` of the database at *path*, which nobody has open: SQLite loses its locks by this.

    Raises:
        OSError: it cannot be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        log = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return belongs(mark, file, log)
        finally:
            os.close(log)
    finally:
        os.close(file)


def _some(offsets: "list[int] | range") -> "list[int] | range":
    """Return so many of *offsets*, from the first on and evenly spread."""
    return offsets[:: -(-len(offsets) // _MOST) or 1]


def _logged(log: int, page_size: int, wanted: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the content of each page that *log* has of those *wanted*, older generations' too."""
    for at in range(_LOG_HEADER, os.fstat(log).st_size, _FRAME.size + page_size):
        header = os.pread(log, _FRAME.size, at)
        if len(header) == _FRAME.size and (offset := (_FRAME.unpack(header)[0] - 1) * page_size) in wanted:
            yield offset, os.pread(log, page_size, at + _FRAME.size)

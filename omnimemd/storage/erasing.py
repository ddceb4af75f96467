"""Have nothing of what was deleted come into the database's file, not even in parts of its pages that hold nothing.

SQLite's secure_delete overwrites what is deleted where it is. But when it moves rows between pages (a page is full, or
nearly empty), it leaves copies behind in the part of a page that is not used any more, and knows nothing of them later.

SQLite never reads a byte of that part: it lies between the pointers to the cells of a page and the first of them, and
in its free blocks (fileformat2.html, "B-tree Pages"). So it is made zeros on the way: checkpoints, which alone bring
pages from the log into the file, run on a connection whose files are those of `Cleaning`. Nothing is ever written but
what SQLite writes, where and when it does, so a crash in the middle of it, or power that fails, is what SQLite is made
for: the log has the page until the file is synced. What a cache still has of such a part, and writes again, comes this
way again. What is left is the log, which the database cuts to nothing (`Database.erase`).
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Final

import apsw

#: Of the pages of trees, by the first byte of their header: how long that is. Index and table, inner and leaf.
_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}
#: The header of the database, at the beginning of its first page.
_FILE_HEADER: Final = 100
#: Pages of other kinds begin with the number of another page: with a zero, up to this many pages (64 GiB).
_MOST_PAGES: Final = 1 << 24


class Cleaning(apsw.VFS):
    """The operating system's files, but each page that is written to a database has zeros where it holds nothing.

    For connections that checkpoint: each access to a file takes the interpreter some microseconds. Whoever has such a
    connection keeps this too.
    """

    def __init__(self, synced: Callable[[dict[int, int], int], None]) -> None:
        """Have SQLite know it by its name.

        Args:
            synced: called when pages that were written to a database are on the disk, before SQLite relies on it, with
                the checksum (crc32) of each by its offset, and the bytes of a page.
        """
        self.synced = synced
        self.name = f"cleaning-{id(self)}"
        super().__init__(self.name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 SQLite's name
        """Open the file *name*."""
        return _Pages(self, name, flags) if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else apsw.VFSFile("", name, flags)


class _Pages(apsw.VFSFile):
    """The file of a database."""

    def __init__(self, files: Cleaning, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._files = files
        self._written: dict[int, int] = {}
        self._page_size = 0
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 SQLite's name
        """Write one page, as SQLite always does."""
        if offset and any(data.count(0, begin, end) < end - begin for begin, end in unused(data)):
            # The first page is in the file before any other, and has nothing of the user's.
            data = cleaned(data, header=self.xRead(_FILE_HEADER, 0))
        super().xWrite(data, offset)
        self._written[offset], self._page_size = zlib.crc32(data), len(data)

    def xSync(self, flags: int) -> None:  # noqa: N802 SQLite's name
        """Bring what was written to the disk. After that the log may begin anew, and say nothing of it any more."""
        super().xSync(flags)
        if self._written:
            written, self._written = self._written, {}
            self._files.synced(written, self._page_size)


def cleaned(page: bytes, *, header: bytes) -> bytes:
    """Return *page* with zeros where it holds nothing; as it is where that cannot be told for sure.

    Args:
        page: any but the first of a database file.
        header: the first 100 bytes of that file.
    """
    size = _number(header, 16)
    pages = int.from_bytes(header[28:32], "big")
    # Pages that map pointers, which there are with auto_vacuum, begin as those of trees do.
    if len(page) != (65536 if size == 1 else size) or not 0 < pages < _MOST_PAGES or header[20] or any(header[52:56]):
        return page
    changed = bytearray(page)
    for begin, end in unused(page):
        changed[begin:end] = bytes(end - begin)
    return bytes(changed)


def unused(page: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part of *page* that is not used begins and ends; none of a page that is none of a tree.

    Args:
        page: any but the first of a database file.
    """
    header = _HEADERS.get(page[0])
    if header is None:
        return
    pointers = header + 2 * _number(page, 3)
    cells = _number(page, 5) or 65536
    if not pointers <= cells <= len(page):
        return  # no page of a tree, whatever it begins with
    yield pointers, cells
    free = _number(page, 1)
    while cells <= free <= len(page) - 4:
        size = _number(page, free + 2)
        if not 4 <= size <= len(page) - free:
            return
        yield free + 4, free + size  # after where the next one is, and its size
        following = _number(page, free)
        if following < free + size:
            return  # the last, or no list
        free = following


def _number(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 2], "big")

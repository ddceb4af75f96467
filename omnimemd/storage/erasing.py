"""Have nothing left of what was deleted: not in the log, and not in the parts of the database that hold nothing.

SQLite's secure_delete overwrites what is deleted where it is. But when it moves rows between pages (a page is full, or
nearly empty), it leaves copies behind in the part of a page that is not used any more, and knows nothing of them later.
So that part is overwritten here, in the file itself, page by page: between the pointers to the cells of a page and the
first of them, and in its free blocks (fileformat2.html, "B-tree Pages"). SQLite never reads a byte there.

It is done while nothing else can change the file: the log is brought into it and cut to nothing, and a transaction that
writes nothing keeps every other writer, of other programs too, from adding to the log. What this program's connection
has of the pages in its cache is let go before.
"""

import os
from collections.abc import Iterator
from typing import Final

import apsw

#: Bytes that are read at once.
_CHUNK: Final = 1 << 20
#: Of the pages of trees, by the first byte of their header: how long that is. Index and table, inner and leaf.
_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}
#: The header of the database, before that of its first page.
_FILE_HEADER: Final = 100
#: Pages of other kinds begin with the number of another page: with a zero, up to this many pages (64 GiB).
_MOST_PAGES: Final = 1 << 24


def erase(db: apsw.Connection, *, file: int, log: int) -> bool:
    """Overwrite what is left of deleted rows; return whether that was possible.

    Args:
        db: the one connection that writes, in no transaction.
        file: a descriptor of the database's file, open for as long as any connection of this program is.
        log: a descriptor of its log.

    Returns:
        False when another reads or writes: nothing is overwritten then, or not all of it is.

    Raises:
        apsw.Error: the store failed.
        OSError: the same.
    """
    try:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        db.release_memory()  # a page in the cache would bring back what is overwritten in the file
        db.execute("BEGIN IMMEDIATE")
    except apsw.BusyError:
        return False
    try:
        if os.fstat(log).st_size:
            return False  # somebody wrote in between: the newest of a page may not be in the file
        _overwrite(file, db.pragma("page_size"))
    finally:
        db.execute("ROLLBACK")
    return True


def unused(page: bytes, *, at: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where each part of *page* that is not used begins and ends; none of a page that is none of a tree.

    Args:
        page: one page of a database file.
        at: where its header begins: at _FILE_HEADER in the first page of the file, else at its beginning.
    """
    header = _HEADERS.get(page[at])
    if header is None:
        return
    pointers = at + header + 2 * _number(page, at + 3)
    cells = _number(page, at + 5) or 65536
    if not pointers <= cells <= len(page):
        return  # no page of a tree, whatever it begins with
    yield pointers, cells
    free = _number(page, at + 1)
    while cells <= free <= len(page) - 4:
        size = _number(page, free + 2)
        if free + size > len(page):
            return
        yield free + 4, free + size  # after where the next one is, and its size
        following = _number(page, free)
        if following <= free:
            return
        free = following


def _overwrite(file: int, size: int) -> None:
    length = os.fstat(file).st_size
    if length // size >= _MOST_PAGES:
        return
    changed = False
    for start in range(0, length, _CHUNK):
        chunk = os.pread(file, _CHUNK, start)
        for offset in range(0, len(chunk) - size + 1, size):
            if chunk[offset] not in _HEADERS and start + offset:
                continue
            page = chunk[offset : offset + size]
            for begin, end in unused(page, at=0 if start + offset else _FILE_HEADER):
                if page.count(0, begin, end) != end - begin:
                    os.pwrite(file, bytes(end - begin), start + offset + begin)
                    changed = True
    if changed:
        os.fsync(file)


def _number(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 2], "big")

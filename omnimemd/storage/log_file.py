"""Whether SQLite's write-ahead log has every transaction that was committed, and if not, what can be kept of it.

SQLite takes a log up to its first frame that is not sound and says nothing of the rest: after a kill that is the
transaction which was not finished. But a disk that gives back other bytes, or a tool that cuts the file, looks the same
to it. Here the two are told apart, before SQLite opens anything.

What there is to go by, with frames counted from 1 in the log's generation (the salts of its header):

* sound: up to where the log can be read, ending with a commit (fileformat2.html, "WAL File Format").
* committed: the wal-index, which a kill leaves behind, says how many frames were committed, and how many of them are in
  the database's file (walformat.html, "The WAL-Index File Format"). It is told apart from one of another log by the
  salts. Without it, a frame that ends a transaction behind one that is not sound says that something was there, and
  an end that is not sound is not known to be that of a kill.
* in the file: what a checkpoint brought there. The pages of the log are read before those of the file, so a log that
  ends before what was brought in would show old pages among new ones. Then the file is to be opened without it.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from omnimemd.storage.erasing import cleaned

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, sequence, two salts, two checksums
_FRAME: Final = struct.Struct(">6I")  # page, pages of the database if it is a commit, two salts, two checksums
#: Without its last bit, which says that the words of checksums are big-endian.
_MAGIC: Final = 0x377F0682
_VERSION: Final = 3007000
_MASK: Final = 0xFFFFFFFF
#: version, change, initialised, big-endian, page size, frames, pages, checksum of the last frame, salts, checksums.
_INDEX: Final = struct.Struct("=IIIBBHII2I8s2I")
_INDEX_COPIES: Final = (0, 48)
_BROUGHT_IN: Final = 96  # where the wal-index says how many frames were brought into the file
_ATTEMPTED: Final = 128  # and how many that was begun for
_DATABASE_HEADER: Final = 100


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a log before the database is opened."""

    keep: int | None = None  #: bytes from its beginning, the rest is set aside; None: all of it is as it should be
    lost: str = ""  #: why transactions that were committed are gone, or may be; empty: none are
    proven: bool = False  #: whether it is known to be the database's own


class _Log(msgspec.Struct, frozen=True, kw_only=True):
    """What can be told from the log alone."""

    salts: bytes = b""
    frame_size: int = 0
    sound: int = 0  #: frames, up to the last commit
    committed: int = 0  #: frames up to the last that ends a transaction, sound or not
    unclear: bool = False  #: it ends with something that belongs to it and is not sound, or no whole transaction
    pages: dict[int, int] = {}  #: the last frame of each page behind those that are sound, if it can be read

    def size(self, frames: int) -> int:
        """Return the bytes of the log with so many *frames*."""
        return _HEADER.size + frames * self.frame_size if frames else 0


class _Index(msgspec.Struct, frozen=True):
    """What the wal-index says."""

    salts: bytes
    committed: int
    brought_in: int
    attempted: int


def examine(path: Path, *, crashed: bool, restarted: bool) -> Finding:
    """Return what is to be done with the log of the database at *path*.

    Args:
        path: the database, which nobody has open.
        crashed: the last run is known not to have closed it.
        restarted: the machine was started since, or may have been: the wal-index may be of an earlier moment.

    Raises:
        OSError: the files cannot be read.
    """
    with _content(Path(f"{path}-wal")) as content:
        index = _index(Path(f"{path}-shm"))
        if content is None or len(content) < _HEADER.size:
            gone = crashed if index is None else index.committed > index.brought_in
            return Finding(keep=0 if content else None, lost="the log is gone" if gone else "", proven=True)
        log = _read(content)
        if not log.salts:
            if index is not None and index.committed <= index.brought_in:
                return Finding(keep=0)
            return Finding(keep=0, lost="the log's header is damaged")
        if index is not None and index.salts != log.salts and index.committed:
            if not restarted:
                return Finding(keep=0, lost="the log is not the one that was written")
            index = None
        if index is None or index.salts != log.salts:
            return _by_itself(path, content, log, unclear=log.unclear and index is None)
        return msgspec.structs.replace(_decide(log, index), proven=True)


def _decide(log: _Log, index: _Index) -> Finding:
    """Return what is to be done with *log*, of which *index* is."""
    if log.sound >= index.committed:
        return Finding()
    if index.brought_in >= index.committed:
        return Finding(keep=0)  # all of it is in the file, and what is left of the log would hide that
    lost = f"{index.committed - max(log.sound, index.brought_in)} pages of the log are damaged or gone"
    return Finding(keep=log.size(log.sound) if index.attempted <= log.sound else 0, lost=lost)


def _by_itself(path: Path, content: mmap.mmap, log: _Log, *, unclear: bool) -> Finding:
    """Return what is to be done with *log* where nothing else tells what was committed."""
    if log.sound >= log.committed and not unclear:
        return Finding()
    lost = "the log is damaged" if log.committed > log.sound else "the end of the log cannot be read"
    return Finding(keep=0 if _is_brought_in(path, content, log) else log.size(log.sound), lost=lost)


def _is_brought_in(path: Path, content: mmap.mmap, log: _Log) -> bool:
    """Tell whether the file has pages of *log* from behind its sound part."""
    if not log.pages or not path.exists():
        return False
    page_size = log.frame_size - _FRAME.size
    with path.open("rb") as file:
        header = file.read(_DATABASE_HEADER)
        if len(header) < _DATABASE_HEADER:
            return False
        for page, frame in log.pages.items():
            file.seek((page - 1) * page_size)
            begin = log.size(frame) - page_size
            there, logged = file.read(page_size), bytes(content[begin : begin + page_size])
            if there in (logged, cleaned(logged, header=header) if page > 1 else logged):
                return True
    return False


@contextmanager
def _content(path: Path) -> Iterator[mmap.mmap | None]:
    """Give the bytes of the file at *path*; None: there is no such file. An empty one has none, and gives None too."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        if os.fstat(descriptor).st_size == 0:
            yield None
            return
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
            yield content
    finally:
        os.close(descriptor)


def _read(content: mmap.mmap) -> _Log:
    """Return what *content* tells; of a log whose header is damaged, nothing."""
    magic, version, page_size, _, _, _, *sums = _HEADER.unpack_from(content)
    order = ">" if magic & 1 else "<"
    state = _checksum(struct.unpack_from(f"{order}6I", content), (0, 0))
    if magic & ~1 != _MAGIC or version != _VERSION or state != tuple(sums) or not 512 <= page_size <= 65536:
        return _Log()
    salts = content[16:24]
    frame_size = _FRAME.size + page_size
    head, body = struct.Struct(f"{order}2I"), struct.Struct(f"{order}{page_size // 4}I")
    sound = committed = last = 0
    pages: dict[int, int] = {}
    whole = True  # so far
    for number, at in enumerate(range(_HEADER.size, len(content) - _FRAME.size + 1, frame_size), start=1):
        page, commit, *_, sum_1, sum_2 = _FRAME.unpack_from(content, at)
        if content[at + 8 : at + 16] != salts:
            whole = False
            continue  # of an earlier generation, unless what follows is of this one
        last = number
        good = page > 0 and at + frame_size <= len(content)
        if good:
            state = _checksum(
                body.unpack_from(content, at + _FRAME.size), _checksum(head.unpack_from(content, at), state)
            )
            good = state == (sum_1, sum_2)
        whole = whole and good
        if commit:
            committed = number
        if whole and commit:
            sound, pages = number, {}
        elif good:
            pages[page] = number
        state = sum_1, sum_2  # each goes on from what stands in the one before: so those behind a bad one can be told
    return _Log(
        salts=salts,
        frame_size=frame_size,
        sound=sound,
        committed=committed,
        unclear=last > sound or (len(content) - _HEADER.size) % frame_size > 0,
        pages=pages,
    )


def _checksum(words: tuple[int, ...], start: tuple[int, int]) -> tuple[int, int]:
    """Go on from *start* over *words*, an even number of them (fileformat2.html, "Checksum Algorithm")."""
    one, two = start
    pairs = iter(words)
    for even, odd in zip(pairs, pairs, strict=True):
        one = (one + even + two) & _MASK
        two = (two + odd + one) & _MASK
    return one, two


def _index(path: Path) -> _Index | None:
    """Return what the wal-index at *path* says; None: it is not there, or not as SQLite leaves it."""
    try:
        with path.open("rb") as file:
            content = file.read(_ATTEMPTED + 4)
    except OSError:
        return None
    if len(content) < _ATTEMPTED + 4:
        return None
    for begin in _INDEX_COPIES:  # the first is written last: with the second alone, a commit was not finished
        version, _, _, initialised, _, _, committed, _, _, _, salts, *sums = _INDEX.unpack_from(content, begin)
        words = struct.unpack_from(f"={(_INDEX.size - 8) // 4}I", content, begin)
        if version == _VERSION and initialised and _checksum(words, (0, 0)) == tuple(sums):
            brought_in, attempted = (struct.unpack_from("=I", content, at)[0] for at in (_BROUGHT_IN, _ATTEMPTED))
            return _Index(salts, committed, brought_in, max(attempted, brought_in))
    return None

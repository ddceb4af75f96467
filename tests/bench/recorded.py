"""What the daemon says was recorded in a session."""

import time
from collections import Counter
from collections.abc import Iterator

import msgspec

from omnimem import Client, Unavailable
from omnimem.model import AccessEntry, GapEntry, ScanEntry

_PAGE = 1000
_FLUSH_SECONDS = 60.0


class Recorded(msgspec.Struct, kw_only=True):
    """The entries of a session, counted."""

    read_rows: int = 0
    scans: int = 0
    scanned_reads: int = 0  #: reads that are only counted, in scans
    scanned_writes: int = 0
    gaps: int = 0
    recovered: int = 0  #: as the gaps say
    written: Counter[str] = msgspec.field(default_factory=Counter)  #: rows of writes, creations and moves, by path
    gone: Counter[str] = msgspec.field(default_factory=Counter)  #: rows of deletions and moves, by the path they left
    last: int = 0  #: entry id

    @property
    def reads(self) -> int:
        """Reads in rows and in scans."""
        return self.read_rows + self.scanned_reads


def entries(client: Client, session_id: str, *, after: int = 0) -> Iterator[AccessEntry | ScanEntry | GapEntry]:
    """Give every entry of *session_id* that the watcher made, oldest first."""
    following: int | None = after
    while following is not None:
        page = client.list_entries(session_id, after=following, limit=_PAGE)
        for entry in page.entries:
            if isinstance(entry, AccessEntry | ScanEntry | GapEntry):
                yield entry
        following = page.next_after


def recorded(client: Client, session_id: str, *, after: int = 0) -> Recorded:
    """Count what was recorded in *session_id* behind the entry *after*."""
    found = Recorded(last=after)
    for entry in entries(client, session_id, after=after):
        found.last = entry.entry_id
        match entry:
            case AccessEntry(access="read"):
                found.read_rows += 1
            case AccessEntry(access="delete"):
                found.gone[entry.path] += 1
            case AccessEntry():
                found.written[entry.path] += 1
                if entry.old_path is not None:
                    found.gone[entry.old_path] += 1
            case ScanEntry():
                found.scans += 1
                found.scanned_reads += entry.reads
                found.scanned_writes += entry.writes
            case GapEntry():
                found.gaps += 1
                found.recovered += entry.recovered
    return found


def flush(client: Client) -> None:
    """Return once everything that happened before is recorded, also when the daemon has much to catch up with."""
    deadline = time.monotonic() + _FLUSH_SECONDS
    while True:
        try:
            client.flush()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        else:
            return

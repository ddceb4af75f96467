"""What the watcher saw, in the order the kernel told it: the raw material of tracking.

A file event is one happening to one file; folding several of them into the access a person would name
(an editor's save, a create) is `domain.coalescing`'s work, giving it to a session is `domain.attribution`'s.
"""

import enum
from typing import Final

import msgspec

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Millis


class Change(enum.IntEnum):
    """What happened to a file; ints because a storm brings 10⁵ of them a second."""

    READ = 1  #: it was open for reading only, and was closed
    CREATED = 2  #: it came into being here
    FOUND = 3  #: it was found in a directory born moments ago, before the watch on that directory stood
    MODIFIED = 4  #: it was written to and is still open
    WRITTEN = 5  #: it was open for writing, and was closed
    DELETED = 6  #: it is gone from here
    MOVED_FROM = 7  #: it left this name; the MOVED_TO with the same cookie, if any, says where to
    MOVED_TO = 8  #: it arrived at this name; without a MOVED_FROM of that cookie it came from outside
    LOCKED = 9  #: git began to change the working tree: its `.git/index.lock`, which is the path, came into being
    UNLOCKED = 10  #: that lock is gone


class FileEvent(msgspec.Struct, frozen=True, gc=False):
    """One happening to one file."""

    workspaces: tuple[str, ...]  #: every watched root that contains *path* and does not ignore it, ≥ 1
    path: str  #: absolute, real; bytes that are not UTF-8 are surrogate-escaped (os.fsdecode)
    change: Change
    at: Millis  #: when it was read from the kernel, UTC
    cookie: int = 0  #: pairs MOVED_FROM with MOVED_TO (inotify(7)); 0 otherwise


class FileFacts(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What lstat(2) says of one file: enough to tell whether it is the one that was there before, unchanged."""

    name: str  #: without its folder
    inode: int
    size: int  #: bytes
    mtime_ns: int
    ctime_ns: int  #: of the last change of the content, the name or the mode: no program can set it


#: In place of facts: whether a file is there cannot be told (its folder may not be searched, the disk fails).
UNSEEN: Final = FileFacts("", 0, 0, 0, 0)


class Content(msgspec.Struct, frozen=True, gc=False):
    """What is in one regular file."""

    path: str  #: absolute, without links
    facts: FileFacts  #: before it was read; UNSEEN when it cannot be told whether there is a file
    digest: bytes | None  #: 16 bytes of BLAKE2b; None where it was not, or cannot be, read


class Listing(msgspec.Struct, frozen=True, gc=False):
    """The files of one directory as a survey saw them; subdirectories are listings of their own."""

    workspaces: tuple[str, ...]  #: every watched root that sees the directory, ≥ 1
    path: str
    files: tuple[FileFacts, ...]  #: those that no rule ignores
    at: Millis  #: when it was listed


class Loss(msgspec.Struct, frozen=True):
    """An interval in which events of these workspaces are known to be lost."""

    workspaces: tuple[str, ...]
    started_at: Millis
    ended_at: Millis
    reason: str  #: a stable word; docs/API.md has them all


class WatchReport(msgspec.Struct, frozen=True):
    """How one root is watched right now."""

    root: str
    state: WorkspaceState
    directories: int  #: directories of this root that carry a watch
    reads_observed: bool  #: False where the platform shows writes only
    problem: str | None = None  #: one sentence for a person, with what to do; None when all is well
    rule_changes: int = 0  #: how often what is ignored has changed since it is watched
    rules_read: int = 0  #: how often the files that say what is recorded changed, and were read, since it is watched
    back: bool = False  #: a root that is gone is there again: it may be watched anew


class WatchCounts(msgspec.Struct, frozen=True):
    """Counters since the daemon started."""

    directories: int  #: directories watched now, each counted once
    events_seen: int  #: read from the kernel, or found by looking
    events_ignored: int  #: of these: directories' own, ignored paths, our own barrier
    overflows: int
    resyncs: int
    events_repeated: int = 0  #: of those seen: not handed over, as the one before says the same

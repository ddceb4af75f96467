"""When a memory is stale: a file it speaks of is not what it was when the memory was written or confirmed.

Evidence is the content. A file that was touched, or changed and changed back, is the same; one that is gone, or has
another name now, is not.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import UNSEEN, Content, FileFacts
from omnimemd.domain.paths import is_within

#: The content of a file that had changed already when it was looked at first: nothing is equal to it.
UNKNOWN: Final = b""
#: A file is read up to this size; a larger one is known by its size and the time it was written.
READ_UP_TO_BYTES: Final = 8 * 1024 * 1024
#: What is written within a tick of the file system's clock after it was read leaves the same facts behind.
_TICK_NS: Final = 100_000_000


class RememberedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a memory, as it was."""

    path: str  #: below the project's root; absolute where it is elsewhere
    facts: FileFacts | None  #: when it was last seen with that content; None: it was not there yet
    digest: bytes | None  #: None where it is known by size and time only
    changed_at: Millis | None = None  #: since when it is known to differ


def stored_path(path: str, *, root: str | None) -> str:
    """Return the absolute *path* as it is kept: below the project's *root* if it is there, so that it moves along."""
    if root is None or path == root or not is_within(path, root):
        return path
    return path[len(root.rstrip("/")) + 1 :]


def first_seen(path: str, content: Content | None, *, since: Millis | None, now: Millis) -> RememberedFile:
    """Return the file at *path* as it is to be remembered.

    Args:
        path: as it is kept.
        content: what was found; None when there is no file.
        since: when the memory was written or confirmed; None when nobody knows. What changed after that, and before
            it was looked at, has changed: what it was then nobody knows.
        now: when it was looked at.
    """
    if content is None or content.facts is UNSEEN:
        return RememberedFile(path=path, facts=None, digest=None)
    facts = _settled(content.facts, now=now)
    changed_at = _changed_at(content.facts, now=now)
    if since is not None and changed_at > since:
        return RememberedFile(path=path, facts=facts, digest=UNKNOWN, changed_at=changed_at)
    return RememberedFile(path=path, facts=facts, digest=content.digest)


def needs_reading(files: Iterable[RememberedFile], facts: FileFacts) -> bool:
    """Return whether a file with *facts* has to be read to know if any of *files*, which are it, changed."""
    return any(
        one.facts is None or (not _same_facts(one.facts, facts) and one.digest and one.facts.size == facts.size)
        for one in files
    )


def seen_again(file: RememberedFile, content: Content | None, *, now: Millis) -> RememberedFile:
    """Return *file* after a look that found *content*, None for nothing; itself when it says nothing new."""
    if content is not None and content.facts is UNSEEN:
        return file
    if file.facts is None:
        return file if content is None else first_seen(file.path, content, since=None, now=now)
    if content is None:
        return file if file.changed_at is not None else replace(file, changed_at=now)
    if not _is_same(file, file.facts, content):
        return file if file.changed_at is not None else replace(file, changed_at=_changed_at(content.facts, now=now))
    if file.changed_at is None and _same_facts(file.facts, content.facts):
        return file
    return replace(file, facts=_settled(content.facts, now=now), changed_at=None)


def _is_same(file: RememberedFile, remembered: FileFacts, content: Content) -> bool:
    if file.digest == UNKNOWN:
        return False
    if _same_facts(remembered, content.facts):
        return True
    if remembered.size != content.facts.size:
        return False
    if file.digest is None or content.digest is None:
        return remembered.mtime_ns == content.facts.mtime_ns
    return file.digest == content.digest


def _same_facts(one: FileFacts, other: FileFacts) -> bool:
    return (one.inode, one.size, one.mtime_ns, one.ctime_ns) == (
        other.inode,
        other.size,
        other.mtime_ns,
        other.ctime_ns,
    )


def _settled(facts: FileFacts, *, now: Millis) -> FileFacts:
    """Return *facts*, unless the file may yet change without their changing: then what equals no facts."""
    if facts.ctime_ns + _TICK_NS < now * 1_000_000:
        return facts
    return replace(facts, ctime_ns=0)


def _changed_at(facts: FileFacts, *, now: Millis) -> Millis:
    """Return when a file with *facts* changed last: no program can set its ctime, but a clock may have been."""
    return Millis(min(facts.ctime_ns // 1_000_000, now))

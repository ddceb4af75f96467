"""What changed that nobody told of: how files are now, against how they were and what was told since.

How they were is a baseline: the facts of each file when it was last looked at. Nobody can have told of a change that
the kernel dropped, or that happened while no daemon ran; all others are told, and must not be told again. A change
that was told is not necessarily the last: a file is recovered when its last change (its ctime, which no program can
set) is younger than what was told of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from omnimem.model import Access
from omnimemd.domain.bursts import MANY
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Coalescer, Observed
from omnimemd.domain.file_events import Change, FileEvent, FileFacts
from omnimemd.domain.news import Told

_MS: Final = 1_000_000  # nanoseconds
#: The clock may have been a little off, and the times of a file system are coarse. Where nothing else is known of a
#: file its time alone decides: what was changed just before anybody looked must not be taken for missed.
_SLACK_MS: Final = 1_000
_NOTHING: Final[Mapping[str, FileFacts]] = {}


class Look(msgspec.Struct, frozen=True):
    """A directory as it was and as it is."""

    path: str
    workspaces: tuple[str, ...]  #: every watched root that sees it
    before: Mapping[str, FileFacts] | None  #: by name; None: nobody has ever looked
    files: Sequence[FileFacts]  #: as they are
    at: Millis  #: when that was seen


class Missed(msgspec.Struct, frozen=True):
    """A change of one file that nobody told of."""

    look: Look
    access: Access  #: create, write or delete
    facts: FileFacts  #: as it is; of a deleted file as it was, as far as that is known
    outdated: bool = False  #: something was told of the deleted file since it was like that

    @property
    def path(self) -> str:
        """The file's path."""
        return f"{self.look.path}/{self.facts.name}"


def missed(look: Look, told: Mapping[str, Told], *, since: Millis) -> Iterator[Missed]:
    """Yield every change in one directory that was not told.

    Args:
        look: the directory; all that happened before it was seen must have been told, as far as it was told at all.
        told: by the name of the file; at least what was told since *look.before* was so.
        since: when nobody was looking first. What is younger tells a file that changed from one whose past is not
            known: a file that was not listed for some other reason (a rule ignored it) is not a new one.
    """
    before = _NOTHING if look.before is None else look.before
    now = {facts.name: facts for facts in look.files}
    for name in {**before, **told, **now}:
        was, facts, said = before.get(name), now.get(name), told.get(name)
        if said is not None and said.at >= look.at:
            continue
        present = said.present if said is not None else was is not None
        if facts is None:
            if present and (was is not None or said is None or said.seen):
                last = was if said is None else said.facts or was
                yield Missed(look, Access.DELETE, last or FileFacts(name, 0, 0, 0, 0), outdated=said is not None)
        elif not present:
            slack = 0 if look.before is None else _SLACK_MS
            fresh = said is not None or facts.ctime_ns >= (since - slack) * _MS
            if fresh or (look.before is not None and not before):
                yield Missed(look, Access.WRITE if look.before is None and said is None else Access.CREATE, facts)
        elif facts != was and (_changed_since(said, facts) if said is not None else _written(was, facts, since=since)):
            yield Missed(look, Access.WRITE, facts)


def _changed_since(said: Told, facts: FileFacts) -> bool:
    return facts.ctime_ns // _MS > said.at


def _written(was: FileFacts | None, facts: FileFacts, *, since: Millis) -> bool:
    if was is None or (was.inode, was.size) != (facts.inode, facts.size):
        return True
    # Nobody tells of a file whose times alone are set; if that was before, it is no change of this gap.
    return was.mtime_ns != facts.mtime_ns and facts.ctime_ns >= (since - _SLACK_MS) * _MS


def recovered(
    changes: Iterable[Missed], *, since: Millis, until: Millis, new_burst_id: Callable[[], str]
) -> list[Observed]:
    """Return *changes* as the accesses a person would name, oldest first.

    A file that went from one name and is at another, unchanged, has moved; where it was written to shortly before, and
    nobody looked since, its inode alone says so. What editors make beside a file is left out. A change happened when
    the file's ctime says, within the interval; a deletion was seen at its end. Where as many files changed as make a
    burst, nobody chose them: the changes are of one, whatever the time between them.

    Args:
        changes: at most one of each path.
        since: when nobody was looking first, UTC.
        until: when somebody looked again, UTC.
        new_burst_id: makes the id of a burst.
    """
    changes = list(changes)
    gone: dict[tuple[int, ...], list[Missed]] = defaultdict(list)
    for one in changes:
        if one.access is Access.DELETE and one.facts.inode:
            gone[(one.facts.inode,) if one.outdated else _identity(one.facts)].append(one)
    moved: set[str] = set()
    events: list[FileEvent] = []
    for number, one in enumerate(changes, 1):
        if one.access is Access.DELETE:
            continue
        at = Millis(min(max(one.facts.ctime_ns // _MS, since), until))
        sources = gone.get(_identity(one.facts))
        if not sources and one.facts.mtime_ns < since * _MS:  # not made in the gap with the inode of one deleted in it
            sources = gone.get((one.facts.inode,))
        if sources:
            source = sources.pop()
            moved.add(source.path)
            events.append(FileEvent(source.look.workspaces, source.path, Change.MOVED_FROM, at, number))
            events.append(FileEvent(one.look.workspaces, one.path, Change.MOVED_TO, at, number))
        else:
            change = Change.CREATED if one.access is Access.CREATE else Change.WRITTEN
            events.append(FileEvent(one.look.workspaces, one.path, change, at))
    events.extend(
        FileEvent(one.look.workspaces, one.path, Change.DELETED, until)
        for one in changes
        if one.access is Access.DELETE and one.path not in moved
    )
    coalescer = Coalescer(lambda: "")
    coalescer.add(sorted(events, key=lambda event: event.at))
    # A look finds it all at once, and when it happened is known of each file's last change only.
    accesses = [one for one in coalescer.take(now=until, everything=True) if isinstance(one, Observed)]
    burst_id = new_burst_id() if len(accesses) >= MANY else None
    return [msgspec.structs.replace(one, burst_id=burst_id) for one in accesses]


def _identity(facts: FileFacts) -> tuple[int, int, int]:
    return facts.inode, facts.size, facts.mtime_ns

"""The whole history of a memory, as it is kept: each version as it was written, and what was amended of it since."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory, MemoryVersion

#: What of a memory an amendment says.
_AMENDED: Final = ("ttl_seconds", "expires_at", "files", "confirmed_at")


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """What held of a version from a moment on, without a new one."""

    at: Millis
    ttl_seconds: float | None
    expires_at: Millis | None
    files: tuple[str, ...]
    confirmed_at: Millis | None


class Link(msgspec.Struct, frozen=True):
    """One version in its chain."""

    version: MemoryVersion  #: as it was written
    amendments: tuple[Amendment, ...] = ()  #: oldest first


def states(memory: Memory, links: Sequence[Link]) -> Iterator[tuple[Memory, Millis]]:
    """Yield *memory* as it was after each write of *links*, and when; storing one after the other makes the chain."""
    for link in links:
        memory = _written(memory, link.version)
        yield memory, link.version.created_at
        for amendment in link.amendments:
            memory = amended(memory, amendment)
            yield memory, amendment.at


def amended(memory: Memory, amendment: Amendment) -> Memory:
    """Return *memory* as *amendment* has it."""
    return replace(
        memory,
        ttl_seconds=amendment.ttl_seconds,
        expires_at=amendment.expires_at,
        files=amendment.files,
        confirmed_at=amendment.confirmed_at,
    )


def final(memory: Memory, link: Link) -> Memory:
    """Return *memory* as *link* leaves it."""
    written = _written(memory, link.version)
    return amended(written, link.amendments[-1]) if link.amendments else written


def unwritten(memory: Memory, last: Link) -> Amendment | None:
    """Return what *memory* says otherwise than its *last* link; None when they agree.

    Databases of before amendments were kept have such memories.
    """
    kept = final(memory, last)
    if all(getattr(kept, name) == getattr(memory, name) for name in _AMENDED):
        return None
    known = max([last.version.created_at, *(one.at for one in last.amendments)])
    return Amendment(
        at=max(known, memory.confirmed_at or known),
        ttl_seconds=memory.ttl_seconds,
        expires_at=memory.expires_at,
        files=memory.files,
        confirmed_at=memory.confirmed_at,
    )


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to bring another history of a memory together with the one that is here."""

    amendments: tuple[Amendment, ...] = ()  #: of the latest version here, to be added
    missing: tuple[Link, ...] = ()  #: to be added behind it
    diverged: int | None = None  #: the first version that is another one here
    theirs: tuple[Link, ...] = ()  #: from there on


def merge(here: Sequence[Link], there: Sequence[Link]) -> Merge:
    """Hold the history *there* against the one *here*, both oldest first and not empty.

    A version that is missing here below the latest was erased on purpose: it is not missed.
    """
    known = {link.version.version: link for link in here}
    latest = here[-1].version.version
    amendments: tuple[Amendment, ...] = ()
    missing: list[Link] = []
    for place, link in enumerate(there):
        number = link.version.version
        if number > latest:
            missing.append(link)
        elif (mine := known.get(number)) is not None:
            more = link.amendments[len(mine.amendments) :]
            shared = min(len(mine.amendments), len(link.amendments))
            same = mine.version == link.version and mine.amendments[:shared] == link.amendments[:shared]
            if not same or (more and number < latest):
                return Merge(diverged=number, theirs=tuple(there[place:]))
            amendments = more
    return Merge(amendments=amendments, missing=tuple(missing))


def same_words(one: Memory, other: Memory) -> bool:
    """Return whether both say the same, whenever and as whatever version they say it."""
    return _words(one) == _words(other)


def _words(memory: Memory) -> tuple[Any, ...]:
    return (
        memory.value,
        msgspec.json.encode(memory.metadata, order="sorted"),
        memory.deleted,
        memory.files,
        memory.expires_at,
        memory.session_id,
    )


def _written(memory: Memory, version: MemoryVersion) -> Memory:
    return replace(
        memory,
        known_files=(),
        changed_files=(),
        value=version.value or "",
        version=version.version,
        deleted=version.deleted,
        expired=version.expired,
        updated_at=version.created_at,
        ttl_seconds=version.ttl_seconds,
        expires_at=version.expires_at,
        metadata=version.metadata,
        files=version.files,
        session_id=version.session_id,
        confirmed_at=None,
    )

"""Going back to how memories were: nothing is undone, a version on top says again what was said then."""

from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.model import RewindChange
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Draft, Memory, Past, delete, same_content, write


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a rewind does to one memory."""

    change: RewindChange
    before: Memory  #: its current version
    after: Memory  #: what it becomes; the same as before where nothing can be done
    to_version: int | None = None  #: the version of then whose words it has again


#: Changes that leave the memory as it is.
IDLE: Final = frozenset({RewindChange.UNKNOWN})


def rewind(current: Memory, past: Past, *, to: Millis, now: Millis, session_id: str | None) -> Step | None:
    """Return what makes *current* say what it said at *to*, as if it had been left alone since; None if it does.

    What was live then with an expiry that has passed meanwhile would be gone by itself: it is deleted. Taking the step,
    and asking again for the same moment, returns None.
    """
    if not past.known:
        return Step(change=RewindChange.UNKNOWN, before=current, after=current)
    then = past.memory if past.memory is not None and past.memory.live(now=to) else None
    live = current.live(now=now)
    if then is None or not then.live(now=now):
        if not live:
            return None
        change = RewindChange.DELETED if then is None else RewindChange.EXPIRED
        return Step(change=change, before=current, after=delete(current, now=now, session_id=session_id))
    if live and same_content(current, then):
        after = replace(current, files=then.files, ttl_seconds=then.ttl_seconds, expires_at=then.expires_at)
        change = RewindChange.AMENDED
    else:
        draft = Draft(value=then.value, metadata=then.metadata, files=then.files, session_id=session_id)
        after = replace(write(current, draft, now=now), ttl_seconds=then.ttl_seconds, expires_at=then.expires_at)
        change = RewindChange.RESTORED if live else RewindChange.REVIVED
    return None if after == current else Step(change=change, before=current, after=after, to_version=then.version)

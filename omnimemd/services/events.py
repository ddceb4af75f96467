"""Tell whoever listens what changes, as it changes. Nobody is waited for: a slow listener misses events and is told."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from omnimemd.domain.entries import Numbered
from omnimemd.domain.memories import Memory
from omnimemd.domain.sessions import Session
from omnimemd.domain.workspaces import WatchedWorkspace

#: Events a listener may be behind before it misses some.
_BEHIND: Final = 1_000


class SessionChanged(msgspec.Struct, frozen=True):
    """A session began, ended or was changed."""

    session: Session


class EntryAdded(msgspec.Struct, frozen=True):
    """Something was recorded in a session."""

    session: Session
    numbered: Numbered


class MemoryChanged(msgspec.Struct, frozen=True):
    """A project memory was written, restored or deleted, or became stale or fresh."""

    memory: Memory


class WorkspaceChanged(msgspec.Struct, frozen=True):
    """A watched folder appeared, went, or is seen better or worse."""

    workspace: WatchedWorkspace


class HealthChanged(msgspec.Struct, frozen=True):
    """The daemon can do its work again, or cannot any more."""

    problems: tuple[str, ...]
    stores: bool


Happening = SessionChanged | EntryAdded | MemoryChanged | WorkspaceChanged | HealthChanged


class Missed(msgspec.Struct, frozen=True):
    """The listener was too slow for *count* happenings."""

    count: int


class Told(msgspec.Struct, frozen=True):
    """One happening and its number."""

    number: int
    what: Happening | Missed


class Subscription:
    """What one listener has not heard yet. Belongs to the event loop's thread."""

    def __init__(self, *, session_id: str | None, project_id: str | None) -> None:
        """Listen to all, or to what is of one session or project."""
        self._session_id = session_id
        self._project_id = project_id
        self._queue: asyncio.Queue[Told | None] = asyncio.Queue(_BEHIND)
        self._missed = 0
        self._latest_missed = 0  # its number
        self._closed = False
        self.on_close: Callable[[], None] = lambda: None  #: called when there will be no more

    async def next(self) -> Told | None:
        """Return the next happening, waiting for it; None when there will be no more."""
        if self._queue.empty():
            if self._missed:
                return self._told_of_missed()
            if self._closed:
                return None
        return await self._queue.get()

    def offer(self, told: Told) -> bool:
        """Hand over one happening, unless the listener chose others; false if it is too far behind."""
        if not self._wants(told.what):
            return True
        # What was missed is told in its place: first, when there is room for both.
        if self._queue.qsize() + (self._missed > 0) >= _BEHIND:
            self._missed += 1
            self._latest_missed = told.number
            return False
        if self._missed:
            self._queue.put_nowait(self._told_of_missed())
        self._queue.put_nowait(told)
        return True

    def _told_of_missed(self) -> Told:
        told = Told(self._latest_missed, Missed(self._missed))
        self._missed = 0
        return told

    def close(self) -> None:
        """Say that there will be no more."""
        self._closed = True
        if self._queue.empty():
            self._queue.put_nowait(None)
        self.on_close()

    def _wants(self, what: Happening | Missed) -> bool:
        session_id = project_id = None
        match what:
            case SessionChanged(session=session) | EntryAdded(session=session):
                session_id, project_id = session.session_id, session.project_id
            case MemoryChanged(memory=memory):
                session_id, project_id = memory.session_id, memory.project_id
            case WorkspaceChanged(workspace=workspace):
                project_id = workspace.project_id
            case HealthChanged() | Missed():
                return True
        return self._session_id in (None, session_id) and self._project_id in (None, project_id)


class Events:
    """Publishes happenings to every subscription."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._subscriptions: set[Subscription] = set()
        self._number = 0
        self.missed = 0  #: happenings that listeners were too slow for
        self._on_memory: Callable[[], None] = lambda: None

    def on_memory(self, callback: Callable[[], None]) -> None:
        """Have *callback* called whenever a memory was written, restored or deleted."""
        self._on_memory = callback

    def __len__(self) -> int:
        """Return how many listen."""
        return len(self._subscriptions)

    def publish(self, what: Happening) -> None:
        """Tell everybody who wants to know of *what*."""
        self._number += 1
        if isinstance(what, MemoryChanged):
            self._on_memory()
        for subscription in self._subscriptions:
            self.missed += not subscription.offer(Told(self._number, what))

    @contextmanager
    def subscribe(self, *, session_id: str | None = None, project_id: str | None = None) -> Iterator[Subscription]:
        """Listen for as long as the block runs."""
        subscription = Subscription(session_id=session_id, project_id=project_id)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Say to everybody that there will be no more."""
        for subscription in self._subscriptions:
            subscription.close()

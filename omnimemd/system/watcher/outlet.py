"""From the dispatcher's thread to the listener on the event loop: everything in the order in which it was said."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, TypeVarTuple

from omnimemd.domain.file_events import FileEvent, Loss, WatchReport
from omnimemd.domain.ports import WatchListener
from omnimemd.system.watcher.room import Room

#: Events on the way to the listener, from which on who tells more waits: what a walk finds takes no room of the reader.
_UNDER_WAY: Final = 50_000

Ts = TypeVarTuple("Ts")


class Outlet:
    """Says things on the loop. Its public methods are called on the dispatcher's thread, unless they say otherwise."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        listener: WatchListener,
        room: Room,
        on_report: Callable[[WatchReport], None],
        on_marker: Callable[[int], None],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._room = room
        self._told = Room(_UNDER_WAY)
        self._held = False
        self._owed = 0  # bytes of room that are given back when it is held no more
        self._owed_told = 0  # and events
        self._on_report = on_report
        self._on_marker = on_marker

    def events(self, events: Sequence[FileEvent], *, room: int) -> None:
        """Hand *events* over; afterwards the reader gets back the *room* their batches took, in bytes.

        Waits while too many are under way: the loop is behind.
        """
        if events:
            self._told.wait()
            self._told.take(len(events))
            self.post(self._deliver, events, room)
        elif room:
            self._room.give_back(room)

    def loss(self, loss: Loss) -> None:
        """Say that events are lost."""
        self.post(self._listener.events_lost, loss)

    def report(self, report: WatchReport) -> None:
        """Say how a root is watched."""
        self.post(self._on_report, report)

    def marker(self, number: int) -> None:
        """Say that everything before the marker *number* has been handed over.

        Who waits for it goes on after that, and before anything is handed over that is said later.
        """
        self._call(self._on_marker, number)

    def post(self, call: Callable[[*Ts], object], *arguments: *Ts) -> None:
        """Run *call* on the loop after everything said before."""
        # One turn later than a marker, whose waiters take a turn of the loop to wake up.
        self._call(self._loop.call_soon, call, *arguments)

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Run *call* on the loop after so many seconds."""
        self.post(self._loop.call_later, seconds, call)

    def throttle(self, held: bool) -> None:
        """Keep what room there is from the reader while *held*; called on the loop."""
        self._held = held
        self._pay()

    def close(self) -> None:
        """Wait for nobody any more; called on the loop."""
        self._told.close()

    def _call(self, call: Callable[[*Ts], object], *arguments: *Ts) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, the watcher was not: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)

    def _deliver(self, events: Sequence[FileEvent], room: int) -> None:
        try:
            self._listener.file_events(events)
        finally:
            self._owed += room
            self._owed_told += len(events)
            self._pay()

    def _pay(self) -> None:
        if not self._held:
            self._room.give_back(self._owed)
            self._told.give_back(self._owed_told)
            self._owed = self._owed_told = 0

"""The reader: a watchdog emitter that queues one batch for every read of the kernel's queue.

It does nothing else, because a pause of some 50 ms overflows that queue (16,384 events) at the speed of a
grep. Whoever takes the batches gives their room back; when none is left, the reader waits and the kernel's
queue fills up instead of our memory: it then says so (IN_Q_OVERFLOW), and a loss that is known is better than
a process that grows.
"""

import time
from typing import TYPE_CHECKING, Final

from watchdog.events import FileSystemEvent
from watchdog.observers.api import EventEmitter, EventQueue, ObservedWatch

from omnimemd.domain.clock import Clock, Millis
from omnimemd.system.watcher.inotify import Inotify
from omnimemd.system.watcher.room import Room

if TYPE_CHECKING:
    from watchdog.utils import Seconds

#: After a read, so that a storm comes in hundreds of records a batch rather than in threes: waking three
#: threads for each costs more than the records do (grep over 50,000 files: 4.2 µs an event without, 1.2
#: with). It is a sixtieth of what the kernel's queue holds at that speed, and an idle reader is past it and
#: waits.
_PAUSE_S: Final = 0.001


class Message(FileSystemEvent):
    """What travels in watchdog's queue; equal to itself only, as that queue drops an item equal to the one before."""

    def __init__(self) -> None:
        super().__init__("")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Batch(Message):
    """The records of one read."""

    def __init__(self, records: bytes, at: Millis) -> None:
        super().__init__()
        self.records = records
        self.at = at


class BatchEmitter(EventEmitter):
    """Read *inotify* until stopped. Made by watchdog's observer, which hands its own keyword arguments through."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        inotify: Inotify,
        clock: Clock,
        room: Room,
        timeout: "Seconds" = 1.0,  # never waited for: an idle daemon is not woken
        event_filter: list[type[FileSystemEvent]] | None = None,
    ) -> None:
        super().__init__(event_queue, watch, timeout=timeout, event_filter=event_filter)
        self.name = "omnimem-watch-reader"
        self._inotify = inotify
        self._clock = clock
        self._room = room

    def queue_events(self, timeout: "Seconds") -> None:
        """Wait for the kernel, then queue what it has."""
        self._inotify.wait()
        self._room.wait()
        records = self._inotify.read() if self.should_keep_running() else b""
        if records:
            self._room.take(len(records))
            self.queue_event(Batch(records, self._clock.now()))
            time.sleep(_PAUSE_S)

    def on_thread_stop(self) -> None:
        """Let a waiting reader see that it shall end."""
        self._inotify.wake()
        self._room.close()

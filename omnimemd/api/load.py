"""How much is done for callers at once: counted, and kept below limits, so that no caller can take the daemon down.

What cannot be taken is refused at once, with a word to try again, and nothing is remembered of it: so the daemon
recovers by itself as soon as what it has in hand is done. Belongs to the event loop's thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from omnimem.errors import Overloaded

_MIB: Final = 1024 * 1024
#: Connections at once, where the system allows as many descriptors.
_CONNECTIONS: Final = 1024
#: Fewer than this would be no service.
_FEWEST_CONNECTIONS: Final = 16
#: Descriptors that are not for connections: the database, the watcher, exports, pipes to the embeddings endpoint.
_OTHER_DESCRIPTORS: Final = 64


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The most there may be at once."""

    connections: int = _CONNECTIONS
    requests: int = _CONNECTIONS // 2  #: being answered, or waiting for the store
    listeners: int = _CONNECTIONS // 8  #: of events
    exports: int = 4  #: each has a thread and three descriptors, and keeps the database's log from beginning anew
    arriving_bytes: int = 64 * _MIB  #: of bodies and of heads that are not complete
    unread_bytes: int = 128 * _MIB  #: of answers that callers have not read yet
    arrival_seconds: float = 30.0  #: that a request may take to arrive, its head and its body each
    answer_seconds: float = 20.0  #: that reading for a caller may take before the caller is told to try again
    standstill_seconds: float = 30.0  #: that a caller may leave its answer unread


def limits_for(descriptors: int) -> Limits:
    """Return the limits of a process that may have so many *descriptors*: half are for the processes of sessions."""
    connections = max(min((descriptors - _OTHER_DESCRIPTORS) // 2, _CONNECTIONS), _FEWEST_CONNECTIONS)
    return Limits(connections=connections, requests=connections // 2, listeners=connections // 8)


class Load:
    """What is in hand now."""

    def __init__(self, limits: Limits) -> None:
        """Keep below *limits*."""
        self.limits = limits
        self.connections = 0
        self.requests = 0
        self.listeners = 0
        self.exports = 0
        self.arriving_bytes = 0
        self.unread_bytes = 0
        self.refused = 0  #: requests and connections since the start
        self.cut_off = 0  #: callers that did not send, or did not read, since the start

    def begin(self) -> None:
        """Take one more request; `end` it.

        Raises:
            Overloaded: there are too many, or their answers are not read.
        """
        if self.requests >= self.limits.requests:
            raise self.refusal(f"{self.requests} requests are being answered already.")
        if self.unread_bytes >= self.limits.unread_bytes:
            raise self.refusal(f"{self.unread_bytes // _MIB} MiB of answers are not read yet.")
        self.requests += 1

    def end(self) -> None:
        """One request is done."""
        self.requests -= 1

    def arrives(self, size: int) -> None:
        """Make room for *size* bytes that are about to come, or have; `arrived` gives it back.

        Raises:
            Overloaded: too many are held already.
        """
        if self.arriving_bytes + size > self.limits.arriving_bytes:
            raise self.refusal(f"{self.arriving_bytes // _MIB} MiB of requests are being taken in already.")
        self.arriving_bytes += size

    def arrived(self, size: int) -> None:
        """Give back the room of *size* bytes."""
        self.arriving_bytes -= size

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count one more listener while the block runs.

        Raises:
            Overloaded: there are too many.
        """
        if self.listeners >= self.limits.listeners:
            raise self.refusal(f"{self.listeners} callers listen already.")
        self.listeners += 1
        try:
            yield
        finally:
            self.listeners -= 1

    @contextmanager
    def exporting(self) -> Iterator[None]:
        """Count one more export while the block runs.

        Raises:
            Overloaded: there are too many.
        """
        if self.exports >= self.limits.exports:
            raise self.refusal(f"{self.exports} exports are running already.")
        self.exports += 1
        try:
            yield
        finally:
            self.exports -= 1

    def refusal(self, why: str) -> Overloaded:
        """Count a refusal, and return it."""
        self.refused += 1
        return Overloaded(why)

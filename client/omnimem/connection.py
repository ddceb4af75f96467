"""One blocking connection to the daemon."""

import contextlib
import itertools
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omnimem.calls import Call
from omnimem.errors import CallTimeout, ConnectionLost, DaemonNotRunning, ForbiddenUid, NotSent
from omnimem.exchange import EventStream, Exchange, Reply
from omnimem.model import Event
from omnimem.owner import check_owner

_CHUNK = 65536


class Connection:
    """One open socket and its HTTP state."""

    def __init__(self, path: Path, deadline: float) -> None:
        """Connect to the daemon at *path* before *deadline* (time.monotonic).

        Raises:
            DaemonNotRunning: nobody answers there.
            CallTimeout: it did not accept the call in time.
            ForbiddenUid: it is another user's.
        """
        self._http = Exchange()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            self._socket.connect(os.fspath(path))
            check_owner(self._socket, path)
        except ForbiddenUid:
            self._socket.close()
            raise
        except (TimeoutError, BlockingIOError) as error:  # the second where more wait than may: connect(2), EAGAIN
            self._socket.close()
            raise CallTimeout(f"The daemon at {path} did not accept the call in time.") from error
        except OSError as error:
            self._socket.close()
            raise DaemonNotRunning(f"No daemon answers at {path} ({error.strerror or error}).") from error

    def exchange(self, call: Call[Any], key: str | None, deadline: float) -> Reply:
        """Return the answer to *call*.

        Raises:
            CallTimeout: there was none before *deadline*.
            NotSent: the daemon took no more on this connection.
            ConnectionLost: the daemon went away before it answered.
        """
        sent = False
        try:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            with contextlib.suppress(BrokenPipeError):  # refused before all was sent: the answer may say why
                self._socket.sendall(self._http.send(call, idempotency_key=key))
                sent = True
            while True:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                reply = self._http.receive(self._socket.recv(_CHUNK))
                if reply is not None:
                    return reply
        except TimeoutError as error:
            raise CallTimeout("The daemon did not answer in time.") from error
        except (ConnectionError, ConnectionLost) as error:
            if not sent:
                raise NotSent("The daemon took no more on this connection.") from error
            if isinstance(error, ConnectionLost):
                raise
            raise ConnectionLost("The daemon went away before it answered.") from error

    def pieces(self, call: Call[Any], timeout: float | None) -> Iterator[bytes]:
        """Yield the answer to *call* as it comes; each piece within *timeout* seconds, None: whenever it comes.

        Raises:
            CallTimeout: a piece did not come in time.
            ConnectionLost: the daemon went away before the end.
        """
        try:
            self._socket.sendall(self._http.send(call))
            self._socket.settimeout(timeout)
            while True:
                for piece in self._http.stream(self._socket.recv(_CHUNK)):
                    if not piece:
                        return
                    yield piece
        except TimeoutError as error:
            raise CallTimeout("The daemon did not answer in time.") from error
        except ConnectionError as error:
            raise ConnectionLost("The daemon went away.") from error

    def events(self, call: Call[Any], timeout: float) -> Iterator[Event | None]:
        """Yield None once the daemon tells events, within *timeout* seconds, then those *call* asks for, as they come.

        Raises:
            CallTimeout: it did not begin in time.
            ConnectionLost: the daemon went away.
        """
        stream, pieces = EventStream(), self.pieces(call, timeout)
        first = next(pieces, b"")  # a comment, sent when it listens
        self._socket.settimeout(None)
        yield None
        for piece in itertools.chain([first], pieces):
            yield from stream.feed(piece)
        raise ConnectionLost("The daemon ended the stream of events.")

    def reusable(self) -> bool:
        """Make ready for the next call; return whether the connection can carry one."""
        return self._http.reusable()

    def fresh(self) -> bool:
        """Return whether the daemon still holds its end: an idle connection has nothing to read."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

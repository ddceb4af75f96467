"""One HTTP exchange over bytes, without I/O: what to send for a call, and what the bytes that come back mean."""

from collections.abc import Iterator
from typing import Any

import h11
import msgspec

from omnimem._version import __version__
from omnimem.calls import Call
from omnimem.errors import ConnectionLost, OmnimemError, Problem, UnexpectedReply, from_problem
from omnimem.model import (
    Entry,
    Event,
    Health,
    Lagged,
    Memory,
    Session,
    Workspace,
)

_EVENT_TYPES: dict[str, Any] = {
    "session": Session,
    "entry": Entry,
    "memory": Memory,
    "workspace": Workspace,
    "health": Health,
    "lagged": Lagged,
}


class Reply(msgspec.Struct, frozen=True):
    """A complete answer."""

    status: int
    content_type: str
    body: bytes

    def read(self, call: Call[Any]) -> Any:
        """Return what it says to *call*, as the type the operation declares.

        Raises:
            OmnimemError: it is an error: its own class.
            UnexpectedReply: it is not what the API gives.
        """
        if self.status == 204:
            return None
        # /health answers 503 with the same plain JSON as 200: that is an answer, not a failure to answer.
        if self.status >= 400 and self.content_type.startswith("application/problem+json"):
            raise _error(self)
        if call.result is str or self.content_type.startswith("text/"):
            return self.body.decode("utf-8", "replace")
        try:
            result = msgspec.json.decode(self.body, type=call.result)
            return result if call.member is None else getattr(result, call.member)
        except msgspec.DecodeError as error:
            raise UnexpectedReply(f"HTTP {self.status} with a body this client cannot read: {error}.") from error


class Exchange:
    """The HTTP state of one connection; drives one request at a time."""

    def __init__(self) -> None:
        """Begin with a fresh connection."""
        self._http = h11.Connection(h11.CLIENT)
        self._status = 0
        self._content_type = ""
        self._body = bytearray()

    def send(self, call: Call[Any], *, idempotency_key: str | None = None) -> bytes:
        """Return the bytes of the request for *call*."""
        headers = [("Host", "omnimemd"), ("User-Agent", f"omnimem/{__version__}"), *call.headers]
        if idempotency_key is not None:
            headers.append(("Idempotency-Key", idempotency_key))
        if call.body is not None:
            headers += [("Content-Type", call.media_type), ("Content-Length", str(len(call.body)))]
        elif call.method != "GET":
            headers.append(("Content-Length", "0"))
        request = h11.Request(method=call.method, target=call.target, headers=headers)
        pieces = [self._http.send(request)]
        if call.body:
            pieces.append(self._http.send(h11.Data(data=call.body)))
        pieces.append(self._http.send(h11.EndOfMessage()))
        return b"".join(piece for piece in pieces if piece)

    def receive(self, data: bytes) -> Reply | None:
        """Take what came (b"" at the end of the stream); return the answer once it is complete.

        Raises:
            ConnectionLost: the stream ended before the answer did.
            UnexpectedReply: the bytes are not HTTP.
        """
        for event in self._events(data):
            match event:
                case h11.Response():
                    self._take_head(event)
                case h11.Data():
                    self._body += event.data
                case h11.EndOfMessage():
                    return Reply(self._status, self._content_type, bytes(self._body))
        return None

    def stream(self, data: bytes) -> Iterator[bytes]:
        """Take what came of a long answer; yield its body piece by piece, and b"" once it is complete.

        Raises:
            OmnimemError: the answer is an error.
            ConnectionLost: the stream broke off.
        """
        for event in self._events(data):
            match event:
                case h11.Response():
                    self._take_head(event)
                case h11.Data() if self._status == 200:
                    yield bytes(event.data)
                case h11.Data():
                    self._body += event.data
                case h11.EndOfMessage():
                    if self._status != 200:
                        raise _error(Reply(self._status, self._content_type, bytes(self._body)))
                    yield b""

    def reusable(self) -> bool:
        """Make ready for the next request; return whether the connection can carry one."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._body = bytearray()
            return True
        return False

    def _take_head(self, event: h11.Response) -> None:
        self._status = event.status_code
        self._content_type = dict(event.headers).get(b"content-type", b"").decode("latin-1")

    def _events(self, data: bytes) -> Iterator[h11.Event]:
        try:
            self._http.receive_data(data)
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.ConnectionClosed):
                    raise ConnectionLost("The daemon closed the connection before it answered.")
                yield event  # type: ignore[misc]  # NEED_DATA and PAUSED were returned on above
        except h11.RemoteProtocolError as error:
            if not data:
                raise ConnectionLost("The daemon closed the connection before its answer was complete.") from error
            raise UnexpectedReply(f"What answered does not speak HTTP: {error}.") from error


def _error(reply: Reply) -> OmnimemError:
    try:
        return from_problem(msgspec.json.decode(reply.body, type=Problem))
    except msgspec.DecodeError as error:
        return UnexpectedReply(f"HTTP {reply.status} with a body this client cannot read: {error}.")


class EventStream:
    """Server-sent events out of bytes (WHATWG HTML, "server-sent events")."""

    def __init__(self) -> None:
        """Begin at the start of the stream."""
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes; yield each event they complete. Comments and unknown fields are passed over."""
        *blocks, self._buffer = (self._buffer + data).split(b"\n\n")
        for block in blocks:
            fields: dict[str, str] = {}
            for line in block.decode("utf-8").split("\n"):
                name, colon, value = line.partition(":")
                if name and colon:
                    fields[name] = value.removeprefix(" ")
            if "data" in fields:
                name = fields.get("event", "message")
                decoded = msgspec.json.decode(fields["data"], type=_EVENT_TYPES.get(name, dict[str, Any]))
                yield Event(id=int(fields.get("id", "0")), event=name, data=decoded)

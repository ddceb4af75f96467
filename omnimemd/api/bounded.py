"""One connection, with an end to every wait for the caller.

A caller has a time to send a request once it has begun, and a time to read an answer; who does neither is cut off.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from aiohttp import StreamReader, web

from omnimem._version import __version__
from omnimem.errors import OmnimemError, Overloaded, RequestTimeout
from omnimemd.api.connections import Connections
from omnimemd.api.load import Load
from omnimemd.api.protocol import Connection

#: Bytes of a request line: the question of a search stands in it, percent-encoded, and may be as long as a body.
_LONGEST_LINE: Final = 4 * 1024 * 1024
#: Seconds an idle connection is kept.
_KEEPALIVE_SECONDS: Final = 75.0
#: Seconds in which the rest of a body that is refused is read away, so that its sender gets to read why.
_LINGERING_SECONDS: Final = 2.0
#: Bytes of a body that are read before anybody asks for them; twice as many, until it is not read any further.
_READ_AHEAD: Final = 64 * 1024
#: Bytes a caller must take in the time it has, to be no caller that stands still.
_PROGRESS_BYTES: Final = 64 * 1024


def connection_maker(runner: web.AppRunner, load: Load) -> Callable[[], "BoundedConnection"]:
    """Return what makes the protocol of each new connection to the server of *runner*; all are counted in *load*."""
    server, loop, connections = runner.server, asyncio.get_running_loop(), Connections(load)
    if server is None:
        raise RuntimeError("the runner is not set up")

    def made() -> BoundedConnection:
        return BoundedConnection(server, connections=connections, loop=loop)

    return made


class BoundedConnection(Connection):
    """A connection that holds no more than it may, for no longer."""

    __slots__ = (
        "_at_last_look",
        "_connections",
        "_deadline",
        "_head",
        "_line",
        "_look",
        "_payload",
        "_reads",
        "_unread",
        "_wanted",
        "_working",
        "patience",
    )

    def __init__(self, server: web.Server, *, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        """Serve one of *connections*."""
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # turns it off (aiohttp's web reference, run_app)
            keepalive_timeout=_KEEPALIVE_SECONDS,
            max_line_size=_LONGEST_LINE,
            lingering_time=_LINGERING_SECONDS,
            read_bufsize=_READ_AHEAD,
            auto_decompress=False,  # a body that is encoded is refused: a small one may be of any size
        )
        self._connections = connections
        self._line: asyncio.Transport | None = None  # until it is lost, also while it is being closed
        self._working = False  # a request is being answered
        self._payload: StreamReader | None = None  # of the latest request
        self._head = 0  # bytes of a request whose head is not complete
        self._deadline: asyncio.TimerHandle | None = None  # for that head to come
        self._unread = 0  # bytes of answers that are counted as not read
        self._look: asyncio.TimerHandle | None = None  # the next one at whether the caller reads; none once it has
        self._at_last_look = 0  # how many bytes it had not read then
        self._reads = False  # it has read much since
        #: Seconds it may leave an answer unread.
        self.patience = connections.load.limits.standstill_seconds
        self._wanted: asyncio.Timeout | None = None  # of what is done for the caller alone

    @contextmanager
    def wanted(self, until: asyncio.Timeout) -> Iterator[None]:
        """Have the time *until* be over when the caller hangs up while the block runs: nobody wants its answer then."""
        self._wanted = until
        try:
            yield
        finally:
            self._wanted = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the caller in, or refuse it."""
        super().connection_made(transport)
        self._line = self.transport
        if not self._connections.enter(self):
            load = self._connections.load
            self._turn_away(load.refusal(f"{load.connections - 1} connections are in use already."))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of everything that was kept for the caller."""
        self._connections.leave(self)
        self._line = None
        self._forget_head()
        self._count_unread()
        if self._look is not None:
            self._look.cancel()
        if self._wanted is not None:
            self._wanted.reschedule(self._loop.time())
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; begin or end the time that the head of a request has to come."""
        before = len(self._messages)
        super().data_received(data)
        if len(self._messages) > before:
            self._payload = self._messages[-1][1]
            self._working = True
            self._connections.works(self)
            if self._head:
                self._forget_head()
            if self._look is not None and self._line is not None and not self._line.get_write_buffer_size():
                self._reads = True
        elif data and (self._payload is None or self._payload.is_eof()) and not self._force_close:
            self._await_head(len(data))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; the connection may be idle now."""
        finished = await super().finish_response(request, resp, start_time)
        if self._line is not None:
            if self._line.get_write_buffer_size():
                self._mind_reader()
            if not self._messages:
                self._working = False
                self._connections.rests(self)
        return finished

    def pause_writing(self) -> None:
        """Have it looked whether the caller reads: a part of an answer waits."""
        super().pause_writing()
        self._count_unread()
        self._mind_reader()

    def resume_writing(self) -> None:
        """Note that the caller reads."""
        self._reads = True
        self._count_unread()
        super().resume_writing()

    def hang_up(self) -> None:
        """Close an idle connection, or one whose request has not arrived, now."""
        if self._head:
            self._turn_away(self._connections.load.refusal("Others wait, and the request has not arrived."))
        self.force_close()
        if self._line is not None and self._unread:
            self._line.abort()

    def _await_head(self, size: int) -> None:
        load = self._connections.load
        try:
            load.arrives(size)
        except Overloaded as error:
            self._turn_away(error)
            return
        if not self._head:
            self._connections.sends(self)
            self._deadline = self._loop.call_later(load.limits.arrival_seconds, self._came_too_late)
        self._head += size

    def _forget_head(self) -> None:
        self._connections.load.arrived(self._head)
        self._head = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _came_too_late(self) -> None:
        self._connections.load.cut_off += 1
        self._turn_away(RequestTimeout("The head of the request did not come in time."))

    def _turn_away(self, error: OmnimemError) -> None:
        """Close the connection, with *error* as its last answer if none is under way."""
        self._forget_head()
        if self._working:
            self.close()  # after what is under way
            return
        if self.transport is not None:
            self.transport.write(_as_it_is_sent(error))
            self._mind_reader()
        self.force_close()

    def _mind_reader(self) -> None:
        if self._look is None and self._line is not None:
            self._reads, self._at_last_look = False, self._line.get_write_buffer_size()
            self._look = self._loop.call_later(self.patience, self._look_at_reader)

    def _look_at_reader(self) -> None:
        self._look = None
        if self._line is None or not (size := self._line.get_write_buffer_size()):
            return
        if self._reads or self._at_last_look - size >= _PROGRESS_BYTES:
            self._count_unread()
            self._mind_reader()
        else:
            self._connections.load.cut_off += 1
            self._line.abort()

    def _count_unread(self) -> None:
        size = 0 if self._line is None else self._line.get_write_buffer_size()
        self._connections.load.unread_bytes += size - self._unread
        self._unread = size


def _as_it_is_sent(error: OmnimemError) -> bytes:
    """Return the whole answer that says *error*, for a caller whose request is not being answered."""
    body = msgspec.json.encode(error.problem())
    again = "Retry-After: 1\r\n" if isinstance(error, Overloaded) else ""
    head = (
        f"HTTP/1.1 {error.status} {error.title}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Omnimem-Version: {__version__}\r\n"
        f"{again}Connection: close\r\n\r\n"
    )
    return head.encode() + body

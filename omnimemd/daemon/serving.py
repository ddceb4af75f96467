"""Serve the API on a socket that outlasts it: begin, and end so that nobody who was let in goes unanswered."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from omnimemd.api.application import LOAD
from omnimemd.api.bounded import BoundedConnection, connection_maker
from omnimemd.api.protocol import Connection
from omnimemd.services.events import Events
from omnimemd.system.listening import BACKLOG

#: Seconds that accepted requests have to finish when the daemon stops; the whole stop has five, and aiohttp waits as
#: long again for one that it has cut off and whose caller does not read.
_FINISH_SECONDS: Final = 2.0
#: Seconds a caller has to send the whole of its request once the daemon stops, one that has just connected too.
_SEND_SECONDS: Final = 0.5
_LOOK_AGAIN_SECONDS: Final = 0.002
#: Connections that are accepted before any of them is looked at: each takes a descriptor.
_ACCEPTED_AT_ONCE: Final = 32


@asynccontextmanager
async def serving(app: web.Application, events: Events, listening: socket.socket) -> AsyncIterator["Serving"]:
    """Serve *app* on *listening* for as long as the block runs; then finish what was accepted.

    The socket stays open and bound: who connects afterwards waits in its queue for whoever serves it next.
    """
    app.on_shutdown.append(_hang_up(events))
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_FINISH_SECONDS)
    await runner.setup()
    serves = Serving(connection_maker(runner, app[LOAD]))
    await serves.listen(listening)
    try:
        yield serves
    finally:
        serves.let_nobody_in()
        await _take_what_was_sent(runner)
        serves.close()
        await runner.cleanup()


class Serving:
    """What lets callers in."""

    def __init__(self, made: Callable[[], BoundedConnection]) -> None:
        """Have *made* make what talks to each."""
        self.listening: socket.socket | None = None
        self._made = made
        self._accepting: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._former: asyncio.Server | None = None

    async def listen(self, listening: socket.socket) -> None:
        """Let in who calls *listening* from now on, and nobody more who called another one before."""
        self.let_nobody_in()
        if self._former is not None:
            self._former.close()
        accepting = listening.dup()  # asyncio closes the one it is given
        self._former, self._server = self._server, await _server(self._made, accepting)
        self._accepting, self.listening = accepting, listening

    def let_nobody_in(self) -> None:
        """Accept nobody more; servers are closed later: asyncio would drop those it has just accepted."""
        if self._accepting is not None:
            asyncio.get_running_loop().remove_reader(self._accepting.fileno())

    def close(self) -> None:
        """Close what was listened on, but no connection."""
        for server in (self._former, self._server):
            if server is not None:
                server.close()


async def _take_what_was_sent(runner: web.AppRunner) -> None:
    """Let those who were let in send what they are sending, and read it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SEND_SECONDS
    while runner.server is not None and loop.time() < deadline:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)  # first: who was let in this moment becomes known
        callers = [one for one in runner.server.connections if isinstance(one, Connection)]
        if all([one.wind_up() for one in callers]):  # noqa: C419 each of them
            return


async def _server(made: Callable[[], BoundedConnection], listening: socket.socket) -> asyncio.Server:
    # From Python 3.13 on asyncio would unlink the path: it is still listened on.
    kept: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(made, sock=listening, backlog=_ACCEPTED_AT_ONCE, **kept)
    listening.listen(BACKLOG)  # more may wait than are accepted at once
    return server


def _hang_up(events: Events) -> Callable[[web.Application], Awaitable[None]]:
    async def hang_up(_: web.Application) -> None:
        events.close()  # listeners would otherwise be waited for

    return hang_up

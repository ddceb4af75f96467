"""Happenings as server-sent events (WHATWG HTML, "server-sent events")."""

import asyncio
from contextlib import ExitStack
from typing import Any, Final

import msgspec
from aiohttp import web

from omnimem import model
from omnimem._version import __version__
from omnimem.calls import Operations
from omnimemd.api import views
from omnimemd.api.bounded import BoundedConnection
from omnimemd.api.endpoint import Serve
from omnimemd.api.load import Load
from omnimemd.api.query import decode_query
from omnimemd.services.events import (
    EntryAdded,
    Events,
    HealthChanged,
    MemoryChanged,
    Missed,
    SessionChanged,
    Told,
    WorkspaceChanged,
)

#: Seconds of silence after which a comment is sent, so that a listener that is gone is noticed.
_SILENCE: Final = 15.0
#: Seconds a listener has to read what is left when the daemon stops.
_LAST: Final = 0.5
#: Seconds a listener may leave events unread: somebody may have stopped the terminal that shows them. What it misses
#: meanwhile it is told of.
_PATIENCE: Final = 900.0
_encode = msgspec.json.Encoder().encode


def serve_events(events: Events, load: Load) -> Serve:
    """Return what aiohttp calls for a listener, counted in *load*."""

    async def served(request: web.Request) -> web.StreamResponse:
        query: model.EventQuery = decode_query(request, Operations.events.query)
        stream = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Omnimem-Version": __version__}
        )
        connection = request.protocol
        with (
            ExitStack() as hung_up,
            load.listening(),
            events.subscribe(session_id=query.session_id, project_id=query.project_id) as subscription,
        ):
            await stream.prepare(request)
            try:
                async with asyncio.timeout(None) as patience:
                    if isinstance(connection, BoundedConnection):
                        connection.patience = _PATIENCE
                        hung_up.enter_context(connection.wanted(patience))
                    subscription.on_close = lambda: patience.reschedule(asyncio.get_running_loop().time() + _LAST)
                    await stream.write(b": listening\n\n")
                    while True:
                        try:
                            async with asyncio.timeout(_SILENCE):
                                told = await subscription.next()
                        except TimeoutError:
                            await stream.write(b": still here\n\n")
                            continue
                        if told is None:
                            break
                        await stream.write(_encoded(told))
            except TimeoutError:  # the listener hung up, or the daemon stops and the listener does not read
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionResetError:
                pass  # the listener is gone
        return stream

    return served


def _encoded(told: Told) -> bytes:
    name, data = _shown(told)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (told.number, name.encode(), _encode(data))


def _shown(told: Told) -> tuple[str, Any]:
    match told.what:
        case SessionChanged(session=session):
            return "session", views.session(session)
        case EntryAdded(session=session, numbered=numbered):
            return "entry", views.entry(numbered, session_id=session.session_id)
        case MemoryChanged(memory=memory):
            return "memory", views.memory(memory)
        case WorkspaceChanged(workspace=workspace):
            return "workspace", views.workspace(workspace)
        case HealthChanged(problems=problems, stores=stores):
            return "health", model.Health(status="ok" if stores else "degraded", problems=list(problems))
        case Missed(count=count):
            return "lagged", model.Lagged(missed=count)

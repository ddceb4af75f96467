"""Put every operation at its route."""

from typing import Final

import msgspec
from aiohttp import web

from omnimem.calls import ALL, Operations
from omnimemd.api import context, daemon, memories, projects, sessions
from omnimemd.api.boundary import PeerOf, boundary
from omnimemd.api.daemon import Facts
from omnimemd.api.endpoint import serve
from omnimemd.api.events import serve_events
from omnimemd.api.openapi import describe
from omnimemd.services.entries import Entries
from omnimemd.services.events import Events
from omnimemd.services.health import Health
from omnimemd.services.idempotency import Idempotency
from omnimemd.services.memories import Memories
from omnimemd.services.projects import Projects
from omnimemd.services.sessions import Sessions
from omnimemd.services.tracking import Tracking
from omnimemd.services.workspaces import Workspaces

#: Bytes a body may have; aiohttp refuses one of the size it is given.
_BODY_LIMIT: Final = 1024 * 1024 + 1


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the API speaks for."""

    sessions: Sessions
    entries: Entries
    projects: Projects
    workspaces: Workspaces
    memories: Memories
    tracking: Tracking
    health: Health
    events: Events
    idempotency: Idempotency


def application(services: Services, facts: Facts, *, peer_of: PeerOf, uid: int) -> web.Application:
    """Return the API of *services*, for callers of *uid* only."""
    app = web.Application(middlewares=[boundary(peer_of=peer_of, uid=uid)], client_max_size=_BODY_LIMIT)
    endpoints = [
        *sessions.endpoints(services.sessions, services.workspaces),
        *context.endpoints(services.entries),
        *projects.endpoints(services.projects, services.workspaces),
        *memories.endpoints(services.memories),
        *daemon.endpoints(services.health, services.tracking, facts, msgspec.json.encode(describe(ALL))),
    ]
    for endpoint in endpoints:
        operation = endpoint.operation
        app.router.add_route(operation.method, operation.path, serve(endpoint, services.idempotency))
    app.router.add_route(Operations.events.method, Operations.events.path, serve_events(services.events))
    return app

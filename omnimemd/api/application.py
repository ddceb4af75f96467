"""Put every operation at its route."""

from functools import cache
from typing import Final

import msgspec
from aiohttp import web

from omnimem.calls import ALL, Operations
from omnimemd.api import (
    backups,
    briefing,
    checkpoints,
    context,
    daemon,
    doctor,
    memories,
    projects,
    retention,
    search,
    sessions,
    summaries,
    transfer,
    usefulness,
)
from omnimemd.api.boundary import PeerOf, boundary, invite_body
from omnimemd.api.daemon import Facts
from omnimemd.api.endpoint import BODY_LIMIT, serve
from omnimemd.api.events import serve_events
from omnimemd.api.load import Load
from omnimemd.api.measured import Requests
from omnimemd.api.openapi import describe
from omnimemd.services.backups import Backups
from omnimemd.services.briefing import Briefings
from omnimemd.services.checkpoints import Checkpoints
from omnimemd.services.digests import Digests
from omnimemd.services.doctor import Doctor
from omnimemd.services.entries import Entries
from omnimemd.services.events import Events
from omnimemd.services.explaining import Explaining
from omnimemd.services.exporting import Exporting
from omnimemd.services.health import Health
from omnimemd.services.history import History
from omnimemd.services.idempotency import Idempotency
from omnimemd.services.importing import Importing
from omnimemd.services.indexing import Indexing
from omnimemd.services.measures import Measures
from omnimemd.services.memories import Memories
from omnimemd.services.memory_reads import MemoryReads
from omnimemd.services.projects import Projects
from omnimemd.services.redaction import Redaction
from omnimemd.services.resuming import Resuming
from omnimemd.services.retention import Retention
from omnimemd.services.search import Search
from omnimemd.services.sessions import Sessions
from omnimemd.services.similar import Similar
from omnimemd.services.tracking import Tracking
from omnimemd.services.unasked import Unasked
from omnimemd.services.usefulness import Usefulness
from omnimemd.services.workspaces import Workspaces

#: Where an application keeps what it has in hand.
LOAD: Final = web.AppKey("load", Load)
#: Answered however much there is to do: by them a person finds out what is the matter.
_ALWAYS: Final = (Operations.health.path, Operations.status.path, Operations.metrics.path)
#: Counted by themselves.
_STREAMS: Final = (Operations.events.path, Operations.export.path)


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the API speaks for."""

    sessions: Sessions
    entries: Entries
    digests: Digests
    projects: Projects
    workspaces: Workspaces
    explaining: Explaining
    memories: Memories
    checkpoints: Checkpoints
    unasked: Unasked
    resuming: Resuming
    history: History
    indexing: Indexing
    search: Search
    briefings: Briefings
    exporting: Exporting
    importing: Importing
    similar: Similar
    tracking: Tracking
    health: Health
    doctor: Doctor
    events: Events
    idempotency: Idempotency
    redaction: Redaction
    retention: Retention
    backups: Backups
    memory_reads: MemoryReads
    usefulness: Usefulness
    measures: Measures


def application(services: Services, facts: Facts, *, peer_of: PeerOf, uid: int, load: Load) -> web.Application:
    """Return the API of *services*, for callers of *uid* only; what is in hand is counted in *load*."""
    at_the_door = boundary(peer_of=peer_of, uid=uid, load=load, uncounted=frozenset(_ALWAYS + _STREAMS))
    # Some versions of aiohttp refuse a body of the very size they are given: the endpoint has the last word.
    requests = Requests()
    app = web.Application(middlewares=[requests.middleware(), at_the_door], client_max_size=BODY_LIMIT + 1)
    app[LOAD] = load
    endpoints = [
        *context.endpoints(services.entries),  # first, as aiohttp tries routes in their order, and most calls append
        *sessions.endpoints(services.sessions, services.workspaces, services.unasked, services.resuming),
        *checkpoints.endpoints(services.checkpoints, services.resuming, services.workspaces),
        *summaries.endpoints(services.digests),
        *projects.endpoints(services.projects, services.workspaces, services.sessions, services.explaining),
        *search.endpoints(services.search, services.memory_reads),  # before the memories: `search` is no memory's id
        *briefing.endpoints(services.briefings, services.usefulness),
        *transfer.endpoints(services.importing),
        *memories.endpoints(services.memories, services.history, services.similar, services.memory_reads),
        *usefulness.endpoints(services.usefulness),
        *doctor.endpoints(services.doctor),
        *retention.endpoints(services.retention),
        *backups.endpoints(services.backups),
        *daemon.endpoints(services.health, services.tracking, services.measures, requests, facts, load, _description),
    ]
    for endpoint in endpoints:
        operation = endpoint.operation
        handler = serve(endpoint, services.idempotency, services.redaction, load)
        app.router.add_route(operation.method, operation.path, handler, expect_handler=invite_body)
    for operation, handler in (
        (Operations.events, serve_events(services.events, load)),
        (Operations.export, transfer.serve_export(services.exporting, load)),
    ):
        app.router.add_route(operation.method, operation.path, handler, expect_handler=invite_body)
    return app


@cache
def _description() -> bytes:
    """Return the OpenAPI document; made when it is first asked for, because that takes as long as a start."""
    return msgspec.json.encode(describe(ALL))

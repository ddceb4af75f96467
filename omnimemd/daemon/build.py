"""Make every part of the daemon and hand each what it needs: the whole house on one page."""

import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aiohttp import web

from omnimem.errors import Unavailable
from omnimemd.api.application import Services, application
from omnimemd.api.boundary import PeerOf
from omnimemd.api.daemon import Facts
from omnimemd.domain.identity import Peer
from omnimemd.services.background import Background
from omnimemd.services.entries import Entries
from omnimemd.services.events import Events
from omnimemd.services.health import Health
from omnimemd.services.idempotency import Idempotency
from omnimemd.services.liveness import Liveness
from omnimemd.services.memories import Memories
from omnimemd.services.projects import Projects
from omnimemd.services.session_cache import SessionCache
from omnimemd.services.sessions import Sessions
from omnimemd.services.tracking import Tracking
from omnimemd.services.workspaces import Workspaces
from omnimemd.storage.database import SQLITE_VERSION, Database
from omnimemd.system.clock import SystemClock
from omnimemd.system.memory import rss_bytes
from omnimemd.system.peer import peer_of
from omnimemd.system.places import SystemPlaces
from omnimemd.system.processes import SystemProcesses, open_deaths
from omnimemd.system.settings import Settings
from omnimemd.system.watcher import open_watcher

if TYPE_CHECKING:
    import asyncio
    import socket

log = logging.getLogger(__name__)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[web.Application, Events]]:
    """Run everything but the socket for as long as the block does; give the application to serve, and its events.

    Sessions of an earlier run are reconciled before the block begins. Leaving it stops the parts in the reverse order
    of their start, and keeps what they hold.

    Raises:
        SchemaTooNew: the database was written by a newer omnimemd.
        DatabaseUnusable: the database cannot be opened.
        WatchUnavailable: the platform gives no way to watch files.
    """
    clock = SystemClock()
    async with Database(settings.database) as database:
        events = Events()
        cache = SessionCache(database=database, clock=clock)
        places = SystemPlaces()
        projects = Projects(database=database, cache=cache, places=places, clock=clock, new_token=_token)
        entries = Entries(database=database, cache=cache, clock=clock, events=events)
        memories = Memories(database=database, entries=entries, clock=clock, events=events, new_token=_token)
        with closing(SystemProcesses(open_deaths())) as processes:
            background = Background()
            liveness = Liveness(processes=processes, clock=clock)
            watcher = open_watcher(
                clock=clock,
                private=settings.data_dir / "barrier",
                environ=os.environ,
                # Its own files change with every access that is recorded: to record those would never end.
                blind=(settings.data_dir.resolve(),),
            )
            workspaces = Workspaces(
                database=database,
                watcher=watcher,
                projects=projects,
                background=background,
                clock=clock,
                events=events,
            )
            sessions = Sessions(
                database=database,
                cache=cache,
                projects=projects,
                workspaces=workspaces,
                liveness=liveness,
                processes=processes,
                clock=clock,
                events=events,
                new_token=_token,
            )
            tracking = Tracking(
                entries=entries,
                sessions=sessions,
                workspaces=workspaces,
                watcher=watcher,
                clock=clock,
                ambient_idle_ms=settings.ambient_idle_ms,
            )
            health = Health(
                database=database,
                sessions=sessions,
                workspaces=workspaces,
                tracking=tracking,
                watcher=watcher,
                background=background,
                events=events,
                clock=clock,
            )
            services = Services(
                sessions=sessions,
                entries=entries,
                projects=projects,
                workspaces=workspaces,
                memories=memories,
                tracking=tracking,
                health=health,
                events=events,
                idempotency=Idempotency(database=database, clock=clock),
            )
            await watcher.start(tracking)
            try:
                async with background:  # ends before the watcher that its tasks work with
                    await workspaces.restore(tuple(map(str, settings.workspaces)))
                    await sessions.reconcile()
                    background.keep("deaths", lambda: liveness.run(sessions.process_died))
                    background.keep("tracking", tracking.run)
                    background.keep("health", health.run)
                    background.keep("ambient sessions", tracking.run_ambient)
                    try:
                        yield application(services, _facts(settings), peer_of=_peer_of(), uid=os.getuid()), events
                    finally:
                        await _finish(tracking.flush())
            finally:
                await watcher.close()
        await _finish(memories.count_accesses())
        await _finish(sessions.close())


async def _finish(work: Awaitable[None]) -> None:
    """Do one of the last things; one that cannot be done must not keep the others from it."""
    try:
        await work
    except Unavailable as error:
        log.error("not kept at the stop", extra={"reason": error.detail})


def _token() -> str:
    return secrets.token_hex(6)


def _peer_of() -> PeerOf:
    """Return what tells who is at the other end of a request's connection; the kernel is asked once for each."""
    known: WeakKeyDictionary[asyncio.BaseTransport, Peer] = WeakKeyDictionary()

    def peer_of_request(request: web.BaseRequest) -> Peer:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the caller is gone")
        peer = known.get(transport)
        if peer is None:
            connection: socket.socket = transport.get_extra_info("socket")
            peer = known[transport] = peer_of(connection)
        return peer

    return peer_of_request


def _facts(settings: Settings) -> Facts:
    return Facts(
        pid=os.getpid(),
        socket=str(settings.socket),
        database=str(settings.database),
        sqlite_version=SQLITE_VERSION,
        reads_observed=sys.platform == "linux",
        started=time.monotonic(),
        rss_bytes=rss_bytes,
    )

"""The daemon on this machine: the services over the real database, clock, processes and files."""

import asyncio
import os
import resource
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from aiohttp import web

from omnimemd.api.application import Services, application
from omnimemd.api.boundary import PeerOf
from omnimemd.api.daemon import Facts
from omnimemd.api.load import Load, limits_for
from omnimemd.daemon.assembly import Wishes, World, at_work
from omnimemd.daemon.logs import Logs
from omnimemd.daemon.putting_back import put_back, saved
from omnimemd.daemon.threads import deaths_told
from omnimemd.domain.identity import Peer
from omnimemd.services.background import Background
from omnimemd.storage import lineage, mending, restoring
from omnimemd.storage.database import SQLITE_VERSION, Database
from omnimemd.system.clock import SystemClock, elapsed
from omnimemd.system.embedding.opening import open_embedding
from omnimemd.system.machine import SystemMachine
from omnimemd.system.memory import release_memory, rss_bytes
from omnimemd.system.own_files import SystemOwnFiles
from omnimemd.system.peer import peer_of
from omnimemd.system.places import SystemPlaces
from omnimemd.system.processes import SystemProcesses, boot_id, open_activity, open_deaths
from omnimemd.system.project_files import ProjectFiles
from omnimemd.system.settings import Settings
from omnimemd.system.supervisor import notify
from omnimemd.system.watcher import open_watcher

if TYPE_CHECKING:
    import socket

#: What a supervisor gives a start that says that it goes on.
_MORE_TIME = "EXTEND_TIMEOUT_USEC=60000000"


class Running(NamedTuple):
    """A daemon at work, without its socket."""

    app: web.Application  #: to be served
    services: Services
    background: Background
    database: Database


@asynccontextmanager
async def running(
    settings: Settings, *, begin_again: Callable[[], None], notices: Callable[[], tuple[str, ...]]
) -> AsyncIterator[Running]:
    """Run everything but the socket for as long as the block does.

    Args:
        settings: what the user set.
        begin_again: has the block ended, and all of it begun anew.
        notices: what a person should know of the daemon's surroundings.

    Raises:
        SchemaTooNew: the database was written by a newer omnimemd.
        DatabaseUnusable: the database cannot be opened.
        WatchUnavailable: the platform gives no way to watch files.
    """
    clock, project_files = SystemClock(), ProjectFiles()
    boot = boot_id()
    restoring.tidy(settings.database)
    make_sound = partial(
        mending.make_sound,
        settings.database,
        boot=boot,
        now=clock.now(),
        spare=partial(lineage.spare, settings.database),
        tell=_tell_supervisor,
    )
    await asyncio.to_thread(make_sound)
    await asyncio.to_thread(restoring.put_in_place, settings.database, now=clock.now())
    async with (
        Database(settings.database, boot=boot) as database,
        saved(database, clock),
        open_embedding(enabled=settings.semantic, endpoint=settings.embeddings) as embedding,
    ):
        own_data = settings.data_dir.resolve()
        with closing(SystemProcesses(open_deaths())) as processes:
            watcher = open_watcher(
                clock=clock,
                private=settings.data_dir / "barrier",
                environ=os.environ,
                # Its own files change with every access that is recorded: to record those would never end.
                blind=(own_data,),
                project_files=project_files,
            )
            world = World(
                clock=clock,
                elapsed=elapsed,
                places=SystemPlaces(project_files),
                processes=processes,
                activity=open_activity(clock),
                watcher=watcher,
                embedder=None if embedding is None else embedding.embedder,
                vectors=None if embedding is None else embedding.index,
                own_files=SystemOwnFiles(data_dir=settings.data_dir, socket=settings.socket),
                machine=SystemMachine(),
                own_data=str(own_data),
                release_memory=release_memory,
                begin_again=begin_again,
                notices=notices,
                new_token=_token,
            )
            wishes = Wishes(
                workspaces=tuple(map(str, settings.workspaces)),
                ambient_idle_ms=settings.ambient_idle_ms,
                tools=settings.tools if settings.automatic_sessions else (),
                retention=settings.retention,
                backups=settings.backups,
            )
            async with at_work(database, world, wishes) as house:
                load = Load(limits_for(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
                house.background.keep("place of the database", lambda: put_back(database, begin_again))
                app = application(house.services, _facts(settings), peer_of=_peer_of(), uid=os.getuid(), load=load)
                with deaths_told(house.services.health.suspect):
                    yield Running(app, house.services, house.background, database)


def _tell_supervisor(what: str) -> None:
    notify(f"STATUS={what}", _MORE_TIME)


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
        automatic_sessions=settings.automatic_sessions,
        started=time.monotonic(),
        rss_bytes=rss_bytes,
        log=Logs(settings.log_level),
    )

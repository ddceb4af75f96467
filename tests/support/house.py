"""The daemon without its socket: every real service over a real database, with a fake world around them."""

import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
from aiohttp import web

from omnimem.errors import StoreUnavailable
from omnimemd.api.application import Services, application
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
from omnimemd.storage.database import Database
from omnimemd.system.places import SystemPlaces
from tests.support.clock import MINUTE, FakeClock
from tests.support.processes import FakeProcesses
from tests.support.watcher import FakeWatcher

#: The user the daemon belongs to, and another one.
OWNER = 1000
STRANGER = 1001
_tokens = itertools.count(0xA00000000000)


@dataclass
class World:
    """What the daemon lives in; it outlasts a daemon."""

    clock: FakeClock
    processes: FakeProcesses
    peer: Peer  #: who calls


def a_world() -> World:
    """Return a world with nothing running in it; calls come from nowhere in particular."""
    return World(FakeClock(), FakeProcesses(), Peer(OWNER, None))


@dataclass(frozen=True)
class House:
    """A daemon at work."""

    world: World
    watcher: FakeWatcher
    database: Database
    cache: SessionCache
    background: Background
    liveness: Liveness
    services: Services
    app: web.Application

    @property
    def clock(self) -> FakeClock:
        return self.world.clock

    @property
    def processes(self) -> FakeProcesses:
        return self.world.processes

    def lose_the_store(self) -> None:
        """Have every use of the database fail from now on."""
        self.database._writer.close()
        self.database._reader.close()

    def fill_the_disk(self) -> None:
        """Have every write that needs room fail from now on; the store can still be read."""
        db = self.database._writer
        with suppress(apsw.FullError):  # take what free pages there are
            db.pragma("max_page_count", db.pragma("page_count"))
            db.execute("CREATE TABLE filler (text TEXT) STRICT")
            while True:
                db.execute("INSERT INTO filler VALUES (?)", ("x" * 1000,))

    def make_room(self) -> None:
        """Undo `fill_the_disk`."""
        self.database._writer.pragma("max_page_count", 1 << 30)

    def as_kill_9_would_leave_it(self, place: Path) -> Path:
        """Copy the database, as it is on the disk this instant, into *place*; return that."""
        place.mkdir(exist_ok=True)
        for file in self.database.path.parent.glob("omnimem.db*"):
            shutil.copy(file, place / file.name)
        return place


@asynccontextmanager
async def a_house(
    data: Path,
    *,
    world: World | None = None,
    watcher: FakeWatcher | None = None,
    workspaces_configured: tuple[str, ...] = (),
    ambient_idle_ms: int = 30 * MINUTE,
) -> AsyncIterator[House]:
    """Run a daemon on the database in the folder *data*, put together as `daemon/build.py` does it."""
    world = world or a_world()
    watcher = watcher or FakeWatcher()
    clock = world.clock
    async with Database(data / "omnimem.db") as database:
        events = Events()
        cache = SessionCache(database=database, clock=clock)
        projects = Projects(database=database, cache=cache, places=SystemPlaces(), clock=clock, new_token=a_token)
        entries = Entries(database=database, cache=cache, clock=clock, events=events)
        memories = Memories(database=database, entries=entries, clock=clock, events=events, new_token=a_token)
        background = Background()
        liveness = Liveness(processes=world.processes, clock=clock)
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
            processes=world.processes,
            clock=clock,
            events=events,
            new_token=a_token,
        )
        tracking = Tracking(
            entries=entries,
            sessions=sessions,
            workspaces=workspaces,
            watcher=watcher,
            clock=clock,
            ambient_idle_ms=ambient_idle_ms,
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
            async with background:
                await workspaces.restore(workspaces_configured)
                await sessions.reconcile()
                background.keep("deaths", lambda: liveness.run(sessions.process_died))
                background.keep("tracking", tracking.run)
                background.keep("health", health.run)
                background.keep("ambient sessions", tracking.run_ambient)
                app = application(services, a_daemons_facts(data), peer_of=lambda _: world.peer, uid=OWNER)
                try:
                    yield House(world, watcher, database, cache, background, liveness, services, app)
                finally:
                    with suppress(StoreUnavailable):
                        await tracking.flush()
        finally:
            await watcher.close()
        with suppress(StoreUnavailable):
            await memories.count_accesses()
            await sessions.close()


def a_token() -> str:
    """Return what ids are made of: 12 hexadecimal digits, never the same."""
    return f"{next(_tokens):012x}"


def a_daemons_facts(data: Path) -> Facts:
    """Return what a daemon on the folder *data* says of itself."""
    return Facts(
        pid=os.getpid(),
        socket=str(data / "omnimemd.sock"),
        database=str(data / "omnimem.db"),
        sqlite_version=apsw.sqlite_lib_version(),
        reads_observed=True,
        started=time.monotonic(),
        rss_bytes=lambda: 32 * 1024 * 1024,
    )

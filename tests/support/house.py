"""The daemon without its socket: every real service over a real database, with a fake world around them."""

import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
from aiohttp import web

from omnimem.model import LogLevel
from omnimemd.api.application import LOAD, Services, application
from omnimemd.api.daemon import Facts
from omnimemd.api.load import Limits, Load
from omnimemd.daemon import assembly
from omnimemd.daemon.logs import Logs
from omnimemd.domain.backups import Policy as BackupPolicy
from omnimemd.domain.identity import Peer
from omnimemd.domain.ports import Embedder, VectorIndex
from omnimemd.domain.retention import Policy, Rule
from omnimemd.services.attribution import Attributor
from omnimemd.services.background import Background
from omnimemd.services.compression import Compression
from omnimemd.services.digests import Digests
from omnimemd.services.expiry import Expiry
from omnimemd.services.liveness import Liveness
from omnimemd.services.recovery import Recovery
from omnimemd.services.semantic import Semantic
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage.database import Database
from omnimemd.system.machine import SystemMachine
from omnimemd.system.own_files import SystemOwnFiles
from omnimemd.system.places import SystemPlaces
from tests.support.activity import FakeActivity
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
    activity: FakeActivity
    peer: Peer  #: who calls


def a_world() -> World:
    """Return a world with nothing running in it; calls come from nowhere in particular."""
    return World(clock := FakeClock(), FakeProcesses(), FakeActivity(clock), Peer(OWNER, None))


@dataclass(frozen=True)
class House:
    """A daemon at work."""

    world: World
    watcher: FakeWatcher
    database: Database
    cache: SessionCache
    compression: Compression
    background: Background
    liveness: Liveness
    recovery: Recovery
    attributor: Attributor
    expiry: Expiry
    services: Services
    semantic: Semantic | None
    app: web.Application

    @property
    def clock(self) -> FakeClock:
        return self.world.clock

    @property
    def processes(self) -> FakeProcesses:
        return self.world.processes

    @property
    def activity(self) -> FakeActivity:
        return self.world.activity

    @property
    def load(self) -> Load:
        return self.app[LOAD]

    @property
    def digests(self) -> Digests:
        return self.services.digests

    def lose_the_store(self) -> None:
        """Have every use of the database fail from now on."""
        self.database._writer.close()
        self.database._reading.submit(self.database._reader.close).result()  # once it is idle

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
    tools: tuple[str, ...] = ("claude", "nvim"),
    embedding: tuple[Embedder, VectorIndex] | None = None,
    retention: Policy | None = None,
    backups: BackupPolicy | None = None,
    begin_again: Callable[[], None] = lambda: None,
    notices: Callable[[], tuple[str, ...]] = tuple,
) -> AsyncIterator[House]:
    """Run a daemon on the database in the folder *data*, put together as the real one is."""
    world = world or a_world()
    watcher = watcher or FakeWatcher(world.clock)
    outside = assembly.World(
        clock=world.clock,
        elapsed=world.clock.elapsed,
        places=SystemPlaces(),
        processes=world.processes,
        activity=world.activity,
        watcher=watcher,
        embedder=None if embedding is None else embedding[0],
        vectors=None if embedding is None else embedding[1],
        own_files=SystemOwnFiles(data_dir=data, socket=data / "omnimemd.sock"),
        machine=SystemMachine(),
        own_data=str(data.resolve()),
        release_memory=lambda: None,
        begin_again=begin_again,
        notices=notices,
        new_token=a_token,
    )
    wishes = assembly.Wishes(
        workspaces=workspaces_configured,
        ambient_idle_ms=ambient_idle_ms,
        tools=tools,
        retention=dict.fromkeys(Rule, "forever") | dict(retention or {}),
        backups=backups or BackupPolicy(),
    )
    async with Database(data / "omnimem.db") as database, assembly.at_work(database, outside, wishes) as inside:
        app = application(
            inside.services, a_daemons_facts(data), peer_of=lambda _: world.peer, uid=OWNER, load=Load(Limits())
        )
        yield House(
            world,
            watcher,
            database,
            inside.cache,
            inside.compression,
            inside.background,
            inside.liveness,
            inside.recovery,
            inside.attributor,
            inside.expiry,
            inside.services,
            inside.semantic,
            app,
        )


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
        automatic_sessions=True,
        started=time.monotonic(),
        rss_bytes=lambda: 32 * 1024 * 1024,
        log=Logs(LogLevel.INFO),
    )

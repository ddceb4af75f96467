"""Put the services together and keep them at work: the composition root, apart from which world it is for."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from omnimem.errors import Unavailable
from omnimemd.api.application import Services
from omnimemd.domain import backups as backup_rules
from omnimemd.domain.claims import Claims
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.ports import (
    Activity,
    Embedder,
    Machine,
    OwnFiles,
    Places,
    Processes,
    VectorIndex,
    Watcher,
    WatchFailed,
)
from omnimemd.domain.retention import Policy
from omnimemd.services.attribution import Attributor
from omnimemd.services.background import Background
from omnimemd.services.backups import Backups
from omnimemd.services.baselines import Baselines
from omnimemd.services.briefing import Briefings
from omnimemd.services.checkpoints import Checkpoints
from omnimemd.services.checks import (
    BackupsCheck,
    DatabaseCheck,
    EntriesCheck,
    FilesCheck,
    FileSystemCheck,
    LimitsCheck,
    LogCheck,
    ProcessesCheck,
    RoomCheck,
    SearchCheck,
    SessionsCheck,
    SetAsideCheck,
    StoringCheck,
    TasksCheck,
    WatchingCheck,
)
from omnimemd.services.compression import Compression
from omnimemd.services.deletion import Deletion
from omnimemd.services.digests import Digests
from omnimemd.services.discovery import Discovery
from omnimemd.services.doctor import Doctor
from omnimemd.services.entries import Entries
from omnimemd.services.events import Events
from omnimemd.services.evidence import Evidence
from omnimemd.services.expiry import Expiry
from omnimemd.services.explaining import Explaining
from omnimemd.services.exporting import Exporting
from omnimemd.services.health import Health
from omnimemd.services.hearing import Hearing
from omnimemd.services.history import History
from omnimemd.services.idempotency import Idempotency
from omnimemd.services.importing import Importing
from omnimemd.services.indexing import Indexing
from omnimemd.services.liveness import Liveness
from omnimemd.services.losses import LossesCheck
from omnimemd.services.measures import Measures
from omnimemd.services.memories import Memories
from omnimemd.services.memory_reads import MemoryReads
from omnimemd.services.projects import Projects
from omnimemd.services.recovery import Recovery
from omnimemd.services.redaction import Redaction
from omnimemd.services.resuming import Resuming
from omnimemd.services.retention import Retention
from omnimemd.services.search import Search
from omnimemd.services.semantic import Semantic
from omnimemd.services.session_cache import SessionCache
from omnimemd.services.sessions import Sessions
from omnimemd.services.similar import Similar
from omnimemd.services.staleness import Staleness
from omnimemd.services.tracking import Tracking
from omnimemd.services.unasked import Unasked
from omnimemd.services.usefulness import Usefulness
from omnimemd.services.workspaces import Workspaces
from omnimemd.storage.database import Database

log = logging.getLogger(__name__)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the services live in."""

    clock: Clock
    elapsed: Callable[[], Millis]  #: goes on with the time, whatever the clock is set to
    places: Places
    processes: Processes
    activity: Activity
    watcher: Watcher
    embedder: Embedder | None  #: None: nothing here can tell what a text means
    vectors: VectorIndex | None  #: with an embedder
    own_files: OwnFiles
    machine: Machine
    own_data: str  #: the real path of the directory the daemon keeps its own files in
    release_memory: Callable[[], None]  #: gives the system what was freed
    #: Has every service stopped in order, once the requests under way are answered, and the database closed, and all
    #: of it begun anew in this process; callers that come meanwhile wait.
    begin_again: Callable[[], None]
    notices: Callable[[], tuple[str, ...]]  #: what a person should know of the daemon's surroundings
    new_token: Callable[[], str]  #: makes the unique part of an id: 12 hexadecimal digits


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the user set that the services go by."""

    workspaces: tuple[str, ...]
    ambient_idle_ms: int
    retention: Policy
    backups: backup_rules.Policy
    tools: tuple[str, ...]  #: programs a session is opened for that nobody asked for; none: never


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Every service, and the parts beneath them that nobody else is to use but tests."""

    services: Services
    cache: SessionCache
    compression: Compression
    deletion: Deletion
    background: Background
    liveness: Liveness
    attributor: Attributor
    recovery: Recovery
    expiry: Expiry
    staleness: Staleness
    semantic: Semantic | None


@asynccontextmanager
async def at_work(database: Database, world: World, wishes: Wishes) -> AsyncIterator[House]:
    """Have every service at work for as long as the block runs.

    Sessions of an earlier run are reconciled before the block begins. Leaving it stops the parts in the reverse order
    of their start, and keeps what they hold.

    Raises:
        WatchUnavailable: the platform gives no way to watch files.
    """
    house = _built(database, world, wishes)
    services, background = house.services, house.background
    await world.watcher.start(Hearing(house.recovery, house.staleness))
    try:
        async with background:  # ends before the watcher that its tasks work with
            await services.workspaces.restore(wishes.workspaces)
            await services.sessions.reconcile()
            background.keep("sessions", services.sessions.keep_true)
            background.keep("deaths", lambda: house.liveness.run(services.sessions.process_died))
            await house.recovery.begin()
            background.keep("indexing", services.indexing.run)
            if house.semantic is not None:
                background.keep("vectors", house.semantic.run)
            background.keep("digests", services.digests.run)
            background.keep("usefulness", services.usefulness.run)
            background.keep("compression", house.compression.run)
            background.keep("tracking", services.tracking.run)
            background.keep("recovery", house.recovery.run)
            background.keep("health", services.health.run)
            background.keep("ambient sessions", services.tracking.run_ambient)
            background.keep("expiry", house.expiry.run)
            background.keep("deletion", house.deletion.run)
            background.keep("retention", services.retention.run)
            background.keep("backups", services.backups.run)
            background.keep("staleness", house.staleness.run)
            background.keep("last checkpoints", services.unasked.run_last)
            background.keep("checkpoints of growth", services.unasked.run_growth)
            try:
                yield house
            finally:
                house.staleness.rest()
                await _finish(house.recovery.rest())
                await _finish(services.tracking.flush())
                await _finish(house.recovery.leave())
    finally:
        services.backups.close()
        await world.watcher.close()
        house.attributor.close()
    await _finish(services.memories.count_accesses())
    await _finish(services.memory_reads.flush())
    await _finish(services.sessions.close())


def _built(database: Database, world: World, wishes: Wishes) -> House:
    clock, watcher, new_token = world.clock, world.watcher, world.new_token
    events = Events()
    background = Background()
    claims = Claims()
    cache = SessionCache(database=database, claims=claims, clock=clock)
    liveness = Liveness(processes=world.processes, clock=clock)
    projects = Projects(database=database, cache=cache, places=world.places, clock=clock, new_token=new_token)
    entries = Entries(database=database, cache=cache, clock=clock, events=events)
    staleness = Staleness(
        database=database, watcher=watcher, projects=projects, background=background, events=events, clock=clock
    )
    memories = Memories(
        database=database, entries=entries, staleness=staleness, clock=clock, events=events, new_token=new_token
    )
    memories.on_changed(staleness.written)
    indexing = Indexing(database=database)
    entries.on_worded(indexing.wake)
    events.on_memory(indexing.wake)
    importing = Importing(
        database=database, cache=cache, memories=memories, clock=clock, events=events, new_token=new_token
    )
    importing.on_stored(indexing.wake)
    semantic = None
    if world.embedder is not None and world.vectors is not None:
        semantic = Semantic(database=database, embedder=world.embedder, index=world.vectors)
        indexing.on_change(indexed=semantic.wake, emptied=semantic.forget)
    workspaces = Workspaces(
        database=database,
        watcher=watcher,
        projects=projects,
        background=background,
        clock=clock,
        events=events,
        own_data=world.own_data,
    )
    deletion = Deletion(database=database, cache=cache)
    sessions = Sessions(
        database=database,
        cache=cache,
        deletion=deletion,
        projects=projects,
        workspaces=workspaces,
        liveness=liveness,
        processes=world.processes,
        clock=clock,
        events=events,
        new_token=new_token,
    )
    digests = Digests(database=database, cache=cache)
    sessions.on_end(lambda _: digests.wake())
    cache.on_outgrown(lambda _: digests.wake())
    digests.on_summarised(indexing.wake)
    memory_reads = MemoryReads(
        database=database, cache=cache, liveness=liveness, processes=world.processes, clock=clock
    )
    usefulness = Usefulness(database=database, cache=cache, reads=memory_reads, clock=clock)
    sessions.on_end(lambda _: usefulness.wake())
    checkpoints = Checkpoints(
        database=database, cache=cache, digests=digests, entries=entries, clock=clock, new_token=new_token
    )
    checkpoints.on_taken(indexing.wake)
    unasked = Unasked(database=database, cache=cache, checkpoints=checkpoints, workspaces=workspaces, clock=clock)
    entries.on_recorded(unasked.recorded)
    sessions.on_end(lambda session: unasked.session_ended())
    compression = Compression(database=database, cache=cache)
    sessions.on_end(lambda session: compression.look_at(session.session_id))
    cache.on_outgrown(compression.look_at)
    cache.on_piled_up(compression.look_at)
    discovery = Discovery(
        processes=world.processes,
        sessions=sessions,
        workspaces=workspaces,
        background=background,
        clock=clock,
        tools=wishes.tools,
    )
    evidence = Evidence(workspaces=workspaces, activity=world.activity)
    sessions.on_end(lambda _: evidence.process_ended())
    attributor = Attributor(workspaces=workspaces, evidence=evidence, claims=claims)
    tracking = Tracking(
        entries=entries,
        sessions=sessions,
        workspaces=workspaces,
        attributor=attributor,
        discovery=discovery,
        watcher=watcher,
        clock=clock,
        ambient_idle_ms=wishes.ambient_idle_ms,
        new_token=new_token,
    )
    tracking.after_flush(staleness.settled)
    workspaces.on_unwatched(staleness.unwatched)
    recovery = Recovery(
        database=database,
        baselines=Baselines(database=database, watcher=watcher, clock=clock, release_memory=world.release_memory),
        tracking=tracking,
        attributor=attributor,
        sessions=sessions,
        workspaces=workspaces,
        watcher=watcher,
        clock=clock,
        new_token=new_token,
    )
    idempotency = Idempotency(database=database, clock=clock, elapsed=world.elapsed)
    retention = Retention(
        database=database,
        cache=cache,
        checkpoints=checkpoints,
        deletion=deletion,
        idempotency=idempotency,
        clock=clock,
        policy=wishes.retention,
    )
    backups = Backups(database=database, cache=cache, clock=clock, policy=wishes.backups, begin_again=world.begin_again)
    health = Health(
        database=database,
        sessions=sessions,
        workspaces=workspaces,
        tracking=tracking,
        watcher=watcher,
        retention=retention,
        backups=backups,
        background=background,
        semantic=semantic,
        events=events,
        clock=clock,
        notices=world.notices,
    )
    search = Search(database=database, indexing=indexing, clock=clock, meaning=semantic)
    services = Services(
        sessions=sessions,
        entries=entries,
        digests=digests,
        projects=projects,
        workspaces=workspaces,
        explaining=Explaining(workspaces=workspaces, places=world.places, watcher=watcher),
        memories=memories,
        checkpoints=checkpoints,
        unasked=unasked,
        resuming=Resuming(
            database=database,
            cache=cache,
            sessions=sessions,
            projects=projects,
            memories=memories,
            checkpoints=checkpoints,
        ),
        history=History(database=database, clock=clock),
        indexing=indexing,
        similar=Similar(database=database, clock=clock),
        search=search,
        briefings=Briefings(
            database=database, cache=cache, digests=digests, search=search, workspaces=workspaces, clock=clock
        ),
        exporting=Exporting(database=database, cache=cache, memories=memories, clock=clock),
        importing=importing,
        tracking=tracking,
        health=health,
        doctor=Doctor(
            [
                FilesCheck(world.own_files),
                RoomCheck(world.own_files),
                FileSystemCheck(world.machine, world.own_data),
                LimitsCheck(world.machine),
                WatchingCheck(health),
                TasksCheck(background),
                ProcessesCheck(database=database, liveness=liveness, processes=world.processes),
                StoringCheck(health=health, database=database),
                LogCheck(database),
                SearchCheck(indexing),
                SessionsCheck(database=database, cache=cache),
                EntriesCheck(database),
                LossesCheck(database=database, clock=clock),
                SetAsideCheck(database.path),
                BackupsCheck(backups),
                DatabaseCheck(database),  # last: it reads what the others may have mended
            ]
        ),
        events=events,
        idempotency=idempotency,
        retention=retention,
        backups=backups,
        memory_reads=memory_reads,
        usefulness=usefulness,
        measures=Measures(
            database=database,
            sessions=sessions,
            tracking=tracking,
            background=background,
            backups=backups,
            events=events,
            machine=world.machine,
            clock=clock,
        ),
        redaction=Redaction(database=database, cache=cache, projects=projects),
    )
    return House(
        services=services,
        cache=cache,
        compression=compression,
        deletion=deletion,
        background=background,
        liveness=liveness,
        attributor=attributor,
        recovery=recovery,
        expiry=Expiry(memories=memories, clock=clock),
        staleness=staleness,
        semantic=semantic,
    )


async def _finish(work: Awaitable[None]) -> None:
    """Do one of the last things; one that cannot be done must not keep the others from it."""
    try:
        await work
    except (Unavailable, WatchFailed) as error:
        log.error("not kept at the stop", extra={"reason": str(error)})

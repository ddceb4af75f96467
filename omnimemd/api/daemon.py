"""The daemon itself over HTTP: health, status, flush."""

import logging
import time
from collections.abc import Callable

import msgspec

from omnimem import model
from omnimem._version import __version__
from omnimem.calls import Operations
from omnimem.errors import StoreUnavailable
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.api.load import Load
from omnimemd.api.measured import Requests
from omnimemd.api.metrics import exposition
from omnimemd.domain.clock import rfc3339, rfc3339_or_none
from omnimemd.domain.ports import Log
from omnimemd.services.health import Figures, Health
from omnimemd.services.measures import Measures
from omnimemd.services.tracking import Tracking

log = logging.getLogger(__name__)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the daemon runs, and how to ask for what does."""

    pid: int
    socket: str
    database: str
    sqlite_version: str
    automatic_sessions: bool  #: whether sessions open by themselves
    started: float  #: time.monotonic
    rss_bytes: Callable[[], int]
    log: Log


def endpoints(
    health: Health,
    tracking: Tracking,
    measures: Measures,
    requests: Requests,
    facts: Facts,
    load: Load,
    description: Callable[[], bytes],
) -> list[Endpoint]:
    """Return the operations on the daemon; *description* gives the OpenAPI document."""

    async def check(_: Received) -> Answer:
        condition = await health.check()
        shown = model.Health(status="ok" if condition.stores else "degraded", problems=list(condition.problems))
        return answer(shown, status=200 if condition.stores else 503)

    async def status(_: Received) -> Answer:
        return answer(_status(health.figures(), facts, load))

    async def metrics(_: Received) -> Answer:
        try:
            told = _status(health.figures(), facts, load)
        except StoreUnavailable:  # whoever watches over the daemon wants to know the rest all the more
            told = None
        shown = exposition(told, measures, requests, sqlite=facts.sqlite_version)
        return Answer(200, shown, Operations.metrics.media_type)

    async def flush(_: Received) -> Answer:
        await tracking.flush()
        return answer(model.Flushed())

    async def openapi(_: Received) -> Answer:
        return Answer(200, description())

    async def show_log(_: Received) -> Answer:
        return answer(model.Log(level=facts.log.level, configured=facts.log.configured))

    async def change_log(received: Received) -> Answer:
        facts.log.change(received.body.level)
        log.warning("log level changed", extra={"level": str(facts.log.level)})
        return await show_log(received)

    return [
        Endpoint(Operations.show_log, show_log),
        Endpoint(Operations.change_log, change_log),
        Endpoint(Operations.health, check),
        Endpoint(Operations.status, status),
        Endpoint(Operations.metrics, metrics),
        Endpoint(Operations.flush, flush),
        Endpoint(Operations.openapi, openapi),
    ]


def _status(figures: Figures, facts: Facts, load: Load) -> model.Status:
    watch = figures.watch
    return model.Status(
        version=__version__,
        pid=facts.pid,
        uptime_s=round(time.monotonic() - facts.started, 3),
        rss_bytes=facts.rss_bytes(),
        socket=facts.socket,
        automatic_sessions=facts.automatic_sessions,
        database=model.DatabaseStatus(
            path=facts.database,
            bytes=figures.database_bytes,
            sqlite_version=facts.sqlite_version,
            schema_version=figures.schema_version,
        ),
        sessions=model.SessionCounts(active=figures.active, ended=figures.ended),
        watch=model.WatchStatus(
            workspaces=figures.workspaces,
            directories=watch.directories,
            events_seen=watch.events_seen,
            events_recorded=figures.recorded,
            events_coalesced=figures.coalesced,
            events_ignored=figures.ignored,
            scans=figures.scans,
            overflows=watch.overflows,
            resyncs=watch.resyncs,
            gaps=figures.gaps,
            degraded=list(figures.problems),
            reads_observed=figures.reads_observed,
        ),
        search=model.SearchStatus(
            documents=figures.documents,
            waiting=figures.documents_waiting,
            meaning=figures.meaning,
            vectors_waiting=figures.vectors_waiting,
        ),
        losses=[
            model.Loss(
                started_at=rfc3339_or_none(loss.started_at),
                ended_at=rfc3339(loss.ended_at),
                found_at=rfc3339(loss.found_at),
                reason=loss.reason,
                kept=loss.kept,
                restored_from=loss.restored_from,
                seen=loss.seen_at is not None,
            )
            for loss in figures.losses
        ],
        backups=model.BackupStatus(
            count=len(figures.backups),
            bytes=sum(one.bytes for one in figures.backups),
            newest=rfc3339_or_none(figures.backups[0].created_at if figures.backups else None),
            problem=figures.backup_problem,
        ),
        retention=model.RetentionStatus(
            last_run=rfc3339_or_none(figures.retention_ran_at), removed=figures.retention_removed
        ),
        queues=model.QueueDepths(
            pending_accesses=figures.pending_accesses,
            durable_commits=figures.durable_commits,
            event_subscribers=figures.subscribers,
            connections=load.connections,
            requests=load.requests,
            requests_refused=load.refused,
            callers_cut_off=load.cut_off,
        ),
        log_level=facts.log.level,
    )

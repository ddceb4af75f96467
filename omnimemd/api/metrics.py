"""What the daemon tells Prometheus. No label has a value of a user's: no path, no id, no name."""

import platform
from collections.abc import Sequence
from typing import Final

import msgspec

from omnimem._version import __version__
from omnimem.model import Loss, Status
from omnimemd.api.exposition import Exposition
from omnimemd.api.measured import Kind, Requests
from omnimemd.domain.clock import from_rfc3339
from omnimemd.domain.measuring import Histogram
from omnimemd.services.measures import Measures

#: Name, type and meaning of what the status tells too, and where its value is in it.
_OF_STATUS: Final = (
    ("uptime_seconds", "gauge", "Seconds since the daemon started.", ("uptime_s",)),
    ("resident_memory_bytes", "gauge", "Resident memory of the daemon.", ("rss_bytes",)),
    ("database_bytes", "gauge", "Bytes of the database with its log.", ("database", "bytes")),
    ("sessions_active", "gauge", "Sessions that run.", ("sessions", "active")),
    ("sessions_ended", "gauge", "Sessions that have ended.", ("sessions", "ended")),
    ("workspaces", "gauge", "Watched folders.", ("watch", "workspaces")),
    ("watched_directories", "gauge", "Directories that carry a watch.", ("watch", "directories")),
    ("events_seen_total", "counter", "Events read from the kernel, or found by looking.", ("watch", "events_seen")),
    ("events_recorded_total", "counter", "Accesses recorded.", ("watch", "events_recorded")),
    (
        "events_coalesced_total",
        "counter",
        "Events folded into another access, or into a scan.",
        ("watch", "events_coalesced"),
    ),
    ("events_ignored_total", "counter", "Events of ignored paths.", ("watch", "events_ignored")),
    ("scans_total", "counter", "Scans recorded: bursts, or two seconds of them.", ("watch", "scans")),
    ("overflows_total", "counter", "Times the kernel dropped events.", ("watch", "overflows")),
    ("resyncs_total", "counter", "Times the folders were walked again.", ("watch", "resyncs")),
    ("gaps_total", "counter", "Intervals in which events are known to be lost.", ("watch", "gaps")),
    ("pending_accesses", "gauge", "Accesses seen and not stored yet.", ("queues", "pending_accesses")),
    ("durable_commits_waiting", "gauge", "Writes that wait for the disk.", ("queues", "durable_commits")),
    ("event_subscribers", "gauge", "Listeners to /events.", ("queues", "event_subscribers")),
    ("documents", "gauge", "Texts that can be found.", ("search", "documents")),
    ("documents_waiting", "gauge", "Texts that wait to be found by their words.", ("search", "waiting")),
    ("vectors_waiting", "gauge", "Texts that wait to be found by their meaning.", ("search", "vectors_waiting")),
    (
        "retention_removed_total",
        "counter",
        "Sessions, entries and memories that were kept long enough.",
        ("retention", "removed"),
    ),
    ("connections", "gauge", "Connections that are open.", ("queues", "connections")),
    ("requests", "gauge", "Requests that are being answered.", ("queues", "requests")),
    ("requests_refused_total", "counter", "Requests refused as too many.", ("queues", "requests_refused")),
    ("callers_cut_off_total", "counter", "Callers that did not send, or read.", ("queues", "callers_cut_off")),
)


def exposition(status: Status | None, measures: Measures, requests: Requests, *, sqlite: str) -> bytes:
    """Return every figure as Prometheus reads it; *status* is None where the store cannot be read."""
    told = Exposition()
    build = {"version": __version__, "python": platform.python_version(), "sqlite": sqlite}
    told.gauge("build_info", "What runs, by its labels.", 1, **build)
    told.gauge("store_readable", "Whether the database can be read: 1, or 0.", float(status is not None))
    if status is not None:
        figures = msgspec.to_builtins(status)
        for name, kind, meaning, place in _OF_STATUS:
            value = figures
            for member in place:
                value = value[member]
            (told.counter if kind == "counter" else told.gauge)(name, meaning, value)
        _of_losses(told, status.losses, measures)
    _of_backups(told, measures)
    _of_requests(told, requests)
    _of_work(told, measures)
    _of_process(told, measures)
    return told.encoded()


def _of_losses(told: Exposition, losses: Sequence[Loss], measures: Measures) -> None:
    damages = [one for one in losses if one.reason != "restored"]
    newest = from_rfc3339(damages[-1].found_at) if damages else None
    told.gauge("losses", "Times the database was damaged and something of it may be gone.", len(damages))
    told.gauge("losses_unseen", "Of those, what no person has acknowledged.", sum(not one.seen for one in damages))
    told.gauge("loss_age_seconds", "Seconds since the last was found; +Inf: none ever.", measures.seconds_since(newest))


def _of_backups(told: Exposition, measures: Measures) -> None:
    backups = measures.backups()
    newest = max((one.created_at for one in backups if one.verified), default=None)
    told.gauge("backups", "Backups there are.", len(backups))
    told.gauge("backups_bytes", "Bytes of them.", sum(one.bytes for one in backups))
    told.gauge("backup_age_seconds", "Seconds since the newest was made; +Inf: none.", measures.seconds_since(newest))
    told.counter("backup_failures_total", "Backups that could not be made.", measures.backup_failures)
    told.gauge("set_aside_bytes", "Bytes of damaged files that are kept.", measures.set_aside())


def _of_requests(told: Exposition, requests: Requests) -> None:
    told.histograms(
        "request_seconds",
        "Seconds until a request was answered, by route and class of status.",
        [({"method": kind.method, "route": kind.route, "status": kind.status}, one) for kind, one in _sorted(requests)],
    )
    told.histograms(
        "loop_lag_seconds", "Seconds a turn of the event loop took in which a request came.", [({}, requests.loop_lag)]
    )


def _sorted(requests: Requests) -> list[tuple[Kind, Histogram]]:
    return sorted(requests.seconds.items(), key=lambda one: (one[0].route, one[0].method, one[0].status))


def _of_work(told: Exposition, measures: Measures) -> None:
    told.histograms("commit_writes", "Writes that shared a commit.", [({}, measures.commit_sizes)])
    told.histograms("sync_seconds", "Seconds the disk took to confirm what was said.", [({}, measures.sync_seconds)])
    told.histograms(
        "record_delay_seconds", "Seconds from when an access was seen until it was stored.", [({}, measures.delays)]
    )
    told.counters(
        "session_ends_total",
        "Sessions that ended, by why.",
        [({"reason": str(reason)}, count) for reason, count in measures.ends.items()],
    )
    told.counter("events_missed_total", "What listeners to /events were too slow for.", measures.missed)


def _of_process(told: Exposition, measures: Measures) -> None:
    taken = measures.taken()
    told.gauge("tasks_failing", "Background tasks that failed and have not been well since.", measures.failing)
    told.gauge("tasks", "Tasks of the event loop.", measures.tasks)
    told.gauge("threads", "Threads of the daemon.", taken.threads)
    told.gauge("open_descriptors", "Open files, sockets and processes.", taken.descriptors)
    told.gauge("most_descriptors", "How many may be open.", taken.most_descriptors)

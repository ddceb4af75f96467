"""The figures of `/status` in the text format of Prometheus (exposition formats, version 0.0.4)."""

from typing import Final

from omnimem.model import Status

#: Name, type and meaning of each metric, and where its value is in the status.
_METRICS: Final = (
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
    (
        "retention_removed_total",
        "counter",
        "Sessions, entries and memories that were kept long enough.",
        ("retention", "removed"),
    ),
    ("event_subscribers", "gauge", "Listeners to /events.", ("queues", "event_subscribers")),
    ("connections", "gauge", "Connections that are open.", ("queues", "connections")),
    ("requests", "gauge", "Requests that are being answered.", ("queues", "requests")),
    ("requests_refused_total", "counter", "Requests refused as too many.", ("queues", "requests_refused")),
    ("callers_cut_off_total", "counter", "Callers that did not send, or read.", ("queues", "callers_cut_off")),
)


def exposition(status: Status) -> bytes:
    """Return *status* as Prometheus reads it."""
    lines = []
    for name, kind, meaning, place in _METRICS:
        value: object = status
        for member in place:
            value = getattr(value, member)
        lines += [f"# HELP omnimemd_{name} {meaning}", f"# TYPE omnimemd_{name} {kind}", f"omnimemd_{name} {value}"]
    return ("\n".join(lines) + "\n").encode()

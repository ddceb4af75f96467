"""The daemon itself on the wire: health, status, events."""

from typing import Literal

import msgspec

from omnimem.model.context import Entry
from omnimem.model.memories import Memory
from omnimem.model.projects import Workspace
from omnimem.model.sessions import Session
from omnimem.model.vocabulary import Id, LogLevel, Reply, Request, Timestamp


class Health(Reply, frozen=True, kw_only=True):
    """Whether the daemon can do its work; `problems` are sentences for a person."""

    status: Literal["ok", "degraded"]
    problems: list[str]


class DatabaseStatus(Reply, frozen=True, kw_only=True):
    """The database file."""

    path: str
    bytes: int  #: with its write-ahead log
    sqlite_version: str
    schema_version: int


class SessionCounts(Reply, frozen=True, kw_only=True):
    """How many sessions there are."""

    active: int
    ended: int


class WatchStatus(Reply, frozen=True, kw_only=True):
    """What the watcher has done since the daemon started."""

    workspaces: int
    directories: int
    events_seen: int
    events_recorded: int
    events_coalesced: int
    events_ignored: int
    scans: int
    overflows: int
    resyncs: int
    gaps: int
    degraded: list[str]
    reads_observed: bool


class SearchStatus(Reply, frozen=True, kw_only=True):
    """What search goes by."""

    documents: int  #: that can be found
    waiting: int  #: documents that wait to be found by their words
    meaning: str | None  #: what tells what a text means, null where nothing does
    vectors_waiting: int  #: documents that wait to be found by their meaning, or to be found better


class QueueDepths(Reply, frozen=True, kw_only=True):
    """How much waits to be done."""

    pending_accesses: int
    durable_commits: int
    event_subscribers: int
    connections: int = 0
    requests: int = 0  #: that are being answered
    requests_refused: int = 0  #: as overloaded, since the daemon started; connections among them
    callers_cut_off: int = 0  #: that did not send their request, or did not read its answer, since the daemon started


class RetentionStatus(Reply, frozen=True, kw_only=True):
    """What was let go of because it was kept long enough."""

    last_run: Timestamp | None
    removed: int  #: sessions, entries and memories, in all runs together


class Loss(Reply, frozen=True, kw_only=True):
    """An interval of which what was answered may be gone: the database was damaged, or a person restored a backup."""

    started_at: Timestamp | None  #: null: everything before its end
    ended_at: Timestamp
    found_at: Timestamp
    reason: str  #: `log_damaged`, `database_damaged` or `restored`
    kept: str | None  #: the damaged files, or the backup of what was there, below the data directory
    restored_from: str | None  #: the backup that took its place
    seen: bool  #: whether `omnimem doctor --repair` was told that a person knows


class BackupStatus(Reply, frozen=True, kw_only=True):
    """What backups there are."""

    count: int
    bytes: int
    newest: Timestamp | None
    problem: str | None  #: why the last that was due was not made


class Status(Reply, frozen=True, kw_only=True):
    """The daemon as a person or a monitor wants to see it."""

    version: str
    pid: int
    uptime_s: float
    rss_bytes: int
    socket: str
    automatic_sessions: bool  #: whether sessions open by themselves, for tools found at work and for shells
    database: DatabaseStatus
    sessions: SessionCounts
    watch: WatchStatus
    search: SearchStatus
    queues: QueueDepths
    losses: list[Loss]  #: oldest first
    retention: RetentionStatus
    backups: BackupStatus
    log_level: LogLevel  #: from which on it logs at present


class Log(Reply, frozen=True, kw_only=True):
    """From which level on the daemon logs."""

    level: LogLevel
    configured: LogLevel  #: what it starts with


class LogChange(Request, frozen=True, kw_only=True):
    """Log from another level on, until the daemon stops."""

    level: LogLevel


class Flushed(Reply, frozen=True, kw_only=True):
    """Everything that happened before the call is recorded."""

    flushed: bool = True


class EventQuery(Request, frozen=True, kw_only=True):
    """Choose what to hear of."""

    session_id: Id | None = None
    project_id: Id | None = None


class Lagged(Reply, frozen=True, kw_only=True):
    """The reader was too slow for this many events."""

    missed: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One server-sent event; `data` is the object as the API shows it."""

    id: int
    event: str  #: "session", "entry", "memory", "workspace", "health" or "lagged"
    data: Session | Entry | Memory | Workspace | Health | Lagged | dict[str, object]

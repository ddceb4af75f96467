"""The words and units of the API: ids, times and choices that several nouns share."""

import enum
from typing import Annotated, Any, Final

import msgspec

#: Ends in `(?![\s\S])`, not `$`: in Python `$` also matches before a final newline, and ECMA 262 (OpenAPI) has no `\Z`.
ID_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._:@-]{0,127}(?![\s\S])"

#: Names a session, project, tool, user or memory.
Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, examples=["sess_0a1b2c3d4e5f"])]

#: RFC 3339 in UTC with milliseconds and `Z`: such strings sort as the times they stand for.
Timestamp = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]

#: 0 (noise) to 1 (what the session was about).
Importance = Annotated[float, msgspec.Meta(ge=0, le=1)]

#: Any JSON object of the caller's; kept and given back as it is.
JsonObject = dict[str, Any]


#: A path without NUL, at most PATH_MAX long (4096 on Linux, limits.h).
NO_NUL_PATTERN: Final = r"^[^\x00]+(?![\s\S])"
PathText = Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=NO_NUL_PATTERN)]


class LogLevel(enum.StrEnum):
    """From how grave an event on the daemon logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    """What a line of the daemon's log is."""

    TEXT = "text"  #: for people
    JSON = "json"  #: an object, for programs


class SessionState(enum.StrEnum):
    """Whether a session still runs."""

    ACTIVE = "active"
    ENDED = "ended"


class EndReason(enum.StrEnum):
    """Why a session ended."""

    CLIENT = "client"  #: somebody said so
    PROCESS_EXITED = "process_exited"  #: its process died
    REPLACED = "replaced"  #: its tool put another session in its place
    REBOOT = "reboot"  #: the machine was restarted while it was open
    IDLE = "idle"  #: an ambient session fell silent, or a real one took over


class Access(enum.StrEnum):
    """What was done to a file."""

    READ = "read"
    WRITE = "write"
    CREATE = "create"
    DELETE = "delete"
    MOVE = "move"


class Source(enum.StrEnum):
    """Who reported an entry."""

    API = "api"
    WATCH = "watch"
    HOOK = "hook"


class Attribution(enum.StrEnum):
    """How an access came to be this session's."""

    EXACT = "exact"  #: the tool named the path
    PROCESS = "process"  #: its process tree had the file open
    PROBABLE = "probable"  #: only this session can have done it
    AMBIGUOUS = "ambiguous"  #: several could; the entry is on each of them and names the others


class EntryKind(enum.StrEnum):
    """The kinds of entries in a session."""

    ACCESS = "access"
    SEARCH = "search"
    DECISION = "decision"
    MEMORY = "memory"
    SCAN = "scan"
    GAP = "gap"
    CHECKPOINT = "checkpoint"


class CheckpointReason(enum.StrEnum):
    """Why a checkpoint was taken."""

    CLIENT = "client"  #: somebody said so
    ENDED = "ended"  #: the session ended
    PROCESS_EXITED = "process_exited"  #: the session's process died
    COMPACTION = "compaction"  #: its agent was about to forget most of what it knew
    GROWTH = "growth"  #: much had changed


class BackupReason(enum.StrEnum):
    """Why a backup was made."""

    CLIENT = "client"  #: somebody said so
    SCHEDULE = "schedule"  #: it was time
    MIGRATION = "migration"  #: a newer program was about to change the schema
    RESTORE = "restore"  #: another backup was about to take the place of the database


class ProjectKind(enum.StrEnum):
    """What makes a project one project."""

    GIT = "git"  #: a git repository, wherever it is moved
    MARKER = "marker"  #: a `.omnimem.toml` with a project_id
    PATH = "path"  #: a folder outside git
    NAMED = "named"  #: an id somebody used through the API


class WorkspaceState(enum.StrEnum):
    """How well a workspace is seen."""

    STARTING = "starting"
    WATCHING = "watching"
    DEGRADED = "degraded"
    GONE = "gone"


class RewindChange(enum.StrEnum):
    """What a rewind does to a memory."""

    RESTORED = "restored"  #: it says again what it said then
    REVIVED = "revived"  #: it is deleted or expired now, and lives again
    AMENDED = "amended"  #: it says the same; its files or its expiry are again those of then
    DELETED = "deleted"  #: there was none then
    EXPIRED = "expired"  #: there was one then, which would have expired since: it is deleted
    UNKNOWN = "unknown"  #: the version of then is not kept any more: it is left as it is


class ExplainReason(enum.StrEnum):
    """Why what happens to a path is recorded, or is not."""

    RECORDED = "recorded"  #: it is: nothing speaks against it
    FOLDER = "folder"  #: it is a folder: what happens to the files in it is recorded
    OUTSIDE = "outside"  #: no watched folder holds it
    NOT_TRACKED = "not_tracked"  #: `.omnimem.toml` says `track = false`
    WORKSPACE_GONE = "workspace_gone"  #: the watched folder that would hold it is not there
    NOT_WATCHED = "not_watched"  #: the folder that holds it cannot be watched; its `problem` says why
    NEVER_WATCHED = "never_watched"  #: it is, or is below, what is never watched: `.git`, `node_modules` …
    GIT_RULE = "git_rule"  #: git ignores it
    OMNIMEM_RULE = "omnimem_rule"  #: `.omnimemignore` or `.omnimem.toml` names it
    EDITOR_FILE = "editor_file"  #: an editor makes it beside the real file, of which a save is a write
    OWN_DATA = "own_data"  #: it is the daemon's own
    UNREADABLE = "unreadable"  #: the system shows nothing of a folder on the way
    NO_WATCH_LEFT = "no_watch_left"  #: its writes are recorded, reads are not: the system has no watch left there
    NETWORK = "network"  #: it is on a network file system that is mounted inside the watched folder


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body or query of the caller's: an unknown field is an error, so a typo loses nothing silently."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the daemon's: readers ignore fields they do not know."""


class CleanedReply(Reply, frozen=True, kw_only=True):
    """An answer to something that was said, which the daemon may have taken secrets out of before it kept it."""

    #: The kinds of what was taken out, such as "GitHub token"; not there when nothing was.
    redacted: list[str] | msgspec.UnsetType = msgspec.UNSET

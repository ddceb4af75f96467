"""The lines of an export: what each holds, and JSON to value and back.

docs/EXPORT.md describes the format for people. Its types are its own, apart from the API's, because a file outlives the
program that wrote it: a member that is added, or means something else, makes a new VERSION.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from omnimem.errors import FieldError, ImportRefused, MalformedBody
from omnimem.model import (
    Access,
    Attribution,
    CheckpointReason,
    EndReason,
    Id,
    Importance,
    JsonObject,
    MemoryKey,
    PathText,
    ProjectKind,
    Source,
    Timestamp,
)
from omnimemd.domain.digest import How
from omnimemd.domain.nesting import DEEPEST, too_deep

FORMAT: Final = "omnimem-export"
#: Of the format; a reader refuses what is newer than it knows.
VERSION: Final = 2

_Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Ttl = Annotated[float, Meta(gt=0)]
_Number = Annotated[int, Meta(ge=1, le=2**53)]


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line; `type` says which."""


class Scope(Line, frozen=True, kw_only=True):
    """What was chosen to be exported."""

    project_id: Id | None  #: null: every project
    memories_only: bool  #: sessions and their entries are left out
    for_git: bool  #: so is what changes by itself, or is of one machine only


class Header(Line, frozen=True, kw_only=True):
    """The first line."""

    type: Literal["header"] = "header"
    format: Literal["omnimem-export"] = "omnimem-export"
    version: Annotated[int, Meta(ge=1)] = VERSION  #: of the format
    omnimem_version: str | UnsetType = UNSET  #: of the program that wrote it; left out for git
    exported_at: Timestamp | UnsetType = UNSET  #: left out for git
    scope: Scope


class Folder(Line, frozen=True, kw_only=True):
    """What of a project's folder survives a move on its file system."""

    device: int
    inode: int
    birth_ns: int | None  #: null where the file system does not say


class ProjectLine(Line, frozen=True, kw_only=True):
    """One project; its memories and sessions follow."""

    type: Literal["project"] = "project"
    project_id: Id
    name: str
    kind: ProjectKind | UnsetType = UNSET  #: left out for git, with the next two
    root: PathText | UnsetType | None = UNSET  #: where its folder was; null for a project that has none
    folder: Folder | UnsetType | None = UNSET  #: by which it is known again when it was moved
    created_at: Timestamp
    last_activity: Timestamp | UnsetType = UNSET  #: left out for git
    settings: JsonObject


class MemoryLine(Line, frozen=True, kw_only=True):
    """One memory, as far as its versions do not tell; they follow, oldest first, each with its amendments."""

    type: Literal["memory"] = "memory"
    project_id: Id
    memory_id: Id
    memory_key: MemoryKey
    version: _Number  #: the current one, which is the last that follows
    created_at: Timestamp
    last_accessed: Timestamp | UnsetType = UNSET  #: left out for git, with the next
    accessed_count: _Whole | UnsetType = UNSET


class VersionLine(Line, frozen=True, kw_only=True):
    """One version of the memory before it, as it was written."""

    type: Literal["version"] = "version"
    memory_id: Id
    version: _Number
    memory_value: Annotated[str, Meta(min_length=1)] | None  #: null in a version that says deleted
    expired: bool  #: it says deleted because the one before it expired
    metadata: JsonObject
    files: list[PathText]
    created_at: Timestamp
    ttl_seconds: _Ttl | None
    expires_at: Timestamp | None
    session_id: Id | None  #: which wrote it


class AmendmentLine(Line, frozen=True, kw_only=True):
    """What held of the version before it from a moment on, without a new one."""

    type: Literal["amendment"] = "amendment"
    memory_id: Id
    version: _Number
    at: Timestamp
    ttl_seconds: _Ttl | None
    expires_at: Timestamp | None
    files: list[PathText]
    confirmed_at: Timestamp | None  #: when somebody last said that it still holds


class ProcessLine(Line, frozen=True, kw_only=True):
    """The process a session was."""

    pid: _Whole
    start: _Whole  #: in the kernel's unit, since its boot
    boot: str
    started_at: Timestamp


class SessionLine(Line, frozen=True, kw_only=True):
    """One session; its entries follow, oldest first."""

    type: Literal["session"] = "session"
    project_id: Id
    session_id: Id
    tool_id: Id
    user_id: Id | None
    workspace_path: PathText
    created_at: Timestamp
    last_activity: Timestamp
    ended_at: Timestamp | None  #: null: it was active
    end_reason: EndReason | None
    end_detail: str | None
    continues: Id | None
    process: ProcessLine | None
    seen_alive_at: Timestamp | None  #: when its process was last known to live, if later than its last activity
    pinned: bool
    archived: bool
    metadata: JsonObject


class EntryLine(Line, frozen=True, kw_only=True):
    """What the lines of entries have in common."""

    type: Literal["entry"] = "entry"
    session_id: Id
    entry_id: _Number  #: increasing within the session
    timestamp: Timestamp
    source: Source


class AccessLine(EntryLine, frozen=True, kw_only=True):
    """One access to one file."""

    kind: Literal["access"] = "access"
    path: str
    path_raw: str | UnsetType = UNSET  #: base64 of the bytes, where the path is not UTF-8
    access: Access
    attribution: Attribution
    importance: Importance | None
    old_path: str | UnsetType = UNSET  #: of a move
    old_path_raw: str | UnsetType = UNSET  #: as path_raw
    others: list[str] | UnsetType = UNSET  #: of an ambiguous access: the other sessions it may be of
    burst_id: str | UnsetType = UNSET
    agent_id: str | UnsetType = UNSET
    same_as: _Number | UnsetType = UNSET  #: the number of an earlier entry of the session that is of the same access
    restored_from: Id | UnsetType = UNSET  #: the checkpoint the session began with and has it of


class SearchLine(EntryLine, frozen=True, kw_only=True):
    """One search."""

    kind: Literal["search"] = "search"
    query: str


class DecisionLine(EntryLine, frozen=True, kw_only=True):
    """One decision."""

    kind: Literal["decision"] = "decision"
    decision: str
    restored_from: Id | UnsetType = UNSET  #: the checkpoint the session began with and has it of


class MemoryNoteLine(EntryLine, frozen=True, kw_only=True):
    """One memory written in the session."""

    kind: Literal["memory"] = "memory"
    memory_id: str
    memory_key: str | None


class ScanLine(EntryLine, frozen=True, kw_only=True):
    """A burst."""

    kind: Literal["scan"] = "scan"
    burst_id: str
    started_at: Timestamp
    ended_at: Timestamp
    files: _Whole
    directories: _Whole
    reads: _Whole
    writes: _Whole
    top: list[str]  #: the directories with the most files, most first
    top_raw: list[str | None] | UnsetType = UNSET  #: base64 of the bytes of each, where any of them is not UTF-8
    attribution: Attribution
    others: list[str] | UnsetType = UNSET


class GapLine(EntryLine, frozen=True, kw_only=True):
    """An interval in which events are known to be lost."""

    kind: Literal["gap"] = "gap"
    started_at: Timestamp
    ended_at: Timestamp
    reason: str
    reads_unknown: bool
    recovered: _Whole


class CheckpointTakenLine(EntryLine, frozen=True, kw_only=True):
    """A checkpoint was taken."""

    kind: Literal["checkpoint"] = "checkpoint"
    checkpoint_id: str


class CheckpointFile(Line, frozen=True, kw_only=True):
    """A file that the session of a checkpoint worked on."""

    path: str
    importance: Importance
    accessed_at: Timestamp
    reads: _Whole
    writes: _Whole
    created: bool
    gone: bool


class CheckpointDecision(Line, frozen=True, kw_only=True):
    """A decision in a checkpoint."""

    decision: str
    timestamp: Timestamp
    entry_id: _Whole
    superseded: bool


class CheckpointSearch(Line, frozen=True, kw_only=True):
    """A search in a checkpoint."""

    query: str
    timestamp: Timestamp
    entry_id: _Whole
    led_to: list[str]


class CheckpointMemory(Line, frozen=True, kw_only=True):
    """A memory in a checkpoint."""

    memory_id: str
    memory_key: str | None
    timestamp: Timestamp
    entry_id: _Whole
    how: How


class CheckpointLine(Line, frozen=True, kw_only=True):
    """One checkpoint of the session before it."""

    type: Literal["checkpoint"] = "checkpoint"
    session_id: Id
    checkpoint_id: Id
    name: str | None
    note: str | None
    reason: CheckpointReason
    created_at: Timestamp
    entries_through: _Whole  #: the last entry that went into it
    summary: str
    files: list[CheckpointFile]
    more_files: _Whole
    decisions: list[CheckpointDecision]
    searches: list[CheckpointSearch]
    memories: list[CheckpointMemory]
    open_points: list[str]


class Counts(Line, frozen=True, kw_only=True):
    """How many lines of each type there are."""

    projects: _Whole = 0
    memories: _Whole = 0
    versions: _Whole = 0
    amendments: _Whole = 0
    sessions: _Whole = 0
    entries: _Whole = 0
    checkpoints: _Whole = 0


class End(Line, frozen=True, kw_only=True):
    """The last line: a file without it is cut off."""

    type: Literal["end"] = "end"
    counts: Counts | UnsetType = UNSET  #: left out for git, where each change would change it


#: Every type of line, by `type` and, of entries, `kind`.
TYPES: Final[dict[tuple[str, str], type[Line]]] = {
    ("header", ""): Header,
    ("project", ""): ProjectLine,
    ("memory", ""): MemoryLine,
    ("version", ""): VersionLine,
    ("amendment", ""): AmendmentLine,
    ("session", ""): SessionLine,
    ("entry", "access"): AccessLine,
    ("entry", "search"): SearchLine,
    ("entry", "decision"): DecisionLine,
    ("entry", "memory"): MemoryNoteLine,
    ("entry", "scan"): ScanLine,
    ("entry", "gap"): GapLine,
    ("entry", "checkpoint"): CheckpointTakenLine,
    ("checkpoint", ""): CheckpointLine,
    ("end", ""): End,
}


class _Named(Struct, frozen=True):
    """What says how the rest of a line is to be read."""

    type: str
    kind: str = ""
    format: str = ""
    version: Any = None


_named: Final = msgspec.json.Decoder(_Named)
_decoders: Final = {name: msgspec.json.Decoder(kind) for name, kind in TYPES.items()}
_encode = msgspec.json.Encoder().encode


def encode(line: Line) -> bytes:
    """Return *line* as JSON, with its line end; the members come in the order in which they are declared."""
    return _encode(line) + b"\n"


def decode(text: bytes, *, number: int) -> Line:
    """Return the line that *text* is, the one of that *number* in its file.

    Raises:
        MalformedBody: it is not JSON in UTF-8.
        ImportRefused: it is no line of an export, or of one that a newer program wrote.
    """
    if too_deep(text):
        raise MalformedBody(f"Line {number} is nested over {DEEPEST} levels deep.")
    try:
        named = _named.decode(text)
        if named.type == "header":
            _check_version(named)
        decoder = _decoders.get((named.type, named.kind if named.type == "entry" else ""))
        if decoder is None:
            what = f"kind of entry {named.kind!r}" if named.type == "entry" else f"type {named.type!r}"
            raise refused(number, f"no {what} is known")
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        _check_is_json(text, number=number)
        raise refused(number, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(error, number=number) from None


def refused(number: int, what: str, *, hint: str | None = None) -> ImportRefused:
    """Return the error that says *what* is wrong with the line of that *number*."""
    where = f"line {number}"
    return ImportRefused(f"{where}: {what}", hint=hint, errors=[FieldError(where, what)])


def _check_version(named: _Named) -> None:
    if named.format != FORMAT:
        raise refused(1, f"the file is no export of omnimem: its format is {named.format!r}")
    if isinstance(named.version, int) and named.version > VERSION:
        raise refused(
            1,
            f"the file has version {named.version} of the format, and this omnimemd knows {VERSION}",
            hint="A newer omnimem wrote it: install that one, or a newer.",
        )


def _check_is_json(text: bytes, *, number: int) -> None:
    try:
        msgspec.json.decode(text)
    except msgspec.ValidationError:  # JSON, but with a number no float can hold
        pass
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(error, number=number) from None


def _malformed(error: Exception, *, number: int) -> MalformedBody:
    return MalformedBody(f"Line {number} is not JSON in UTF-8: {error}.", hint=ImportRefused.default_hint)

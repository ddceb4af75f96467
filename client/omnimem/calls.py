"""Every operation of the API, each declared once: the client sends these, the daemon routes and describes them."""

from datetime import datetime
from types import NoneType
from typing import Any, Final

import msgspec

from omnimem import errors, model
from omnimem.backing_up import BackupOperations
from omnimem.continuing import ContinuingOperations
from omnimem.operation import (
    COMMON_ERRORS,
    Call,
    Operation,
    of_fields,
    of_id,
    of_id_with,
    of_two_ids,
    of_two_ids_with,
    plain,
)
from omnimem.upkeep import UpkeepOperations

__all__ = [
    "ALL",
    "COMMON_ERRORS",
    "LINES",
    "MARKDOWN",
    "Call",
    "Operation",
    "Operations",
    "append_context",
    "briefing_markdown",
    "get_memory",
    "import_lines",
    "summary",
    "summary_markdown",
]

#: The media type of an export.
LINES: Final = "application/jsonl"
#: The media type of a document for people and models.
MARKDOWN: Final = "text/markdown"


class Operations(ContinuingOperations, UpkeepOperations, BackupOperations):
    """The whole API. Path ids come first, by position; everything else by keyword."""

    health = plain("GET", "/health", model.Health, "Whether the daemon can do its work; 503 when it cannot store.")
    status = plain("GET", "/status", model.Status, "The daemon, its database and its watches in figures.")
    flush = plain(
        "POST",
        "/flush",
        model.Flushed,
        "Wait until every file event that happened before the call is recorded.",
        repeatable=True,
    )
    metrics = plain(
        "GET",
        "/metrics",
        str,
        "Figures of the daemon, for Prometheus.",
        media_type="text/plain; version=0.0.4",
    )
    openapi = plain("GET", "/openapi.json", dict[str, Any], "This description.")
    events = of_fields(
        "query",
        model.EventQuery,
        "GET",
        "/events",
        str,
        "Hear of sessions, entries, memories, workspaces and health as they change, as server-sent events.",
        media_type="text/event-stream",
    )

    create_session = of_fields(
        "body",
        model.SessionCreate,
        "POST",
        "/sessions",
        model.Session,
        "Begin a session, take one up again, or rebind it.",
        created=True,
        raises=(errors.SessionElsewhere, errors.WorkspaceInvalid, errors.ProcessNotFound),
    )
    list_sessions = of_fields(
        "query", model.SessionQuery, "GET", "/sessions", model.SessionList, "Sessions, newest activity first."
    )
    get_session = of_id(
        "GET", "/sessions/{session_id}", model.Session, "One session.", raises=(errors.SessionNotFound,)
    )
    update_session = of_id_with(
        "body",
        model.SessionUpdate,
        "PATCH",
        "/sessions/{session_id}",
        model.Session,
        "Pin, archive or annotate a session.",
        raises=(errors.SessionNotFound,),
    )
    end_session = of_id_with(
        "body",
        model.SessionEnd,
        "POST",
        "/sessions/{session_id}/end",
        model.Session,
        "End a session; an ended one stays as it is.",
        raises=(errors.SessionNotFound,),
    )
    delete_session = of_id(
        "DELETE",
        "/sessions/{session_id}",
        NoneType,
        "Delete a session with everything recorded in it.",
        raises=(errors.SessionNotFound, errors.SessionActive, errors.SessionPinned),
    )

    get_context = of_id(
        "GET",
        "/sessions/{session_id}/context",
        model.SessionContext,
        "What was recorded in a session, one row per file.",
        raises=(errors.SessionNotFound,),
    )
    append_context = of_id_with(
        "body",
        model.ContextAppend,
        "POST",
        "/sessions/{session_id}/context",
        model.SessionContext,
        "Record an access, a search, a decision, a memory. `Prefer: return=minimal` answers 204.",
        raises=(errors.SessionNotFound,),
    )
    append_batch = of_id_with(
        "body",
        model.ContextBatch,
        "POST",
        "/sessions/{session_id}/context/batch",
        model.BatchAccepted,
        "Record up to 1,000 appends, all or nothing.",
        raises=(errors.SessionNotFound,),
    )
    list_entries = of_id_with(
        "query",
        model.EntryQuery,
        "GET",
        "/sessions/{session_id}/entries",
        model.EntryList,
        "Every single entry of a session, oldest first.",
        raises=(errors.SessionNotFound,),
    )

    summary = of_id_with(
        "query",
        model.SummaryQuery,
        "GET",
        "/sessions/{session_id}/summary",
        model.Summary,
        "What a session was about, in at most `max_tokens`: files, decisions, searches, memories, its end.",
        raises=(errors.SessionNotFound,),
        also=MARKDOWN,
    )

    resolve_project = of_fields(
        "body",
        model.ProjectResolve,
        "POST",
        "/projects/resolve",
        model.ResolvedProject,
        "The project a path belongs to.",
        raises=(errors.WorkspaceInvalid,),
    )
    list_projects = plain("GET", "/projects", model.ProjectList, "Every project, newest activity first.")
    get_project = of_id(
        "GET", "/projects/{project_id}", model.Project, "One project.", raises=(errors.ProjectNotFound,)
    )
    update_project = of_id_with(
        "body",
        model.ProjectUpdate,
        "PATCH",
        "/projects/{project_id}",
        model.Project,
        "Rename a project or set its settings.",
        raises=(errors.ProjectNotFound,),
    )

    briefing = of_id_with(
        "query",
        model.BriefingQuery,
        "GET",
        "/projects/{project_id}/briefing",
        model.Briefing,
        "What a new session of a project should know, best first, in at most `max_tokens`.",
        also=MARKDOWN,
    )

    list_workspaces = plain("GET", "/workspaces", model.WorkspaceList, "Every watched folder.")
    explain_workspace = of_fields(
        "query",
        model.ExplainQuery,
        "GET",
        "/workspaces/explain",
        model.Explanation,
        "Whether what happens to a path is recorded, and which rule says so.",
    )
    add_workspace = of_fields(
        "body",
        model.WorkspaceAdd,
        "POST",
        "/workspaces",
        model.Workspace,
        "Watch a folder whether or not a session is active in it.",
        created=True,
        raises=(errors.WorkspaceInvalid,),
    )
    remove_workspace = of_fields(
        "query",
        model.WorkspaceQuery,
        "DELETE",
        "/workspaces",
        NoneType,
        "Undo add_workspace; the folder stays watched while a session is active in it.",
        raises=(errors.WorkspaceNotFound,),
    )

    create_memory = of_id_with(
        "body",
        model.MemoryCreate,
        "POST",
        "/projects/{project_id}/memories",
        model.MemoryWritten,
        "Write the memory of a key.",
        created=True,
        raises=(errors.VersionMismatch,),
    )
    list_memories = of_id_with(
        "query",
        model.MemoryListQuery,
        "GET",
        "/projects/{project_id}/memories",
        model.MemoryList,
        "Live memories, last accessed first; with `key`, the memory of that key.",
        raises=(errors.MemoryNotFound,),
    )
    get_memory_by_id = of_two_ids_with(
        "query",
        model.MemoryGetQuery,
        "GET",
        "/projects/{project_id}/memories/{memory_id}",
        model.Memory,
        "One memory.",
        raises=(errors.MemoryNotFound,),
    )
    update_memory = of_two_ids_with(
        "body",
        model.MemoryUpdate,
        "PATCH",
        "/projects/{project_id}/memories/{memory_id}",
        model.Memory,
        "Change a memory.",
        raises=(errors.MemoryNotFound, errors.VersionMismatch),
    )
    delete_memory = of_two_ids_with(
        "query",
        model.MemoryDeleteQuery,
        "DELETE",
        "/projects/{project_id}/memories/{memory_id}",
        NoneType,
        "Delete a memory; `purge=true` erases every version.",
        raises=(errors.MemoryNotFound,),
    )
    memory_versions = of_two_ids(
        "GET",
        "/projects/{project_id}/memories/{memory_id}/versions",
        model.MemoryVersions,
        "Every version of a memory, newest first.",
        raises=(errors.MemoryNotFound,),
    )
    restore_memory = of_two_ids_with(
        "body",
        model.MemoryRestore,
        "POST",
        "/projects/{project_id}/memories/{memory_id}/restore",
        model.Memory,
        "Write an earlier version again, as a new one.",
        raises=(errors.MemoryNotFound, errors.VersionNotFound),
    )
    confirm_memory = of_two_ids(
        "POST",
        "/projects/{project_id}/memories/{memory_id}/confirm",
        model.Memory,
        "Say that a memory still holds.",
        raises=(errors.MemoryNotFound,),
    )
    search_memories = of_id_with(
        "query",
        model.MemorySearchQuery,
        "GET",
        "/projects/{project_id}/memories/search",
        model.MemoriesFound,
        "Find live memories of a project, best first.",
    )
    search = of_fields(
        "query",
        model.SearchQuery,
        "GET",
        "/search",
        model.SearchResults,
        "Find memories, decisions, searches and summaries, of a project or of all, best first.",
    )
    rewind_memories = of_id_with(
        "body",
        model.MemoryRewind,
        "POST",
        "/projects/{project_id}/memories/rewind",
        model.Rewound,
        "Have every memory of a project say again what it said at a moment; `dry_run` only tells what would be done.",
    )

    briefing_report = of_id_with(
        "query",
        model.BriefingReportQuery,
        "GET",
        "/projects/{project_id}/briefing/report",
        model.BriefingReport,
        "How often the sessions of a project used what briefings showed them.",
    )
    all_briefings_report = of_fields(
        "query",
        model.BriefingReportQuery,
        "GET",
        "/briefings/report",
        model.BriefingReport,
        "The same, of all projects together.",
    )

    export = of_fields(
        "query",
        model.ExportQuery,
        "GET",
        "/export",
        str,
        "A project, or everything, as JSON Lines; docs/EXPORT.md describes each line.",
        raises=(errors.ProjectNotFound,),
        media_type=LINES,
    )
    import_lines = of_fields(
        "query",
        model.ImportQuery,
        "POST",
        "/import",
        model.ImportProgress,
        "Take in an export, or the next piece of one; what is here already stays as it is.",
        raises=(errors.ImportRefused, errors.ImportInterrupted),
        takes=LINES,
        repeatable=True,
    )


ALL: Final[tuple[Operation[..., Any], ...]] = tuple(
    value
    for declared in (Operations, ContinuingOperations, UpkeepOperations, BackupOperations)
    for value in vars(declared).values()
    if isinstance(value, Operation)
)


def append_context(session_id: str, /, *, minimal: bool = True, **fields: Any) -> Call[model.SessionContext | None]:
    """Return the append that asks for the minimal reply, unless *minimal* is false."""
    call = Operations.append_context(session_id, **fields)
    headers = (("Prefer", "return=minimal"),) if minimal else ()
    return msgspec.structs.replace(call, headers=headers)


def import_lines(piece: bytes, /, **fields: Any) -> Call[model.ImportProgress]:
    """Return the import of *piece*, which may end in the middle of a line if an import_id is given."""
    return msgspec.structs.replace(Operations.import_lines(**fields), body=piece, media_type=LINES)


def summary(session_id: str, /, *, max_tokens: int = 500) -> Call[model.Summary]:
    """Return the request for what a session was about, in at most *max_tokens* (50 to 50,000)."""
    return Operations.summary(session_id, max_tokens=max_tokens)


def summary_markdown(session_id: str, /, *, max_tokens: int = 500) -> Call[str]:
    """Return the same as `summary`, for one document of Markdown."""
    call = Operations.summary(session_id, max_tokens=max_tokens, format=model.DocumentFormat.MARKDOWN)
    return Call(method=call.method, target=call.target, result=str)


def briefing_markdown(project_id: str, /, **fields: Any) -> Call[str]:
    """Return the same as `Operations.briefing`, for one document of Markdown."""
    call = Operations.briefing(project_id, **fields, format=model.DocumentFormat.MARKDOWN)
    return Call(method=call.method, target=call.target, result=str)


def get_memory(
    project_id: str,
    /,
    *,
    key: str | None = None,
    memory_id: str | None = None,
    touch: bool = True,
    as_of: datetime | None = None,
    deleted: bool = False,
    asked_by: str | None = None,
) -> Call[model.Memory]:
    """Return the read of one memory, by *key* or by *memory_id*; one that is *deleted* is read by its key only.

    Raises:
        InvalidRequest: neither or both are given.
    """
    if (key is None) == (memory_id is None):
        raise errors.InvalidRequest.field("key", "give either key or memory_id")
    if memory_id is not None:
        return Operations.get_memory_by_id(project_id, memory_id, touch=touch, as_of=as_of, asked_by=asked_by)
    call = Operations.list_memories(project_id, key=key, touch=touch, as_of=as_of, deleted=deleted, asked_by=asked_by)
    return Call(method=call.method, target=call.target, result=model.MemoryByKey, member="memory")

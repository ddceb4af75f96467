"""Every operation of the API, each declared once: the client sends these, the daemon routes and describes them.

`Operation` is the declaration; calling one with its arguments makes a `Call`, a value that any transport can send.
The arguments are the fields of the operation's request, so a name is written down in one place only.
"""

from collections.abc import Callable
from types import NoneType
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from omnimem import errors, model
from omnimem.errors import OmnimemError

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

#: What any request may be answered, whatever it asks.
COMMON_ERRORS: Final[tuple[type[OmnimemError], ...]] = (
    errors.BadRequest,
    errors.Forbidden,
    errors.InvalidRequest,
    errors.InternalError,
    errors.Unavailable,
)


class Call(msgspec.Struct, Generic[R_co], frozen=True, kw_only=True):
    """One request, ready to be sent; `result` is the type of a successful answer with a body."""

    method: str
    target: str  #: path and query, percent-encoded
    result: Any  #: a msgspec type; NoneType where success has no body
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    member: str | None = None  #: give back this member of the answer, not the whole


class Operation(Generic[P, R]):
    """One operation: its place, request, answers and errors."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        result: type[R],
        summary: str,
        body: Any = None,
        query: Any = None,
        created: bool = False,
        raises: tuple[type[OmnimemError], ...] = (),
        media_type: str = "application/json",
        repeatable: bool = False,
    ) -> None:
        """Declare an operation.

        Args:
            method: the HTTP method.
            path: the route, ids in braces.
            result: what success answers; NoneType for 204.
            summary: one line for people.
            body: the request's type, a `Request`.
            query: the query's type, a `Request`; an operation has a body or a query, not both.
            created: success may be 201 as well as 200.
            raises: the errors of its own, besides COMMON_ERRORS.
            media_type: of the answer.
            repeatable: it has no effect that could happen twice, so an Idempotency-Key means nothing to it.
        """
        self.method = method
        self.path = path
        self.result = result
        self.summary = summary
        self.body = body
        self.query = query
        self.created = created
        self.raises = raises
        self.media_type = media_type
        self.repeatable = repeatable
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the name it is declared by."""
        self.name = name

    def __call__(self, *ids: P.args, **fields: P.kwargs) -> Call[R]:
        """Return the call of this operation on *ids* with *fields*.

        Raises:
            InvalidRequest: an id is empty.
        """
        if not all(ids):
            raise errors.InvalidRequest("An id must not be empty.")  # it would ask for another route
        parts = iter(ids)
        target = "/".join(
            quote(str(next(parts)), safe="") if piece.startswith("{") else piece for piece in self.path.split("/")
        )
        body = None
        if self.query is not None:
            chosen = msgspec.to_builtins(self.query(**fields))
            if chosen:
                target += "?" + urlencode({k: _query_text(v) for k, v in chosen.items() if v is not None})
        elif self.body is not None:
            body = msgspec.json.encode(self.body(**fields))
        return Call(method=self.method, target=target, result=self.result, body=body)


def _query_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(method: str, path: str, result: type[R], summary: str, **more: Any) -> Operation[[], R]:
    return Operation(method, path, result=result, summary=summary, **more)


def _of_id(method: str, path: str, result: type[R], summary: str, **more: Any) -> Operation[[str], R]:
    return Operation(method, path, result=result, summary=summary, **more)


def _of_two_ids(method: str, path: str, result: type[R], summary: str, **more: Any) -> Operation[[str, str], R]:
    return Operation(method, path, result=result, summary=summary, **more)


def _with(
    kind: str, fields: Callable[P, object], method: str, path: str, result: type[R], summary: str, **more: Any
) -> Operation[P, R]:
    more[kind] = fields
    return Operation(method, path, result=result, summary=summary, **more)


def _of_id_with(
    kind: str, fields: Callable[P, object], method: str, path: str, result: type[R], summary: str, **more: Any
) -> Operation[Concatenate[str, P], R]:
    more[kind] = fields
    return Operation(method, path, result=result, summary=summary, **more)


def _of_two_ids_with(
    kind: str, fields: Callable[P, object], method: str, path: str, result: type[R], summary: str, **more: Any
) -> Operation[Concatenate[str, str, P], R]:
    more[kind] = fields
    return Operation(method, path, result=result, summary=summary, **more)


class Operations:
    """The whole API. Path ids come first, by position; everything else by keyword."""

    health = _plain("GET", "/health", model.Health, "Whether the daemon can do its work; 503 when it cannot store.")
    status = _plain("GET", "/status", model.Status, "The daemon, its database and its watches in figures.")
    flush = _plain(
        "POST",
        "/flush",
        model.Flushed,
        "Wait until every file event that happened before the call is recorded.",
        repeatable=True,
    )
    metrics = _plain(
        "GET",
        "/metrics",
        str,
        "The figures of /status, for Prometheus.",
        media_type="text/plain; version=0.0.4",
    )
    openapi = _plain("GET", "/openapi.json", dict[str, Any], "This description.")
    events = _with(
        "query",
        model.EventQuery,
        "GET",
        "/events",
        str,
        "Hear of sessions, entries, memories, workspaces and health as they change, as server-sent events.",
        media_type="text/event-stream",
    )

    create_session = _with(
        "body",
        model.SessionCreate,
        "POST",
        "/sessions",
        model.Session,
        "Begin a session, take one up again, or rebind it.",
        created=True,
        raises=(errors.SessionElsewhere, errors.WorkspaceInvalid, errors.ProcessNotFound),
    )
    list_sessions = _with(
        "query", model.SessionQuery, "GET", "/sessions", model.SessionList, "Sessions, newest activity first."
    )
    get_session = _of_id(
        "GET", "/sessions/{session_id}", model.Session, "One session.", raises=(errors.SessionNotFound,)
    )
    update_session = _of_id_with(
        "body",
        model.SessionUpdate,
        "PATCH",
        "/sessions/{session_id}",
        model.Session,
        "Pin, archive or annotate a session.",
        raises=(errors.SessionNotFound,),
    )
    end_session = _of_id_with(
        "body",
        model.SessionEnd,
        "POST",
        "/sessions/{session_id}/end",
        model.Session,
        "End a session; an ended one stays as it is.",
        raises=(errors.SessionNotFound,),
    )
    delete_session = _of_id(
        "DELETE",
        "/sessions/{session_id}",
        NoneType,
        "Delete a session with everything recorded in it.",
        raises=(errors.SessionNotFound, errors.SessionActive, errors.SessionPinned),
    )

    get_context = _of_id(
        "GET",
        "/sessions/{session_id}/context",
        model.SessionContext,
        "What was recorded in a session, one row per file.",
        raises=(errors.SessionNotFound,),
    )
    append_context = _of_id_with(
        "body",
        model.ContextAppend,
        "POST",
        "/sessions/{session_id}/context",
        model.SessionContext,
        "Record an access, a search, a decision, a memory. `Prefer: return=minimal` answers 204.",
        raises=(errors.SessionNotFound,),
    )
    append_batch = _of_id_with(
        "body",
        model.ContextBatch,
        "POST",
        "/sessions/{session_id}/context/batch",
        model.BatchAccepted,
        "Record up to 1,000 appends, all or nothing.",
        raises=(errors.SessionNotFound,),
    )
    list_entries = _of_id_with(
        "query",
        model.EntryQuery,
        "GET",
        "/sessions/{session_id}/entries",
        model.EntryList,
        "Every single entry of a session, oldest first.",
        raises=(errors.SessionNotFound,),
    )

    resolve_project = _with(
        "body",
        model.ProjectResolve,
        "POST",
        "/projects/resolve",
        model.ResolvedProject,
        "The project a path belongs to.",
        raises=(errors.WorkspaceInvalid,),
    )
    list_projects = _plain("GET", "/projects", model.ProjectList, "Every project, newest activity first.")
    get_project = _of_id(
        "GET", "/projects/{project_id}", model.Project, "One project.", raises=(errors.ProjectNotFound,)
    )
    update_project = _of_id_with(
        "body",
        model.ProjectUpdate,
        "PATCH",
        "/projects/{project_id}",
        model.Project,
        "Rename a project or set its settings.",
        raises=(errors.ProjectNotFound,),
    )

    list_workspaces = _plain("GET", "/workspaces", model.WorkspaceList, "Every watched folder.")
    explain_workspace = _with(
        "query",
        model.ExplainQuery,
        "GET",
        "/workspaces/explain",
        model.Explanation,
        "Whether what happens to a path is recorded, and which rule says so.",
    )
    add_workspace = _with(
        "body",
        model.WorkspaceAdd,
        "POST",
        "/workspaces",
        model.Workspace,
        "Watch a folder whether or not a session is active in it.",
        created=True,
        raises=(errors.WorkspaceInvalid,),
    )
    remove_workspace = _with(
        "query",
        model.WorkspaceQuery,
        "DELETE",
        "/workspaces",
        NoneType,
        "Undo add_workspace; the folder stays watched while a session is active in it.",
        raises=(errors.WorkspaceNotFound,),
    )

    create_memory = _of_id_with(
        "body",
        model.MemoryCreate,
        "POST",
        "/projects/{project_id}/memories",
        model.MemoryWritten,
        "Write the memory of a key.",
        created=True,
        raises=(errors.VersionMismatch,),
    )
    list_memories = _of_id_with(
        "query",
        model.MemoryListQuery,
        "GET",
        "/projects/{project_id}/memories",
        model.MemoryList,
        "Live memories, last accessed first; with `key`, the memory of that key.",
        raises=(errors.MemoryNotFound,),
    )
    get_memory_by_id = _of_two_ids_with(
        "query",
        model.MemoryGetQuery,
        "GET",
        "/projects/{project_id}/memories/{memory_id}",
        model.Memory,
        "One memory.",
        raises=(errors.MemoryNotFound,),
    )
    update_memory = _of_two_ids_with(
        "body",
        model.MemoryUpdate,
        "PATCH",
        "/projects/{project_id}/memories/{memory_id}",
        model.Memory,
        "Change a memory.",
        raises=(errors.MemoryNotFound, errors.VersionMismatch),
    )
    delete_memory = _of_two_ids_with(
        "query",
        model.MemoryDeleteQuery,
        "DELETE",
        "/projects/{project_id}/memories/{memory_id}",
        NoneType,
        "Delete a memory; `purge=true` erases every version.",
        raises=(errors.MemoryNotFound,),
    )
    memory_versions = _of_two_ids(
        "GET",
        "/projects/{project_id}/memories/{memory_id}/versions",
        model.MemoryVersions,
        "Every version of a memory, newest first.",
        raises=(errors.MemoryNotFound,),
    )
    restore_memory = _of_two_ids_with(
        "body",
        model.MemoryRestore,
        "POST",
        "/projects/{project_id}/memories/{memory_id}/restore",
        model.Memory,
        "Write an earlier version again, as a new one.",
        raises=(errors.MemoryNotFound, errors.VersionNotFound),
    )
    confirm_memory = _of_two_ids(
        "POST",
        "/projects/{project_id}/memories/{memory_id}/confirm",
        model.Memory,
        "Say that a memory still holds.",
        raises=(errors.MemoryNotFound,),
    )


ALL: Final[tuple[Operation[..., Any], ...]] = tuple(
    value for value in vars(Operations).values() if isinstance(value, Operation)
)


def append_context(session_id: str, /, *, minimal: bool = True, **fields: Any) -> Call[model.SessionContext | None]:
    """Return the append that asks for the minimal reply, unless *minimal* is false."""
    call = Operations.append_context(session_id, **fields)
    headers = (("Prefer", "return=minimal"),) if minimal else ()
    return msgspec.structs.replace(call, headers=headers)


def get_memory(
    project_id: str, /, *, key: str | None = None, memory_id: str | None = None, touch: bool = True
) -> Call[model.Memory]:
    """Return the read of one memory, by *key* or by *memory_id*.

    Raises:
        InvalidRequest: neither or both are given.
    """
    if (key is None) == (memory_id is None):
        raise errors.InvalidRequest.field("key", "give either key or memory_id")
    if memory_id is not None:
        return Operations.get_memory_by_id(project_id, memory_id, touch=touch)
    call = Operations.list_memories(project_id, key=key, touch=touch)
    return Call(method=call.method, target=call.target, result=model.MemoryByKey, member="memory")

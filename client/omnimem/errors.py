"""Everything that can go wrong, as one tree; the daemon raises these, the client raises them again.

    OmnimemError
    ├── BadRequest 400        MalformedBody
    ├── Forbidden 403         ForbiddenUid, ForbiddenOrigin
    ├── NotFound 404          RouteNotFound, SessionNotFound, ProjectNotFound, MemoryNotFound, VersionNotFound,
    │                         WorkspaceNotFound, CheckpointNotFound, BackupNotFound
    ├── MethodNotAllowed 405
    ├── RequestTimeout 408
    ├── Conflict 409          SessionElsewhere, SessionActive, SessionPinned, ImportInterrupted,
    │                         CheckpointElsewhere, BackupDamaged
    ├── VersionMismatch 412
    ├── BodyTooLarge 413
    ├── UnsupportedMediaType 415
    ├── Invalid 422           InvalidRequest, WorkspaceInvalid, ProcessNotFound, IdempotencyKeyReused, ImportRefused
    ├── InternalError 500
    ├── Unavailable 503       StoreUnavailable, Overloaded
    └── CallFailed            DaemonNotRunning, CallTimeout, ConnectionLost, UnexpectedReply   (the client's own)

Catch by branch. `code` is stable and on the wire; a code this client does not know arrives as the branch of its
status.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request."""

    field: str  #: dotted name as the caller wrote it, such as "entries[3].file_path"; "" for the body as a whole
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error on the wire: application/problem+json (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    hint: str
    errors: tuple[FieldError, ...] | msgspec.UnsetType = msgspec.UNSET


class OmnimemError(Exception):
    """A problem a caller can name: `code`, `status`, `detail`, `hint` (what to do next)."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"
    default_hint: ClassVar[str] = "See `omnimem status`."

    def __init__(self, detail: str, *, hint: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        """Make an error that says *detail*; *hint* replaces the class's own."""
        super().__init__(detail)
        self.detail = detail
        self.hint = self.default_hint if hint is None else hint
        self.errors = tuple(errors)

    def problem(self) -> Problem:
        """Return the error as it goes over the wire."""
        return Problem(
            title=self.title,
            status=self.status,
            code=self.code,
            detail=self.detail,
            hint=self.hint,
            errors=self.errors or msgspec.UNSET,
        )


class BadRequest(OmnimemError):
    """The request is not HTTP and JSON as agreed."""

    code = "bad_request"
    status = 400
    title = "Bad Request"
    default_hint = "Send a well-formed HTTP/1.1 request."


class MalformedBody(BadRequest):
    """The body is not JSON, or holds text that is not Unicode."""

    code = "malformed_body"
    default_hint = "Send one JSON object, encoded as UTF-8."


class Forbidden(OmnimemError):
    """The caller may not use this daemon."""

    code = "forbidden"
    status = 403
    title = "Forbidden"
    default_hint = "Talk to a daemon of your own."


class ForbiddenUid(Forbidden):
    """The caller runs as another user than the daemon."""

    code = "forbidden_uid"
    default_hint = "Each user runs a daemon of their own: start yours with `omnimem start`."


class ForbiddenOrigin(Forbidden):
    """The request comes from a web page."""

    code = "forbidden_origin"
    default_hint = "Web pages may not talk to omnimemd; send no Origin header."


class NotFound(OmnimemError):
    """The thing named does not exist."""

    code = "not_found"
    status = 404
    title = "Not Found"
    default_hint = "Check the name."


class RouteNotFound(NotFound):
    """No such path in this API."""

    code = "route_not_found"
    default_hint = "GET /openapi.json lists every route."


class SessionNotFound(NotFound):
    """No session of this id."""

    code = "session_not_found"
    default_hint = "List sessions with `omnimem session list --all`."


class ProjectNotFound(NotFound):
    """No project of this id."""

    code = "project_not_found"
    default_hint = "List projects with `omnimem project list`."


class MemoryNotFound(NotFound):
    """No live memory of this key or id in this project."""

    code = "memory_not_found"
    default_hint = "List the project's memories with `omnimem memory list`."


class VersionNotFound(NotFound):
    """The memory has no such version."""

    code = "version_not_found"
    default_hint = "List its versions with `omnimem memory history`."


class WorkspaceNotFound(NotFound):
    """The path is not a watched workspace."""

    code = "workspace_not_found"
    default_hint = "List watched workspaces with `omnimem workspace list`."


class CheckpointNotFound(NotFound):
    """No checkpoint of this id."""

    code = "checkpoint_not_found"
    default_hint = "List the project's checkpoints with `omnimem checkpoint list`."


class BackupNotFound(NotFound):
    """No backup of this id."""

    code = "backup_not_found"
    default_hint = "List backups with `omnimem backup list`."


class MethodNotAllowed(OmnimemError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405
    title = "Method Not Allowed"
    default_hint = "The Allow header lists the methods of this path."


class RequestTimeout(OmnimemError):
    """The request did not arrive in the time it has; it had no effect."""

    code = "request_timeout"
    status = 408
    title = "Request Timeout"
    default_hint = "Send the whole request at once."


class Conflict(OmnimemError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    status = 409
    title = "Conflict"
    default_hint = "Read it again and decide anew."


class SessionElsewhere(Conflict):
    """The session id belongs to another workspace."""

    code = "session_elsewhere"
    default_hint = "Use another session_id, or leave it out to get a new one."


class SessionActive(Conflict):
    """The session is still active."""

    code = "session_active"
    default_hint = "End it first with `omnimem session end`."


class SessionPinned(Conflict):
    """The session is pinned."""

    code = "session_pinned"
    default_hint = 'Unpin it first: PATCH {"pinned": false}, or `omnimem session pin --off`.'


class CheckpointElsewhere(Conflict):
    """The checkpoint is of another project."""

    code = "checkpoint_elsewhere"
    default_hint = "Give a folder of the checkpoint's own project."


class ImportInterrupted(Conflict):
    """This piece of an import does not follow the one before it, or the daemon was restarted in between."""

    code = "import_interrupted"
    default_hint = "Import the whole file again: what is there already stays as it is."


class BackupDamaged(Conflict):
    """The backup is not whole, or this program cannot read it; the database stays as it is."""

    code = "backup_damaged"
    default_hint = (
        "Restore another one, which `omnimem backup verify` finds whole; `omnimem backup delete` removes this."
    )


class VersionMismatch(OmnimemError):
    """Somebody else wrote the memory meanwhile."""

    code = "version_mismatch"
    status = 412
    title = "Precondition Failed"
    default_hint = "Read the memory again, and write with its present version as expected_version."


class BodyTooLarge(OmnimemError):
    """The body is over the limit."""

    code = "body_too_large"
    status = 413
    title = "Content Too Large"
    default_hint = "Send at most 1 MiB; split a batch."


class UnsupportedMediaType(OmnimemError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported Media Type"
    default_hint = "Send Content-Type: application/json."


class Invalid(OmnimemError):
    """The request is understood and wrong; `errors` names the fields."""

    code = "invalid"
    status = 422
    title = "Unprocessable Content"
    default_hint = "Correct the field named; GET /openapi.json describes each request."

    @classmethod
    def field(cls, field: str, message: str, *, hint: str | None = None) -> "Invalid":
        """Return the error for one *field*, with *message* as its detail too."""
        return cls(f"{field}: {message}" if field else message, hint=hint, errors=[FieldError(field, message)])


class InvalidRequest(Invalid):
    """A field is missing, unknown, of the wrong type or out of range."""

    code = "invalid_request"


class WorkspaceInvalid(Invalid):
    """The path is not an absolute path of a directory that exists, or of one that cannot be a workspace."""

    code = "workspace_invalid"
    default_hint = "Give the absolute path of a directory that exists."


class ProcessNotFound(Invalid):
    """No such live process of this user."""

    code = "process_not_found"
    default_hint = "Give the pid of a running process of your own, or leave process_id out."


class IdempotencyKeyReused(Invalid):
    """The Idempotency-Key was used with another body."""

    code = "idempotency_key_reused"
    default_hint = "Use a new key for each new request."


class ImportRefused(Invalid):
    """A line is none of an export, or not where it belongs; nothing of the piece that holds it was imported."""

    code = "import_refused"
    default_hint = "Give a file that `omnimem export` wrote; docs/EXPORT.md describes each line."


class InternalError(OmnimemError):
    """A bug in the daemon; its log has the details."""

    code = "internal_error"
    status = 500
    title = "Internal Server Error"
    default_hint = "This is a bug: the daemon's log has the details."


class Unavailable(OmnimemError):
    """Not now; try again after `Retry-After` seconds."""

    code = "unavailable"
    status = 503
    title = "Service Unavailable"
    default_hint = "Try again in a moment; `omnimem status` says what is wrong."


class StoreUnavailable(Unavailable):
    """The database cannot be written or read."""

    code = "store_unavailable"


class BackupFailed(Unavailable):
    """The backup could not be made; nothing is left of it, and those there were are as they were."""

    code = "backup_failed"
    default_hint = "See that the disk has room and the folder of the backups can be written to, and try again."


class Overloaded(Unavailable):
    """The daemon has more to do than it can take on; the request had no effect."""

    code = "overloaded"
    default_hint = "Try again after Retry-After seconds; fewer calls at once are answered sooner."


class CallFailed(OmnimemError):
    """No answer came: the client's own errors (`status` is 0)."""

    code = "call_failed"
    status = 0
    title = "Call Failed"


class DaemonNotRunning(CallFailed):
    """Nobody answers on the socket."""

    code = "daemon_not_running"
    default_hint = "Start it with `omnimem start`."


class CallTimeout(CallFailed):
    """No answer within the client's timeout; whether the request had its effect is unknown."""

    code = "call_timeout"
    default_hint = "Try again, with an Idempotency-Key where it must not happen twice."


class ConnectionLost(CallFailed):
    """The connection broke before the answer; whether the request had its effect is unknown."""

    code = "connection_lost"
    default_hint = "Try again, with an Idempotency-Key where it must not happen twice."


class NotSent(ConnectionLost):
    """The daemon took no more before the request was sent: nobody has it, and it can be sent anew."""

    code = "not_sent"
    default_hint = "Try again: the daemon did not get it."


class UnexpectedReply(CallFailed):
    """The answer is not what this API gives: is the socket another program's, or a newer daemon's?"""

    code = "unexpected_reply"
    default_hint = "Compare `omnimem --version` with the daemon's in `omnimem status`."


def _tree(root: type[OmnimemError]) -> list[type[OmnimemError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]


BY_CODE: dict[str, type[OmnimemError]] = {cls.code: cls for cls in _tree(OmnimemError)}
_BRANCHES: dict[int, type[OmnimemError]] = {}
for _cls in BY_CODE.values():
    _BRANCHES.setdefault(_cls.status, _cls)


def from_problem(problem: Problem) -> OmnimemError:
    """Return *problem* as the error it stands for; an unknown code becomes the branch of its status."""
    cls = BY_CODE.get(problem.code) or _BRANCHES.get(problem.status, OmnimemError)
    return cls(problem.detail, hint=problem.hint, errors=problem.errors or ())

"""Talk to omnimemd, the daemon that remembers coding sessions.

    from omnimem import Client

    with Client() as memory:
        session = memory.create_session(tool_id="my-tool", workspace_path="/home/me/src/app")
        memory.append_context(session.session_id, decision="Use SQLite: one file, no server.")

`AsyncClient` is the same for asyncio; it is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from omnimem import calls, model
from omnimem._version import __version__
from omnimem.errors import (
    BackupDamaged,
    BackupFailed,
    BackupNotFound,
    BadRequest,
    BodyTooLarge,
    CallFailed,
    CallTimeout,
    CheckpointElsewhere,
    CheckpointNotFound,
    Conflict,
    ConnectionLost,
    DaemonNotRunning,
    FieldError,
    Forbidden,
    ForbiddenOrigin,
    ForbiddenUid,
    IdempotencyKeyReused,
    ImportInterrupted,
    ImportRefused,
    InternalError,
    Invalid,
    InvalidRequest,
    MalformedBody,
    MemoryNotFound,
    MethodNotAllowed,
    NotFound,
    NotSent,
    OmnimemError,
    Problem,
    ProcessNotFound,
    ProjectNotFound,
    RouteNotFound,
    SessionActive,
    SessionElsewhere,
    SessionNotFound,
    SessionPinned,
    StoreUnavailable,
    Unavailable,
    UnexpectedReply,
    UnsupportedMediaType,
    VersionMismatch,
    VersionNotFound,
    WorkspaceInvalid,
    WorkspaceNotFound,
)
from omnimem.locate import socket_path
from omnimem.sync import Client

if TYPE_CHECKING:
    from omnimem.aio import AsyncClient

__all__ = [
    "AsyncClient",
    "BackupDamaged",
    "BackupFailed",
    "BackupNotFound",
    "BadRequest",
    "BodyTooLarge",
    "CallFailed",
    "CallTimeout",
    "CheckpointElsewhere",
    "CheckpointNotFound",
    "Client",
    "Conflict",
    "ConnectionLost",
    "DaemonNotRunning",
    "FieldError",
    "Forbidden",
    "ForbiddenOrigin",
    "ForbiddenUid",
    "IdempotencyKeyReused",
    "ImportInterrupted",
    "ImportRefused",
    "InternalError",
    "Invalid",
    "InvalidRequest",
    "MalformedBody",
    "MemoryNotFound",
    "MethodNotAllowed",
    "NotFound",
    "NotSent",
    "OmnimemError",
    "Problem",
    "ProcessNotFound",
    "ProjectNotFound",
    "RouteNotFound",
    "SessionActive",
    "SessionElsewhere",
    "SessionNotFound",
    "SessionPinned",
    "StoreUnavailable",
    "Unavailable",
    "UnexpectedReply",
    "UnsupportedMediaType",
    "VersionMismatch",
    "VersionNotFound",
    "WorkspaceInvalid",
    "WorkspaceNotFound",
    "__version__",
    "calls",
    "model",
    "socket_path",
]


def __getattr__(name: str) -> Any:
    if name == "AsyncClient":
        from omnimem.aio import AsyncClient  # asyncio costs twice what the rest of this package does

        return AsyncClient
    raise AttributeError(f"module 'omnimem' has no attribute {name!r}")

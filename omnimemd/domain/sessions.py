"""The life of a session: begun, touched, ended, taken up again. Times never run backwards in it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from omnimem.model import EndReason, SessionMetrics
from omnimemd.domain.clock import Millis
from omnimemd.domain.identity import ProcessIdentity

#: The tool_id of a session the daemon opens by itself for what happens in a workspace with no session.
AMBIENT_TOOL = "ambient"

#: The metadata of a session the daemon opened because it found its tool at work.
DISCOVERED: Final[Mapping[str, Any]] = MappingProxyType({"discovered": True})


class BoundProcess(msgspec.Struct, frozen=True):
    """The process a session is."""

    identity: ProcessIdentity
    started_at: Millis


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one tool in one workspace, bound to one process."""

    session_id: str
    tool_id: str
    user_id: str | None = None
    workspace: str  #: absolute real path
    project_id: str
    created_at: Millis
    last_activity: Millis  #: ≥ created_at
    ended_at: Millis | None = None  #: ≥ last_activity; None while it lives
    end_reason: EndReason | None = None
    end_detail: str | None = None
    continues: str | None = None
    process: BoundProcess | None = None  #: None: it ends only by call, or as an ambient one
    seen_alive_at: Millis | None = None  #: when the process was last known to live, if later than last_activity
    pinned: bool = False
    archived: bool = False
    metadata: Mapping[str, Any] = {}
    metrics: SessionMetrics = SessionMetrics()
    size_bytes: int = 0  #: bytes stored for its entries

    @property
    def active(self) -> bool:
        """Whether it still runs."""
        return self.ended_at is None

    @property
    def ambient(self) -> bool:
        """Whether the daemon opened it by itself."""
        return self.tool_id == AMBIENT_TOOL and self.process is None

    @property
    def discovered(self) -> bool:
        """Whether the daemon opened it because it found its tool at work."""
        return self.metadata.get("discovered") is True

    @property
    def of_shell(self) -> bool:
        """Whether a shell opened it as it entered the repository."""
        return self.metadata.get("shell_integration") is True


def touch(session: Session, *, at: Millis) -> Session:
    """Return *session* with activity at *at*; an ended one, and an earlier time, change nothing."""
    if not session.active or at <= session.last_activity:
        return session
    return replace(session, last_activity=at)


def end(session: Session, *, at: Millis, reason: EndReason, detail: str | None = None) -> Session:
    """Return *session* ended at *at*, or at its last activity if that is later; an ended one stays as it is."""
    if not session.active:
        return session
    return replace(session, ended_at=max(at, session.last_activity), end_reason=reason, end_detail=detail)


def end_of_dead(session: Session, *, boot: str) -> Session:
    """Return *session*, whose process died while no daemon ran, ended at the last moment it is known to have lived."""
    known = max(session.last_activity, session.seen_alive_at or session.last_activity)
    rebooted = session.process is not None and session.process.identity.boot != boot
    reason = EndReason.REBOOT if rebooted else EndReason.PROCESS_EXITED
    return end(session, at=known, reason=reason)


def reopen(session: Session, *, at: Millis, process: BoundProcess | None) -> Session:
    """Return *session* active again and bound to *process*; an active one stays as it is."""
    if session.active:
        return session
    assert session.ended_at is not None  # noqa: S101 not active
    return replace(
        session,
        ended_at=None,
        end_reason=None,
        end_detail=None,
        process=process,
        seen_alive_at=None,
        last_activity=max(at, session.ended_at),
    )


def rebind(session: Session, *, process: BoundProcess | None) -> Session:
    """Return *session* bound to *process* instead."""
    return replace(session, process=process, seen_alive_at=None)

"""Valid values, of which a test spells only what it is about."""

from msgspec.structs import replace

from omnimem.model import Access, Attribution, EndReason, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Decision, FileAccess, Gap, Scan
from omnimemd.domain.identity import Process, ProcessIdentity
from omnimemd.domain.memories import Memory
from omnimemd.domain.sessions import BoundProcess, Session
from tests.support.clock import NOON, SECOND


def an_identity(*, pid: int = 4242, start: int = 100, boot: str = "boot-1") -> ProcessIdentity:
    return ProcessIdentity(pid, start, boot)


def a_process(*, pid: int = 4242, name: str = "claude", arguments: tuple[str, ...] = ()) -> Process:
    return Process(an_identity(pid=pid), Millis(NOON - 60 * SECOND), name, arguments)


def a_binding(*, pid: int = 4242, start: int = 100, boot: str = "boot-1") -> BoundProcess:
    return BoundProcess(an_identity(pid=pid, start=start, boot=boot), Millis(NOON - 60 * SECOND))


def a_session(
    session_id: str = "s-1",
    *,
    workspace: str = "/w",
    tool_id: str = "tool",
    at: int = NOON,
    ended_at: int | None = None,
    process: BoundProcess | None = None,
) -> Session:
    """Return a session begun at *at*, and ended by its client if *ended_at* says so."""
    begun = Session(
        session_id=session_id,
        tool_id=tool_id,
        workspace=workspace,
        project_id="p-1",
        created_at=Millis(at),
        last_activity=Millis(at),
        process=process,
    )
    if ended_at is None:
        return begun
    return replace(begun, ended_at=Millis(ended_at), end_reason=EndReason.CLIENT)


def an_access(
    path: str = "/w/a.py",
    access: Access = Access.READ,
    *,
    at: int = NOON,
    source: Source = Source.WATCH,
    attribution: Attribution = Attribution.PROBABLE,
    importance: float | None = None,
    old_path: str | None = None,
    others: tuple[str, ...] = (),
) -> FileAccess:
    return FileAccess(
        at=Millis(at),
        source=source,
        path=path,
        access=access,
        attribution=attribution,
        importance=importance,
        old_path=old_path,
        others=others,
    )


def a_decision(text: str = "Use SQLite.", *, at: int = NOON) -> Decision:
    return Decision(at=Millis(at), source=Source.API, text=text)


def a_scan(*, at: int = NOON, top: tuple[str, ...] = ("/w/src",)) -> Scan:
    return Scan(
        at=Millis(at),
        source=Source.WATCH,
        burst_id="burst-1",
        started_at=Millis(at),
        ended_at=Millis(at + SECOND),
        files=300,
        directories=4,
        reads=299,
        writes=1,
        top=top,
    )


def a_gap(*, at: int = NOON, reason: str = "overflow", recovered: int = 0) -> Gap:
    return Gap(
        at=Millis(at),
        source=Source.WATCH,
        started_at=Millis(at),
        ended_at=Millis(at + SECOND),
        reason=reason,
        recovered=recovered,
    )


def a_memory(
    key: str = "stack",
    value: str = "Python",
    *,
    version: int = 1,
    deleted: bool = False,
    at: int = NOON,
    ttl_seconds: float | None = None,
) -> Memory:
    return Memory(
        memory_id="mem_0123456789ab",
        project_id="p-1",
        key=key,
        value="" if deleted else value,
        version=version,
        deleted=deleted,
        created_at=Millis(at),
        updated_at=Millis(at),
        last_accessed=Millis(at),
        ttl_seconds=ttl_seconds,
        expires_at=None if ttl_seconds is None else Millis(at + round(ttl_seconds * 1000)),
    )

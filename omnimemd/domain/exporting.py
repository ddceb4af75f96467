"""Projects, memories and sessions, as the lines of an export, and back.

There and back is the same value; only a session that was active comes back ended, as no process here is it.
"""

from typing import Final

import msgspec
from msgspec import UNSET

from omnimem.model import EndReason, ProjectKind
from omnimemd.domain import export_lines as lines
from omnimemd.domain.clock import Millis, rfc3339, rfc3339_or_none
from omnimemd.domain.export_values import Contradiction, or_none, time_of, time_or_none
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.domain.memories import Memory, MemoryVersion
from omnimemd.domain.memory_chains import Amendment
from omnimemd.domain.projects import FolderIdentity, Project
from omnimemd.domain.sessions import BoundProcess, Session, end

#: What an imported session says of its end, if it was active when it was exported.
WAS_ACTIVE: Final = "it was active when it was exported"


# -- out -------------------------------------------------------------------------------------------------------


def project_line(project: Project, *, for_git: bool) -> lines.ProjectLine:
    """Return the line of *project*."""
    line = lines.ProjectLine(
        project_id=project.project_id,
        name=project.name,
        created_at=rfc3339(project.created_at),
        settings=project.settings,
    )
    if for_git:
        return line
    folder = project.identity
    return msgspec.structs.replace(
        line,
        kind=project.kind,
        root=project.root,
        folder=None if folder is None else lines.Folder(**msgspec.structs.asdict(folder)),
        last_activity=rfc3339(project.last_activity),
    )


def memory_line(memory: Memory, *, for_git: bool) -> lines.MemoryLine:
    """Return the line of *memory*."""
    return lines.MemoryLine(
        project_id=memory.project_id,
        memory_id=memory.memory_id,
        memory_key=memory.key,
        version=memory.version,
        created_at=rfc3339(memory.created_at),
        last_accessed=UNSET if for_git else rfc3339(memory.last_accessed),
        accessed_count=UNSET if for_git else memory.accessed_count,
    )


def version_line(memory_id: str, version: MemoryVersion) -> lines.VersionLine:
    """Return the line of one *version* of the memory of *memory_id*."""
    return lines.VersionLine(
        memory_id=memory_id,
        version=version.version,
        memory_value=version.value,
        expired=version.expired,
        metadata=dict(version.metadata),
        files=list(version.files),
        created_at=rfc3339(version.created_at),
        ttl_seconds=version.ttl_seconds,
        expires_at=rfc3339_or_none(version.expires_at),
        session_id=version.session_id,
    )


def amendment_line(memory_id: str, version: int, amendment: Amendment) -> lines.AmendmentLine:
    """Return the line of one *amendment* of a *version*."""
    return lines.AmendmentLine(
        memory_id=memory_id,
        version=version,
        at=rfc3339(amendment.at),
        ttl_seconds=amendment.ttl_seconds,
        expires_at=rfc3339_or_none(amendment.expires_at),
        files=list(amendment.files),
        confirmed_at=rfc3339_or_none(amendment.confirmed_at),
    )


def session_line(session: Session) -> lines.SessionLine:
    """Return the line of *session*."""
    process = session.process
    return lines.SessionLine(
        project_id=session.project_id,
        session_id=session.session_id,
        tool_id=session.tool_id,
        user_id=session.user_id,
        workspace_path=session.workspace,
        created_at=rfc3339(session.created_at),
        last_activity=rfc3339(session.last_activity),
        ended_at=rfc3339_or_none(session.ended_at),
        end_reason=session.end_reason,
        end_detail=session.end_detail,
        continues=session.continues,
        process=None
        if process is None
        else lines.ProcessLine(
            pid=process.identity.pid,
            start=process.identity.start,
            boot=process.identity.boot,
            started_at=rfc3339(process.started_at),
        ),
        seen_alive_at=rfc3339_or_none(session.seen_alive_at),
        pinned=session.pinned,
        archived=session.archived,
        metadata=dict(session.metadata),
    )


# -- back ------------------------------------------------------------------------------------------------------


def project_of(line: lines.ProjectLine) -> Project:
    """Return the project of *line*; one exported for git has no folder.

    Raises:
        Contradiction: a time is none, or a kind that has a folder names none.
    """
    created_at = time_of("created_at", line.created_at)
    project = Project(
        project_id=line.project_id,
        name=line.name,
        kind=ProjectKind.NAMED,
        root=None,
        created_at=created_at,
        last_activity=created_at,
        settings=line.settings,
    )
    if line.kind is UNSET:
        return project
    root, folder = or_none(line.root), or_none(line.folder)
    if root is None and line.kind is not ProjectKind.NAMED:
        raise Contradiction(f"root: a project of kind {line.kind} has a folder")
    return msgspec.structs.replace(
        project,
        kind=line.kind,
        root=root,
        identity=None if folder is None else FolderIdentity(**msgspec.structs.asdict(folder)),
        last_activity=created_at if line.last_activity is UNSET else time_of("last_activity", line.last_activity),
    )


def memory_of(line: lines.MemoryLine, *, memory_id: str, project_id: str) -> Memory:
    """Return the memory of *line* before its first version.

    Raises:
        Contradiction: a time is none.
    """
    created_at = time_of("created_at", line.created_at)
    accessed_count, last_accessed = accesses_of(line)
    return Memory(
        memory_id=memory_id,
        project_id=project_id,
        key=line.memory_key,
        value="",
        version=0,
        created_at=created_at,
        updated_at=created_at,
        last_accessed=max(last_accessed, created_at),
        accessed_count=accessed_count,
    )


def version_of(line: lines.VersionLine) -> MemoryVersion:
    """Return the version of *line*.

    Raises:
        Contradiction: a time is none, or it has one of what belongs together.
    """
    if line.expired and line.memory_value is not None:
        raise Contradiction("expired: is said of a version that says deleted")
    return MemoryVersion(
        version=line.version,
        value=line.memory_value,
        metadata=line.metadata,
        files=tuple(line.files),
        created_at=time_of("created_at", line.created_at),
        session_id=line.session_id,
        deleted=line.memory_value is None,
        expired=line.expired,
        ttl_seconds=line.ttl_seconds,
        expires_at=_expiry(line),
    )


def amendment_of(line: lines.AmendmentLine) -> Amendment:
    """Return the amendment of *line*.

    Raises:
        Contradiction: a time is none, or it has one of what belongs together.
    """
    return Amendment(
        at=time_of("at", line.at),
        ttl_seconds=line.ttl_seconds,
        expires_at=_expiry(line),
        files=tuple(line.files),
        confirmed_at=time_or_none("confirmed_at", line.confirmed_at),
    )


def accesses_of(line: lines.MemoryLine) -> tuple[int, Millis]:
    """Return how often the memory of *line* was accessed, and when last; never, if the line does not say.

    Raises:
        Contradiction: the time is none.
    """
    count = 0 if line.accessed_count is UNSET else line.accessed_count
    return count, Millis(0) if line.last_accessed is UNSET else time_of("last_accessed", line.last_accessed)


def session_of(line: lines.SessionLine, *, project_id: str) -> Session:
    """Return the session of *line*, ended: no process here is it.

    Raises:
        Contradiction: a time is none, or its times or its end contradict each other.
    """
    process = line.process
    session = Session(
        session_id=line.session_id,
        tool_id=line.tool_id,
        user_id=line.user_id,
        workspace=line.workspace_path,
        project_id=project_id,
        created_at=time_of("created_at", line.created_at),
        last_activity=time_of("last_activity", line.last_activity),
        ended_at=time_or_none("ended_at", line.ended_at),
        end_reason=line.end_reason,
        end_detail=line.end_detail,
        continues=line.continues,
        process=None
        if process is None
        else BoundProcess(
            ProcessIdentity(process.pid, process.start, process.boot), time_of("process.started_at", process.started_at)
        ),
        seen_alive_at=time_or_none("seen_alive_at", line.seen_alive_at),
        pinned=line.pinned,
        archived=line.archived,
        metadata=line.metadata,
    )
    if session.last_activity < session.created_at:
        raise Contradiction("last_activity: is before created_at")
    if session.ended_at is not None and session.ended_at < session.created_at:
        raise Contradiction("ended_at: is before created_at")
    if (session.ended_at is None) != (session.end_reason is None):
        raise Contradiction("end_reason: goes with ended_at, and only with it")
    return end(session, at=session.last_activity, reason=EndReason.CLIENT, detail=WAS_ACTIVE)


def _expiry(line: lines.VersionLine | lines.AmendmentLine) -> Millis | None:
    if (line.ttl_seconds is None) != (line.expires_at is None):
        raise Contradiction("expires_at: goes with ttl_seconds, and only with it")
    return time_or_none("expires_at", line.expires_at)

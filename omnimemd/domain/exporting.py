"""What is stored, as the lines of an export, and back.

There and back is the same value; only a session that was active comes back ended, as no process here is it.
"""

from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from omnimem.model import EndReason, ProjectKind
from omnimemd.domain import entries as domain
from omnimemd.domain import export_lines as lines
from omnimemd.domain.clock import Millis, from_rfc3339, rfc3339, rfc3339_or_none
from omnimemd.domain.entries import Entry, Numbered
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.domain.memories import Memory, MemoryVersion
from omnimemd.domain.memory_chains import Amendment
from omnimemd.domain.paths import from_raw, raw, shown
from omnimemd.domain.projects import FolderIdentity, Project
from omnimemd.domain.sessions import BoundProcess, Session, end

#: What an imported session says of its end, if it was active when it was exported.
WAS_ACTIVE: Final = "it was active when it was exported"

T = TypeVar("T")


class Contradiction(ValueError):
    """A line's members contradict each other, or one is not what it should be."""


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


def entry_line(session_id: str, numbered: Numbered) -> lines.EntryLine:
    """Return the line of one entry of the session of *session_id*."""
    one, entry_id = numbered.entry, numbered.seq
    timestamp, source = rfc3339(one.at), one.source
    match one:
        case domain.FileAccess():
            return lines.AccessLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                path=shown(one.path),
                path_raw=raw(one.path) or UNSET,
                access=one.access,
                attribution=one.attribution,
                importance=one.importance,
                old_path=UNSET if one.old_path is None else shown(one.old_path),
                old_path_raw=UNSET if one.old_path is None else raw(one.old_path) or UNSET,
                others=list(one.others) or UNSET,
                burst_id=_or_unset(one.burst_id),
                agent_id=_or_unset(one.agent_id),
                same_as=_or_unset(one.same_as),
            )
        case domain.Search():
            return lines.SearchLine(
                session_id=session_id, entry_id=entry_id, timestamp=timestamp, source=source, query=one.query
            )
        case domain.Decision():
            return lines.DecisionLine(
                session_id=session_id, entry_id=entry_id, timestamp=timestamp, source=source, decision=one.text
            )
        case domain.MemoryNote():
            return lines.MemoryNoteLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                memory_id=one.memory_id,
                memory_key=one.memory_key,
            )
        case domain.Scan():
            odd = [raw(path) for path in one.top]
            return lines.ScanLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                burst_id=one.burst_id,
                started_at=rfc3339(one.started_at),
                ended_at=rfc3339(one.ended_at),
                files=one.files,
                directories=one.directories,
                reads=one.reads,
                writes=one.writes,
                top=[shown(path) for path in one.top],
                top_raw=odd if any(odd) else UNSET,
                attribution=one.attribution,
                others=list(one.others) or UNSET,
            )
        case domain.Gap():
            return lines.GapLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                started_at=rfc3339(one.started_at),
                ended_at=rfc3339(one.ended_at),
                reason=one.reason,
                reads_unknown=one.reads_unknown,
                recovered=one.recovered,
            )
        case domain.CheckpointTaken():
            return lines.CheckpointLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                checkpoint_id=one.checkpoint_id,
            )


# -- back ------------------------------------------------------------------------------------------------------


def project_of(line: lines.ProjectLine) -> Project:
    """Return the project of *line*; one exported for git has no folder.

    Raises:
        Contradiction: a time is none, or a kind that has a folder names none.
    """
    created_at = _time("created_at", line.created_at)
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
    root, folder = _or_none(line.root), _or_none(line.folder)
    if root is None and line.kind is not ProjectKind.NAMED:
        raise Contradiction(f"root: a project of kind {line.kind} has a folder")
    return msgspec.structs.replace(
        project,
        kind=line.kind,
        root=root,
        identity=None if folder is None else FolderIdentity(**msgspec.structs.asdict(folder)),
        last_activity=created_at if line.last_activity is UNSET else _time("last_activity", line.last_activity),
    )


def memory_of(line: lines.MemoryLine, *, memory_id: str, project_id: str) -> Memory:
    """Return the memory of *line* before its first version.

    Raises:
        Contradiction: a time is none.
    """
    created_at = _time("created_at", line.created_at)
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
        created_at=_time("created_at", line.created_at),
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
        at=_time("at", line.at),
        ttl_seconds=line.ttl_seconds,
        expires_at=_expiry(line),
        files=tuple(line.files),
        confirmed_at=_time_or_none("confirmed_at", line.confirmed_at),
    )


def accesses_of(line: lines.MemoryLine) -> tuple[int, Millis]:
    """Return how often the memory of *line* was accessed, and when last; never, if the line does not say.

    Raises:
        Contradiction: the time is none.
    """
    count = 0 if line.accessed_count is UNSET else line.accessed_count
    return count, Millis(0) if line.last_accessed is UNSET else _time("last_accessed", line.last_accessed)


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
        created_at=_time("created_at", line.created_at),
        last_activity=_time("last_activity", line.last_activity),
        ended_at=_time_or_none("ended_at", line.ended_at),
        end_reason=line.end_reason,
        end_detail=line.end_detail,
        continues=line.continues,
        process=None
        if process is None
        else BoundProcess(
            ProcessIdentity(process.pid, process.start, process.boot), _time("process.started_at", process.started_at)
        ),
        seen_alive_at=_time_or_none("seen_alive_at", line.seen_alive_at),
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


def entry_of(line: lines.EntryLine) -> Numbered:
    """Return the entry of *line*.

    Raises:
        Contradiction: a time or a path is none.
    """
    return Numbered(line.entry_id, _entry(line))


def _entry(line: lines.EntryLine) -> Entry:
    at, source = _time("timestamp", line.timestamp), line.source
    match line:
        case lines.AccessLine():
            return domain.FileAccess(
                at=at,
                source=source,
                path=_path("path", line.path, line.path_raw),
                access=line.access,
                attribution=line.attribution,
                importance=line.importance,
                old_path=None if line.old_path is UNSET else _path("old_path", line.old_path, line.old_path_raw),
                others=_tuple(line.others),
                burst_id=_or_none(line.burst_id),
                agent_id=_or_none(line.agent_id),
                same_as=_or_none(line.same_as),
            )
        case lines.SearchLine():
            return domain.Search(at=at, source=source, query=line.query)
        case lines.DecisionLine():
            return domain.Decision(at=at, source=source, text=line.decision)
        case lines.MemoryNoteLine():
            return domain.MemoryNote(at=at, source=source, memory_id=line.memory_id, memory_key=line.memory_key)
        case lines.ScanLine():
            odd = [None] * len(line.top) if line.top_raw is UNSET else line.top_raw
            if len(odd) != len(line.top):
                raise Contradiction("top_raw: has another length than top")
            return domain.Scan(
                at=at,
                source=source,
                burst_id=line.burst_id,
                started_at=_time("started_at", line.started_at),
                ended_at=_time("ended_at", line.ended_at),
                files=line.files,
                directories=line.directories,
                reads=line.reads,
                writes=line.writes,
                top=tuple(_path("top_raw", path, one) for path, one in zip(line.top, odd, strict=True)),
                attribution=line.attribution,
                others=_tuple(line.others),
            )
        case lines.GapLine():
            return domain.Gap(
                at=at,
                source=source,
                started_at=_time("started_at", line.started_at),
                ended_at=_time("ended_at", line.ended_at),
                reason=line.reason,
                reads_unknown=line.reads_unknown,
                recovered=line.recovered,
            )
        case lines.CheckpointLine():
            return domain.CheckpointTaken(at=at, source=source, checkpoint_id=line.checkpoint_id)
        case _:
            raise AssertionError(line)


def _time(member: str, text: str) -> Millis:
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError):
        raise Contradiction(f"{member}: {text!r} is no time as in RFC 3339, with its zone") from None


def _time_or_none(member: str, text: str | None) -> Millis | None:
    return None if text is None else _time(member, text)


def _expiry(line: lines.VersionLine | lines.AmendmentLine) -> Millis | None:
    if (line.ttl_seconds is None) != (line.expires_at is None):
        raise Contradiction("expires_at: goes with ttl_seconds, and only with it")
    return _time_or_none("expires_at", line.expires_at)


def _path(member: str, text: str, odd: str | UnsetType | None) -> str:
    if not odd:
        return text
    try:
        return from_raw(odd)
    except ValueError:
        raise Contradiction(f"{member}: {odd!r} is not base64") from None


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _or_none(value: T | UnsetType | None) -> T | None:
    return None if value is UNSET else value


def _tuple(values: list[str] | UnsetType) -> tuple[str, ...]:
    return () if values is UNSET else tuple(values)

"""How the daemon's values look to callers."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from omnimem import model
from omnimem.model import SessionState
from omnimemd.domain import entries as domain
from omnimemd.domain.clock import rfc3339, rfc3339_or_none
from omnimemd.domain.entries import Numbered
from omnimemd.domain.memories import Memory, MemoryVersion
from omnimemd.domain.paths import raw, shown
from omnimemd.domain.projects import Place, Project
from omnimemd.domain.rewinding import Step
from omnimemd.domain.sessions import Session
from omnimemd.domain.workspaces import WatchedWorkspace
from omnimemd.services.memories import Written
from omnimemd.services.similar import Similarity

_json = msgspec.json.Encoder().encode


def session(one: Session) -> model.Session:
    """Return *one* as callers see it."""
    return model.Session(
        session_id=one.session_id,
        tool_id=one.tool_id,
        user_id=one.user_id,
        workspace_path=one.workspace,
        project_id=one.project_id,
        state=SessionState.ACTIVE if one.active else SessionState.ENDED,
        created_at=rfc3339(one.created_at),
        last_activity=rfc3339(one.last_activity),
        ended_at=rfc3339_or_none(one.ended_at),
        end_reason=one.end_reason,
        end_detail=one.end_detail,
        continues=one.continues,
        process_id=one.process.identity.pid if one.process else None,
        process_started_at=rfc3339(one.process.started_at) if one.process else None,
        pinned=one.pinned,
        archived=one.archived,
        context_size_bytes=one.size_bytes,
        metrics=one.metrics,
        metadata=dict(one.metadata),
    )


def entry(numbered: Numbered, *, session_id: str | None = None) -> model.Entry:
    """Return *numbered* as callers see it; *session_id* where it stands alone."""
    one, entry_id = numbered.entry, numbered.seq
    timestamp, source = rfc3339(one.at), one.source
    match one:
        case domain.FileAccess():
            return model.AccessEntry(
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                session_id=session_id,
                path=shown(one.path),
                access=one.access,
                importance=one.importance,
                attribution=one.attribution,
                old_path=None if one.old_path is None else shown(one.old_path),
                others=list(one.others) or None,
                path_raw=raw(one.path),
                burst_id=one.burst_id,
                agent_id=one.agent_id,
                same_as=one.same_as,
                restored_from=one.restored_from,
            )
        case domain.Search():
            return model.SearchEntry(
                entry_id=entry_id, timestamp=timestamp, source=source, session_id=session_id, query=one.query
            )
        case domain.Decision():
            return model.DecisionEntry(
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                session_id=session_id,
                decision=one.text,
                restored_from=one.restored_from,
            )
        case domain.MemoryNote():
            return model.MemoryEntry(
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                session_id=session_id,
                memory_id=one.memory_id,
                memory_key=one.memory_key,
            )
        case domain.Scan():
            return model.ScanEntry(
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                session_id=session_id,
                burst_id=one.burst_id,
                started_at=rfc3339(one.started_at),
                ended_at=rfc3339(one.ended_at),
                files=one.files,
                directories=one.directories,
                reads=one.reads,
                writes=one.writes,
                top=[shown(path) for path in one.top],
                attribution=one.attribution,
                others=list(one.others) or None,
            )
        case domain.Gap():
            return model.GapEntry(
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                session_id=session_id,
                started_at=rfc3339(one.started_at),
                ended_at=rfc3339(one.ended_at),
                reason=one.reason,
                reads_unknown=one.reads_unknown,
                recovered=one.recovered,
            )
        case domain.CheckpointTaken():
            return model.CheckpointEntry(
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                session_id=session_id,
                checkpoint_id=one.checkpoint_id,
            )


def memory(one: Memory) -> model.Memory:
    """Return *one* as callers see it."""
    ttl = one.ttl_seconds
    return model.Memory(
        memory_id=one.memory_id,
        project_id=one.project_id,
        memory_key=one.key,
        memory_value=one.value,
        version=one.version,
        created_at=rfc3339(one.created_at),
        updated_at=rfc3339(one.updated_at),
        last_accessed=rfc3339(one.last_accessed),
        accessed_count=one.accessed_count,
        ttl_seconds=int(ttl) if ttl is not None and ttl.is_integer() else ttl,
        expires_at=rfc3339_or_none(one.expires_at),
        metadata_json=_json(one.metadata).decode(),
        metadata=dict(one.metadata),
        files=list(one.files or one.known_files),
        session_id=one.session_id,
        confirmed_at=rfc3339_or_none(one.confirmed_at),
        stale=bool(one.changed_files),
        changed_files=[each.path for each in one.changed_files],
        stale_since=rfc3339_or_none(min((each.at for each in one.changed_files), default=None)),
        deleted=one.deleted,
        expired=one.expired,
    )


def similar(found: Sequence[Similarity]) -> list[model.SimilarMemory] | UnsetType:
    """Return the memories *found* to nearly repeat another as callers see them; nothing where there is none."""
    shown = [model.SimilarMemory(memory_id=one.memory.memory_id, key=one.memory.key, score=one.score) for one in found]
    return shown or UNSET


def memory_written(one: Written, *, similar: list[model.SimilarMemory] | UnsetType = UNSET) -> model.MemoryWritten:
    """Return what became of a write as callers see it."""
    message = "Memory created successfully"
    if one.was_live:
        message = "Memory updated successfully" if one.new_version else "Memory said so already; its expiry is set anew"
    return model.MemoryWritten(
        similar=similar,
        memory_id=one.memory.memory_id,
        project_id=one.memory.project_id,
        key=one.memory.key,
        version=one.memory.version,
        message=message,
    )


def memory_version(one: MemoryVersion) -> model.MemoryVersion:
    """Return *one* as callers see it."""
    return model.MemoryVersion(
        version=one.version,
        memory_value=one.value,
        metadata=dict(one.metadata),
        created_at=rfc3339(one.created_at),
        session_id=one.session_id,
        deleted=one.deleted,
        expired=one.expired,
        files=list(one.files),
        expires_at=rfc3339_or_none(one.expires_at),
    )


def rewound(step: Step) -> model.RewoundMemory:
    """Return *step* as callers see it."""
    return model.RewoundMemory(
        memory_id=step.before.memory_id,
        memory_key=step.before.key,
        change=step.change,
        from_version=step.before.version,
        to_version=step.to_version,
        version=step.after.version,
    )


def project(one: Project) -> model.Project:
    """Return *one* as callers see it."""
    return model.Project(
        project_id=one.project_id,
        name=one.name,
        root=one.root,
        kind=one.kind,
        created_at=rfc3339(one.created_at),
        last_activity=rfc3339(one.last_activity),
        sessions=one.sessions,
        memories=one.memories,
        settings=one.settings,
    )


def resolved(one: Project, place: Place) -> model.ResolvedProject:
    """Return the project *one*, found at *place*, as callers see it."""
    return model.ResolvedProject(
        project_id=one.project_id,
        name=one.name,
        root=place.root,
        worktree=place.worktree,
        kind=place.kind,
        track=place.track,
    )


def workspace(one: WatchedWorkspace) -> model.Workspace:
    """Return *one* as callers see it."""
    return model.Workspace(
        path=one.path,
        project_id=one.project_id,
        state=one.state,
        directories=one.directories,
        reads_observed=one.reads_observed,
        by_hand=one.by_hand,
        since=rfc3339(one.since),
        problem=one.problem,
    )

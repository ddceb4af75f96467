"""Checkpoints over HTTP."""

from collections.abc import Sequence

from omnimem.calls import Operations
from omnimem.model import Checkpoint as Shown
from omnimem.model import (
    CheckpointDecision,
    CheckpointDiff,
    CheckpointFile,
    CheckpointFileChange,
    CheckpointList,
    CheckpointMemory,
    CheckpointReason,
    CheckpointSearch,
)
from omnimemd.api import views
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.checkpoints import Checkpoint, FileChange, KeptDecision, KeptFile
from omnimemd.domain.clock import rfc3339
from omnimemd.services.checkpoints import Checkpoints, Compared
from omnimemd.services.resuming import Resuming
from omnimemd.services.workspaces import Workspaces


def endpoints(checkpoints: Checkpoints, resuming: Resuming, workspaces: Workspaces) -> list[Endpoint]:
    """Return the operations on checkpoints."""

    async def create(received: Received) -> Answer:
        session_id, body = received.ids["session_id"], received.body
        if body.reason == CheckpointReason.COMPACTION:
            taken, new = await checkpoints.take_before_compaction(session_id, name=body.name, note=body.note)
        else:
            taken, new = await checkpoints.take(session_id, name=body.name, note=body.note), True
        return answer(_shown(taken), status=201 if new else 200)

    async def of_session(received: Received) -> Answer:
        return await checkpoints.of_session(received.ids["session_id"], limit=received.query.limit, shown=_listed)

    async def of_project(received: Received) -> Answer:
        return await checkpoints.of_project(received.ids["project_id"], limit=received.query.limit, shown=_listed)

    async def get(received: Received) -> Answer:
        return answer(_shown(await checkpoints.get(received.ids["checkpoint_id"])))

    async def diff(received: Received) -> Answer:
        compared = await checkpoints.compare(received.ids["checkpoint_id"], against=received.query.against)
        return answer(_difference(compared))

    async def restore(received: Received) -> Answer:
        session = await resuming.restore(received.ids["checkpoint_id"], received.body, caller=received.peer.pid)
        received.afterwards = lambda: workspaces.ready(session.workspace)
        return answer(views.session(session), status=201)

    async def keep(received: Received) -> Answer:
        kept = await resuming.keep(received.ids["checkpoint_id"], key=received.body.key)
        return answer(views.memory_written(kept), status=200 if kept.was_live else 201)

    return [
        Endpoint(Operations.create_checkpoint, create),
        Endpoint(Operations.list_checkpoints, of_session),
        Endpoint(Operations.list_project_checkpoints, of_project),
        Endpoint(Operations.get_checkpoint, get),
        Endpoint(Operations.diff_checkpoint, diff),
        Endpoint(Operations.restore_checkpoint, restore),
        Endpoint(Operations.keep_checkpoint, keep),
    ]


def _listed(found: Sequence[Checkpoint]) -> Answer:
    shown = [_shown(one) for one in found]
    return answer(CheckpointList(checkpoints=shown, count=len(shown)))


def _shown(one: Checkpoint) -> Shown:
    content = one.content
    return Shown(
        checkpoint_id=one.checkpoint_id,
        session_id=one.session_id,
        project_id=one.project_id,
        name=one.name,
        note=one.note,
        reason=one.reason,
        created_at=rfc3339(one.created_at),
        summary=content.summary,
        files=list(map(_file, content.files)),
        more_files=content.more_files,
        decisions=list(map(_decision, content.decisions)),
        searches=[
            CheckpointSearch(query=each.query, timestamp=rfc3339(each.at), entry_id=each.seq, led_to=list(each.led_to))
            for each in content.searches
        ],
        memories=[
            CheckpointMemory(
                id=each.memory_id, key=each.key, timestamp=rfc3339(each.at), entry_id=each.seq, how=each.how
            )
            for each in content.memories
        ],
        open_points=list(content.open_points),
        entries_through=one.entries_through,
    )


def _file(one: KeptFile) -> CheckpointFile:
    return CheckpointFile(
        path=one.path,
        importance=one.importance,
        accessed_at=rfc3339(one.at),
        reads=one.reads,
        writes=one.writes,
        created=one.created,
        gone=one.gone,
    )


def _decision(one: KeptDecision) -> CheckpointDecision:
    return CheckpointDecision(decision=one.text, timestamp=rfc3339(one.at), entry_id=one.seq, superseded=one.superseded)


def _change(one: FileChange) -> CheckpointFileChange:
    before, after = one.before, one.after
    return CheckpointFileChange(
        path=after.path,
        importance=after.importance,
        importance_before=before.importance,
        reads=max(after.reads - before.reads, 0),
        writes=max(after.writes - before.writes, 0),
        created=after.created and not before.created,
        gone=after.gone and not before.gone,
    )


def _difference(compared: Compared) -> CheckpointDiff:
    found = compared.difference
    return CheckpointDiff(
        checkpoint_id=compared.checkpoint.checkpoint_id,
        against=None if compared.against is None else compared.against.checkpoint_id,
        files_added=list(map(_file, found.files_added)),
        files_removed=list(map(_file, found.files_removed)),
        files_changed=list(map(_change, found.files_changed)),
        decisions_added=list(map(_decision, found.decisions_added)),
        decisions_superseded=list(map(_decision, found.decisions_superseded)),
        decisions_removed=list(map(_decision, found.decisions_removed)),
        open_points_added=list(found.open_points_added),
        open_points_closed=list(found.open_points_closed),
    )

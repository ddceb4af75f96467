"""The checkpoints of a session, as the lines of an export, and back: there and back is the same value."""

from omnimemd.domain import export_lines as lines
from omnimemd.domain.checkpoints import Checkpoint, Content, KeptDecision, KeptFile, KeptMemory, KeptSearch
from omnimemd.domain.clock import rfc3339
from omnimemd.domain.export_values import time_of


def checkpoint_line(one: Checkpoint) -> lines.CheckpointLine:
    """Return the line of a checkpoint."""
    content = one.content
    return lines.CheckpointLine(
        session_id=one.session_id,
        checkpoint_id=one.checkpoint_id,
        name=one.name,
        note=one.note,
        reason=one.reason,
        created_at=rfc3339(one.created_at),
        entries_through=one.entries_through,
        summary=content.summary,
        files=[
            lines.CheckpointFile(
                path=file.path,
                importance=file.importance,
                accessed_at=rfc3339(file.at),
                reads=file.reads,
                writes=file.writes,
                created=file.created,
                gone=file.gone,
            )
            for file in content.files
        ],
        more_files=content.more_files,
        decisions=[
            lines.CheckpointDecision(
                decision=each.text, timestamp=rfc3339(each.at), entry_id=each.seq, superseded=each.superseded
            )
            for each in content.decisions
        ],
        searches=[
            lines.CheckpointSearch(
                query=each.query, timestamp=rfc3339(each.at), entry_id=each.seq, led_to=list(each.led_to)
            )
            for each in content.searches
        ],
        memories=[
            lines.CheckpointMemory(
                memory_id=each.memory_id,
                memory_key=each.key,
                timestamp=rfc3339(each.at),
                entry_id=each.seq,
                how=each.how,
            )
            for each in content.memories
        ],
        open_points=list(content.open_points),
    )


def checkpoint_of(line: lines.CheckpointLine, *, project_id: str) -> Checkpoint:
    """Return the checkpoint of *line*, of a session in the project *project_id*.

    Raises:
        Contradiction: a time is none.
    """
    content = Content(
        summary=line.summary,
        files=tuple(
            KeptFile(
                path=file.path,
                importance=file.importance,
                at=time_of("files.accessed_at", file.accessed_at),
                reads=file.reads,
                writes=file.writes,
                created=file.created,
                gone=file.gone,
            )
            for file in line.files
        ),
        more_files=line.more_files,
        decisions=tuple(
            KeptDecision(
                at=time_of("decisions.timestamp", each.timestamp),
                text=each.decision,
                seq=each.entry_id,
                superseded=each.superseded,
            )
            for each in line.decisions
        ),
        searches=tuple(
            KeptSearch(
                at=time_of("searches.timestamp", each.timestamp),
                query=each.query,
                seq=each.entry_id,
                led_to=tuple(each.led_to),
            )
            for each in line.searches
        ),
        memories=tuple(
            KeptMemory(
                at=time_of("memories.timestamp", each.timestamp),
                seq=each.entry_id,
                memory_id=each.memory_id,
                key=each.memory_key,
                how=each.how,
            )
            for each in line.memories
        ),
        open_points=tuple(line.open_points),
    )
    return Checkpoint(
        checkpoint_id=line.checkpoint_id,
        session_id=line.session_id,
        project_id=project_id,
        name=line.name,
        note=line.note,
        reason=line.reason,
        created_at=time_of("created_at", line.created_at),
        entries_through=line.entries_through,
        content=content,
    )

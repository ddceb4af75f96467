"""The entries of a session, as the lines of an export, and back: there and back is the same value."""

from msgspec import UNSET

from omnimemd.domain import entries as domain
from omnimemd.domain import export_lines as lines
from omnimemd.domain.clock import rfc3339
from omnimemd.domain.entries import Entry, Numbered
from omnimemd.domain.export_values import Contradiction, or_none, or_unset, path_of, time_of, tuple_of
from omnimemd.domain.paths import raw, shown


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
                burst_id=or_unset(one.burst_id),
                agent_id=or_unset(one.agent_id),
                same_as=or_unset(one.same_as),
                restored_from=or_unset(one.restored_from),
            )
        case domain.Search():
            return lines.SearchLine(
                session_id=session_id, entry_id=entry_id, timestamp=timestamp, source=source, query=one.query
            )
        case domain.Decision():
            return lines.DecisionLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                decision=one.text,
                restored_from=or_unset(one.restored_from),
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
            return lines.CheckpointTakenLine(
                session_id=session_id,
                entry_id=entry_id,
                timestamp=timestamp,
                source=source,
                checkpoint_id=one.checkpoint_id,
            )


def entry_of(line: lines.EntryLine) -> Numbered:
    """Return the entry of *line*.

    Raises:
        Contradiction: a time or a path is none.
    """
    return Numbered(line.entry_id, _entry(line))


def _entry(line: lines.EntryLine) -> Entry:
    at, source = time_of("timestamp", line.timestamp), line.source
    match line:
        case lines.AccessLine():
            return domain.FileAccess(
                at=at,
                source=source,
                path=path_of("path", line.path, line.path_raw),
                access=line.access,
                attribution=line.attribution,
                importance=line.importance,
                old_path=None if line.old_path is UNSET else path_of("old_path", line.old_path, line.old_path_raw),
                others=tuple_of(line.others),
                burst_id=or_none(line.burst_id),
                agent_id=or_none(line.agent_id),
                same_as=or_none(line.same_as),
                restored_from=or_none(line.restored_from),
            )
        case lines.SearchLine():
            return domain.Search(at=at, source=source, query=line.query)
        case lines.DecisionLine():
            return domain.Decision(at=at, source=source, text=line.decision, restored_from=or_none(line.restored_from))
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
                started_at=time_of("started_at", line.started_at),
                ended_at=time_of("ended_at", line.ended_at),
                files=line.files,
                directories=line.directories,
                reads=line.reads,
                writes=line.writes,
                top=tuple(path_of("top_raw", path, one) for path, one in zip(line.top, odd, strict=True)),
                attribution=line.attribution,
                others=tuple_of(line.others),
            )
        case lines.GapLine():
            return domain.Gap(
                at=at,
                source=source,
                started_at=time_of("started_at", line.started_at),
                ended_at=time_of("ended_at", line.ended_at),
                reason=line.reason,
                reads_unknown=line.reads_unknown,
                recovered=line.recovered,
            )
        case lines.CheckpointTakenLine():
            return domain.CheckpointTaken(at=at, source=source, checkpoint_id=line.checkpoint_id)
        case _:
            raise AssertionError(line)

"""What a session had come to at a moment: what is kept of it, when that is done unasked, and what lies between two.

A checkpoint is taken unasked when its session ended, and when much has changed in it (`has_grown`). One that would say
what the last one says is not taken, nor one of a session in which nothing was said or changed. Of those taken unasked a
session keeps MOST_AUTOMATIC; those that somebody asked for are never let go of.
"""

import hashlib
import zlib
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.model import Access, Attribution, CheckpointReason, EntryKind, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import FileWork, How, Looked, Noted, Said, SessionDigest
from omnimemd.domain.entries import Decision, Entry, FileAccess, Numbered
from omnimemd.domain.importance import is_noise
from omnimemd.domain.open_points import OpenPoint, open_points
from omnimemd.domain.sessions import Session
from omnimemd.domain.summary import summarise
from omnimemd.domain.superseding import Decided, superseded

#: The reasons of those that are taken when a session ended.
AT_END: Final = (CheckpointReason.ENDED, CheckpointReason.PROCESS_EXITED)
#: Checkpoints of a session that were taken unasked, and are kept.
MOST_AUTOMATIC: Final = 8
#: Milliseconds between a checkpoint, or the beginning of the session, and one because much has changed since.
GROWTH_MS: Final = 10 * 60_000
#: Files by whose paths a checkpoint is searched for.
_WORDED_FILES: Final = 30
#: Tokens of a summary.
_SUMMARY_TOKENS: Final = 1_500
#: What is much: so many entries, or decisions, or changed files that are more than noise.
GROWN_ENTRIES: Final = 500
_GROWN_DECISIONS: Final = 8
_GROWN_FILES: Final = 25


class KeptFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file the session worked on."""

    path: str  #: absolute, as it is shown: a byte that is not UTF-8 as `\xNN`
    importance: float
    at: Millis  #: of its latest access
    reads: int = 0
    writes: int = 0
    created: bool = False
    gone: bool = False


class KeptDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was decided."""

    at: Millis
    text: str
    seq: int  #: of its entry, as in the next two
    superseded: bool = False  #: a later one took its place


class KeptSearch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A search, and the files that it led to."""

    at: Millis
    query: str
    seq: int
    led_to: tuple[str, ...] = ()


class KeptMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A memory that was written or used."""

    at: Millis
    seq: int
    memory_id: str
    how: How
    key: str | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a checkpoint holds. Nothing in it tells when it was taken: the same work is the same content."""

    summary: str  #: markdown
    files: tuple[KeptFile, ...] = ()  #: most important first
    more_files: int = 0  #: so many besides
    decisions: tuple[KeptDecision, ...] = ()  #: oldest first, as are the next
    searches: tuple[KeptSearch, ...] = ()
    memories: tuple[KeptMemory, ...] = ()
    open_points: tuple[str, ...] = ()

    @property
    def telling(self) -> bool:
        """Whether anything was said or changed."""
        changed = any(file.writes or file.created or file.gone for file in self.files)
        return changed or bool(self.decisions or self.searches or self.memories)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A content with its place in a session."""

    checkpoint_id: str
    session_id: str
    project_id: str
    name: str | None
    note: str | None
    reason: CheckpointReason
    created_at: Millis
    entries_through: int  #: the last entry of the session that went into it
    content: Content


class FileChange(msgspec.Struct, frozen=True):
    """A file that two contents have, and that was worked on in between."""

    before: KeptFile
    after: KeptFile


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What is another in the later of two contents."""

    files_added: tuple[KeptFile, ...]
    files_removed: tuple[KeptFile, ...]  #: no more among the most important ones
    files_changed: tuple[FileChange, ...]
    decisions_added: tuple[KeptDecision, ...]
    decisions_superseded: tuple[KeptDecision, ...]  #: of those that were there before
    decisions_removed: tuple[KeptDecision, ...]
    open_points_added: tuple[str, ...]
    open_points_closed: tuple[str, ...]


class Packed(msgspec.Struct, frozen=True):
    """A content as it is stored."""

    digest: bytes  #: equal for equal contents
    data: bytes


def content_of(digest: SessionDigest, *, ended: bool) -> Content:
    """Return what a checkpoint holds of the session that *digest* is of; with *ended* it says how that ended."""
    gave_way = superseded([Decided(str(one.seq), one.at, one.text) for one in digest.decisions])
    return Content(
        summary=summarise(digest, max_tokens=_SUMMARY_TOKENS, ending=ended).markdown,
        files=tuple(
            KeptFile(
                path=file.path,
                importance=file.importance,
                at=file.at,
                reads=file.reads,
                writes=file.writes,
                created=file.created,
                gone=file.gone,
            )
            for file in digest.files
        ),
        more_files=digest.more_files,
        decisions=tuple(
            KeptDecision(at=one.at, text=one.text, seq=one.seq, superseded=str(one.seq) in gave_way)
            for one in digest.decisions
        ),
        searches=tuple(
            KeptSearch(at=one.at, query=one.query, seq=one.seq, led_to=one.led_to) for one in digest.searches
        ),
        memories=tuple(
            KeptMemory(at=one.at, seq=one.seq, memory_id=one.memory_id, key=one.key, how=one.how)
            for one in digest.memories
        ),
        open_points=tuple(_told(point) for point in open_points(digest)),
    )


def without(
    checkpoint: Checkpoint, session: Session, *, kinds: Collection[EntryKind], before: Millis
) -> Content | None:
    """Return what *checkpoint*, of *session*, holds once entries of *kinds* from before *before* are gone.

    None where it holds none of them.
    """
    content = checkpoint.content
    decisions = [one for one in content.decisions if EntryKind.DECISION not in kinds or one.at >= before]
    searches = [one for one in content.searches if EntryKind.SEARCH not in kinds or one.at >= before]
    if len(decisions) + len(searches) == len(content.decisions) + len(content.searches):
        return None
    gone = {one.text for one in content.decisions} - {one.text for one in decisions}
    digest = SessionDigest(
        session_id=session.session_id,
        project_id=session.project_id,
        tool_id=session.tool_id,
        workspace=session.workspace,
        created_at=session.created_at,
        last_activity=session.last_activity,
        ended_at=session.ended_at,
        end_reason=session.end_reason,
        end_detail=session.end_detail,
        continues=session.continues,
        files=tuple(
            FileWork(file.path, file.importance, file.reads, file.writes, file.created, file.gone, file.at)
            for file in content.files
        ),
        more_files=content.more_files,
        decisions=tuple(Said(one.seq, one.at, one.text) for one in decisions),
        searches=tuple(Looked(one.seq, one.at, one.query, one.led_to) for one in searches),
        memories=tuple(Noted(one.seq, one.at, one.memory_id, one.key, How(one.how)) for one in content.memories),
    )
    return replace(
        content_of(digest, ended=checkpoint.reason in AT_END),
        open_points=tuple(point for point in content.open_points if point not in gone),
    )


def words_of(checkpoint: Checkpoint) -> str:
    """Return the text by which *checkpoint* is searched for: what it says, line by line."""
    content = checkpoint.content
    return "\n".join(
        (
            *filter(None, (checkpoint.name, checkpoint.note)),
            *(one.text for one in content.decisions),
            *(one for one in content.open_points if all(one != said.text for said in content.decisions)),
            *(one.query for one in content.searches),
            *(one.key for one in content.memories if one.key),
            *(file.path for file in content.files[:_WORDED_FILES]),
        )
    )


def packed(content: Content) -> Packed:
    """Return *content* as it is stored."""
    text = msgspec.json.encode(content)
    return Packed(hashlib.sha256(text).digest(), zlib.compress(text))


def unpacked(data: bytes) -> Content:
    """Return the content that `packed` made *data* of."""
    return msgspec.json.decode(zlib.decompress(data), type=Content)


def has_grown(entries: Sequence[Numbered], *, workspace: str) -> bool:
    """Return whether *entries*, all there are since the last checkpoint or the first of them, are much."""
    if len(entries) >= GROWN_ENTRIES:
        return True
    decisions = sum(isinstance(one.entry, Decision) for one in entries)
    changed = {
        one.entry.path
        for one in entries
        if isinstance(one.entry, FileAccess)
        and one.entry.access is not Access.READ
        and not is_noise(one.entry.path, workspace=workspace)
    }
    return decisions >= _GROWN_DECISIONS or len(changed) >= _GROWN_FILES


def surplus(taken: Sequence[tuple[str, Millis]]) -> list[str]:
    """Return which of the checkpoints that were *taken* unasked are to go.

    The last one stays, and the first; of the others goes, as often as there are too many, the one that lies nearest in
    time behind the one before it, so that what stays is spread over the session.

    Args:
        taken: the id of each and when it was taken, oldest first.
    """
    kept, gone = list(taken), []
    while len(kept) > MOST_AUTOMATIC:
        gaps = [kept[place][1] - kept[place - 1][1] for place in range(1, len(kept) - 1)]
        gone.append(kept.pop(1 + gaps.index(min(gaps)))[0])
    return gone


def difference(before: Content, after: Content) -> Difference:
    """Return what is another in *after* than in *before*, which is earlier or another session's."""
    files_before = {file.path: file for file in before.files}
    files_after = {file.path: file for file in after.files}
    said_before = {(one.at, one.text): one for one in before.decisions}
    said_after = {(one.at, one.text): one for one in after.decisions}
    return Difference(
        files_added=tuple(file for path, file in files_after.items() if path not in files_before),
        files_removed=tuple(file for path, file in files_before.items() if path not in files_after),
        files_changed=tuple(
            FileChange(files_before[path], file)
            for path, file in files_after.items()
            if path in files_before and file != files_before[path]
        ),
        decisions_added=tuple(one for key, one in said_after.items() if key not in said_before),
        decisions_superseded=tuple(
            one
            for key, one in said_after.items()
            if one.superseded and key in said_before and not said_before[key].superseded
        ),
        decisions_removed=tuple(one for key, one in said_before.items() if key not in said_after),
        open_points_added=_without(after.open_points, before.open_points),
        open_points_closed=_without(before.open_points, after.open_points),
    )


def restored(checkpoint: Checkpoint) -> list[Entry]:
    """Return what a session that starts from *checkpoint* begins with: its files and decisions, oldest first.

    Each has the time it had, and says where it is from. A file that was gone is left out.
    """
    checkpoint_id, content = checkpoint.checkpoint_id, checkpoint.content
    files = [
        FileAccess(
            at=file.at,
            source=Source.API,
            path=file.path,
            access=Access.READ,
            attribution=Attribution.EXACT,
            importance=file.importance,
            restored_from=checkpoint_id,
        )
        for file in content.files
        if not file.gone
    ]
    decisions = [
        Decision(at=one.at, source=Source.API, text=one.text, restored_from=checkpoint_id) for one in content.decisions
    ]
    return sorted([*files, *decisions], key=lambda entry: entry.at)


def _without(points: Sequence[str], others: Collection[str]) -> tuple[str, ...]:
    return tuple(point for point in points if point not in others)


def _told(point: OpenPoint) -> str:
    return point.text or f"it was in the middle of writing {', '.join(point.files)}"

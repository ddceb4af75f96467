"""The digest of a session: what it was about, small however long it was.

Checkpoints hold one, summaries and briefings are made of them. It has the files that mattered most, what was decided,
the searches that led somewhere, and the memories that were written and used. Files come of the folded context; the rest
is folded here, entry by entry, so that going on from a kept fold and folding everything anew give the same.

A search led somewhere if a file was read or written within ten minutes behind it, before the next search, that the
session then worked with: it wrote it, or came back to it, or somebody said that it matters. What a burst swept up, and
what may have been another session's, was not led to.
"""

import enum
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.model import Access, EndReason, EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Decision, FileAccess, MemoryNote, Numbered, Search
from omnimemd.domain.paths import shown
from omnimemd.domain.sessions import Session

#: The most of each that a digest has.
MOST_FILES: Final = 200
MOST_DECISIONS: Final = 200
MOST_SEARCHES: Final = 50
MOST_MEMORIES: Final = 100
#: Characters of a decision and of a search that it has; what is longer ends with "…".
LONGEST_TEXT: Final = 2_000
LONGEST_QUERY: Final = 400

#: Of more decisions than it can hold, so many of the first stay: what has stood longest is what the others stand on.
_FIRST_DECISIONS: Final = 50
#: Searches that may still turn out to have led somewhere: as long as the session goes on, it may come back to a file.
_MOST_OPEN: Final = 4 * MOST_SEARCHES
#: Files that a search can have led to, and within what time behind it.
_MOST_LED_TO: Final = 8
_SOON_MS: Final = 600_000


class How(enum.StrEnum):
    """What a session did with a memory."""

    WRITTEN = "written"
    USED = "used"  #: it read it


class FileWork(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file, and what was done with it."""

    path: str  #: absolute, as it is shown: a byte that is not UTF-8 as `\xNN`
    importance: float  #: 0…1
    reads: int  #: bursts left aside
    writes: int  #: bursts left aside; whatever changed it, its deletion included
    created: bool  #: it came to be in the session
    gone: bool  #: it was deleted, or moved away
    at: Millis  #: of the latest access


class Said(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A decision."""

    seq: int
    at: Millis
    text: str


class Looked(msgspec.Struct, frozen=True, array_like=True):
    """A search that led somewhere."""

    seq: int
    at: Millis
    query: str
    led_to: tuple[str, ...]  #: paths as in `FileWork`, ≥ 1, in the order in which they were come to


class Noted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A memory that the session had to do with."""

    seq: int  #: of the latest entry that says so; 0: none does
    at: Millis
    memory_id: str
    key: str | None
    how: How


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a folded context says of a session, up to the entry `through`."""

    through: int
    files: tuple[FileWork, ...]  #: the most important first
    more_files: int
    decisions: int  #: how many there were in all
    searches: int
    scans: int
    gaps: int
    worked_with: frozenset[str]  #: the paths, as they are shown, of what was written, come back to, or said to matter


class SessionDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What a session was about, up to the entry `through`."""

    session_id: str
    project_id: str
    tool_id: str
    workspace: str
    created_at: Millis
    last_activity: Millis
    ended_at: Millis | None = None
    end_reason: EndReason | None = None
    end_detail: str | None = None
    continues: str | None = None
    archived: bool = False
    through: int = 0
    files: tuple[FileWork, ...] = ()  #: the most important first; none that only a burst touched
    more_files: int = 0  #: there were besides
    decisions: tuple[Said, ...] = ()  #: oldest first
    more_decisions: int = 0  #: there were between the first of `decisions` and the others
    searches: tuple[Looked, ...] = ()  #: that led somewhere, oldest first
    more_searches: int = 0  #: there were besides; few of these led anywhere
    memories: tuple[Noted, ...] = ()  #: what was written, the latest last, then what was used
    scans: int = 0
    gaps: int = 0

    @property
    def active(self) -> bool:
        """Whether the session still runs."""
        return self.ended_at is None


def digest_of(session: Session, content: "Content", *, used: Sequence[Noted] = ()) -> SessionDigest:
    """Return the digest that has *content*, of *session* as it is now, with the memories that it *used*."""
    return SessionDigest(
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
        archived=session.archived,
        through=content.through,
        files=content.files,
        more_files=content.more_files,
        decisions=content.decisions,
        more_decisions=content.more_decisions,
        searches=content.searches,
        more_searches=content.more_searches,
        memories=(*content.memories, *used),
        scans=content.scans,
        gaps=content.gaps,
    )


class Content(msgspec.Struct, frozen=True, array_like=True):
    """A digest without what the session itself says; its members are those of `SessionDigest`."""

    through: int = 0
    files: tuple[FileWork, ...] = ()
    more_files: int = 0
    decisions: tuple[Said, ...] = ()
    more_decisions: int = 0
    searches: tuple[Looked, ...] = ()
    more_searches: int = 0
    memories: tuple[Noted, ...] = ()
    scans: int = 0
    gaps: int = 0


class DigestFold:
    """What was said in a session, and where its searches led, up to the entry `through`. Mutable."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.through = 0  #: seq of the last entry folded
        self._first: list[Said] = []
        self._latest: list[Said] = []
        self._open: list[Looked] = []  # with what each may have led to; the last one may still lead on
        self._memories: dict[tuple[str, How], Noted] = {}  # the latest last

    def apply(self, numbered: Numbered) -> None:
        """Fold one more entry; entries come in the order of their seq."""
        self.through = numbered.seq
        match numbered.entry:
            case FileAccess() as access:
                self._access(access)
            case Search(at=at, query=query):
                self._drop_unled()
                self._open.append(Looked(numbered.seq, at, _cut(query, LONGEST_QUERY), ()))
            case Decision(at=at, text=text):
                self._decide(Said(numbered.seq, at, _cut(text, LONGEST_TEXT)))
            case MemoryNote(at=at, memory_id=memory_id, memory_key=key):
                self._note(Noted(numbered.seq, at, memory_id, key, How.WRITTEN))

    def forget(self, kinds: Collection[EntryKind], *, before: Millis | None) -> None:
        """Let go of what entries of *kinds*, from before *before* or all, said."""

        def stays(one: Said | Looked | Noted) -> bool:
            return before is not None and one.at >= before

        if EntryKind.DECISION in kinds:
            self._first, self._latest = list(filter(stays, self._first)), list(filter(stays, self._latest))
        if EntryKind.SEARCH in kinds:
            self._open = list(filter(stays, self._open))
        if EntryKind.MEMORY in kinds:
            self._memories = {key: one for key, one in self._memories.items() if stays(one)}

    def content(self, work: Work) -> Content:
        """Return the content of the digest, together with *work*, which goes as far as this or further."""
        led = [replace(one, led_to=tuple(filter(work.worked_with.__contains__, one.led_to))) for one in self._open]
        searches = [one for one in led if one.led_to][-MOST_SEARCHES:]
        decisions = (*self._first, *self._latest)
        return Content(
            through=self.through,
            files=work.files,
            more_files=work.more_files,
            decisions=decisions,
            more_decisions=max(work.decisions - len(decisions), 0),
            searches=tuple(searches),
            more_searches=max(work.searches - len(searches), 0),
            memories=tuple(self._memories.values()),
            scans=work.scans,
            gaps=work.gaps,
        )

    def rest(self) -> bytes:
        """Return what a content does not have of this, to be given to `restore` with it."""
        return _encode(_Rest(len(self._first), self._open))

    @classmethod
    def restore(cls, content: Content, rest: bytes) -> "DigestFold":
        """Return the fold that *content* and *rest* were made of."""
        kept = _decode(rest)
        fold = cls()
        fold.through, fold._open = content.through, kept.open
        fold._first, fold._latest = list(content.decisions[: kept.first]), list(content.decisions[kept.first :])
        fold._memories = {(one.memory_id, one.how): one for one in content.memories}
        return fold

    def _access(self, access: FileAccess) -> None:
        if access.old_path is not None and access.old_path != access.path:
            self._move(shown(access.old_path), shown(access.path))
        meant = access.burst_id is None and access.access is not Access.DELETE
        if not self._open or not meant or access.others:
            return
        latest, path = self._open[-1], shown(access.path)
        more = len(latest.led_to) < _MOST_LED_TO and path not in latest.led_to
        if more and 0 <= access.at - latest.at <= _SOON_MS:
            self._open[-1] = replace(latest, led_to=(*latest.led_to, path))

    def _move(self, old: str, new: str) -> None:
        """Have the searches that led to *old* lead to where it is now."""
        for number, one in enumerate(self._open):
            if old in one.led_to:
                paths = dict.fromkeys(new if path == old else path for path in one.led_to)
                self._open[number] = replace(one, led_to=tuple(paths))

    def _drop_unled(self) -> None:
        """Let go of the latest search if it led nowhere, and of the first of too many."""
        if self._open and not self._open[-1].led_to:
            del self._open[-1]
        del self._open[: -_MOST_OPEN + 1]

    def _decide(self, said: Said) -> None:
        if len(self._first) < _FIRST_DECISIONS and not self._latest:
            self._first.append(said)
        else:
            self._latest.append(said)
            del self._latest[: _FIRST_DECISIONS - MOST_DECISIONS]

    def _note(self, noted: Noted) -> None:
        self._memories.pop((noted.memory_id, noted.how), None)
        self._memories[noted.memory_id, noted.how] = noted
        if len(self._memories) > MOST_MEMORIES:
            del self._memories[next(iter(self._memories))]


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    first: int  # of the decisions, so many are the first
    open: list[Looked]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

"""What could be told to a session that begins, line by line, and what each line is worth to it.

Pure: what is known of the project comes in, candidates for a document go out. Nothing here reads a clock, so the same
store and the same question give the same lines, now and in an hour.

Most of what is known has no chance in a small budget. So everything is weighed by what costs little, and only of the
best, some times as many as there is room for, the lines are made.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

import msgspec

from omnimemd.domain import digest
from omnimemd.domain import worth as rules
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import FileWork, SessionDigest
from omnimemd.domain.fencing import one_line
from omnimemd.domain.memories import Memory
from omnimemd.domain.open_points import Kind, kind_of, open_points
from omnimemd.domain.packing import Candidate
from omnimemd.domain.relating import (
    FilesAtHand,
    Node,
    Said,
    Words,
    either,
    scores,
    sharpened,
    terms_of,
    with_company,
)
from omnimemd.domain.search_terms import terms
from omnimemd.domain.sessions import AMBIENT_TOOL
from omnimemd.domain.superseding import Decided, superseded
from omnimemd.domain.wording import Paths, day, moment, state
from omnimemd.domain.worth import Asked, What, days_of, worth

WARNINGS: Final = "Warnings"
OPEN: Final = "Left open"
MEMORIES: Final = "Memories"
DECISIONS: Final = "Decisions"
SESSIONS: Final = "Sessions"
FILES: Final = "Files"
SEARCHES: Final = "Looked up"
CHECKPOINTS: Final = "Checkpoints"
#: The sections as they follow each other.
ORDER: Final = (WARNINGS, OPEN, MEMORIES, DECISIONS, SESSIONS, FILES, SEARCHES, CHECKPOINTS)

#: Decisions that are looked at, the latest first, besides those that the search finds.
_DECISIONS: Final = 150
#: The last sessions whose open points are looked for; files and searches of each session that may be told.
_OPEN_OF: Final = 6
_FILES: Final = 12
_SEARCHES: Final = 10
#: Files below this importance are told to nobody who does not have them at hand.
_UNIMPORTANT: Final = 0.2
#: What is told of a project without a past.
_NOTHING: Final = "nothing is recorded yet"
#: Characters of a memory, and of other lines; and of the shorter wordings of both.
_VALUE: Final = 600
_TEXT: Final = 400
_SHORTER: Final = (160, 80)
#: Files in the wordings of a session's line, and what each takes, more or less.
_CHANGED: Final = (6, 3, 1)
_NAME: Final = 15
#: Files that a search led to, in its line.
_LED_TO: Final = 3
#: Lines that are made: these, and one for so many tokens of the budget.
_MADE: Final = 60
_TOKENS_A_LINE: Final = 8
#: Characters that a line has besides its text, more or less.
_SOURCE: Final = 30
#: Texts whose kind is kept: those of a dozen projects.
_READ: Final = 4_000


class Line(msgspec.Struct, frozen=True):
    """A line that could be told, and what it is about."""

    what: What
    candidate: Candidate
    paths: tuple[str, ...] = ()  #: absolute


class Lines(msgspec.Struct, frozen=True):
    """What could be told."""

    lines: list[Line]  #: each section in its order
    left_out: int  #: things besides that have no chance


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what for."""

    query: str = ""
    files: tuple[str, ...] = ()  #: absolute paths it has at hand
    continues: str | None = None  #: the session it goes on from


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that the search found, of whatever age."""

    source: str
    session_id: str
    at: Millis
    text: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that somebody named, or wrote a note to."""

    checkpoint_id: str
    session_id: str
    at: Millis
    name: str
    note: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a project, without what is the asker's own."""

    root: str = ""  #: the folder that paths are shown relative to
    sessions: Sequence[SessionDigest] = ()  #: newest activity first
    memories: Sequence[Memory] = ()  #: live ones
    told: Sequence[Told] = ()  #: what the search found of older sessions
    checkpoints: Sequence[Kept] = ()
    problems: Sequence[str] = ()  #: why not everything in the project's folder is seen


def lines(known: Known, asker: Asker, *, max_tokens: int) -> Lines:
    """Return what could be told to *asker* in *max_tokens*."""
    most = _MADE + max_tokens // _TOKENS_A_LINE
    all_there_is = _Offers(known, asker)
    offers = list(all_there_is.all())
    if len(offers) > most:
        best = sorted(range(len(offers)), key=lambda index: -offers[index].density)[:most]
        left_out, offers = len(offers) - most, [offers[index] for index in sorted(best)]
    else:
        left_out = 0
    made = list(map(all_there_is.line, offers))
    return Lines(made or [Line(What.SESSION, Candidate(SESSIONS, _NOTHING, "omnimem", worth=1.0))], left_out)


class _Offer(msgspec.Struct, gc=False):
    """What may become a line; its texts are as they are stored."""

    what: What
    section: str
    text: str
    source: str
    worth: float
    paths: tuple[str, ...] = ()
    most: int = _TEXT  #: characters of the line

    @property
    def density(self) -> float:
        """What it is worth for each character, more or less."""
        length = min(len(self.text), self.most)
        return rules.of_length(self.worth, length) / (length + _SOURCE)


class _Decision(msgspec.Struct, frozen=True):
    source: str
    session_id: str
    at: Millis
    text: str


class _Offers:
    """What may be told to one asker."""

    def __init__(self, known: Known, asker: Asker) -> None:
        self._known = known
        self._asker = asker
        self._paths = Paths(known.root, (one.workspace for one in known.sessions))
        self._ages = days_of(one for session in known.sessions for one in (session.created_at, session.last_activity))
        self._decisions = list(_decisions(known))
        self._files = {one.session_id: one.files[:_FILES] for one in known.sessions}
        paths = {self._paths.shown(file.path) for files in self._files.values() for file in files}
        documents = [terms_of(one.text[:_TEXT]) for one in self._decisions]
        documents += [terms_of(_said_by(one)) for one in known.memories]
        documents += map(terms_of, sorted(paths))
        found_in = Counter(chain.from_iterable(documents))
        self._common = frozenset(term for term, count in found_in.items() if count > 1)
        self._query = Words([terms(asker.query[:_TEXT])], documents)
        self._at_hand = FilesAtHand(map(self._paths.shown, asker.files), documents)
        self._asks = bool(self._query) or bool(self._at_hand)
        self._relations = self._related() if self._asks else {}

    def all(self) -> Iterator[_Offer]:
        """Yield everything, each section in its order."""
        yield from self._warnings()
        still_open = list(self._open())
        yield from still_open
        yield from self._memories()
        yield from self._told({one.source for one in still_open})
        yield from self._sessions()
        yield from self._worked_at()
        yield from self._searches()
        yield from self._checkpoints()

    def line(self, offer: _Offer) -> Line:
        """Return the line that *offer* becomes."""
        if offer.what is What.SESSION:
            full, *cut = self._of_session(offer)
        else:
            led_to = f" → {self._paths.grouped(offer.paths[:_LED_TO])}" if offer.what is What.SEARCH else ""
            full = one_line(offer.text + led_to, most=offer.most)
            cut = [one_line(full, most=length) for length in _SHORTER if length < len(full)]
        shorter = tuple(one for one in cut if len(one) < len(full))
        value = rules.of_length(offer.worth, len(full))
        return Line(offer.what, Candidate(offer.section, full, offer.source, value, shorter), offer.paths)

    # What things have to do with the asker.

    def _related(self) -> dict[str, float]:
        """Return the relation of everything that has one, by source; of a file in a session, by that and the path."""
        found = self._ranked()
        for one in self._decisions:
            found[one.source] = max(found.get(one.source, 0.0), self._by_words(one.text[:_TEXT]))
        for memory in self._known.memories:
            of_files = max((self._at_hand.near(self._paths.shown(path)) for path in _files_of(memory)), default=0.0)
            by_words = max(found.get(memory.memory_id, 0.0), self._by_words(_said_by(memory)))
            found[memory.memory_id] = either(by_words, of_files)
        company: dict[str, float] = {}
        for session in self._known.sessions:
            nodes = [Node(_source(session, said.seq), said.at) for said in session.decisions]
            nodes += [Node(one.memory_id, one.at) for one in session.memories]
            for looked in session.searches:
                source = _source(session, looked.seq)
                found[source] = max(found.get(source, 0.0), self._by_words(looked.query))
                nodes.append(Node(source, looked.at))
            for file in self._files[session.session_id]:
                path, source = self._paths.shown(file.path), _file_source(session, file)
                found[source] = either(self._query.related(terms_of(path)), self._at_hand.near(path))
                nodes.append(Node(source, file.at))
            for source, relation in with_company(nodes, found).items():
                company[source] = max(company.get(source, 0.0), relation)
        return sharpened(found | company)

    def _ranked(self) -> dict[str, float]:
        """Return the score that a search would give to what was said, by source, if this were all there is."""
        said = [Said(one.memory_id, one.updated_at, None, 0, _said_by(one)) for one in self._known.memories]
        for place, one in enumerate(reversed(self._decisions)):
            said.append(Said(one.source, one.at, one.session_id, place, one.text[:_TEXT]))
        return scores(terms(self._asker.query[:_TEXT]), said)

    def _by_words(self, text: str) -> float:
        found = terms_of(text)
        return either(self._query.related(found), self._at_hand.named(found))

    def _asked(self, source: str, session_id: str | None = None) -> Asked:
        continued = session_id is not None and session_id == self._asker.continues
        return Asked(self._relations.get(source, 0.0), self._asks, continued)

    def _worth(self, what: What, *, at: Millis | None = None, asked: Asked | None = None, times: float = 1.0) -> float:
        age = 0 if at is None else self._ages.age(at)
        return worth(what, age=age, asked=asked or Asked(), times=times)

    # What may be told.

    def _warnings(self) -> Iterator[_Offer]:
        value = self._worth(What.WARNING)
        for session in _of_tools(self._known.sessions):
            both = [one for one in session.files if session.active and one.writes and one.path in self._asker.files]
            if both:
                both.sort(key=lambda one: (-one.at, one.path))
                paths = tuple(one.path for one in both)
                text = (
                    f"{session.tool_id} is at work in another session and changes the same files, "
                    f"last at {moment(both[0].at)}: {self._paths.grouped(paths)}"
                )
                yield _Offer(What.WARNING, WARNINGS, text, session.session_id, value, paths)
        for problem in self._known.problems:
            yield _Offer(What.WARNING, WARNINGS, problem, "status", value)

    def _open(self) -> Iterator[_Offer]:
        later: list[digest.Said] = []
        for session in _of_tools(self._known.sessions)[:_OPEN_OF]:
            for point in open_points(session, later=later):
                if point.seq is None and point.text:
                    continue  # as it ended: the line of the session says so
                source = session.session_id if point.seq is None else _source(session, point.seq)
                text = point.text or f"Was being changed when the session died: {self._paths.grouped(point.files)}"
                value = self._worth(What.OPEN, at=point.at, asked=self._asked(source, session.session_id))
                yield _Offer(What.OPEN, OPEN, text, source, value, point.files)
            later += session.decisions

    def _memories(self) -> list[_Offer]:
        made = []
        for one in self._known.memories:
            stale = bool(one.changed_files)
            value = self._worth(
                What.MEMORY,
                at=max(one.updated_at, one.confirmed_at or one.updated_at),
                asked=self._asked(one.memory_id, one.session_id),
                times=rules.of_memory(reads=one.accessed_count, stale=stale),
            )
            text = f"{one.key}: {one.value[: 4 * _VALUE]}"
            if stale:
                paths = ", ".join(self._paths.shown(file.path) for file in one.changed_files[:3])
                text = f"stale, {paths} changed since: {text}"
            made.append(_Offer(What.MEMORY, MEMORIES, text, one.memory_id, value, _files_of(one), _VALUE))
        made.sort(key=lambda one: (-one.worth, one.source))
        return made

    def _told(self, still_open: Collection[str]) -> Iterator[_Offer]:
        gave_way = superseded([Decided(one.source, one.at, one.text) for one in self._decisions])
        for one in sorted(self._decisions, key=lambda one: (-one.at, one.source)):
            if one.source in still_open:
                continue
            what, text = _what(one.text), one.text
            if one.source in gave_way:
                what, text = What.SUPERSEDED, f"no longer: {text}"
            value = self._worth(
                what,
                at=one.at,
                asked=self._asked(one.source, one.session_id),
                times=rules.of_words(self._shared(terms_of(one.text[:_TEXT]))),
            )
            yield _Offer(what, DECISIONS, text, one.source, value)

    def _sessions(self) -> Iterator[_Offer]:
        for session in _of_tools(self._known.sessions):
            written = [one for one in self._files[session.session_id] if one.writes and one.importance >= _UNIMPORTANT]
            if written or session.end_detail:
                paths = tuple(one.path for one in written)
                value = self._worth(What.SESSION, at=session.last_activity, asked=self._session_asked(session, written))
                text = _head(session) + "x" * _NAME * min(len(paths), _CHANGED[0])  # as long as it will be
                yield _Offer(What.SESSION, SESSIONS, text, session.session_id, value, paths)

    def _of_session(self, offer: _Offer) -> Iterator[str]:
        """Yield the wordings of the line of a session, the longest first."""
        session = next(one for one in self._known.sessions if one.session_id == offer.source)
        head = _head(session)
        if not offer.paths:
            yield head
        joint = "; changed " if session.end_detail else ": changed "
        for most in _CHANGED if offer.paths else ():
            yield one_line(f"{head}{joint}{self._paths.grouped(offer.paths[:most])}")

    def _session_asked(self, session: SessionDigest, written: Sequence[FileWork]) -> Asked:
        relations = [self._relations.get(_file_source(session, one), 0.0) for one in written[:8]]
        relations += [self._relations.get(_source(session, said.seq), 0.0) for said in session.decisions]
        relation = sum(sorted(relations, reverse=True)[:3]) / 3
        return Asked(relation, self._asks, session.session_id == self._asker.continues)

    def _worked_at(self) -> list[_Offer]:
        best: dict[str, _Offer] = {}
        for session in self._known.sessions:
            for file in self._files[session.session_id]:
                path = self._paths.shown(file.path)
                asked = self._asked(_file_source(session, file), session.session_id)
                if file.gone or (file.importance < _UNIMPORTANT and asked.relation < 0.25) or self._at_hand.has(path):
                    continue
                value = self._worth(What.FILE, at=file.at, asked=asked, times=file.importance)
                if path not in best or value > best[path].worth:
                    text = f"{path} (new)" if file.created else path
                    best[path] = _Offer(What.FILE, FILES, text, session.session_id, value, (file.path,))
        return sorted(best.values(), key=lambda one: (-one.worth, one.text))

    def _searches(self) -> Iterator[_Offer]:
        for session in self._known.sessions:
            for looked in session.searches[-_SEARCHES:]:
                source = _source(session, looked.seq)
                value = self._worth(What.SEARCH, at=looked.at, asked=self._asked(source, session.session_id))
                yield _Offer(What.SEARCH, SEARCHES, looked.query, source, value, looked.led_to)

    def _checkpoints(self) -> Iterator[_Offer]:
        for one in self._known.checkpoints:
            text = f"{day(one.at)} {one.name}{': ' if one.name and one.note else ''}{one.note}"
            relation = max(self._by_words(text), self._relations.get(one.session_id, 0.0))
            asked = Asked(relation * relation, self._asks, one.session_id == self._asker.continues)
            value = self._worth(What.CHECKPOINT, at=one.at, asked=asked)
            yield _Offer(What.CHECKPOINT, CHECKPOINTS, text, one.checkpoint_id, value)

    def _shared(self, found: frozenset[str]) -> float:
        """Return the part of the terms *found* in a decision that are elsewhere in the project too."""
        return len(found & self._common) / max(len(found), 1)


_WHAT: Final = {
    Kind.PLAIN: What.DECISION,
    Kind.OPEN: What.PASSED,
    Kind.DEAD_END: What.DEAD_END,
    Kind.CONVENTION: What.CONVENTION,
}


@lru_cache(maxsize=_READ)
def _what(text: str) -> What:
    return _WHAT[kind_of(text)]


def _decisions(known: Known) -> Iterator[_Decision]:
    seen: set[str] = set()
    for session in known.sessions:
        for said in reversed(session.decisions[-(_DECISIONS - len(seen)) :] if len(seen) < _DECISIONS else ()):
            source = _source(session, said.seq)
            seen.add(source)
            yield _Decision(source, session.session_id, said.at, said.text)
    for told in known.told:
        if told.source not in seen:
            yield _Decision(told.source, told.session_id, told.at, told.text)


def _of_tools(sessions: Sequence[SessionDigest]) -> list[SessionDigest]:
    """Return those of *sessions* that have a story: not what happened while none was active."""
    return [one for one in sessions if one.tool_id != AMBIENT_TOOL]


def _head(session: SessionDigest) -> str:
    head = f"{day(session.last_activity)} {one_line(session.tool_id, most=40)}{state(session)}"
    return f"{head}: {one_line(session.end_detail, most=200)}" if session.end_detail else head


def _said_by(memory: Memory) -> str:
    return f"{memory.key} {memory.value[:_VALUE]}"


def _files_of(memory: Memory) -> tuple[str, ...]:
    return memory.known_files or memory.files


def _source(session: SessionDigest, seq: int) -> str:
    return f"{session.session_id}:{seq}"


def _file_source(session: SessionDigest, file: FileWork) -> str:
    return f"{session.session_id}/{file.path}"

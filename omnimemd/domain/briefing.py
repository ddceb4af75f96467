"""What could be told to a session that begins, line by line, and what each line is worth to it.

Pure: what is known of the project comes in, candidates for a document go out. Nothing here reads a clock, so the same
store and the same question give the same lines, now and in an hour.
"""

import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from omnimem.model import EndReason
from omnimemd.domain import worth as rules
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import FileWork, Said, SessionDigest
from omnimemd.domain.fencing import one_line
from omnimemd.domain.memories import Memory
from omnimemd.domain.open_points import Kind, kind_of, open_points
from omnimemd.domain.packing import Candidate
from omnimemd.domain.relating import FilesAtHand, Node, either, named, names, sharpened, spread, words
from omnimemd.domain.search_terms import terms
from omnimemd.domain.sessions import AMBIENT_TOOL
from omnimemd.domain.superseding import Decided, superseded
from omnimemd.domain.tokens import price
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
_DECISIONS: Final = 400
#: The last sessions whose open points are looked for, and files of each session that may be told.
_OPEN_OF: Final = 6
_FILES: Final = 40
_SEARCHES: Final = 10
#: Files below this importance are told to nobody who does not have them at hand.
_UNIMPORTANT: Final = 0.2
#: What is told of a project without a past.
_NOTHING: Final = "nothing is recorded yet"
#: Characters of a memory, and of other lines; and of the shorter wordings of both.
_VALUE: Final = 600
_TEXT: Final = 400
_SHORTER: Final = (160, 80)


class Line(msgspec.Struct, frozen=True):
    """A line that could be told, and what it is about."""

    what: What
    candidate: Candidate
    paths: tuple[str, ...] = ()  #: absolute


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what for."""

    query: str = ""
    files: tuple[str, ...] = ()  #: absolute paths it has at hand, those that matter most first
    continues: str | None = None  #: the session it goes on from


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that the search found, of whatever age."""

    source: str
    session_id: str
    at: Millis
    text: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a project, without what is the asker's own."""

    root: str = ""  #: the folder that paths are shown relative to
    sessions: Sequence[SessionDigest] = ()  #: newest activity first
    memories: Sequence[Memory] = ()  #: live ones
    found: Mapping[str, float] = {}  #: what the search says of the query, 0…1, by source
    told: Sequence[Told] = ()
    problems: Sequence[str] = ()  #: why not everything in the project's folder is seen


def lines(known: Known, asker: Asker) -> list[Line]:
    """Return everything that could be told to *asker*, each section in its order."""
    return _Lines(known, asker).all()


class _Decision(msgspec.Struct, frozen=True):
    source: str
    session_id: str
    at: Millis
    text: str
    terms: frozenset[str]


class _Lines:
    """The lines of one briefing."""

    def __init__(self, known: Known, asker: Asker) -> None:
        self._known = known
        self._asker = asker
        self._ages = days_of(one for session in known.sessions for one in (session.created_at, session.last_activity))
        self._decisions = list(_decisions(known))
        self._memory_terms = {
            one.memory_id: frozenset(terms(f"{one.key} {one.value[:_VALUE]}")) for one in known.memories
        }
        self._path_terms = {
            path: frozenset(terms(path))
            for path in {
                self._shown(file.path, session) for session in known.sessions for file in session.files[:_FILES]
            }
        }
        documents = [*(one.terms for one in self._decisions), *self._memory_terms.values(), *self._path_terms.values()]
        self._elsewhere = Counter(term for document in documents for term in document)
        self._query = words(terms(asker.query[:_TEXT]), documents)
        self._at_hand = FilesAtHand(self._relative(path) for path in asker.files)
        self._names = names(self._at_hand.paths, documents)
        self._asks = bool(self._query.weights or self._at_hand)
        self._relations = self._related()

    def all(self) -> list[Line]:
        still_open, open_sources = self._open()
        made = [
            *self._warnings(),
            *still_open,
            *self._memories(),
            *self._told_decisions(open_sources),
            *self._sessions(),
            *self._files(),
            *self._searches(),
        ]
        return made or [Line(What.SESSION, Candidate(SESSIONS, _NOTHING, "omnimem", worth=1.0))]

    # What things have to do with the asker.

    def _related(self) -> dict[str, float]:
        """Return the relation of everything that has one, by source; of a file in a session, by that and the path."""
        if not self._asks:
            return {}
        direct: dict[str, float] = {}
        for one in self._decisions:
            direct[one.source] = self._direct(one.source, one.terms)
        for memory in self._known.memories:
            by_words = self._direct(memory.memory_id, self._memory_terms[memory.memory_id])
            of_files = max((self._at_hand.near(self._relative(path)) for path in _files_of(memory)), default=0.0)
            direct[memory.memory_id] = either(by_words, of_files)
        found = dict(direct)
        for session in self._known.sessions:
            nodes = [Node(_source(session, said.seq), said.at) for said in session.decisions]
            nodes += [Node(one.memory_id, one.at) for one in session.memories]
            for looked in session.searches:
                source = _source(session, looked.seq)
                direct[source] = found[source] = self._direct(source, frozenset(terms(looked.query)))
                nodes.append(Node(source, looked.at))
            for file in session.files[:_FILES]:
                path = self._shown(file.path, session)
                source = _file_source(session, file)
                by_words = self._query.related(self._path_terms[path])
                direct[source] = found[source] = either(by_words, self._at_hand.near(path))
                nodes.append(Node(source, file.at))
            for source, relation in spread(nodes, direct).items():
                found[source] = max(found.get(source, 0.0), either(direct.get(source, 0.0), relation))
        return sharpened(found)

    def _direct(self, source: str, found: frozenset[str]) -> float:
        asked = max(self._known.found.get(source, 0.0), self._query.related(found))
        return either(asked, named(self._names, found))

    def _asked(self, source: str, session_id: str | None = None) -> Asked:
        continued = session_id is not None and session_id == self._asker.continues
        return Asked(self._relations.get(source, 0.0), self._asks, continued)

    # The lines.

    def _warnings(self) -> Iterator[Line]:
        for session in self._known.sessions:
            if not session.active or session.tool_id == AMBIENT_TOOL:
                continue
            both = [one for one in session.files if one.writes and one.path in self._asker.files]
            if both:
                both.sort(key=lambda one: (-one.at, one.path))
                paths = tuple(one.path for one in both)
                text = (
                    f"{session.tool_id} is at work in another session and changes the same files, "
                    f"last at {_moment(both[0].at)}: {self._grouped(paths)}"
                )
                yield self._line(
                    What.WARNING, WARNINGS, text, session.session_id, worth=self._worth(What.WARNING), paths=paths
                )
        for problem in self._known.problems:
            yield self._line(What.WARNING, WARNINGS, problem, "status", worth=self._worth(What.WARNING))

    def _open(self) -> tuple[list[Line], set[str]]:
        made: list[Line] = []
        sources: set[str] = set()
        later: list[Said] = []
        telling = [one for one in self._known.sessions if one.tool_id != AMBIENT_TOOL]
        for session in telling[:_OPEN_OF]:
            for point in open_points(session, later=later):
                if point.seq is None and point.text:
                    continue  # as it ended: the line of the session says so
                source = session.session_id if point.seq is None else _source(session, point.seq)
                text = point.text or f"Was being changed when the session died: {self._grouped(point.files)}"
                sources.add(source)
                value = self._worth(What.OPEN, at=point.at, asked=self._asked(source, session.session_id))
                made.append(self._line(What.OPEN, OPEN, text, source, worth=value, paths=point.files))
            later += session.decisions
        return made, sources

    def _memories(self) -> Iterator[Line]:
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
                paths = [self._relative(file.path) for file in one.changed_files[:3]]
                text = f"stale, {', '.join(paths)} changed since: {text}"
            made.append(
                self._line(What.MEMORY, MEMORIES, text, one.memory_id, worth=value, most=_VALUE, paths=_files_of(one))
            )
        made.sort(key=lambda one: (-one.candidate.worth, one.candidate.source))
        yield from made

    def _told_decisions(self, open_sources: Collection[str]) -> Iterator[Line]:
        gave_way = superseded([Decided(one.source, one.at, one.text) for one in self._decisions])
        for one in sorted(self._decisions, key=lambda one: (-one.at, one.source)):
            if one.source in open_sources:
                continue
            what = _WHAT[kind_of(one.text)]
            text = one.text
            if one.source in gave_way:
                what, text = What.SUPERSEDED, f"no longer: {text}"
            value = self._worth(
                what,
                at=one.at,
                asked=self._asked(one.source, one.session_id),
                times=rules.of_words(self._shared(one.terms)),
            )
            yield self._line(what, DECISIONS, text, one.source, worth=value)

    def _sessions(self) -> Iterator[Line]:
        for session in self._known.sessions:
            if session.tool_id == AMBIENT_TOOL:
                continue
            written = [one for one in session.files if one.writes and one.importance >= _UNIMPORTANT]
            state = _STATE.get(session.end_reason, "")
            head = f"{_day(session.last_activity)} {one_line(session.tool_id, most=40)}{state}"
            if session.end_detail:
                head += f": {one_line(session.end_detail, most=200)}"
            if not written and not session.end_detail:
                continue
            wordings = []
            for most in (8, 4, 2):
                paths = [one.path for one in written[:most]]
                changed = (
                    f"{'; ' if session.end_detail else ': '}changed {self._grouped(paths, session)}" if paths else ""
                )
                wordings.append(one_line(head + changed))
            value = self._worth(What.SESSION, at=session.last_activity, asked=self._session_asked(session, written))
            text, *shorter = dict.fromkeys(wordings)
            yield Line(
                What.SESSION,
                Candidate(
                    SESSIONS,
                    text,
                    session.session_id,
                    rules.of_length(value, price(text)),
                    tuple(one for one in shorter if len(one) < len(text)),
                ),
                tuple(one.path for one in written),
            )

    def _session_asked(self, session: SessionDigest, written: Sequence[FileWork]) -> Asked:
        relations = [self._relations.get(_file_source(session, one), 0.0) for one in written[:8]]
        relations += [self._relations.get(_source(session, said.seq), 0.0) for said in session.decisions]
        relation = sum(sorted(relations, reverse=True)[:3]) / 3
        return Asked(relation, self._asks, session.session_id == self._asker.continues)

    def _files(self) -> Iterator[Line]:
        best: dict[str, tuple[float, SessionDigest, FileWork]] = {}
        for session in self._known.sessions:
            for file in session.files[:_FILES]:
                path = self._shown(file.path, session)
                relation = self._relations.get(_file_source(session, file), 0.0)
                if file.gone or (file.importance < _UNIMPORTANT and relation < 0.5) or self._at_hand.near(path) == 1.0:
                    continue
                value = self._worth(
                    What.FILE,
                    at=file.at,
                    asked=Asked(relation, self._asks, session.session_id == self._asker.continues),
                    times=file.importance,
                )
                if path not in best or value > best[path][0]:
                    best[path] = value, session, file
        ordered = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
        for path, (value, session, file) in ordered[:_FILES]:
            text = f"{path} (new)" if file.created else path
            yield self._line(What.FILE, FILES, text, session.session_id, worth=value, paths=(file.path,))

    def _searches(self) -> Iterator[Line]:
        made = []
        for session in self._known.sessions:
            for looked in session.searches[-_SEARCHES:]:
                source = _source(session, looked.seq)
                value = self._worth(What.SEARCH, at=looked.at, asked=self._asked(source, session.session_id))
                text = f"{looked.query} → {self._grouped(looked.led_to[:3], session)}"
                made.append(self._line(What.SEARCH, SEARCHES, text, source, worth=value, paths=looked.led_to))
        yield from made

    def _worth(self, what: What, *, at: Millis | None = None, asked: Asked | None = None, times: float = 1.0) -> float:
        age = 0 if at is None else self._ages.age(at)
        return worth(what, age=age, asked=asked or Asked(), times=times)

    def _line(
        self,
        what: What,
        section: str,
        text: str,
        source: str,
        *,
        worth: float,
        most: int = _TEXT,
        paths: tuple[str, ...] = (),
    ) -> Line:
        full = one_line(text, most=most)
        shorter = tuple(one_line(text, most=length) for length in _SHORTER if length < len(full))
        return Line(what, Candidate(section, full, source, rules.of_length(worth, price(full)), shorter), paths)

    def _shared(self, found: frozenset[str]) -> float:
        """Return the part of the terms *found* in a decision that are elsewhere in the project too."""
        return sum(self._elsewhere[term] > 1 for term in found) / max(len(found), 1)

    def _shown(self, path: str, session: SessionDigest) -> str:
        """Return *path* as it is shown: relative to the folder the session worked in, or to the project's."""
        folder = session.workspace.rstrip("/") + "/"
        return path.removeprefix(folder) if path.startswith(folder) else self._relative(path)

    def _relative(self, path: str) -> str:
        for root in (self._known.root, *dict.fromkeys(one.workspace for one in self._known.sessions)):
            folder = root.rstrip("/") + "/"
            if root and path.startswith(folder):
                return path.removeprefix(folder)
        return path

    def _grouped(self, paths: Iterable[str], session: SessionDigest | None = None) -> str:
        """Return *paths* by folder, each folder said once."""
        folders: dict[str, list[str]] = {}
        for path in paths:
            folder, name = posixpath.split(self._relative(path) if session is None else self._shown(path, session))
            folders.setdefault(folder, []).append(name)
        return "; ".join(
            f"{folder}/: {', '.join(names)}" if folder and len(names) > 1 else posixpath.join(folder, ", ".join(names))
            for folder, names in folders.items()
        )


_WHAT: Final = {
    Kind.PLAIN: What.DECISION,
    Kind.OPEN: What.PASSED,
    Kind.DEAD_END: What.DEAD_END,
    Kind.CONVENTION: What.CONVENTION,
}
#: How it ended, where that is not by a call.
_STATE: Final = {
    None: ", still at work",
    EndReason.PROCESS_EXITED: ", died",
    EndReason.REBOOT: ", died at a restart of the machine",
}


def _decisions(known: Known) -> Iterator[_Decision]:
    seen: set[str] = set()
    for session in known.sessions:
        for said in reversed(session.decisions):
            if len(seen) >= _DECISIONS:
                break
            source = _source(session, said.seq)
            seen.add(source)
            yield _Decision(source, session.session_id, said.at, said.text, frozenset(terms(said.text[:_TEXT])))
    for told in known.told:
        if told.source not in seen:
            yield _Decision(told.source, told.session_id, told.at, told.text, frozenset(terms(told.text[:_TEXT])))


def _source(session: SessionDigest, seq: int) -> str:
    return f"{session.session_id}:{seq}"


def _file_source(session: SessionDigest, file: FileWork) -> str:
    return f"{session.session_id}/{file.path}"


def _files_of(memory: Memory) -> tuple[str, ...]:
    return memory.known_files or memory.files


def _day(at: Millis) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


def _moment(at: Millis) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}Z"

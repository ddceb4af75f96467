"""Does a briefing stay quick, and the daemon small, when a million entries are kept?

The store is made through `POST /import`: 2,000 sessions over 11 projects, one of them with half of all sessions, the
longest with 10,000 entries; 1 entry in 25 is a decision, 1 in 50 a search, 1 in 150 a memory, made up of words as
frequent as words are (Zipf), the others are accesses to the hundreds of files of a project. Then a daemon starts on it
and is asked over its socket: for briefings of all projects in turn, every second time of the large one, with and
without a query, which is some neighbouring words of a decision. The memory is that of the daemon after the briefings of
each kind, beside one that started on an empty store and made one of that kind.
"""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, ParamSpec

import apsw

from omnimem import Client
from omnimem.model import Access, AnsweredMode, Attribution, EndReason, ProjectKind, Source
from omnimemd.domain import export_lines as lines
from omnimemd.domain.export_lines import AccessLine, DecisionLine, EntryLine, Line, MemoryNoteLine, SearchLine
from omnimemd.storage import digests
from tests.bench.findings import Finding, Scale
from tests.bench.memory import memory
from tests.bench.report import say
from tests.bench.running import daemon, folder

P = ParamSpec("P")

#: A large project, and small ones that have the rest of the sessions in equal parts.
_PROJECTS: Final = 11
_FILES: Final = 400
_WORDS: Final = 20_000
_SYLLABLES: Final = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
_PIECE: Final = 1024 * 1024
_PATIENCE: Final = 600.0
#: Entries that a digest may be behind: no session here is active.
_TAIL: Final = 1
#: The longest session.
_LONGEST: Final = "session-0"
_BUDGET: Final = 1_000


def measure(scale: Scale) -> list[Finding]:
    """Make the store; ask for briefings and a summary; look at the memory."""
    sessions = scale.of(2_000, quick=22)
    length = scale.of(500, quick=20)
    asked = scale.of(400, quick=5)
    with folder() as empty, folder() as place:
        with daemon(empty) as (path, pid), Client(path, timeout=60) as client:
            client.create_memory("project-0", key="k", value="what is kept")
            client.briefing("project-0", max_tokens=_BUDGET)
            idle = memory(pid).unshared
            _ask_by_meaning(client, "what")
            idle_with_query = memory(pid).unshared
        made = _Made(sessions, length)
        with daemon(place) as (path, _), Client(path, timeout=300) as client:
            _import(client, made, place / "data" / "omnimem.db")
        with daemon(place) as (path, pid), Client(path, timeout=60) as client:
            first = _timed(client.briefing, "project-0", max_tokens=_BUDGET)
            plain = [_timed(_brief, client, number) for number in range(asked)]
            taken = memory(pid).unshared
            _ask_by_meaning(client, made.words(0))
            queried = [_timed(_brief, client, number, query=made.words(number)) for number in range(asked)]
            first_summary = _timed(client.summary, _LONGEST)
            summaries = [_timed(client.summary, _LONGEST) for _ in range(scale.of(30, quick=2))]
            taken_with_query = memory(pid).unshared
    kept = f"{made.entries:,} entries in {sessions:,} sessions"
    return [
        *_latencies(f"briefing, {kept}", plain, aside=f"the first after the start: {first:.1f} ms"),
        *_latencies(f"briefing with a query, {kept}", queried),
        Finding(
            what=f"summary of the session with {made.longest:,} entries",
            floor="0",
            figures=tuple(summaries),
            unit="ms",
            aside=f"the first after the start: {first_summary:.1f} ms",
        ),
        _sizes(f"memory of its own (USS) after these briefings, {kept}", "an empty store, one briefing", taken, idle),
        _sizes(
            "the same after those with a query, search by meaning included where it is installed",
            "an empty store, one briefing with a query",
            taken_with_query,
            idle_with_query,
        ),
    ]


def _latencies(what: str, took: list[float], *, aside: str = "") -> list[Finding]:
    figures = tuple(took)
    aside = aside or f"the slowest: {max(took):.1f} ms"
    return [
        Finding(what=what, floor="0", figures=figures, unit="ms", at_most=30, aside=aside),
        Finding(what=f"{what}, 99th percentile", floor="0", figures=figures, reading="p99", unit="ms", at_most=100),
    ]


def _sizes(what: str, floor: str, taken: int, idle: int) -> Finding:
    aside = f"{taken / 2**20:.1f} and {idle / 2**20:.1f} MiB"
    return Finding(what=what, floor=floor, figures=(taken / idle,), at_most=2, aside=aside)


def _ask_by_meaning(client: Client, query: str) -> None:
    """Ask for a briefing with a query, once what search by meaning needs is there, if it is installed."""
    deadline = time.monotonic() + _PATIENCE
    while client.search(q=query, project_id="project-0").mode is AnsweredMode.HYBRID:
        if not client.status().search.vectors_waiting or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    client.briefing("project-0", max_tokens=_BUDGET, query=query)


def _brief(client: Client, number: int, **more: Any) -> None:
    """Ask for the briefing number *number*: every second one is of the large project."""
    project = 0 if number % 2 else 1 + number // 2 % (_PROJECTS - 1)
    client.briefing(f"project-{project}", max_tokens=_BUDGET, **more)


def _timed(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Return the milliseconds *work* takes."""
    started = time.perf_counter()
    work(*args, **kwargs)
    return (time.perf_counter() - started) * 1e3


def _import(client: Client, made: "_Made", database: Path) -> None:
    """Bring in what is *made*, and wait until everything that follows from it is done."""
    started, offset, piece = time.monotonic(), 0, bytearray()
    for line in itertools.chain(map(lines.encode, made.lines()), (b"",)):
        piece += line
        if len(piece) > _PIECE - 4096 or not line:
            client.import_lines(bytes(piece), import_id="scale", offset=offset)
            offset += len(piece)
            piece.clear()
    imported = time.monotonic() - started
    db = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    while client.status().search.waiting or digests.due(db, tail=_TAIL, limit=1):
        if time.monotonic() > started + _PATIENCE:
            raise RuntimeError("what follows from the import does not come to an end")
        time.sleep(0.5)
    db.close()
    took = time.monotonic() - started
    say(f"{made.entries:,} entries imported in {imported:.0f} s, all indexed and digested after {took:.0f} s")


class _Made:
    """What is in the store: the same each time, but for the times, which end now."""

    def __init__(self, sessions: int, length: int) -> None:
        self.longest = length * 20
        self._chance = chance = random.Random(7)  # noqa: S311 the same each time
        some = [chance.randint(length // 5, length * 9 // 5) for _ in range(sessions - 1)]
        excess = sum(some) + self.longest - sessions * length
        self._lengths = [self.longest, *(max(one - round(excess / len(some)), 1) for one in some)]
        self._vocabulary = [_word(number) for number in range(_WORDS)]
        self._weights = list(itertools.accumulate(1 / (number + 2) for number in range(_WORDS)))
        self._said: list[list[str]] = []
        self._now = datetime.now(UTC)
        self.entries = 0

    def words(self, number: int) -> str:
        """Return some words of a decision, another one for each number."""
        said = self._said[number * 37 % len(self._said)]
        return " ".join(said[2:7])

    def lines(self) -> Iterator[Line]:
        """Yield the lines of an export."""
        yield lines.Header(scope=lines.Scope(project_id=None, memories_only=False, for_git=False))
        count = len(self._lengths)
        for project in range(_PROJECTS):
            project_id = f"project-{project}"
            yield lines.ProjectLine(
                project_id=project_id,
                name=project_id,
                kind=ProjectKind.NAMED,
                root=None,
                folder=None,
                created_at=_moment(self._now - timedelta(days=400)),
                last_activity=_moment(self._now),
                settings={},
            )
            small = (count - count // 2) // (_PROJECTS - 1)
            begin = 0 if project == 0 else count // 2 + (project - 1) * small
            end = count // 2 if project == 0 else count if project == _PROJECTS - 1 else begin + small
            yield from self._memories(project_id, min(100, (end - begin) * 3))
            for number in range(begin, end):
                yield from self._session(project_id, number, ago=timedelta(hours=4 * (end - number)))
        yield lines.End()

    def _memories(self, project_id: str, count: int) -> Iterator[Line]:
        at = _moment(self._now - timedelta(days=20))
        for number in range(count):
            known = f"mem_{project_id.rpartition('-')[2]:0>4}{number:08x}"
            yield lines.MemoryLine(
                project_id=project_id, memory_id=known, memory_key=f"key {number}", version=1, created_at=at,
                last_accessed=at, accessed_count=number % 7,
            )  # fmt: skip
            yield lines.VersionLine(
                memory_id=known, version=1, memory_value=" ".join(self._drawn(25)), expired=False, metadata={},
                files=[], created_at=at, ttl_seconds=None, expires_at=None, session_id=None,
            )  # fmt: skip

    def _session(self, project_id: str, number: int, *, ago: timedelta) -> Iterator[Line]:
        start, length, session_id = self._now - ago, self._lengths[number], f"session-{number}"
        step = timedelta(hours=3) / length
        end = _moment(start + timedelta(hours=3))
        yield lines.SessionLine(
            project_id=project_id, session_id=session_id, tool_id="bench", user_id=None, workspace_path="/w",
            created_at=_moment(start), last_activity=end, ended_at=end, end_reason=EndReason.CLIENT,
            end_detail=None, continues=None, process=None, seen_alive_at=None, pinned=False, archived=False,
            metadata={},
        )  # fmt: skip
        files = [f"/w/src/part_{one % 23}/module_{one}.py" for one in self._chance.sample(range(_FILES), 40)]
        for entry in range(1, length + 1):
            self.entries += 1
            yield self._entry(project_id, session_id, entry, _moment(start + entry * step), files)

    def _entry(self, project_id: str, session_id: str, entry: int, at: str, files: list[str]) -> EntryLine:
        known: dict[str, Any] = {"session_id": session_id, "entry_id": entry, "timestamp": at}
        if entry % 150 == 149:
            memory_id = f"mem_{project_id.rpartition('-')[2]:0>4}{entry % 3:08x}"
            return MemoryNoteLine(**known, source=Source.API, memory_id=memory_id, memory_key=f"key {entry % 3}")
        if entry % 50 == 49:
            return SearchLine(**known, source=Source.HOOK, query=" ".join(self._drawn(6)))
        if entry % 25 == 24:
            said = self._drawn(self._chance.randint(8, 30))
            self._said.append(said)
            return DecisionLine(**known, source=Source.API, decision=" ".join(said))
        access = Access.WRITE if entry % 4 == 0 else Access.READ
        path = files[int(len(files) * self._chance.random() ** 2)]
        return AccessLine(
            **known, source=Source.WATCH, path=path, access=access, attribution=Attribution.PROCESS, importance=None
        )

    def _drawn(self, count: int) -> list[str]:
        return self._chance.choices(self._vocabulary, cum_weights=self._weights, k=count)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _word(number: int) -> str:
    """Return a word that can be said, a different one for each number."""
    syllables = []
    number += len(_SYLLABLES)
    while number:
        number, syllable = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[syllable])
    return "".join(syllables)

"""Find what was said, by its words and, where that is at hand, by its meaning."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from omnimem.model import AnsweredMode, SearchMode
from omnimemd.domain import ranking
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.memories import Memory
from omnimemd.domain.ranking import Candidate, Ranked
from omnimemd.domain.search_terms import terms
from omnimemd.domain.snippets import snippet
from omnimemd.services.indexing import Indexing
from omnimemd.storage import search_index as index
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.search_index import Scope, Told

#: Characters of a question that are looked at, and different terms.
_LONGEST_QUESTION: Final = 10_000
_MOST_TERMS: Final = 64


class Meaning(Protocol):
    """Tells how near in meaning documents are to a question."""

    async def near(self, question: str, scope: Scope, documents: Collection[int]) -> Mapping[int, float] | None:
        """Return the cosine of each of *documents*, and of those nearest to *question* within *scope*.

        None where meaning cannot be told: the extra is not installed, or it failed.
        """
        ...


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found: a live memory, or something told in a session."""

    score: float
    snippet: str
    memory: Memory | None = None
    told: Told | None = None


class Hits(msgspec.Struct, frozen=True):
    """What was found, best first, and how was looked."""

    mode: AnsweredMode
    hits: list[Hit]


class Search:
    """Answers questions."""

    def __init__(self, *, database: Database, indexing: Indexing, clock: Clock, meaning: Meaning | None) -> None:
        """Look in the index that *indexing* keeps; without *meaning*, by words alone."""
        self._database = database
        self._indexing = indexing
        self._clock = clock
        self._meaning = meaning

    async def find(self, question: str, scope: Scope, *, limit: int, mode: SearchMode) -> Hits:
        """Return up to *limit* of what answers *question* within *scope*, best first; nothing expired, nothing deleted.

        What was written before the call is found, unless so much waits for the index that it takes longer.
        """
        asked = terms(question[:_LONGEST_QUESTION])[: 4 * _MOST_TERMS]
        asked = asked[: _until(asked, _MOST_TERMS)]
        await self._indexing.settle()
        if self._meaning is None or mode is SearchMode.TEXT:
            return await self._database.read(lambda db: self._by_words(db, asked, scope, limit=limit))
        found = await self._database.read(lambda db: index.find(db, asked, scope))
        by_words = [] if mode is SearchMode.SEMANTIC else [one.document for one in found.candidates]
        near = await self._meaning.near(question, scope, by_words) if asked else {}  # `()` means nothing
        asked_for, candidates, answered = found.asked, found.candidates, AnsweredMode.TEXT
        if near is not None and mode is SearchMode.SEMANTIC:
            asked_for, candidates, answered = [], await self._candidates(near), AnsweredMode.SEMANTIC
        elif near is not None:
            candidates, answered = await self._candidates(near, found.candidates), AnsweredMode.HYBRID
        marked = frozenset((*asked, *found.asked))

        def shown(db: Connection) -> list[Hit]:  # off the loop: long texts take long to be ranked
            ranked = ranking.rank(asked_for, candidates, found.corpus)
            return self._shown(db, ranked, marked, limit=limit, everything=scope.kind is not None)

        return Hits(answered, await self._database.read(shown))

    def _by_words(self, db: Connection, asked: list[str], scope: Scope, *, limit: int) -> Hits:
        found = index.find(db, asked, scope)
        ranked = ranking.rank(found.asked, found.candidates, found.corpus)
        marked = frozenset((*asked, *found.asked))
        hits = self._shown(db, ranked, marked, limit=limit, everything=scope.kind is not None)
        return Hits(AnsweredMode.TEXT, hits)

    async def _candidates(self, near: Mapping[int, float], known: Sequence[Candidate] = ()) -> list[Candidate]:
        """Return the *known* candidates and those that are *near*, with their cosines."""
        missing = sorted(near.keys() - {one.document for one in known})
        more = await self._database.read(lambda db: index.candidates(db, missing))
        return [msgspec.structs.replace(one, cosine=near.get(one.document, 0.0)) for one in (*known, *more)]

    def _shown(
        self, db: Connection, ranked: list[Ranked], asked: frozenset[str], *, limit: int, everything: bool
    ) -> list[Hit]:
        """Return the first of what was *ranked*; without *everything*, nothing that is put together from the rest."""
        hits: list[Hit] = []
        for one in ranked:
            if len(hits) == limit:
                break
            hit = _hit(db, one, asked, now=self._clock.now())
            if hit is not None and (everything or hit.told is None or hit.told.said):
                hits.append(hit)
        return hits


def _hit(db: Connection, one: Ranked, asked: frozenset[str], *, now: Millis) -> Hit | None:
    found = index.source(db, one.document)
    if isinstance(found, Memory):
        if not found.live(now=now):
            return None
        return Hit(score=round(one.score, 4), snippet=_of_memory(found, asked), memory=found)
    if found is None:
        return None
    return Hit(score=round(one.score, 4), snippet=snippet(found.text, asked), told=found)


def _of_memory(memory: Memory, asked: frozenset[str]) -> str:
    shown = snippet(memory.value, asked)
    if "«" not in shown and "«" in (key := snippet(memory.key, asked)):
        return f"{key}: {shown}"
    return shown


def _until(asked: list[str], most: int) -> int:
    """Return how many of *asked* there are before they are over *most* different ones."""
    seen: set[str] = set()
    for number, term in enumerate(asked):
        seen.add(term)
        if len(seen) > most:
            return number
    return len(asked)

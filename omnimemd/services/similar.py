"""Say of a memory that was just written which others nearly repeat it. They are only told, never merged."""

from typing import Final

import msgspec

from omnimemd.domain.clock import Clock
from omnimemd.domain.memories import Memory
from omnimemd.domain.ranking import NEARLY_THE_SAME, likeness
from omnimemd.domain.search_terms import terms
from omnimemd.storage import search_index as index
from omnimemd.storage import search_pending as pending
from omnimemd.storage import search_words as words
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.search_index import Scope

#: Characters of a value that are compared, and different terms that are looked for.
_COMPARED: Final = 20_000
_LOOKED_FOR: Final = 48
#: Others that are compared with it, besides those that wait for the index, of which the latest count.
_CANDIDATES: Final = 12
_WAITING: Final = 32
_TOLD: Final = 5


class Similarity(msgspec.Struct, frozen=True):
    """A live memory that nearly repeats another, and how nearly: 1 says the same in other words or order."""

    memory: Memory
    score: float


class Similar:
    """Finds memories that nearly repeat another."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        """Look among the memories in *database*."""
        self._database = database
        self._clock = clock

    async def to(self, memory: Memory) -> list[Similarity]:
        """Return up to five other live memories of its project that nearly repeat *memory*, the most alike first.

        Two are compared by the different terms of their values: the share of all of them that they have in common
        (Jaccard) must be 0.6 or more. Cost is bounded, whatever the store: a few documents are compared.
        """
        return await self._database.read(lambda db: self._find(db, memory))

    def _find(self, db: Connection, memory: Memory) -> list[Similarity]:
        own = _terms(memory)
        if not own:
            return []
        now = self._clock.now()
        found: list[Similarity] = []
        for other in _candidates(db, memory, own):
            if other.memory_id != memory.memory_id and other.live(now=now):
                score = likeness(own, _terms(other))
                if score >= NEARLY_THE_SAME:
                    found.append(Similarity(other, round(score, 2)))
        found.sort(key=lambda one: (-one.score, -one.memory.updated_at, one.memory.memory_id))
        return found[:_TOLD]


def _candidates(db: Connection, memory: Memory, own: frozenset[str]) -> list[Memory]:
    """Return those that share what is rarest in *memory*, and the latest that are not in the index yet."""
    found = pending.waiting_memories(db, memory.project_id, latest=_WAITING)
    within = index.span(db, Scope(project_id=memory.project_id, memories_only=True))
    if within is None:
        return found
    longest = sorted(own, key=lambda term: (-len(term), term))[:_LOOKED_FOR]  # the rarest, as a rule
    documents = words.sharing(db, longest, within, most=_CANDIDATES)
    documents = documents or words.with_all(db, longest, within, most=_CANDIDATES)
    return [*found, *(one for document in documents if isinstance(one := index.source(db, document), Memory))]


def _terms(memory: Memory) -> frozenset[str]:
    return frozenset(terms(memory.value[:_COMPARED]))

"""Search on the wire: in the memories of a project, or in everything that was said."""

import enum
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from omnimem.model.memories import Memory
from omnimem.model.vocabulary import Id, Reply, Request, Timestamp

#: Any text; what has no word or sign to look for finds nothing.
SearchText = Annotated[str, Meta(min_length=1)]
SearchLimit = Annotated[int, Meta(ge=1, le=100)]
#: A moment that knows its zone, as in 2026-03-01T12:00:00Z.
Since = Annotated[datetime, Meta(tz=True)]
#: A member of the metadata and its value, as in `area:api`; of a list, one of its members.
MetadataChoice = Annotated[str, Meta(pattern=r"^[^:]+:", examples=["area:api"])]


class SearchMode(enum.StrEnum):
    """How to look."""

    AUTO = "auto"  #: as well as can be
    TEXT = "text"
    SEMANTIC = "semantic"


class AnsweredMode(enum.StrEnum):
    """How was looked."""

    HYBRID = "hybrid"  #: by words and by meaning
    TEXT = "text"  #: by words
    SEMANTIC = "semantic"  #: by meaning


class ResultKind(enum.StrEnum):
    """What can be found."""

    MEMORY = "memory"
    DECISION = "decision"
    SEARCH = "search"
    CHECKPOINT = "checkpoint"
    SUMMARY = "summary"


class MemorySearchQuery(Request, frozen=True, kw_only=True):
    """Search the live memories of a project."""

    q: SearchText
    limit: SearchLimit = 10
    mode: SearchMode = SearchMode.AUTO
    session_id: Id | None = None
    since: Since | None = None  #: written then or later
    metadata: tuple[MetadataChoice, ...] = ()  #: every one of them
    asked_by: Id | None = None  #: the session that searches; else that of the process that calls, if it has one


class SearchQuery(Request, frozen=True, kw_only=True):
    """Search everything that was said."""

    q: SearchText
    project_id: Id | None = None
    kind: ResultKind | None = None
    session_id: Id | None = None
    since: Since | None = None  #: said then or later
    metadata: tuple[MetadataChoice, ...] = ()  #: every one of them; of memories only
    limit: SearchLimit = 10
    mode: SearchMode = SearchMode.AUTO
    asked_by: Id | None = None  #: the session that searches; else that of the process that calls, if it has one


class MemoryFound(Reply, frozen=True, kw_only=True):
    """A memory that was found."""

    memory: Memory
    score: float  #: 0 to 1, best first
    snippet: str  #: of its value; what was found stands in «»


class MemoriesFound(Reply, frozen=True, kw_only=True):
    """The memories that were found, best first."""

    project_id: str
    query: str
    mode: AnsweredMode
    results: list[MemoryFound]
    count: int


class Found(Reply, frozen=True, kw_only=True):
    """Something that was found."""

    kind: ResultKind
    #: Its memory_id or checkpoint_id; of an entry its session_id, a colon, its entry_id; of a summary its session_id.
    id: str
    project_id: str
    session_id: str | None
    timestamp: Timestamp
    text: str
    snippet: str  #: of its text; what was found stands in «»
    score: float  #: 0 to 1, best first
    key: str | None = None  #: of a memory
    stale: bool = False  #: of a memory: whether a file that it speaks of has changed since


class SearchResults(Reply, frozen=True, kw_only=True):
    """What was found, best first."""

    query: str
    mode: AnsweredMode
    results: list[Found]
    count: int

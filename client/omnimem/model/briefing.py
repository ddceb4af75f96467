"""What is told to a session that begins, on the wire: of a project, or of one session."""

import enum
from typing import Annotated

from msgspec import Meta

from omnimem.model.vocabulary import Id, PathText, Reply, Request

#: Tokens that a document may take, as the daemon estimates them.
TokenBudget = Annotated[int, Meta(ge=50, le=50_000)]


class DocumentFormat(enum.StrEnum):
    """How a document is given out."""

    JSON = "json"
    MARKDOWN = "markdown"


class BriefingItem(Reply, frozen=True, kw_only=True):
    """One thing that is told."""

    text: str
    source: str  #: an id by which to look it up
    tokens: int  #: of its line in the document, rounded up


class BriefingSection(Reply, frozen=True, kw_only=True):
    """What is told of one kind."""

    title: str
    items: list[BriefingItem]


class SummaryQuery(Request, frozen=True, kw_only=True):
    """What a session was about, in so many tokens."""

    max_tokens: TokenBudget = 500
    format: DocumentFormat = DocumentFormat.JSON


class Summary(Reply, frozen=True, kw_only=True):
    """What a session was about."""

    session_id: str
    project_id: str
    max_tokens: int
    tokens: int  #: of the document that has all of it, as it is given out in Markdown
    sections: list[BriefingSection]
    left_out: int  #: items for which there was no room


class BriefingQuery(Request, frozen=True, kw_only=True):
    """What a new session of a project should know, in so many tokens."""

    max_tokens: TokenBudget = 2_000
    format: DocumentFormat = DocumentFormat.JSON
    query: str = ""  #: what it is about to do, in any words
    session_id: Id | None = None  #: who asks: what it recorded itself is left out
    file: tuple[PathText, ...] = ()  #: what it has at hand, besides the files that it touched


class Briefing(Reply, frozen=True, kw_only=True):
    """What a new session of a project should know."""

    project_id: str
    max_tokens: int
    tokens: int  #: of the document that has all of it, as it is given out in Markdown
    sections: list[BriefingSection]
    left_out: int  #: items for which there was no room

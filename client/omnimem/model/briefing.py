"""What is told to a session that begins, on the wire."""

from omnimem.model.vocabulary import Reply


class BriefingItem(Reply, frozen=True, kw_only=True):
    """One thing that is told."""

    text: str
    source: str  #: an id by which to look it up
    tokens: int  #: of its line in the document, rounded up


class BriefingSection(Reply, frozen=True, kw_only=True):
    """What is told of one kind."""

    title: str
    items: list[BriefingItem]

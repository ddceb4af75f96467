"""Whether briefings were of use, on the wire."""

from typing import Annotated

from msgspec import Meta

from omnimem.model.vocabulary import Reply, Request, Timestamp


class BriefingReportQuery(Request, frozen=True, kw_only=True):
    """Ask how often what briefings showed was used."""

    days: Annotated[int, Meta(ge=1, le=365)] = 30  #: of the last days


class BriefingUse(Reply, frozen=True, kw_only=True):
    """What became of the items of one kind that sessions were shown."""

    kind: str  #: memory, decision, open_point, dead_end, search, session, file, checkpoint
    shown: int  #: each once for every session that was shown it
    used: int
    share: float  #: used of shown, 0…1
    plainly_used: int  #: of `used`, those of which a use was seen that is not weak
    how: dict[str, int]  #: read, written, found, continued; weak: touched, said
    median_seconds: float | None  #: from the briefing to the first use; None: none was used


class BriefingReport(Reply, frozen=True, kw_only=True):
    """How often what briefings showed was used, what was shown most first."""

    project_id: str | None  #: None: of all
    days: int
    since: Timestamp
    briefings: int  #: given to sessions; others do not count
    sessions: int
    shown: int
    used: int
    kinds: list[BriefingUse]

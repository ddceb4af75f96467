"""What was left open at the end of a session, and which decisions tell of something open, tried in vain, or a rule.

Told by the words alone, like what superseded what: "still to do: the audit row" is open until a later decision says
that the audit row is done. To call something open that is not sends the next session after nothing, so only what says
so plainly is called open. The words are English.
"""

import enum
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from omnimem.model import EndReason
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import Said, SessionDigest
from omnimemd.domain.statements import Keys, keys_of

#: Before the end of a session that died: what was written then, it was in the middle of.
_IN_THE_MIDDLE_MS: Final = 300_000
_MOST_FILES: Final = 5
#: Characters of a text that are read.
_READ: Final = 1_000
#: What is said to be done settles what was open if it has this part of its words; these are not counted.
_PART: Final = 0.6
_DOING: Final = keys_of(
    "todo write written add added implement implemented fix fixed finish finished do done test tests tested merge "
    "merged push pushed wip next open left remain remains missing step steps point flaky red green wire wired complete "
    "completed resolve resolved close closed land landed later tomorrow work works pass continue blocked waiting follow"
)


class Kind(enum.StrEnum):
    """What kind of thing a decision tells."""

    PLAIN = "plain"
    OPEN = "open"  #: something is not done yet
    DEAD_END = "dead_end"  #: something was tried and did not work
    CONVENTION = "convention"  #: how things are done here, always


class OpenPoint(msgspec.Struct, frozen=True):
    """Something that was open when a session ended."""

    at: Millis
    text: str  #: as it was said; empty for files
    seq: int | None = None  #: of the decision that says so; None if the end of the session does
    files: tuple[str, ...] = ()  #: that were being written when it died, the latest first


_OPEN: Final = re.compile(
    r"\b(?:todos?|fixme|wip|work in progress|next steps?|what(?:'s| is) next|that is next|yet to (?:do|be)|"
    r"still (?:to (?:do|be)|open|missing|todo|need(?:s|ed)?|fails?|failing|red|broken|flaky|unclear|has to|have to)|"
    r"(?:left|remains|remaining) to (?:do|be)|(?:not|\w+n't) (?:\w+ ){0,4}?yet|missing so far|unfinished|"
    r"half[- ](?:done|way)|not (?:pushed|committed|merged|finished|wired)|blocked (?:by|on)|waiting (?:for|on) \w+|"
    r"follow[- ]?up|pick (?:this |it )?up|continue (?:with|here|tomorrow)|tomorrow|"
    r"(?:should|can|will) [^.;]{2,60}? later|where (?:i|we) (?:am|are|stopped|left)|to be (?:done|decided)|tbd|"
    r"(?:is|are) (?:flaky|red)|"
    r"\d+ of \d+ (?:tests )?(?:pass|done|green))\b|"
    r"\b(?:next|next up|left|open|remaining|open (?:point|question|issue|end)s?)\s?:|(?:^|[.;:]\s)(?:we )?needs? to\b"
)
_DEAD_END: Final = re.compile(
    r"\b(?:dead[- ]ends?|gave up|given up|deadlock(?:s|ed)|no luck|in vain|wild goose chase|rabbit hole|led nowhere|"
    r"(?:took|taken|ripped|backed|threw) (?:it |this |that )?(?:back )?out again|removed again|was useless|"
    r"(?:do|does|did)(?:n't| not) (?:work|help|pay|scale|hold)|wasted|spent an? (?:hour|day)|"
    r"(?:reverted|abandoned|rolled back|discarded)\b[^.;]{0,40}?(?:\b(?:because|since|as|after)\b|:))|"
    r"\b(?:tried|try|attempt(?:ed)?|experiment(?:ed)?)\b.*?(?:n't\b|\b(?:no|not|fail|slower|worse|broke|but|useless|cannot|"
    r"out again)\b|\b(?:hang|crash|swallow|leak))"
)
_DONE: Final = re.compile(
    r"^\W*(?:done|fixed|finished|resolved|completed|closed|merged|landed|shipped)\b|"
    r"\b(?:is|are|was|were|now|all|got) (?:now |all )?(?:done|fixed|finished|merged|pushed|resolved|green|in place|"
    r"wired up|complete|closed|implemented|deployed|shipped)\b|\b(?:fixed|finished|implemented|completed|wrote) the\b|"
    r"\bno longer (?:flaky|red|blocked|fails)\b|\bunblocked\b"
)
_CONVENTION: Final = re.compile(
    r"\b(?:always|never|conventions?|everywhere|nowhere else|by hand|must|house style|rule of thumb|"
    r"every (?:\w+ )?(?:module|file|function|test|commit|branch|route|endpoint|table|migration|class|error|name)s?|"
    r"(?:is|are) (?:snake|camel|kebab|pascal)[_ -]?case)\b"
)
_SENTENCE: Final = re.compile(r"(?<=[.;!?])\s+|\n+")


def kind_of(text: str) -> Kind:
    """Return what kind of thing *text*, a decision, tells; of its first 1,000 characters."""
    plain = text[:_READ].lower().replace("\u2019", "'")
    if _OPEN.search(plain):
        return Kind.OPEN
    if _DEAD_END.search(plain):
        return Kind.DEAD_END
    return Kind.CONVENTION if _CONVENTION.search(plain) else Kind.PLAIN


def open_points(digest: SessionDigest, *, later: Sequence[Said] = ()) -> list[OpenPoint]:
    """Return what was open at the end of the session of *digest*, the latest first.

    Args:
        digest: of a session, ended or not.
        later: decisions of sessions after it, which may say that something of it is done.
    """
    done = [keys for said in later for keys in _done(said.text)]
    found: list[OpenPoint] = []
    for said in reversed(digest.decisions):
        if kind_of(said.text) is Kind.OPEN and not _settled(said.text, done):
            found.append(OpenPoint(said.at, said.text, said.seq))
        done += _done(said.text)
    if digest.end_detail and kind_of(digest.end_detail) is Kind.OPEN and not _settled(digest.end_detail, done):
        found.insert(0, OpenPoint(digest.ended_at or digest.last_activity, digest.end_detail))
    return [*_in_the_middle(digest), *found]


def _done(text: str) -> list[Keys]:
    """Return what each sentence of *text* that says that something is done speaks of."""
    return [keys_of(sentence) for sentence in _sentences(text) if _DONE.search(sentence) and not _OPEN.search(sentence)]


def _settled(text: str, done: Sequence[Keys]) -> bool:
    """Return whether what *text* says is open is among what is *done*."""
    left = Keys().union(*(keys_of(sentence) for sentence in _sentences(text) if _OPEN.search(sentence))) - _DOING
    return any(len(left & keys) >= max(_PART * len(left), 1) for keys in done)


def _sentences(text: str) -> list[str]:
    return _SENTENCE.split(text[:_READ].lower().replace("\u2019", "'"))


def _in_the_middle(digest: SessionDigest) -> Iterator[OpenPoint]:
    """Yield what the session was writing when it died."""
    if digest.end_reason not in (EndReason.PROCESS_EXITED, EndReason.REBOOT):
        return
    since = digest.last_activity - _IN_THE_MIDDLE_MS
    written = [one for one in digest.files if one.writes and not one.gone and one.at >= since]
    if written:
        written.sort(key=lambda one: (-one.at, one.path))
        yield OpenPoint(written[0].at, "", files=tuple(one.path for one in written[:_MOST_FILES]))

"""What the daemon finds when it looks itself over, on the wire."""

import enum

from omnimem.model.vocabulary import Reply


class Verdict(enum.StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"  #: it works, but not as well as it could
    FAIL = "fail"  #: something is wrong


class Check(Reply, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str  #: what was found, in words
    hint: str | None = None  #: what to do about it
    repaired: str | None = None  #: what was done about it just now


class Checkup(Reply, frozen=True, kw_only=True):
    """Everything that was looked at; sound unless something failed."""

    sound: bool
    checks: list[Check]

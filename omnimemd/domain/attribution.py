"""Whose an observed access is. The method is kept on every row, and what cannot be told is said to be ambiguous."""

from collections.abc import Sequence

import msgspec

from omnimem.model import Attribution


class Share(msgspec.Struct, frozen=True):
    """One session an access is recorded in."""

    session_id: str
    attribution: Attribution
    others: tuple[str, ...] = ()  #: the other sessions it may be of
    agent_id: str | None = None  #: which of the agents in the session's process, where the tool said so


def attribute(candidates: Sequence[str]) -> tuple[Share, ...]:
    """Return where an access goes that any of the sessions *candidates* could have made.

    The session that is alone has it, as probable; of several each has it, as ambiguous, naming the others; of none,
    nobody.
    """
    if len(candidates) == 1:
        return (Share(candidates[0], Attribution.PROBABLE),)
    return tuple(
        Share(one, Attribution.AMBIGUOUS, tuple(other for other in candidates if other != one)) for one in candidates
    )

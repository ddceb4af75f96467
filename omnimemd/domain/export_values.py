"""What the members of an export's lines have in common: times, paths, what is left out."""

from typing import TypeVar

from msgspec import UNSET, UnsetType

from omnimemd.domain.clock import Millis, from_rfc3339
from omnimemd.domain.paths import from_raw

T = TypeVar("T")


class Contradiction(ValueError):
    """A line's members contradict each other, or one is not what it should be."""


def time_of(member: str, text: str) -> Millis:
    """Return the moment that *text* is, which is *member*.

    Raises:
        Contradiction: it is none.
    """
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError):
        raise Contradiction(f"{member}: {text!r} is no time as in RFC 3339, with its zone") from None


def time_or_none(member: str, text: str | None) -> Millis | None:
    """Return the moment that *text* is, as `time_of`; None of None."""
    return None if text is None else time_of(member, text)


def path_of(member: str, text: str, odd: str | UnsetType | None) -> str:
    """Return the path *text*, or the one whose bytes *odd* is the base64 of, if it is given.

    Raises:
        Contradiction: *odd* is no base64.
    """
    if not odd:
        return text
    try:
        return from_raw(odd)
    except ValueError:
        raise Contradiction(f"{member}: {odd!r} is not base64") from None


def or_unset(value: T | None) -> T | UnsetType:
    """Return *value* as a member has it that is left out where there is none."""
    return UNSET if value is None else value


def or_none(value: T | UnsetType | None) -> T | None:
    """Return *value*, None where its member was left out."""
    return None if value is UNSET else value


def tuple_of(values: list[str] | UnsetType) -> tuple[str, ...]:
    """Return *values*, none where their member was left out."""
    return () if values is UNSET else tuple(values)

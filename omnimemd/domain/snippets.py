"""Show where in a text something was found: a line of it, with what was found between « and »."""

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Collection
from typing import Final

from omnimemd.domain.search_terms import spans

#: What was found stands between these.
BEGIN: Final = "«"
END: Final = "»"
_CUT: Final = "…"
#: Characters of a snippet, besides the marks.
_LENGTH: Final = 160
#: Characters shown before the first word that was found.
_BEFORE: Final = 40
#: Characters of a text that are looked at: what is found later in it is shown by its beginning.
_LOOKED_AT: Final = 40_000

_SPACE: Final = re.compile(r"\s+")
#: What would move a terminal's cursor or turn the direction of writing around: controls, and the Unicode bidi controls.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def snippet(text: str, asked: Collection[str]) -> str:
    """Return a line of *text* where most of the terms *asked* are, each marked; its beginning where there is none.

    White space is one space, control characters are gone, and what a reader takes for one character is not cut.
    """
    text = _SPACE.sub(" ", _CONTROL.sub(" ", text[:_LOOKED_AT])).strip()
    wanted = frozenset(asked)
    runs = wanted - _within_runs(wanted)
    marks = _marks(text, runs) or _marks(text, wanted)
    begin, end = _window(text, marks, wanted)
    shown: list[str] = []
    at = begin
    for start, stop in marks:
        if begin <= start and stop <= end:
            shown += (text[at:start], BEGIN, text[start:stop], END)
            at = stop
    shown.append(text[at:end])
    return f"{_CUT if begin else ''}{''.join(shown)}{_CUT if end < len(text) else ''}"


def end_before(text: str, at: int, earliest: int) -> int:
    """Return the end of the last word before *at*, down to *earliest*; else of the last whole character."""
    space = text.rfind(" ", earliest, at + 1)
    if space >= 0:
        return space
    while at > 0 and not _begins(text, at):
        at -= 1
    return at


def _within_runs(wanted: frozenset[str]) -> frozenset[str]:
    """Return the characters that are wanted for a run they stand in: alone, most texts of their script have them."""
    return frozenset(character for term in wanted if len(term) > 1 and not term.isascii() for character in term)


def _marks(text: str, wanted: frozenset[str]) -> list[tuple[int, int]]:
    return _merged([(one.start, one.end) for one in spans(text) if not wanted.isdisjoint(one.terms)])


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _window(text: str, marks: list[tuple[int, int]], wanted: frozenset[str]) -> tuple[int, int]:
    """Return from where to where to show *text*: where the most different words are marked, the earliest such place."""
    if len(text) <= _LENGTH:
        return 0, len(text)
    best, most = 0, 0
    following: deque[tuple[int, str]] = deque()  # the marks there is room for, and their words
    counts: Counter[str] = Counter()
    later = iter(marks)
    ahead = next(later, None)
    for start, _ in marks:
        while ahead is not None and ahead[1] <= start + _LENGTH - _BEFORE:
            word = text[ahead[0] : ahead[1]].casefold()
            following.append((ahead[0], word))
            counts[word] += 1
            ahead = next(later, None)
        if len(counts) > most:
            best, most = max(start - _BEFORE, 0), len(counts)
        while following and following[0][0] <= start:
            _, word = following.popleft()
            counts[word] -= 1
            if not counts[word]:
                del counts[word]
    begin = _boundary(text, best, best + _BEFORE // 2) if best else 0
    end = min(begin + _LENGTH, len(text))
    return begin, end if end == len(text) else end_before(text, end, end - _BEFORE // 2)


def _boundary(text: str, at: int, latest: int) -> int:
    """Return the beginning of the first word from *at* on, up to *latest*; else of the next whole character."""
    space = text.find(" ", at, latest)
    if space >= 0:
        return space + 1
    while at < len(text) and not _begins(text, at):
        at += 1
    return at


def _begins(text: str, at: int) -> bool:
    """Return whether what a reader takes for one character may begin at *at*: an approximation of Unicode's UAX 29."""
    here, before = text[at], text[at - 1] if at else ""
    return not (
        unicodedata.category(here) in ("Mn", "Mc", "Me")
        or here in "\u200d\ufe0e\ufe0f"
        or before == "\u200d"
        or "\U0001f3fb" <= here <= "\U0001f3ff"  # skin tones
        or ("\U0001f1e6" <= here <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")  # flags
    )

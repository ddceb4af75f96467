"""From the bytes of an export to its lines, each with its number and without its secrets. Runs in a thread."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from omnimem.errors import InvalidRequest
from omnimemd.domain import export_lines as lines
from omnimemd.domain.import_cleaning import cleaned
from omnimemd.domain.redaction import Redacted

#: A line of a memory's history.
HistoryLine = lines.VersionLine | lines.AmendmentLine


class Numbered(NamedTuple):
    """A line at its place in the file."""

    number: int
    line: lines.Line
    safe: Redacted[lines.Line]  #: without its secrets


def read(texts: Iterable[bytes], *, first: int, waiting: Sequence[Numbered]) -> list[Numbered]:
    """Return the lines that *texts* are, the first of them of the number *first*; *waiting* are those before them.

    Raises:
        MalformedBody: one is not JSON.
        ImportRefused: one is none of an export, or an id in it holds a secret.
    """
    return list(_read(texts, first, key=_key_of(waiting[0].line) if waiting else ""))


def complete(found: Sequence[Numbered]) -> tuple[Sequence[Numbered], tuple[Numbered, ...]]:
    """Return what of *found* can be taken, and the lines of a memory that more may follow."""
    place = len(found)
    while place and isinstance(found[place - 1].line, HistoryLine):
        place -= 1
    if place and isinstance(found[place - 1].line, lines.MemoryLine):
        return found[: place - 1], tuple(found[place - 1 :])
    return found, ()


def _read(texts: Iterable[bytes], first: int, key: str) -> Iterator[Numbered]:
    for number, text in enumerate(texts, start=first):
        if text.strip():
            line = lines.decode(text, number=number)
            key = _key_of(line) or key
            try:
                safe = cleaned(line, key=key)
            except InvalidRequest as error:
                raise lines.refused(number, error.detail) from None
            yield Numbered(number, line, safe)


def _key_of(line: lines.Line) -> str:
    return line.memory_key if isinstance(line, lines.MemoryLine) else ""

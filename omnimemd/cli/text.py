"""Text as a terminal may show it: nothing stored can control the terminal, columns line up, paths fit."""

import os
import unicodedata
from typing import Final

_ELLIPSIS: Final = "…"
#: Columns of a text in a table: a list is looked through, not read.
_LONGEST_CELL: Final = 200


def safe(text: str) -> str:
    r"""Return *text* on one line, with everything that does not print as `\x1b`, `\n` or `\u202e`.

    That is every control character, line separator and invisible format character, bidirectional ones included
    (Unicode categories C* and Z* but the space).
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def safe_lines(text: str) -> str:
    """Return *text* as `safe` does, but keep its lines and tabs."""
    return "\n".join("\t".join(map(safe, line.split("\t"))) for line in text.split("\n"))


def cell(text: str) -> str:
    """Return the beginning of *text* as `safe` does, short enough for a table that people and agents look through."""
    return clip(safe(text[: _LONGEST_CELL + 1]), _LONGEST_CELL)


def width(text: str) -> int:
    """Return how many columns of a terminal *text* takes (Unicode annex 11; combining marks take none)."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def clip(text: str, room: int | None) -> str:
    """Return the beginning of *text* that fits *room* columns; None means that everything fits."""
    if room is None or width(text) <= room:
        return text
    return _fitting(text, max(room - 1, 0)) + _ELLIPSIS


def clip_path(path: str, room: int | None) -> str:
    """Return the end of *path* that fits *room* columns, whole names if there is room for one."""
    if room is None or width(path) <= room:
        return path
    tail = _fitting(path[::-1], max(room - 1, 0))[::-1]
    slash = tail.find("/")
    return _ELLIPSIS + (tail[slash:] if 0 <= slash < len(tail) - 1 else tail)


def shown_path(path: str, *, below: str | None = None) -> str:
    """Return *path* as people write it: relative to the folder *below* if it is there, `~` for home, nothing unsafe."""
    if below is not None and path != below:
        prefix = below.rstrip("/") + "/"
        if path.startswith(prefix):
            return safe(path.removeprefix(prefix))
    home = os.environ.get("HOME", "").rstrip("/")
    if home and (path == home or path.startswith(home + "/")):
        path = "~" + path.removeprefix(home)
    return safe(path)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 file" or "3 files"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def size(octets: int) -> str:
    """Return a number of bytes for people: "812 B", "3.4 MB"."""
    if octets < 1000:
        return f"{octets} B"
    unit, scale = ("kB", 1e3) if octets < 999_500 else ("MB", 1e6) if octets < 999_500_000 else ("GB", 1e9)
    amount = octets / scale
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def _fitting(text: str, room: int) -> str:
    taken = 0
    for number, one in enumerate(text):
        taken += width(one)
        if taken > room:
            return text[:number]
    return text

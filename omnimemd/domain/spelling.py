"""What a word that is nowhere may have meant: a known word that begins with it, or that differs by a slip or two."""

from collections.abc import Iterable
from typing import Final

#: Known words that stand in for one, at most.
_MEANT: Final = 3
#: Letters a word must have for one slip to be allowed, and for two.
_ONE_SLIP: Final = 4
_TWO_SLIPS: Final = 8


def slips(word: str) -> int:
    """Return by how many slips a word that *word* means may differ: none where almost any word would do."""
    if not word.isascii() or word.isdigit():
        return 0
    return 0 if len(word) < _ONE_SLIP else 1 if len(word) < _TWO_SLIPS else 2


def meant(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the *known* words that *word* may mean: those with the fewest slips, then by the alphabet.

    A word that *word* is the beginning of counts as one slip.
    """
    most = slips(word)
    found: list[tuple[int, int, str]] = []
    for one in known:
        if most and one.startswith(word):
            found.append((1, len(one), one))
        elif abs(len(one) - len(word)) <= most and (away := distance(word, one, most=most)) is not None:
            found.append((away, len(one), one))
    least = min((away for away, _, _ in found), default=0)
    return [one for away, _, one in sorted(found) if away == least][:_MEANT]


def distance(one: str, other: str, *, most: int) -> int | None:
    """Return how many slips lead from *one* to *other*, None where they are over *most*.

    A slip adds a letter, leaves one out, takes another, or swaps two neighbours (restricted Damerau-Levenshtein).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, last, row = row, before, [number]
        for place, wanted in enumerate(other, start=1):
            away = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != wanted))
            if number > 1 and place > 1 and letter == other[place - 2] and one[number - 2] == wanted:
                away = min(away, last[place - 2] + 1)
            row.append(away)
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None

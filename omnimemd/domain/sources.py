"""The source of each line of a document, short: what several lines come from is written out once.

An id takes ten tokens and more, a third of most lines. So where several lines come from one session, the first of them
gives it a letter, `[a=sess_0123456789ab:17]`, and those that follow have that, `[a:18]`. So each line says its source
still.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Final

from omnimemd.domain.tokens import price

#: A letter takes as much as any other.
_LETTER: Final = "a"


class Sources:
    """What the sources of the lines that are taken cost."""

    def __init__(self, all_of_them: Iterable[str]) -> None:
        self._owners = Counter(_owner(source) for source in all_of_them)
        self._letters = [letter for letter in ascii_lowercase if letter not in self._owners]  # an id may be a letter
        self._lettered: set[str] = set()

    def price(self, source: str) -> int:
        """Return what *source* costs at most, at the end of a line."""
        owner = _owner(source)
        if owner in self._lettered:
            return price(_shown(source, _LETTER))
        if self._may_have_letter(owner):
            return price(_shown(source, f"{_LETTER}={owner}"))
        return price(_shown(source, owner))

    def add(self, source: str) -> None:
        """Take down that a line has *source*."""
        owner = _owner(source)
        if self._may_have_letter(owner):
            self._lettered.add(owner)

    def shown(self, sources: Iterable[str]) -> Iterator[str]:
        """Yield the end of each line of a document that has *sources*, in this order: those that were added."""
        listed = list(sources)
        lines = Counter(map(_owner, listed))
        letters = iter(self._letters)
        known: dict[str, str] = {}
        for source in listed:
            owner = _owner(source)
            if lines[owner] == 1 or owner not in self._lettered:
                yield _shown(source, owner)
            elif owner in known:
                yield _shown(source, known[owner])
            else:
                known[owner] = next(letters)
                yield _shown(source, f"{known[owner]}={owner}")

    def _may_have_letter(self, owner: str) -> bool:
        return self._owners[owner] > 1 and len(self._lettered) < len(self._letters)


def _owner(source: str) -> str:
    """Return what *source* is a part of: of an entry its session; others are their own."""
    owner, _, entry = source.rpartition(":")
    return owner if owner and entry.isdigit() else source


def _shown(source: str, owner: str) -> str:
    return f" [{owner}{source.removeprefix(_owner(source))}]"

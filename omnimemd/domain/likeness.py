"""Whether something was said already, in nearly the same words.

Two texts say the same here where the words of one are among those of the other, and the other has few more. Where each
has a word that the other lacks, they may speak of different things ("PostgreSQL", "SQLite"), however alike the rest is:
to tell the same twice costs a line, to take two facts for one costs a fact.
"""

import re
from typing import Final

_WORDS: Final = re.compile(r"\w+")
#: Part of the words of the longer text that the shorter one has.
_ALIKE: Final = 0.8
#: Words that tell nothing apart.
_EMPTY: Final = frozenset(("a", "an", "the", "is", "are", "be", "to", "of", "in", "on", "at", "for", "and", "we", "it"))
#: Words that turn what is said into something else.
_TURNING: Final = frozenset(("no", "not", "never", "without", "instead", "t", "nicht", "kein", "keine", "nie", "ohne"))


class Said:
    """What was said up to now."""

    def __init__(self) -> None:
        self._texts: list[frozenset[str]] = []
        self._with: dict[str, list[int]] = {}  # the texts that have a word among their rarest ones

    def add(self, text: str) -> None:
        """Take down that *text* is said."""
        words = _words(text)
        for word in _rarest(words):
            self._with.setdefault(word, []).append(len(self._texts))
        self._texts.append(words)

    def alike(self, text: str) -> bool:
        """Return whether something was said in nearly the words of *text*, with the same numbers and negations."""
        words = _words(text)
        near = {index for word in _rarest(words) for index in self._with.get(word, ())}
        return any(_alike(words, self._texts[index]) for index in near)


def _words(text: str) -> frozenset[str]:
    words = frozenset(_WORDS.findall(text.casefold()))
    return words - _EMPTY or words


def _rarest(words: frozenset[str]) -> list[str]:
    """Return as many words as two texts that are alike cannot both lack, the longest: those are mostly the rarest."""
    return sorted(words, key=lambda word: (-len(word), word))[: len(words) - int(len(words) * _ALIKE) + 1]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    fewer, more = sorted((one, other), key=len)
    return fewer <= more and len(fewer) >= _ALIKE * len(more) and not any(map(_turns, more - fewer))


def _turns(word: str) -> bool:
    return word in _TURNING or any(character.isdigit() for character in word)

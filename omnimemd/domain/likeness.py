"""Whether something was said already, in nearly the same words."""

import re
from typing import Final

_WORDS: Final = re.compile(r"\w+")
#: Parts of all words of two texts that they must share.
_ALIKE: Final = 0.8
#: Words that turn what is said into something else, however alike the rest is.
_TURNING: Final = frozenset(("no", "not", "never", "without", "instead", "t", "nicht", "kein", "nie", "ohne"))


class Said:
    """What was said up to now."""

    def __init__(self) -> None:
        self._texts: list[frozenset[str]] = []
        self._with: dict[str, list[int]] = {}  # texts that have a word, by its rarest ones

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
    return frozenset(_WORDS.findall(text.casefold()))


def _rarest(words: frozenset[str]) -> list[str]:
    """Return as many words as two texts cannot differ in and still be alike, the longest: those are the rarest."""
    return sorted(words, key=lambda word: (-len(word), word))[: len(words) - int(len(words) * _ALIKE) + 1]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _ALIKE * len(one | other) and not any(map(_turns, one ^ other))


def _turns(word: str) -> bool:
    return word in _TURNING or any(character.isdigit() for character in word)

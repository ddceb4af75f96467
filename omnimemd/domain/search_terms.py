"""Which terms a text is found by. The same for what is kept and for what is asked: they meet in the terms.

* A word is found by its stem, whatever its case, accents or width: "Retries" is `retri`, "Café" is `cafe`.
* An identifier is found by its parts, which are the same in every spelling (`getUserName`, `get_user_name`,
  `get-user-name`, "get user name" are `get user name`), and by all of them in one (`getusername`), which tells those
  who wrote the identifier from those who only use its words. A dotted name or a path is its pieces, one by one.
* A run of a script that is written without spaces is found by every two neighbouring characters, and by each alone, so
  any part of it finds it.

A term holds only a to z, 0 to 9 and characters beyond ASCII, so that it is one token of SQLite's `ascii` tokenizer.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from omnimemd.domain.stemming import stem

#: Characters of a term at most: of longer words (base64, minified code) only the beginning counts.
_LONGEST: Final = 64
#: Pieces and parts of an identifier at most; what has more is a chain of something else (a UUID, an enumeration).
_MOST_PIECES: Final = 6

#: Terms of a text that are indexed as often as they occur, and terms that are indexed at all.
_COUNTED: Final = 10_000
_KEPT: Final = 50_000

#: What belongs to a word without being a letter or a digit: vowel signs and marks, which Python's `\w` leaves out.
_MARKS: Final = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0963\u0971-\u0e3a\u0e47-\u0e4e"
    "\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20f0\u302a-\u302f\u3099\u309a"
)
_WORD_CHARACTER: Final = f"(?:[^\\W_]|[{_MARKS}])"
#: A word or an identifier, up to what only a path, a dotted name or a sentence has.
_WORD: Final = re.compile(f"{_WORD_CHARACTER}+(?:['\u2019_-]+{_WORD_CHARACTER}+)*")
#: Han, kana, bopomofo, Hangul, Thai, Lao, Myanmar, Khmer: written without spaces, or with words that grow endings.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]+"
)
_PARTS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_POSSESSIVE: Final = re.compile("['\u2019]s$", re.IGNORECASE)
_APOSTROPHES: Final = re.compile("['\u2019]+")
_JOINTS: Final = re.compile("[_-]+")
#: Accents of letters; marks of other scripts are letters in all but name.
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
#: What compatibility forms are spelt out with: the dot of a numeral, the brackets around it, the spaces of a ligature.
_SPELT_OUT: Final = re.compile(r"[\x00-\x26\x28-\x2c./:-@[-^`{-\x7f]+")


class Span(msgspec.Struct, frozen=True):
    """A place in a text and the terms it is found by."""

    start: int
    end: int
    terms: tuple[str, ...]


def terms(text: str) -> list[str]:
    """Return the terms of *text* in their order, each as often as it occurs."""
    return [term for match in _WORD.finditer(text) for term in _terms_of(match[0])]


def kept(found: list[str]) -> list[str]:
    """Return those of the terms *found* in a text that are indexed: all, unless there are very many.

    Of what comes after the first 10,000, each different one once, up to 50,000 in all: to index more at once would keep
    everybody else waiting.
    """
    if len(found) <= _COUNTED:
        return found
    first = found[:_COUNTED]
    known = set(first)
    more = [term for term in dict.fromkeys(found[_COUNTED:]) if term not in known]
    return [*first, *more[: _KEPT - _COUNTED]]


def spans(text: str) -> Iterator[Span]:
    """Yield where the terms of *text* are, in order; what is written without spaces once for each two characters."""
    for match in _WORD.finditer(text):
        word, start = match[0], match.start()
        rest = 0
        for run in _UNSPACED.finditer(word):
            if run.start() > rest:
                yield _span(word, start, rest, run.start())
            rest = run.end()
            for at in range(run.start(), rest):
                two = _folded(word[at : min(at + 2, rest)])
                yield Span(start + at, start + min(at + 2, rest), (two,))
                yield Span(start + at, start + at + 1, (two[:1],))
        if rest < len(word):
            yield _span(word, start, rest, len(word))


def _span(word: str, start: int, begin: int, end: int) -> Span:
    return Span(start + begin, start + end, _terms_of(word[begin:end]))


@lru_cache(maxsize=8192)  # words repeat: most of a text is in it
def _terms_of(word: str) -> tuple[str, ...]:
    if word.isascii() and word.isalpha() and (word.islower() or word.istitle()):
        return (stem(word[:_LONGEST].lower()),)  # as most words are
    word = _APOSTROPHES.sub("", _POSSESSIVE.sub("", _folded(word, case=False)))
    found: list[str] = []
    rest = 0
    for run in _UNSPACED.finditer(word):
        found += _of_identifier(word[rest : run.start()])
        found += _of_unspaced(run[0])
        rest = run.end()
    found += _of_identifier(word[rest:])
    return tuple(found)


def _of_unspaced(run: str) -> list[str]:
    return [*(run[at : at + 2] for at in range(len(run) - 1)), *dict.fromkeys(run)]


def _of_identifier(word: str) -> list[str]:
    """Return the parts of *word* and, if there are several, all of them in one."""
    pieces = [piece for piece in _JOINTS.split(word) if piece]
    found: list[str] = []
    for piece in pieces:
        parts = _parts(piece)
        found += map(_stemmed, parts)
        if len(parts) > 1 and len(pieces) > 1:
            found.append(_stemmed(piece))
    if len(found) > 1 and len(pieces) <= _MOST_PIECES:
        found.append(_stemmed("".join(pieces)))
    return found


def _parts(piece: str) -> list[str]:
    if not piece.isascii() or len(piece) > _LONGEST:
        return [piece]
    parts = _PARTS.findall(piece)
    digits = sum(part.isdigit() for part in parts)
    return parts if len(parts) <= _MOST_PIECES and digits <= 1 else [piece]  # else a hash, a token: no words


def _stemmed(part: str) -> str:
    part = part.casefold()[:_LONGEST]
    return stem(part) if part.isascii() and part.isalpha() else part


def _folded(word: str, *, case: bool = True) -> str:
    """Return *word* without accents, compatibility forms (width, ligatures) and, if wished, *case*."""
    if not word.isascii():
        word = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", word)))
        word = _SPELT_OUT.sub("", word)
    return word.casefold() if case else word

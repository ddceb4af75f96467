r"""How many tokens a text takes of a model's window, without the model's tokenizer: at least as many as it counts.

Nobody's tokenizer is asked: each model has another one, some are not public, and the tables of one take some megabytes
and a tenth of a second to load. So a text is cut into pieces by its looks, and each piece has a price. What a tokenizer
knows whole is what was frequent where it was trained, which is mostly English and code. So a word is dear by the pairs
of letters in it that are rare there: that is what a checksum, base64 and many a language are made of. The prices were
found by linear programming over texts and what tokenizers count in them (docs/BRIEFING.md says which, and how near the
estimate comes).

Prices are whole hundredths of a token, so that the parts of a text add up: no piece reaches over the end of a line, and
`price(a + "\n" + b)` is `price(a) + NEWLINE + price(b)`, exactly.
"""

import re
from bisect import bisect_left
from functools import lru_cache
from itertools import pairwise
from typing import Final

#: Prices of one token, and of the end of a line.
TOKEN: Final = 100
NEWLINE: Final = 110

#: Of a word, or of a part of one in camelCase, after a space or after something else; and of each letter after six.
_WORD_AFTER_SPACE: Final = 100
_WORD: Final = 135
_SHORT: Final = 6
_FURTHER_LETTER: Final = 31
#: Of capitals in a row: of all of them, and of each but the first.
_CAPITALS: Final = 120
_FURTHER_CAPITAL: Final = 20
#: Of each pair of letters that is rare.
_RARE_PAIR: Final = 57
#: Of digits in a row: of all of them, after a space, which is a token then, or after something else; and of each: some
#: tokenizers take three at a time, some one.
_NUMBER_AFTER_SPACE: Final = 145
_NUMBER: Final = 80
_DIGIT: Final = 52
#: Of marks in a row: of the first, and of each further one, which is another or the same.
_MARK: Final = 67
_FURTHER_MARK: Final = 82
_SAME_MARK: Final = 30
#: Of spaces in a row, but for one before a word, a mark or a number: of the first, and of each further one.
_SPACES: Final = 65
_FURTHER_SPACE: Final = 4
#: Of any other character of ASCII.
_CONTROL: Final = 130
#: Of a character beyond ASCII: the last one of a block of Unicode, and the price in it.
_BLOCKS: Final = (
    ("\u00ff", 130),  # Latin, with the accents of the west
    ("\u024f", 190),
    ("\u036f", 200),
    ("\u03ff", 140),  # Greek
    ("\u052f", 90),  # Cyrillic
    ("\u058f", 205),  # Armenian
    ("\u07ff", 135),  # Hebrew, Arabic
    ("\u08ff", 200),
    ("\u097f", 145),  # Devanagari
    ("\u09ff", 205),
    ("\u0aff", 305),
    ("\u0bff", 205),
    ("\u0dff", 240),
    ("\u0e7f", 195),  # Thai
    ("\u0fff", 305),
    ("\u10ff", 205),
    ("\u1dff", 305),
    ("\u1fff", 210),  # Latin of Vietnamese, old Greek
    ("\u206f", 190),  # dashes, quotation marks
    ("\u2fff", 200),  # symbols, frames
    ("\u30ff", 130),  # kana
    ("\u9fff", 145),  # Han
    ("\uabff", 300),
    ("\ud7ff", 150),  # Hangul
    ("\uffff", 300),
    ("\U0010ffff", 330),  # emoji
)
_LAST: Final = [last for last, _ in _BLOCKS]
#: After each letter those that often follow it: nine tenths of all pairs, in English and in names of programs.
_OFTEN: Final = {
    "a": "bcdgiklmnprstuvy", "b": "aeilosu", "c": "aehiklortu", "d": "adeilorsu", "e": "acdefglmnpqrstvwx",
    "f": "aefiloru", "g": "aehilnorsu", "h": "aeio", "i": "abcdefglmnoprstvz", "j": "", "k": "eis", "l": "adeilostuy",
    "m": "abeimopsu", "n": "acdefginostuv", "o": "bcdfgklmnoprstuvw", "p": "aeiloprstuy", "q": "u",
    "r": "acdegimnorstuy", "s": "acehilopstuy", "t": "acehiloprstuy", "u": "abceilmnprst", "v": "aei", "w": "aei",
    "x": "pt", "y": "p", "z": "e",
}  # fmt: skip
_FREQUENT: Final = frozenset(one + other for one, others in _OFTEN.items() for other in others)

#: Words, and pieces of them, whose prices are kept: the same ones come up over and over.
_KEPT: Final = 8_192
#: Characters of a text that is taken word by word: words of longer ones may be too long to keep.
_LINE: Final = 600

#: Long runs are several pieces, so that what is kept of them is small.
_PIECES: Final = re.compile(
    r" ?[A-Z]?[a-z]{1,40}| ?[A-Z]{1,40}(?![a-z])| ?[!-/:-@\[-`{-~]{1,40}| ?[0-9]{1,40}|\n| {1,40}(?= [!-~])| {1,40}|.",
    re.DOTALL,
)


def estimate(text: str) -> int:
    """Return about how many tokens *text* takes: one more than its price, rounded up."""
    return tokens(price(text)) + 1


def tokens(prices: int) -> int:
    """Return the whole tokens that a price takes, rounded up."""
    return -(-prices // TOKEN)


def price(text: str) -> int:
    """Return what *text* takes, in hundredths of a token; some 2 µs for 100 characters of a line, 6 for others."""
    if len(text) > _LINE or "  " in text:
        return sum(map(_piece, _PIECES.findall(text)))
    first, *further = text.split(" ")  # no piece reaches over the beginning of a word
    return _word(first) + sum(map(_word_after_space, further))


@lru_cache(maxsize=_KEPT)
def _word_after_space(word: str) -> int:
    return sum(map(_piece, _PIECES.findall(f" {word}")))


@lru_cache(maxsize=_KEPT)
def _word(word: str) -> int:
    return sum(map(_piece, _PIECES.findall(word)))


@lru_cache(maxsize=_KEPT)
def _piece(piece: str) -> int:
    inner = piece[1:] if piece[0] == " " and len(piece) > 1 else piece
    first = inner[0]
    further = len(inner) - 1
    if first > "\x7f":
        return _BLOCKS[bisect_left(_LAST, first)][1]
    if first.isalpha():
        rare = _RARE_PAIR * sum(one + other not in _FREQUENT for one, other in pairwise(inner.lower()))
        if further and inner.isupper():
            return _CAPITALS + further * _FURTHER_CAPITAL + rare
        return (_WORD if inner is piece else _WORD_AFTER_SPACE) + max(len(inner) - _SHORT, 0) * _FURTHER_LETTER + rare
    if first.isdigit():
        return (_NUMBER if inner is piece else _NUMBER_AFTER_SPACE) + len(inner) * _DIGIT
    if first == " ":
        return _SPACES + (len(piece) - 1) * _FURTHER_SPACE
    if first == "\n":
        return NEWLINE
    if first < " " or first == "\x7f":
        return _CONTROL
    return _MARK + sum(_SAME_MARK if one == other else _FURTHER_MARK for one, other in pairwise(inner))

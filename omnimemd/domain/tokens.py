r"""How many tokens a text takes of a model's window, without the model's tokenizer: at least as many as it counts.

Nobody's tokenizer is asked: each model has another one, some are not public, and the tables of one take some megabytes
and a tenth of a second to load. So a text is cut into pieces by its looks, each kind of piece has a price, and the
prices are such that the common tokenizers do not count more (docs/BRIEFING.md has them in a table, and measured).

Prices are whole hundredths of a token, so that the parts of a text add up: no piece reaches over the end of a line, and
`price(a + "\n" + b)` is `price(a) + NEWLINE + price(b)`, exactly.
"""

import re
from functools import lru_cache
from typing import Final

#: Prices of one token.
TOKEN: Final = 100
#: Price of the end of a line.
NEWLINE: Final = TOKEN

#: Letters that one token holds of most words.
_WORD: Final = 6
_FURTHER_LETTER: Final = 28
_FURTHER_CAPITAL: Final = 45
#: Of characters beyond ASCII: Latin ones, others of two bytes in UTF-8, of three, of four.
_LATIN: Final = 100
_TWO_BYTES: Final = 115
_THREE_BYTES: Final = 220
_FOUR_BYTES: Final = 400

#: A word or a part of camelCase, an abbreviation, a mark, each with the space before it; or something else alone.
_PIECES: Final = re.compile(
    r" ?[A-Z]?[a-z]+| ?[A-Z]+(?![a-z])|[0-9]+|[\n]+| +(?= [A-Za-z!-/:-@\[-`{-~])| ?[!-/:-@\[-`{-~]| +|[^\x00-\x7f]+|.",
    re.DOTALL,
)


def estimate(text: str) -> int:
    """Return about how many tokens *text* takes: one more than its price, rounded up."""
    return tokens(price(text)) + 1


def tokens(prices: int) -> int:
    """Return the whole tokens that a price takes, rounded up."""
    return -(-prices // TOKEN)


def price(text: str) -> int:
    """Return what *text* takes, in hundredths of a token."""
    return sum(map(_price, _PIECES.findall(text)))


@lru_cache(maxsize=8_192)
def _price(piece: str) -> int:
    """Return the price of a piece; the same pieces come up over and over."""
    first = piece[0]
    if not first.isascii():
        return sum(map(_beyond_ascii, piece))
    if first == " ":
        if len(piece) == 1 or piece.isspace():
            return TOKEN
        piece = piece[1:]
        first = piece[0]
    if first.isalpha():
        if len(piece) > 1 and piece.isupper():
            return TOKEN + (len(piece) - 1) * _FURTHER_CAPITAL
        return TOKEN + max(len(piece) - _WORD, 0) * _FURTHER_LETTER
    return TOKEN * len(piece)


def _beyond_ascii(character: str) -> int:
    if character < "\u0250":
        return _LATIN
    if character < "\u0800":
        return _TWO_BYTES
    return _THREE_BYTES if character < "\U00010000" else _FOUR_BYTES

"""Text that may go to strangers: what this program says in its own words, and of everything else only a token.

It is not looked for what is private: whatever the program cannot have said by itself is taken out. A token is the same
wherever the same stood, and cannot be turned back: its key is made anew for each bundle, and kept nowhere.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Final

import omnimem

#: A time; what is in quotes, even if it is cut off; a path with all its spaces, up to the colon that often follows one;
#: what holds a slash; all else between spaces and punctuation.
_PIECE: Final = (
    r"\d{4}-\d\d-\d\dT[\d:.]+Z"
    r"|(?:(?<![A-Za-z])|(?<=\bb))'(?:[^'\\\n]|\\.)*'?"  # but no apostrophe
    r'|"(?:[^"\\\n]|\\.)*"?'
    r"""|~?/[^\n:;,()'"]*(?=: )"""
    r"""|[^\s,;()\[\]{}<>='"]*/[^\s,;()]*"""
    r"""|[^\s,;:()\[\]{}<>=|"'/]+"""
)
_PLAIN: Final = re.compile(r"[-+]?\d[\d.,:]*(?:ms|s|%|T[\d:.]+Z)?\.?|\d{4}-\d\d-\d\dT[\d:.]+Z?|\W+")
#: What libraries say of what went wrong, in words that are not in the source.
_LIBRARIES: Final = frozenset("database disk image is malformed Invalid enum value Expected got".split())
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z']*")


class Scrubber:
    """Takes out what is not the program's own."""

    def __init__(self, private: Collection[str] = ()) -> None:
        """Make a key that nobody will know; *private* goes whatever it consists of."""
        self._key = secrets.token_bytes(32)
        known = "|".join(map(re.escape, sorted(filter(None, private), key=len, reverse=True)))
        self._private = frozenset(filter(None, private))
        self._piece = re.compile(f"{known}|{_PIECE}" if known else _PIECE)

    def scrub(self, text: str) -> str:
        """Return *text* with tokens for all that the program cannot have said by itself."""
        return self._piece.sub(lambda found: self._kept(found[0]), text)

    def token(self, text: str) -> str:
        """Return what stands for *text* in this bundle."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), key=self._key, digest_size=4)
        return f"<{digest.hexdigest()}>"

    def _kept(self, piece: str) -> str:
        if piece in self._private:
            return self.token(piece)
        if _PLAIN.fullmatch(piece) or piece.strip("'\"") == omnimem.__version__:
            return piece
        words = piece.rstrip(".!?`").lstrip("`*-").split("_") if piece[0] not in "'\"" and "/" not in piece else [""]
        return piece if all(_WORD.fullmatch(word) and word in _vocabulary() for word in words) else self.token(piece)


@cache
def _vocabulary() -> frozenset[str]:
    """Return every word of the program's own source."""
    roots = (Path(__file__).parents[1], Path(omnimem.__file__).parent)
    return _LIBRARIES | frozenset(
        word for root in roots for file in root.rglob("*.py") for word in _WORD.findall(file.read_text("utf-8"))
    )

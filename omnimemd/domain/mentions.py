"""The files a text speaks of, as far as its words tell: what looks like a path is a candidate, the disk decides.

A word is a candidate when it has a slash or an extension, or is a name like Makefile. What merely contains a path is
none: a URL, an address, a version number. To be told that a memory is stale because of a file that it never spoke of
costs its reader more than to miss one, so nothing is searched for by its last name alone.
"""

import re
from collections.abc import Iterator
from typing import Final

#: Characters of a text that are looked at, and candidates that are taken: a memory that holds more holds a listing.
_CHARACTERS: Final = 65_536
_CANDIDATES: Final = 256
#: Bytes of a path, and of a name in it (limits.h).
_PATH: Final = 4096
_NAME: Final = 255

#: What parts words: white space, quotes, brackets, what stands between sentences where words are not parted by spaces.
_WORD: Final = re.compile(
    r"[^\s\"'`<>()\[\]{}|*,;=\xab\xbb\u2000-\u206f\u2190-\u21ff\u3000-\u303f\uff00-\uff0f\uff1a-\uff1f]+"
)
#: A span in backticks is one name, with its spaces.
_SPAN: Final = re.compile(r"`([^`\n]{1,255})`")
#: Places in a file: a.py:12:3, a.py#L10-L20, a.py::test_x.
_PLACE: Final = re.compile(r"(?:::.*|:\d+(?:[-:]\d+)*:?|#L?\d+(?:-L?\d+)?)$")
_EXTENSION: Final = re.compile(r"[^./]\.[A-Za-z_][A-Za-z0-9_+-]{0,15}$|^\.[A-Za-z][\w.-]*$")
#: What each candidate has: a letter behind a dot or slash (or dots, dashes, digits), or such a name.
_SIGN: Final = re.compile(r"[./][^\s./]|[A-Z][A-Za-z]*file")
_WELL_KNOWN: Final = re.compile(r"[A-Z][A-Za-z]*file")
#: Letters of scripts that are written without spaces: a path next to them ends where they begin.
_LATIN_RUN: Final = re.compile(r"[\x21-\u2e7f]+")
_UNSPACED: Final = re.compile(r"[\u2e80-\U0003ffff]")


def may_mention(text: str) -> bool:
    """Return whether *text* may speak of files, without finding out which: a microsecond for what most texts are."""
    return _SIGN.search(text, 0, _CHARACTERS) is not None


def mentions(text: str) -> tuple[str, ...]:
    """Return what in *text* may be the path of a file, absolute or relative, each once, in order; at most 256."""
    found: dict[str, None] = {}
    for word in _words(text[:_CHARACTERS]):
        path = _path(word)
        if path is not None:
            found.setdefault(path)
            if len(found) == _CANDIDATES:
                break
    return tuple(found)


def _words(text: str) -> Iterator[str]:
    for span in _SPAN.finditer(text):
        if " " in span[1]:
            yield span[1]
    for word in _WORD.findall(text):
        if "/" not in word and "." not in word and "file" not in word:
            continue
        yield word
        if _UNSPACED.search(word):
            yield from _LATIN_RUN.findall(word)


def _path(word: str) -> str | None:
    """Return the path that *word* is, None when it is none."""
    word = word.rstrip(".:!?\\").lstrip("@")
    if "://" in word or "@" in word or word.startswith(("www.", "~", "-")):
        return None
    path = _PLACE.sub("", word).rstrip(":.")
    name = path.rpartition("/")[2]
    if not name or name in (".", "..") or ":" in path or "\\" in path or "\0" in path:
        return None
    if "/" not in path and not _EXTENSION.search(name) and not _WELL_KNOWN.fullmatch(name):
        return None
    if not any(letter.isalpha() for letter in path):
        return None
    try:
        parts = path.encode().split(b"/")
    except UnicodeEncodeError:
        return None
    return path if len(path) <= _PATH and max(map(len, parts)) <= _NAME else None

"""The words of the search index: those it has, and the documents a few of them are in."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

from omnimemd.domain import spelling

#: Words that are compared with one that is nowhere, at most.
_COMPARED: Final = 20_000
#: Documents of one word that are counted; a word in more of them tells too little apart.
_FEW: Final = 100


def count(db: apsw.Connection, term: str, within: tuple[int, int]) -> int:
    """Return how many documents *within* the range hold *term*."""
    return int(
        db.execute(
            "SELECT count(*) FROM search_text WHERE search_text MATCH ? AND rowid BETWEEN ? AND ?",
            (f'"{term}"', *within),
        ).get
    )


def meant(db: apsw.Connection, term: str, within: tuple[int, int]) -> list[str]:
    """Return the words *within* the range that *term*, which is not there, may mean: with the same first letter."""
    if not spelling.slips(term):
        return []
    words = db.execute(
        "SELECT term FROM search_words WHERE term >= ? AND term < ? LIMIT ?",
        (term[0], chr(ord(term[0]) + 1), _COMPARED),
    )
    near = spelling.meant(term, (word for (word,) in words))
    return [word for word in near if count(db, word, within)]


def sharing(db: apsw.Connection, terms: Iterable[str], within: tuple[int, int], *, most: int) -> list[int]:
    """Return up to *most* documents *within* the range that share the most of *terms*, of those that are in few."""
    shared: Counter[int] = Counter()
    for term in terms:
        found = _documents(db, f'"{term}"', within, most=_FEW + 1)
        if len(found) <= _FEW:
            shared.update(found)
    return sorted(shared, key=lambda document: (-shared[document], -document))[:most]


def with_all(db: apsw.Connection, terms: Sequence[str], within: tuple[int, int], *, most: int) -> list[int]:
    """Return up to *most* documents *within* the range that hold every one of *terms*."""
    return _documents(db, " AND ".join(f'"{term}"' for term in terms), within, most=most)


def _documents(db: apsw.Connection, query: str, within: tuple[int, int], *, most: int) -> list[int]:
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT rowid FROM search_text WHERE search_text MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?",
        (query, *within, most),
    ).fetchall()
    return [document for (document,) in rows]

"""The floor of search: what SQLite's full text search finds by itself."""

import re
from collections.abc import Sequence
from typing import Final

import apsw

#: The commonest words of English, without which a question finds more: so the floor is no straw man.
_STOP_WORDS: Final = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into is it "
    "its me my no not of on or our she so some such than that the their them then there these they this to was we were "
    "what when where which who whom whose why will with would you your".split()
)


class PlainSearch:
    """FTS5 with its Porter tokenizer and its own ranking; the words of a question joined by OR."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Index *texts*."""
        self._db = apsw.Connection(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'porter unicode61 remove_diacritics 2')")
        self._db.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", list(enumerate(texts)))

    def ranked(self, question: str, limit: int) -> list[int]:
        """Return the numbers of the texts that answer *question*, best first."""
        words = re.findall(r"\w+", question)
        words = [word for word in words if word.lower() not in _STOP_WORDS] or words
        if not words:
            return []
        rows = self._db.execute(
            "SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank, rowid LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), limit),
        )
        return [number for (number,) in rows]

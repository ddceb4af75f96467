"""The vectors of documents in the database: which are there, which are to be made, and for what they were made.

A document that is put into the index waits for its vector (a trigger of schema/0003_memory.sql notes it); one that
leaves the index takes its vector with it, in the same transaction. An epoch is a state of what the embedder knows; the
vectors of earlier ones of the same model serve until they are made anew, those of another model do not.
"""

from collections.abc import Iterable
from typing import Any, Final

import apsw
import msgspec

from omnimemd.domain.memories import Memory
from omnimemd.storage import search_index

#: Documents that are enough to know how often words occur.
_SAMPLE: Final = 4_000


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What the embedder knows of the texts there are."""

    epoch: int
    since: int  #: the first epoch of the same model
    model: str
    documents: int  #: how many there were
    learned: bytes


class Wanted(msgspec.Struct, frozen=True):
    """A document whose vector is to be made."""

    document: int
    text: str
    number: int | None  #: of what waits; None: it has a vector, of an earlier epoch


def knowledge(db: apsw.Connection) -> Knowledge | None:
    """Return what is known, None before the first text."""
    row = db.execute("SELECT epoch, since, model, documents, learned FROM search_model").fetchone()
    if row is None:
        return None
    epoch, since, model, documents, learned = row
    return Knowledge(epoch=epoch, since=since, model=model, documents=documents, learned=learned)


def learn(db: apsw.Connection, after: Knowledge) -> None:
    """Have that known from now on."""
    db.execute(
        "INSERT INTO search_model (only_one, epoch, since, model, documents, learned) VALUES (1, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET epoch = excluded.epoch, since = excluded.since, model = excluded.model, "
        "documents = excluded.documents, learned = excluded.learned",
        (after.epoch, after.since, after.model, after.documents, after.learned),
    )


def count(db: apsw.Connection) -> int:
    """Return how many documents there are."""
    return int(db.execute("SELECT coalesce(sum(memories + others), 0) FROM search_projects").get)


def count_waiting(db: apsw.Connection, *, most: int) -> int:
    """Return how many documents wait for their first vector, *most* if there are more."""
    return int(db.execute("SELECT count(*) FROM (SELECT 1 FROM search_unembedded LIMIT ?)", (most,)).get)


def count_outdated(db: apsw.Connection, *, epoch: int, after: int) -> int:
    """Return how many documents numbered above *after* have a vector of an epoch before *epoch*."""
    sql = "SELECT count(*) FROM search_vectors WHERE document > ? AND epoch < ?"
    return int(db.execute(sql, (after, epoch)).get)


def sample(db: apsw.Connection) -> list[str]:
    """Return the texts of some thousand documents, spread over all of them, always the same ones."""
    step = count(db) // _SAMPLE + 1
    rows: list[tuple[Any, ...]] = db.execute("SELECT document FROM search_documents ORDER BY document").fetchall()
    return [text for (document,) in rows[::step] if (text := _text(db, document)) is not None]


def waiting(db: apsw.Connection, *, limit: int) -> list[Wanted]:
    """Return up to *limit* documents that wait for their first vector, in the order in which they came."""
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT number, document FROM search_unembedded ORDER BY number LIMIT ?", (limit,)
    ).fetchall()
    return [Wanted(document, _text(db, document) or "", number) for number, document in rows]


def outdated(db: apsw.Connection, *, epoch: int, after: int, limit: int) -> list[Wanted]:
    """Return up to *limit* documents numbered above *after* whose vector is of an epoch before *epoch*, in order."""
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT document FROM search_vectors WHERE document > ? AND epoch < ? ORDER BY document LIMIT ?",
        (after, epoch, limit),
    ).fetchall()
    return [Wanted(document, _text(db, document) or "", None) for (document,) in rows]


def save(db: apsw.Connection, made: Iterable[tuple[Wanted, bytes]], *, epoch: int) -> list[tuple[int, bytes]]:
    """Store vectors; return those that were: a document that was written again meanwhile keeps waiting."""
    saved = []
    for wanted, vector in made:
        if wanted.number is None:
            db.execute(
                "UPDATE search_vectors SET epoch = ?, vector = ? WHERE document = ?", (epoch, vector, wanted.document)
            )
        else:
            db.execute("DELETE FROM search_unembedded WHERE number = ?", (wanted.number,))
        if not db.changes():
            continue
        if wanted.number is not None:
            db.execute(
                "INSERT INTO search_vectors (document, epoch, vector) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET epoch = excluded.epoch, vector = excluded.vector",
                (wanted.document, epoch, vector),
            )
        saved.append((wanted.document, vector))
    return saved


def load(db: apsw.Connection, low: int, high: int, *, since: int, limit: int) -> list[tuple[int, bytes]]:
    """Return up to *limit* documents numbered *low* to *high*, in order, with vectors of epoch *since* or later."""
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT document, vector FROM search_vectors WHERE document BETWEEN ? AND ? AND epoch >= ? "
        "ORDER BY document LIMIT ?",
        (low, high, since, limit),
    ).fetchall()
    return [(document, vector) for document, vector in rows]


def _text(db: apsw.Connection, document: int) -> str | None:
    """Return what *document* says, None when it is gone."""
    found = search_index.source(db, document)
    if isinstance(found, Memory):
        return f"{found.key}\n{found.value}"
    return None if found is None else found.text

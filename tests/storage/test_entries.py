"""An entry read from the database is the entry that was written, whatever is in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import EntryKind
from omnimemd.domain.entries import Entry, Numbered
from omnimemd.storage import entries, migrations, projects, sessions
from tests.support.clock import NOON
from tests.support.factories import a_decision, a_session, an_access
from tests.support.strategies import an_entry


@contextmanager
def a_store() -> Iterator[tuple[apsw.Connection, int]]:
    """Give a database in memory and the key of a session in it."""
    db = apsw.Connection(":memory:")
    db.pragma("foreign_keys", True)
    migrations.migrate(db)
    projects.ensure(db, "p-1", now=NOON)
    yield db, sessions.insert(db, a_session())
    db.close()


def numbered(*new: Entry) -> list[Numbered]:
    return [Numbered(seq, entry) for seq, entry in enumerate(new, start=1)]


@given(st.lists(an_entry(), min_size=1, max_size=6))
def test_entries_come_back_as_they_were(new: list[Entry]) -> None:
    with a_store() as (db, key):
        sizes = entries.insert(db, key, numbered(*new))

        assert entries.page(db, key, after=0, kind=None, limit=100) == numbered(*new)
        assert entries.after(db, key, 0) == list(zip(numbered(*new), sizes, strict=True))
        assert [one.seq for one, _ in entries.after(db, key, 0)] == list(range(1, len(new) + 1))


@given(st.lists(an_entry(), max_size=8), st.sampled_from(EntryKind), st.integers(0, 9), st.integers(1, 9))
def test_a_page_is_the_entries_of_the_kind_behind_the_last_one(
    new: list[Entry], kind: EntryKind, after: int, limit: int
) -> None:
    with a_store() as (db, key):
        if new:
            entries.insert(db, key, numbered(*new))

        of_kind = [one for one in numbered(*new) if _kind(one.entry) is kind and one.seq > after]
        assert entries.page(db, key, after=after, kind=kind, limit=limit) == of_kind[:limit]


def test_a_path_that_is_not_utf8_is_stored_as_its_bytes() -> None:
    with a_store() as (db, key):
        entries.insert(db, key, numbered(an_access("/w/odd-\udcff"), an_access("/w/ü")))

        stored = [subject for (subject,) in db.execute("SELECT subject FROM entries ORDER BY seq")]
        assert stored == [b"/w/odd-\xff", "/w/ü"]


def test_a_small_entry_takes_few_bytes() -> None:
    with a_store() as (db, key):
        (size,) = entries.insert(db, key, numbered(a_decision("x" * 10)))

        assert 10 < size < 76


def test_entries_go_with_their_session_and_others_stay() -> None:
    with a_store() as (db, key):
        other = sessions.insert(db, a_session("s-2"))
        entries.insert(db, key, numbered(a_decision()))
        entries.insert(db, other, numbered(a_decision("other")))

        sessions.let_go(db, key)
        sessions.delete(db, key)

        assert entries.after(db, key, 0) == []
        assert entries.page(db, other, after=0, kind=None, limit=9) == numbered(a_decision("other"))


def _kind(entry: Any) -> EntryKind:
    names = {
        "FileAccess": EntryKind.ACCESS,
        "Search": EntryKind.SEARCH,
        "Decision": EntryKind.DECISION,
        "MemoryNote": EntryKind.MEMORY,
        "Scan": EntryKind.SCAN,
        "Gap": EntryKind.GAP,
        "CheckpointTaken": EntryKind.CHECKPOINT,
    }
    return names[type(entry).__name__]

"""Baselines come back as they were, and what is forgotten goes bit by bit."""

from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import FileFacts
from omnimemd.storage import baselines, migrations
from tests.support.clock import NOON, SECOND
from tests.support.strategies import some_facts


@pytest.fixture
def db() -> Iterator[apsw.Connection]:
    db = apsw.Connection(":memory:")
    db.pragma("foreign_keys", True)
    migrations.migrate(db)
    yield db
    db.close()


def some_row(*names: str) -> bytes:
    return baselines.packed([FileFacts(name, 1, 1, 1, 1) for name in names])


@given(st.lists(some_facts(), min_size=1, unique_by=lambda one: one.name))
def test_facts_come_back_as_they_were_and_their_order_does_not_matter(files: list[FileFacts]) -> None:
    row = baselines.packed(files)

    assert baselines.unpacked(row) == {one.name: one for one in files}
    assert baselines.packed(reversed(files)) == row


def test_a_row_is_replaced_and_goes(db: apsw.Connection) -> None:
    key = baselines.begin(db, "/w", at=NOON)
    baselines.put(db, key, {"": some_row("a"), "sub": some_row("b"), "odd-\udcff": some_row("c")})

    baselines.put(db, key, {"": some_row("a", "d"), "sub": None, "never": None})

    assert baselines.rows(db, key, ["", "sub", "odd-\udcff", "other"]) == {
        "": some_row("a", "d"),
        "odd-\udcff": some_row("c"),
    }


def test_any_number_of_rows_can_be_asked_for(db: apsw.Connection) -> None:
    key = baselines.begin(db, "/w", at=NOON)
    baselines.put(db, key, {str(number): some_row("a") for number in range(2_000)})

    assert len(baselines.rows(db, key, map(str, range(3_000)))) == 2_000


def test_what_is_below_is_not_what_begins_alike(db: apsw.Connection) -> None:
    key = baselines.begin(db, "/w", at=NOON)
    directories = ["sub", "sub/a", "sub/a/b", "sub-2", "sub0", "su"]
    baselines.put(db, key, {one: some_row("a") for one in directories})

    assert sorted(baselines.below(db, key, "sub")) == ["sub", "sub/a", "sub/a/b"]
    assert baselines.below(db, key, "none") == []


def test_what_is_known_of_a_root_is_kept(db: apsw.Connection) -> None:
    one, other = baselines.begin(db, "/w/one", at=NOON), baselines.begin(db, "/w/other", at=NOON)
    baselines.completed(db, one, through=Millis(NOON + SECOND))
    baselines.renewed(db, [one], through=Millis(NOON + 2 * SECOND))
    baselines.losing(db, [one, other], since=NOON)
    baselines.losing(db, [one], since=None)
    baselines.left(db, at=Millis(NOON + 3 * SECOND))

    first, second = baselines.every(db)

    assert (first.root, first.complete, first.through) == ("/w/one", True, NOON + 2 * SECOND)
    assert (first.lost_since, first.left_at) == (None, NOON + 3 * SECOND)
    assert (second.root, second.complete, second.through, second.lost_since) == ("/w/other", False, NOON, NOON)


def test_a_disowned_baseline_makes_room_at_once_and_goes_bit_by_bit(db: apsw.Connection) -> None:
    key = baselines.begin(db, "/w", at=NOON)
    baselines.put(db, key, {str(number): some_row("a") for number in range(25)})

    baselines.disown(db, key)
    again = baselines.begin(db, "/w", at=NOON)

    assert [one.key for one in baselines.every(db)] == [again]
    assert baselines.abandoned(db) == [key]
    assert [baselines.forget_some(db, key, limit=10) for _ in range(3)] == [False, False, True]
    assert (baselines.abandoned(db), baselines.directories(db, key)) == ([], [])

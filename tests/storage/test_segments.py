"""Older entries that are held compressed are the entries that were, whatever is in them, and whoever asks."""

from collections.abc import Iterator, Sequence

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimem.errors import StoreUnavailable
from omnimem.model import Access, EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Entry, FileAccess, Numbered
from omnimemd.storage import entries, entry_rows, integrity, retention, segment_codec, segments, sessions
from omnimemd.storage.entry_rows import Row, row_of
from tests.storage.test_entries import a_store, numbered
from tests.support.clock import HOUR, NOON
from tests.support.factories import a_decision, a_scan, a_session, an_access
from tests.support.strategies import an_access_entry, an_entry

_integers = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have segments of up to four entries, and no fewer than two."""
    _small(monkeypatch)


def _small(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(segments, "MOST", 4)
    patch.setattr(segments, "FEWEST", 2)
    patch.setattr(segments, "KEPT", 3)


def compress(db: apsw.Connection, key: int, *, active: bool = False) -> int:
    """Compress what can be; return how many segments that makes."""
    db.execute(
        "UPDATE sessions SET folded_through = coalesce((SELECT max(seq) FROM entries), 0) WHERE session_key = ?", (key,)
    )
    count = 0
    while (segment := segments.prepare(db, key, active=active)) is not None:
        segments.put(db, key, segment)
        count += 1
    return count


def rows_left(db: apsw.Connection) -> int:
    return int(db.execute(f"SELECT count(*) FROM entries WHERE kind IN ({entry_rows.codes(segments.OBSERVED)})").get)  # noqa: S608


def compressed(db: apsw.Connection, key: int, new: Sequence[Entry]) -> None:
    """Store *new* and compress all that can be."""
    if new:
        entries.insert(db, key, numbered(*new))
    with pytest.MonkeyPatch.context() as patch:
        _small(patch)
        compress(db, key)


def a_row() -> st.SearchStrategy[Row]:
    """Return whatever the table can hold."""
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    return st.tuples(
        _integers,
        _integers,
        st.integers(1, 7),
        st.integers(1, 3),
        st.none() | st.integers(1, 5),
        st.none() | st.integers(1, 4),
        st.none() | st.floats(0, 1),
        texts | st.binary(max_size=6),
        st.none() | texts,
    )


@given(st.lists(a_row(), min_size=1, max_size=12))
def test_rows_come_back_as_they_were(rows: list[Row]) -> None:
    back = segment_codec.decode(segment_codec.encode(rows))

    assert back == rows
    assert [list(map(type, row)) for row in back] == [list(map(type, row)) for row in rows]


@given(st.lists(an_entry(), max_size=14), st.sampled_from([None, *EntryKind]), st.integers(0, 15), st.integers(1, 15))
def test_every_page_is_what_it_was(new: list[Entry], kind: EntryKind | None, after: int, limit: int) -> None:
    with a_store() as (db, key):
        if new:
            entries.insert(db, key, numbered(*new))
        page = entries.page(db, key, after=after, kind=kind, limit=limit)
        every, tail = list(entries.each(db, key)), entries.after(db, key, after)

        compressed(db, key, [])

        assert entries.page(db, key, after=after, kind=kind, limit=limit) == page
        assert list(entries.each(db, key)) == every == numbered(*new)
        assert entries.after(db, key, after) == tail
        assert list(integrity.broken_segments(db)) == []


@given(st.lists(an_access_entry(), max_size=14), st.integers(0, 14))
def test_changes_since_a_moment_are_what_they_were(new: list[FileAccess], which: int) -> None:
    with a_store() as (db, key):
        if new:
            entries.insert(db, key, numbered(*new))
        db.execute("UPDATE sessions SET last_activity = ?", (2**62,))
        at = Millis(new[which % len(new)].at if new else 0)
        before = entries.changes_since(db, at)

        compressed(db, key, [])

        assert entries.changes_since(db, at) == before
        assert all(one.at >= at and one.access is not Access.READ for one in before)


@given(st.lists(an_entry(), min_size=2, max_size=14), st.integers(0, 13), st.sampled_from(EntryKind), st.booleans())
def test_what_goes_is_what_would_have_gone(new: list[Entry], which: int, kind: EntryKind, compressing: bool) -> None:
    before = Millis(new[which % len(new)].at)
    kinds = (EntryKind.ACCESS, EntryKind.SCAN, EntryKind.GAP, kind)
    with a_store() as (db, key):
        sizes = entries.insert(db, key, numbered(*new))
        if compressing:
            compressed(db, key, [])
        due = retention.count_entries(db, kinds, before=before, whole=None, archived_whole=None)
        gone = [
            (one, size)
            for one, size in zip(numbered(*new), sizes, strict=True)
            if row_of(one)[2] in {entry_rows.KINDS[wanted] for wanted in kinds} and one.entry.at < before
        ]

        removed = [*_removals(db, key, kinds, before=before)]

        assert sum(one.count for one in removed) == len(gone)
        assert sum(one.size for one in removed) == sum(size for _, size in gone)
        assert due == 0, "the session runs"
        assert list(entries.each(db, key)) == [one for one in numbered(*new) if one not in [went for went, _ in gone]]
        assert list(integrity.broken_segments(db)) == []


def _removals(
    db: apsw.Connection, key: int, kinds: Sequence[EntryKind], *, before: Millis
) -> Iterator[entries.Removed]:
    more = True
    while more:
        removed = entries.remove(db, key, kinds, before=before, limit=3)
        yield removed
        more = removed.more


@pytest.mark.usefixtures("small")
def test_what_is_due_is_counted_in_segments_too() -> None:
    with a_store() as (db, _):
        key = sessions.insert(db, a_session("ended", ended_at=NOON))
        entries.insert(db, key, numbered(*(an_access(f"/w/{n}", at=NOON + n * HOUR) for n in range(10))))
        before = [_due(db, NOON + 1 + n * HOUR) for n in range(11)]

        assert compress(db, key) == 3

        assert [_due(db, NOON + 1 + n * HOUR) for n in range(11)] == before == [*range(1, 11), 10]
        kinds = (EntryKind.ACCESS,)
        assert retention.sessions_with(db, kinds, before=Millis(NOON + 2), behind=0, limit=9) == [(key, "ended")]
        assert retention.sessions_with(db, (EntryKind.SCAN,), before=Millis(NOON + 2), behind=0, limit=9) == []


def _due(db: apsw.Connection, before: int) -> int:
    return retention.count_entries(db, (EntryKind.ACCESS,), before=Millis(before), whole=None, archived_whole=None)


@pytest.mark.usefixtures("small")
def test_of_a_session_that_runs_the_latest_stay_rows_and_only_whole_segments_are_made() -> None:
    with a_store() as (db, key):
        entries.insert(db, key, numbered(*(an_access(f"/w/{n}") for n in range(14))))

        assert compress(db, key, active=True) == 2

        assert rows_left(db) == 6, "three are kept, and three are fewer than a segment"


@pytest.mark.usefixtures("small")
def test_what_the_folded_context_does_not_know_yet_stays() -> None:
    with a_store() as (db, key):
        entries.insert(db, key, numbered(*(an_access(f"/w/{n}") for n in range(9))))
        db.execute("UPDATE sessions SET folded_through = 5")

        segment = segments.prepare(db, key, active=False)
        assert segment is not None
        segments.put(db, key, segment)

        assert segments.prepare(db, key, active=False) is None
        assert rows_left(db) == 5


@pytest.mark.usefixtures("small")
def test_what_was_said_stays_a_row_among_what_is_compressed() -> None:
    with a_store() as (db, key):
        new: list[Entry] = [an_access("/w/a"), a_decision(), an_access("/w/b"), a_scan(), a_decision()]

        compressed(db, key, new)

        assert db.execute("SELECT seq FROM entries ORDER BY seq").fetchall() == [(2,), (5,)]
        assert segments.totals(db, key).segments == 1
        assert list(entries.each(db, key)) == numbered(*new)


@pytest.mark.usefixtures("small")
def test_rows_that_went_meanwhile_are_not_brought_back() -> None:
    with a_store() as (db, key):
        entries.insert(db, key, numbered(*(an_access(f"/w/{n}") for n in range(4))))
        db.execute("UPDATE sessions SET folded_through = 4")
        segment = segments.prepare(db, key, active=False)
        assert segment is not None
        db.execute("DELETE FROM entries WHERE seq = 2")

        with pytest.raises(segments.Changed), db:
            segments.put(db, key, segment)

        assert [one.seq for one in entries.each(db, key)] == [1, 3, 4]
        assert segments.totals(db, key) == segments.Totals()


@pytest.mark.usefixtures("small")
def test_rows_of_another_session_of_the_same_key_are_not_taken_for_those() -> None:
    with a_store() as (db, key):
        entries.insert(db, key, numbered(*(an_access(f"/w/{n}") for n in range(4))))
        db.execute("UPDATE sessions SET folded_through = 4")
        segment = segments.prepare(db, key, active=False)
        assert segment is not None
        sessions.let_go(db, key)
        sessions.delete(db, key)
        assert sessions.insert(db, a_session("s-2")) == key
        others = numbered(*(an_access(f"/x/{n}") for n in range(4)))
        entries.insert(db, key, others)

        with pytest.raises(segments.Changed), db:
            segments.put(db, key, segment)

        assert list(entries.each(db, key)) == others


@pytest.mark.usefixtures("small")
def test_totals_say_what_is_spared() -> None:
    with a_store() as (db, key):
        sizes = entries.insert(db, key, numbered(*(an_access("/w/" + "long/" * 20 + str(n)) for n in range(8))))

        compress(db, key)

        packed = db.execute("SELECT sum(length(packed)) FROM entry_segments").get
        assert segments.totals(db, key) == segments.Totals(2, 8, sum(sizes) - packed)


@pytest.mark.parametrize("harm", ["cut", "turned", "other"])
def test_a_damaged_segment_is_said_to_be_and_can_be_deleted(harm: str) -> None:
    with a_store() as (db, key):
        new = [an_access(f"/w/{n}") for n in range(4)]
        compressed(db, key, [*new, a_decision()])
        packed = bytes(db.execute("SELECT packed FROM entry_segments").get)
        other = segment_codec.encode([row_of(one) for one in numbered(*new[:3])])
        harmed = {"cut": packed[:-7], "turned": packed[:-1] + bytes([packed[-1] ^ 1]), "other": other}[harm]
        db.execute("UPDATE entry_segments SET packed = ?", (harmed,))

        assert list(integrity.broken_segments(db)) == ["s-1"]
        if harm != "other":
            with pytest.raises(StoreUnavailable, match="damaged"):
                entries.page(db, key, after=0, kind=None, limit=9)
        assert len(entries.page(db, key, after=0, kind=EntryKind.DECISION, limit=9)) == 1
        assert entries.remove(db, key, (EntryKind.ACCESS,), before=None, limit=3).count == 4


def test_segments_that_hold_what_is_a_row_too_are_found() -> None:
    with a_store() as (db, key):
        compressed(db, key, [an_access(f"/w/{n}") for n in range(4)])

        entries.insert(db, key, [Numbered(2, an_access("/w/1"))])

        assert list(integrity.broken_segments(db)) == ["s-1"]


def test_they_go_with_their_session() -> None:
    with a_store() as (db, key):
        compressed(db, key, [an_access(f"/w/{n}") for n in range(4)])

        sessions.let_go(db, key)
        sessions.delete(db, key)

        assert db.execute("SELECT count(*) FROM entry_segments").get == 0

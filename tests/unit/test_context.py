"""The folded context: folding all, or a snapshot and the rest, is the same; what is shown is the API's."""

import os
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Access, ContextMembers, SessionMetrics
from omnimemd.domain.context import ContextFold
from omnimemd.domain.entries import Entry, FileAccess, Numbered
from tests.support.clock import NOON
from tests.support.factories import a_decision, a_gap, a_scan, an_access
from tests.support.strategies import an_access_entry, an_entry

#: Few files, so that they meet again.
few = st.sampled_from(["/w/a", "/w/b", "/w/odd-\udcff", "/w/ü"])
accesses_of_few = st.builds(lambda access, path: msgspec.structs.replace(access, path=path), an_access_entry(), few)


def folded(entries: list[Entry], onto: ContextFold | None = None) -> ContextFold:
    fold = onto or ContextFold()
    for seq, entry in enumerate(entries, start=fold.through + 1):
        fold.apply(Numbered(seq, entry), size=10)
    return fold


def shown(fold: ContextFold) -> ContextMembers:
    return msgspec.json.decode(fold.shown(), type=ContextMembers)


@given(st.lists(an_entry() | accesses_of_few, max_size=20), st.data())
def test_a_snapshot_and_the_rest_are_the_same_as_everything(entries: list[Entry], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))

    pieced = folded(entries[cut:], ContextFold.restore(folded(entries[:cut]).snapshot()))

    whole = folded(entries)
    assert pieced.shown() == whole.shown()
    assert pieced.metrics() == whole.metrics()
    assert (pieced.through, pieced.size_bytes) == (len(entries), 10 * len(entries))
    assert pieced.snapshot() == whole.snapshot()


@given(st.lists(an_entry(), max_size=20))
def test_what_is_shown_is_what_the_api_promises(entries: list[Entry]) -> None:
    context = shown(folded(entries))

    assert list(msgspec.to_builtins(context)) == list(ContextMembers.__struct_fields__)
    for row in context.files_accessed:
        assert 0 <= row.importance <= 1
        assert context.file_importance_scores[row.path] is not None
        assert row.reads + row.writes <= row.access_count
    orders = [row.order for row in context.files_accessed]
    assert orders == sorted(set(orders))


@given(st.lists(accesses_of_few, min_size=1, max_size=20))
def test_a_file_is_one_row_of_all_its_accesses(accesses: list[FileAccess]) -> None:
    context = shown(folded(list(accesses)))

    latest = {access.path: (order, access) for order, access in enumerate(accesses, start=1)}
    by_raw = {_path(row): row for row in context.files_accessed}
    assert set(by_raw) == set(latest)
    for path, (order, access) in latest.items():
        row = by_raw[path]
        of_file = [one for one in accesses if one.path == path]
        said = [one.importance for one in of_file if one.importance is not None]
        assert (row.order, row.source, row.access_count) == (order, access.source, len(of_file))
        assert row.importance == (said[-1] if said else 0.5)
        assert row.reads == sum(one.access is Access.READ for one in of_file)
        writes = (Access.WRITE, Access.CREATE, Access.MOVE)
        assert row.writes == sum(one.access in writes for one in of_file)


def _path(row: Any) -> str:
    import base64

    return row.path if row.path_raw is None else os.fsdecode(base64.b64decode(row.path_raw))


def test_each_kind_is_counted() -> None:
    fold = folded(
        [
            an_access("/a", Access.READ),
            an_access("/a", Access.WRITE),
            an_access("/b", Access.DELETE),
            a_decision(),
            a_scan(),
            a_gap(),
        ]
    )

    assert fold.metrics() == SessionMetrics(accesses=3, reads=1, writes=1, files=2, decisions=1, scans=1, gaps=1)


def test_importance_zero_stays_zero() -> None:
    context = shown(folded([an_access("/a", importance=0.0), an_access("/a")]))

    assert context.files_accessed[0].importance == 0.0
    assert context.file_importance_scores == {"/a": 0.0}


def test_reading_again_shows_what_came_in_between() -> None:
    fold = folded([an_access("/a"), an_access("/b")])
    before = shown(fold)

    folded([an_access("/a", at=NOON + 1)], fold)

    assert [row.path for row in before.files_accessed] == ["/a", "/b"]
    assert [row.path for row in shown(fold).files_accessed] == ["/b", "/a"]

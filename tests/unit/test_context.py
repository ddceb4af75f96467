"""The folded context: folding all, or a snapshot and the rest, is the same; what is shown is the API's."""

import os
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Access, ContextMembers, SessionMetrics, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.context import ContextFold
from omnimemd.domain.entries import Entry, FileAccess, Numbered
from omnimemd.domain.importance import Use, importance
from tests.support.clock import NOON, SECOND
from tests.support.factories import a_decision, a_gap, a_scan, an_access
from tests.support.strategies import an_access_entry, an_entry

#: Few files, so that they meet again.
SLOT = 600 * SECOND
few = st.sampled_from(["/w/a", "/w/b", "/w/odd-\udcff", "/w/ü"])
accesses_of_few = st.builds(
    lambda access, path, at, burst_id: msgspec.structs.replace(
        access, path=path, at=at, burst_id=burst_id, old_path=None, same_as=None
    ),
    an_access_entry(),
    few,
    st.integers(NOON, NOON + 9 * SLOT).map(Millis),
    st.none() | st.just("burst-1"),
)
moves_of_few = st.builds(lambda access, old: msgspec.structs.replace(access, old_path=old), accesses_of_few, few)


def folded(entries: list[Entry], onto: ContextFold | None = None) -> ContextFold:
    fold = onto or ContextFold(workspace="/w")
    for seq, entry in enumerate(entries, start=fold.through + 1):
        fold.apply(Numbered(seq, entry), size=10)
    return fold


def shown(fold: ContextFold) -> ContextMembers:
    return msgspec.json.decode(fold.shown(), type=ContextMembers)


@given(st.lists(an_entry() | accesses_of_few | moves_of_few, max_size=20), st.data())
def test_a_snapshot_and_the_rest_are_the_same_as_everything(entries: list[Entry], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))

    pieced = folded(entries[cut:], ContextFold.restore(folded(entries[:cut]).snapshot(), workspace="/w"))

    whole = folded(entries)
    assert pieced.shown() == whole.shown()
    assert pieced.metrics() == whole.metrics()
    assert (pieced.through, pieced.size_bytes) == (len(entries), 10 * len(entries))
    assert pieced.snapshot() == whole.snapshot()


@given(st.lists(an_entry() | accesses_of_few | moves_of_few, max_size=20), st.data())
def test_what_is_shown_is_the_same_however_often_it_was_shown_before(entries: list[Entry], data: st.DataObject) -> None:
    fold = ContextFold(workspace="/w")
    for entry in entries:
        folded([entry], fold)
        if data.draw(st.booleans()):
            fold.shown()

    assert fold.shown() == folded(entries).shown()


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
        assert not said or row.importance == said[-1]
        assert row.reads == sum(one.access is Access.READ for one in of_file)
        writes = (Access.WRITE, Access.CREATE, Access.MOVE)
        assert row.writes == sum(one.access in writes for one in of_file)


def _path(row: Any) -> str:
    import base64

    return row.path if row.path_raw is None else os.fsdecode(base64.b64decode(row.path_raw))


def test_what_is_told_again_of_an_access_counts_for_nothing_and_says_what_it_says() -> None:
    seen = an_access("/w/a", Access.WRITE, at=NOON)
    other = an_access("/w/b", at=NOON)
    again = msgspec.structs.replace(seen, source=Source.HOOK, importance=0.9, same_as=1, at=Millis(NOON + SECOND))

    fold = folded([seen, other, again])

    assert fold.metrics() == folded([seen, other]).metrics()
    row, last = shown(fold).files_accessed
    assert (row.path, row.order, row.access_count, row.writes) == ("/w/a", 1, 1, 1)
    assert (row.source, row.importance) == (Source.HOOK, 0.9)
    assert last.path == "/w/b"


def test_what_a_tool_names_is_used_though_a_burst_changed_it() -> None:
    swept = msgspec.structs.replace(an_access("/w/a", Access.WRITE), burst_id="burst-1")
    again = an_access("/w/a", Access.WRITE, source=Source.API)

    (row,) = shown(folded([swept, msgspec.structs.replace(again, same_as=1)])).files_accessed

    assert (row.access_count, row.importance) == (1, importance(Use(writes=1, slots=1, latest=1), now=1))


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


def importances(*entries: Entry) -> dict[str, float]:
    return shown(folded(list(entries))).file_importance_scores


def test_one_fresh_read_is_worth_what_is_promised_until_something_better_is_known() -> None:
    context = shown(folded([an_access("/w/a.py")]))

    assert context.file_importance_scores == {"/w/a.py": 0.5}
    assert context.files_accessed[0].importance == 0.5


def test_a_file_that_was_worked_on_stands_out() -> None:
    edits = [an_access("/w/a.py", Access.WRITE, at=NOON + number * SLOT // 4) for number in range(12)]

    found = importances(an_access("/w/b.py"), an_access("/w/c.py", Access.CREATE), *edits)

    assert found["/w/a.py"] > 0.9
    assert found["/w/c.py"] > found["/w/b.py"]


def test_what_was_not_used_for_long_counts_less_but_idle_time_does_not_count() -> None:
    read = an_access("/w/a.py")
    hours_of_work = [an_access("/w/b.py", at=NOON + number * SLOT) for number in range(1, 14)]

    assert importances(read, *hours_of_work)["/w/a.py"] == 0.25
    assert importances(read, an_access("/w/b.py", at=NOON + 1000 * SLOT))["/w/a.py"] == 0.5


def test_time_goes_on_for_rows_that_were_shown_already() -> None:
    fold = folded([an_access("/w/a.py")])
    fresh = shown(fold).file_importance_scores["/w/a.py"]

    folded([an_access("/w/b.py", at=NOON + number * SLOT) for number in range(1, 14)], fold)

    assert (fresh, shown(fold).file_importance_scores["/w/a.py"]) == (0.5, 0.25)


def test_bursts_lock_files_and_generated_files_stay_small() -> None:
    swept = [msgspec.structs.replace(an_access(path, access), burst_id="b-1") for path, access in BURST * 20]
    made = [an_access(f"/w/{name}", Access.WRITE) for name in ("uv.lock", "dist/app.js", "static/app.min.js") * 20]

    found = importances(*swept, *made)

    assert set(found.values()) <= {number / 100 for number in range(11)}


BURST = [("/w/swept.py", Access.READ), ("/w/checked_out.py", Access.WRITE)]


def test_a_burst_takes_nothing_from_a_file_that_was_used() -> None:
    swept = msgspec.structs.replace(an_access("/w/a.py"), burst_id="b-1")

    assert importances(an_access("/w/a.py"), swept, swept) == {"/w/a.py": 0.5}


def test_folders_above_the_workspace_say_nothing_about_its_files() -> None:
    fold = ContextFold(workspace="/srv/build/dist/app")

    folded([an_access("/srv/build/dist/app/a.py"), an_access("/srv/build/other.py")], fold)

    assert set(shown(fold).file_importance_scores.values()) == {0.5}


def test_a_file_that_was_moved_keeps_what_it_meant() -> None:
    edits = [an_access("/w/a.py", Access.WRITE) for _ in range(12)]
    said = an_access("/w/c.py", importance=0.9)

    found = importances(
        *edits,
        said,
        an_access("/w/b.py", Access.MOVE, old_path="/w/a.py"),
        an_access("/w/d.py", Access.MOVE, old_path="/w/c.py"),
    )

    assert found["/w/b.py"] > 0.9 > 0.5 > found["/w/a.py"]
    assert found["/w/d.py"] == 0.9


def test_a_file_that_is_moved_to_and_fro_is_worth_no_more_than_its_use() -> None:
    names = ["/w/a.py", "/w/b.py"]
    moves = [
        an_access(names[number % 2 - 1], Access.MOVE, old_path=names[number % 2], at=NOON + number)
        for number in range(100)
    ]
    fold = folded([an_access("/w/a.py"), *moves])

    again = ContextFold.restore(fold.snapshot(), workspace="/w")

    expected = importance(Use(reads=1, writes=100, slots=1, latest=1), now=1)
    assert shown(again).file_importance_scores == {"/w/a.py": expected, "/w/b.py": 0.05}


def test_a_file_that_is_gone_counts_half_until_it_is_back() -> None:
    read, deleted = an_access("/w/a.py"), an_access("/w/a.py", Access.DELETE)

    gone = importances(read, read, read, deleted)
    back = importances(read, read, read, deleted, an_access("/w/a.py", Access.CREATE))

    assert gone["/w/a.py"] < 0.5 < back["/w/a.py"]


def test_a_snapshot_from_before_uses_were_counted_is_taken_up() -> None:
    old = (
        b'{"through":3,"size_bytes":30,"files":[["/w/a",1,3,null,3,2,1,"api"]],'
        b'"searches":[],"decisions":[],"memories":[],"counts":[3,2,1,0,0]}'
    )

    fold = ContextFold.restore(old, workspace="/w")

    read, write = an_access("/w/a"), an_access("/w/a", Access.WRITE)
    assert shown(fold).file_importance_scores == importances(read, read, write)

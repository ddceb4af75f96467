"""Bursts become scans of the sessions they are of, however those change meanwhile."""

from pathlib import Path

import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import Access, Attribution, EntryKind, SessionQuery
from omnimemd.domain.entries import FileAccess, Scan
from omnimemd.domain.file_events import Change
from tests.services.stories import begin, end, entries_of, files_of, happens, record, session_of
from tests.support.clock import MINUTE, SECOND
from tests.support.house import House
from tests.support.waiting import until


def scan(house: House, workspace: Path, name: str = "f", *, count: int = 100) -> None:
    """Let a program read *count* files at once, and the daemon see it."""
    for number in range(count):
        happens(house, workspace, f"{name}{number}.py")
    house.watcher.hand_over()


def scans_of(house: House, session_id: str) -> list[Scan]:
    return [one for one in entries_of(house, session_id, EntryKind.SCAN) if isinstance(one, Scan)]


async def test_a_burst_is_a_scan_and_nothing_else(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")

    scan(house, workspace)
    await house.services.tracking.flush()

    (entry,) = entries_of(house, "s-1")
    assert isinstance(entry, Scan)
    assert entry.burst_id.startswith("burst_")
    assert (entry.files, entry.reads, entry.writes, entry.directories) == (100, 100, 0, 1)
    assert (entry.top, entry.attribution, entry.others) == ((str(workspace),), Attribution.PROBABLE, ())
    assert entry.at == entry.ended_at == house.clock.now()
    metrics = session_of(house, "s-1").metrics
    assert (metrics.scans, metrics.accesses, metrics.files) == (1, 0, 0)


async def test_it_is_written_by_itself_once_it_is_over(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    scan(house, workspace)

    house.clock.advance(SECOND)

    await until(lambda: len(scans_of(house, "s-1")) == 1)
    await until(lambda: house.services.tracking.waiting == 0)


async def test_it_is_written_after_two_seconds_though_it_goes_on(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    for tenth in range(20):
        scan(house, workspace, f"{tenth}-")
        house.clock.advance(100)

    await until(lambda: len(scans_of(house, "s-1")) == 1)
    await house.services.tracking.flush()

    first, second = scans_of(house, "s-1")
    assert first.burst_id == second.burst_id
    assert first.ended_at - first.started_at <= 2 * SECOND
    assert first.reads + second.reads == 2_000


async def test_a_scan_that_may_be_of_several_is_on_each_of_them(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await begin(house, workspace, "s-2")

    scan(house, workspace)
    await house.services.tracking.flush()

    (mine,), (theirs,) = scans_of(house, "s-1"), scans_of(house, "s-2")
    assert (mine.attribution, mine.others) == (Attribution.AMBIGUOUS, ("s-2",))
    assert (theirs.attribution, theirs.others) == (Attribution.AMBIGUOUS, ("s-1",))
    assert mine.burst_id == theirs.burst_id
    assert house.services.tracking.scans == 1


async def test_where_nobody_is_at_work_it_is_the_ambient_sessions(house: House, workspace: Path) -> None:
    await house.services.workspaces.add(str(workspace))
    await house.services.workspaces.ready(str(workspace))

    scan(house, workspace)
    await house.services.tracking.flush()

    (ambient,) = (await house.services.sessions.page(SessionQuery(tool_id="ambient"))).sessions
    assert [one.reads for one in scans_of(house, ambient.session_id)] == [100]


async def test_a_session_that_joins_has_what_comes_from_then_on(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    scan(house, workspace, "early")

    await begin(house, workspace, "s-2")
    scan(house, workspace, "late")
    await house.services.tracking.flush()

    first, second = scans_of(house, "s-1")
    (shared,) = scans_of(house, "s-2")
    assert (first.attribution, second.attribution) == (Attribution.PROBABLE, Attribution.AMBIGUOUS)
    assert first.burst_id == second.burst_id == shared.burst_id
    assert (first.reads, second.reads, shared.reads) == (100, 100, 100)


async def test_a_session_that_ends_has_what_came_before(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await begin(house, workspace, "s-2")
    scan(house, workspace, "early")

    await end(house, "s-1")
    await until(lambda: house.services.workspaces.members((str(workspace),)) == ("s-2",))
    scan(house, workspace, "late")
    await house.services.tracking.flush()

    assert [one.reads for one in scans_of(house, "s-1")] == [100]
    assert [(one.reads, one.attribution) for one in scans_of(house, "s-2")] == [
        (100, Attribution.AMBIGUOUS),
        (100, Attribution.PROBABLE),
    ]


async def test_a_burst_elsewhere_is_not_ended_by_that(house: House, workspace: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    await begin(house, workspace, "s-1")
    scan(house, workspace, "early")

    await begin(house, other, "s-2")
    scan(house, workspace, "late")
    await house.services.tracking.flush()

    assert [one.reads for one in scans_of(house, "s-1")] == [200]
    assert scans_of(house, "s-2") == []


async def test_what_is_written_in_a_burst_is_known_file_by_file(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")

    for number in range(100):
        for change in (Change.CREATED, Change.WRITTEN):
            happens(house, workspace, f"{number}.py", change)
    await house.services.tracking.flush()

    rows = [one for one in entries_of(house, "s-1", EntryKind.ACCESS) if isinstance(one, FileAccess)]
    (entry,) = scans_of(house, "s-1")
    assert [(one.access, one.burst_id) for one in rows] == [(Access.CREATE, entry.burst_id)] * 100
    assert (entry.files, entry.writes) == (100, 100)


async def test_what_is_read_after_a_flush_counts_as_itself(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    scan(house, workspace)
    await house.services.tracking.flush()

    await record(house, workspace, *(f"work-{number}" for number in range(20)))

    assert files_of(house, "s-1") == [f"work-{number}" for number in range(20)]
    assert len(scans_of(house, "s-1")) == 1


async def test_a_store_that_fails_loses_no_scan(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await record(house, workspace, *(f"{number}-{'x' * 200}" for number in range(20)))
    house.fill_the_disk()
    for number in range(64):
        happens(house, workspace, f"{number}-{'x' * 200}.py", Change.WRITTEN)
    scan(house, workspace)

    with pytest.raises(StoreUnavailable):
        await house.services.tracking.flush()
    house.make_room()
    await house.services.tracking.flush()

    assert [one.reads for one in scans_of(house, "s-1")] == [100]


async def test_every_event_is_counted_once(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    scan(house, workspace)
    for number in range(30):
        for change in (Change.CREATED, Change.MODIFIED, Change.WRITTEN):
            happens(house, workspace, f"w{number}.py", change)
    await record(house, workspace, "f1.py", "f1.py")
    house.clock.advance(MINUTE)
    await record(house, workspace, "a.py", "a.py", "b.py")

    figures = house.services.health.figures()

    assert figures.watch.events_seen == figures.recorded + figures.coalesced + figures.ignored
    assert (figures.recorded, figures.pending_accesses) == (30 + 2, 0)

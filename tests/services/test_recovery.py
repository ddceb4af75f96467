"""What was missed is found out, given to whoever was there, and told once; whatever comes in between."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from omnimem.model import Access, Attribution, EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import FileAccess, Gap
from omnimemd.domain.file_events import Change
from omnimemd.domain.projects import Place
from omnimemd.services import recovery
from omnimemd.services.recovery import Recovery
from omnimemd.storage import baselines as rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage.baselines import Baseline
from omnimemd.storage.database import Connection
from omnimemd.system.places import SystemPlaces
from tests.services.stories import begin, end, entries_of, happens
from tests.support.clock import SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import rounds, until

SETTLED = 3 * SECOND


@pytest.fixture(autouse=True)
def without_delay(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have nothing put off: what is waited for in these tests is not time."""
    monkeypatch.setattr(recovery, "_BUILD_SECONDS", 0.0)
    monkeypatch.setattr(recovery, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(recovery, "_RENEW_SECONDS", 0.0)
    return iter([None])


def baselines(house: House) -> dict[str, Baseline]:
    return {one.root: one for one in house.database.read_now(rows.every)}


def facts_in(house: House, root: Path) -> dict[str, int]:
    """Return the size of each file that the baseline of *root* knows, by its path below."""
    key = baselines(house)[str(root)].key

    def work(db: Connection) -> dict[str, bytes]:
        return rows.rows(db, key, rows.directories(db, key))

    found = house.database.read_now(work)
    return {
        f"{directory}/{name}".lstrip("/"): facts.size
        for directory, row in found.items()
        for name, facts in rows.unpacked(row).items()
    }


async def known(house: House, *roots: Path) -> None:
    """Wait until every file of *roots* was looked at."""

    def complete() -> bool:
        found = baselines(house)
        return all(str(root) in found and found[str(root)].complete for root in roots)

    await until(complete)


def put(house: House, root: Path, name: str, *, inode: int = 1, size: int = 1, told: Change | None = None) -> None:
    """Write a file now; *told* says what the kernel tells of it, if it does."""
    house.watcher.puts(f"{root}/{name}", inode=inode, size=size, at=house.clock.now())
    if told is not None:
        happens(house, root, name, told)


def lose(house: House, *roots: Path) -> None:
    house.watcher.loses(*map(str, roots), at=house.clock.now())


def last_lived(data: Path, at: int) -> None:
    """Say until when the daemon lived that left *data*: the file system's own time does."""
    for name in ("omnimem.db-wal", "omnimem.db"):
        os.utime(data / name, (at / 1000,) * 2)


def gaps(house: House, session_id: str) -> list[Gap]:
    return [one for one in entries_of(house, session_id, EntryKind.GAP) if isinstance(one, Gap)]


def changes(house: House, session_id: str) -> list[tuple[Access, str]]:
    found = entries_of(house, session_id, EntryKind.ACCESS)
    return [(one.access, one.path.rpartition("/")[2]) for one in found if isinstance(one, FileAccess)]


class TestALoss:
    async def test_what_changed_follows_its_gap(self, house: House, workspace: Path) -> None:
        for number, name in enumerate(("a", "b", "c"), 1):
            put(house, workspace, name, inode=number)
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.clock.advance(SECOND)

        lose(house, workspace)
        put(house, workspace, "a", inode=1, size=2)
        put(house, workspace, "new", inode=9)
        house.watcher.takes(f"{workspace}/b")
        await house.services.tracking.flush()

        every = entries_of(house, "s-1")
        assert isinstance(every[0], Gap)
        assert (every[0].reason, every[0].reads_unknown, every[0].recovered) == ("overflow", True, 3)
        assert sorted(changes(house, "s-1")) == [(Access.CREATE, "new"), (Access.DELETE, "b"), (Access.WRITE, "a")]

    async def test_a_file_made_just_before_it_moved_on(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        put(house, workspace, "new", inode=7, told=Change.CREATED)
        await house.services.tracking.flush()
        await until(lambda: not house.recovery._baselines.news.fresh)
        await rounds()
        house.clock.advance(SECOND)

        lose(house, workspace)
        was = house.watcher.takes(f"{workspace}/new")
        house.watcher.files[f"{workspace}/moved"] = replace(was, name="moved", ctime_ns=house.clock.now() * 1_000_000)
        await house.services.tracking.flush()

        assert changes(house, "s-1") == [(Access.CREATE, "new"), (Access.MOVE, "moved")]

    async def test_what_was_told_is_not_told_again(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.clock.advance(SECOND)

        put(house, workspace, "a", size=2, told=Change.WRITTEN)
        put(house, workspace, "new", told=Change.CREATED)
        lose(house, workspace)
        put(house, workspace, "later", told=Change.CREATED)
        await house.services.tracking.flush()

        assert sorted(changes(house, "s-1")) == [
            (Access.CREATE, "later"),
            (Access.CREATE, "new"),
            (Access.WRITE, "a"),
        ]
        assert [gap.recovered for gap in gaps(house, "s-1")] == [0]

    async def test_further_losses_meanwhile_join_it(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        began = house.clock.advance(SECOND)
        house.watcher.hold_surveys()
        lose(house, workspace)
        await house.watcher.barrier()
        surveys = house.watcher.surveys
        await until(lambda: house.watcher.surveys > surveys)

        ended = house.clock.advance(SECOND)
        put(house, workspace, "a", size=2)
        lose(house, workspace)
        await house.watcher.barrier()
        house.watcher.let_surveys_go_on()
        await house.services.tracking.flush()

        (gap,) = gaps(house, "s-1")
        assert (gap.started_at, gap.ended_at, gap.recovered) == (began, ended, 1)
        assert changes(house, "s-1") == [(Access.WRITE, "a")]

    async def test_without_a_baseline_the_files_times_tell(self, house: House, workspace: Path) -> None:
        put(house, workspace, "old")
        house.clock.advance(SECOND)
        house.watcher.hold_surveys()
        await begin(house, workspace, "s-1")
        lose(house, workspace)
        put(house, workspace, "young", inode=2)
        house.watcher.let_surveys_go_on()
        await house.services.tracking.flush()

        assert changes(house, "s-1") == [(Access.WRITE, "young")]
        await known(house, workspace)

    async def test_a_file_that_a_new_rule_hides_is_not_gone(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a.log", inode=1)
        put(house, workspace, "sub/b.log", inode=2)
        await begin(house, workspace, "s-1")
        await known(house, workspace)

        house.watcher.ignored |= {f"{workspace}/a.log", f"{workspace}/sub/b.log"}
        lose(house, workspace)
        await house.services.tracking.flush()

        assert changes(house, "s-1") == []
        assert [gap.recovered for gap in gaps(house, "s-1")] == [0]

    async def test_a_flush_waits_for_it(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        put(house, workspace, "a")
        await known(house, workspace)
        house.watcher.hold_surveys()
        lose(house, workspace)

        flush = asyncio.ensure_future(house.services.tracking.flush())
        await rounds()
        before = flush.done()
        house.watcher.let_surveys_go_on()
        await flush

        assert not before
        assert len(gaps(house, "s-1")) == 1

    async def test_a_loss_told_while_files_are_looked_at_again_costs_nothing(
        self, house: House, workspace: Path
    ) -> None:
        for number, name in enumerate(("a", "b"), 1):
            put(house, workspace, name, inode=number)
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.clock.advance(SECOND)
        for number, name in enumerate(("a", "b"), 1):
            put(house, workspace, name, inode=number, size=2, told=Change.WRITTEN)
        await house.services.tracking.flush()

        house.clock.advance(SETTLED)
        house.watcher.hold_back()
        put(house, workspace, "a", inode=1, size=3)
        house.watcher.takes(f"{workspace}/b")
        await until(lambda: house.watcher.waiting > 0)  # the files were looked at
        lose(house, workspace)
        house.watcher.let_through()
        await house.services.tracking.flush()

        assert [gap.recovered for gap in gaps(house, "s-1")] == [2]
        assert changes(house, "s-1")[2:] == [(Access.WRITE, "a"), (Access.DELETE, "b")]

    async def test_a_loss_told_as_a_baseline_is_made_anew_is_looked_into(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.clock.advance(SECOND)
        surveys = house.watcher.surveys
        house.watcher.hold_back()
        put(house, workspace, "a", size=2)  # as the survey sees it
        house.watcher.changes_rules(str(workspace))
        await until(lambda: house.watcher.surveys > surveys and house.watcher.waiting > 0)
        lose(house, workspace)
        house.watcher.let_through()
        await house.services.tracking.flush()

        assert [gap.recovered for gap in gaps(house, "s-1")] == [1]
        assert changes(house, "s-1") == [(Access.WRITE, "a")]


class TestWhose:
    async def test_it_is_of_those_who_were_there(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.watcher.hold_surveys()
        house.clock.advance(SECOND)
        lose(house, workspace)
        await house.watcher.barrier()
        put(house, workspace, "a", size=2)

        await begin(house, workspace, "s-late")
        await end(house, "s-1")
        house.watcher.let_surveys_go_on()
        await house.services.tracking.flush()

        (access,) = entries_of(house, "s-1", EntryKind.ACCESS)
        assert isinstance(access, FileAccess)
        assert (access.attribution, access.others) == (Attribution.AMBIGUOUS, ())
        assert len(gaps(house, "s-1")) == 1
        assert entries_of(house, "s-late") == []

    async def test_nobody_saw_a_process_do_it(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        house.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        await known(house, workspace)
        house.clock.advance(SECOND)

        lose(house, workspace)
        put(house, workspace, "a", size=2)
        await house.services.tracking.flush()

        (access,) = entries_of(house, "s-1", EntryKind.ACCESS)
        assert isinstance(access, FileAccess)
        assert (access.attribution, access.others) == (Attribution.AMBIGUOUS, ())

    async def test_of_two_it_is_ambiguous(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await begin(house, workspace, "s-2")
        await known(house, workspace)
        house.clock.advance(SECOND)

        lose(house, workspace)
        put(house, workspace, "a", size=2)
        await house.services.tracking.flush()

        for one, other in (("s-1", "s-2"), ("s-2", "s-1")):
            (access,) = entries_of(house, one, EntryKind.ACCESS)
            assert isinstance(access, FileAccess)
            assert (access.attribution, access.others) == (Attribution.AMBIGUOUS, (other,))
            assert len(gaps(house, one)) == 1

    async def test_a_file_below_two_roots_is_told_once(self, house: House, workspace: Path) -> None:
        inner = workspace / "inner"
        inner.mkdir()
        put(house, workspace, "inner/a")
        await begin(house, workspace, "s-outer")
        await begin(house, inner, "s-inner")
        await known(house, workspace, inner)
        house.clock.advance(SECOND)

        lose(house, workspace, inner)
        put(house, workspace, "inner/a", size=2)
        await house.services.tracking.flush()

        for one in ("s-outer", "s-inner"):
            assert changes(house, one) == [(Access.WRITE, "a")]
            assert [gap.recovered for gap in gaps(house, one)] == [1]


class TestARootThatIsNotThere:
    async def test_a_loss_waits_for_its_return_and_holds_up_no_flush(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.clock.advance(SECOND)
        house.watcher.loses_sight_of(str(workspace))
        lose(house, workspace)
        await house.services.tracking.flush()
        before = gaps(house, "s-1")

        put(house, workspace, "a", size=2)
        house.watcher.sees_something_at(str(workspace))
        await until(lambda: gaps(house, "s-1"))
        await house.services.tracking.flush()

        assert before == []
        assert [gap.recovered for gap in gaps(house, "s-1")] == [1]
        assert changes(house, "s-1") == [(Access.WRITE, "a")]

    async def test_of_one_that_is_watched_no_more_the_gap_is_told(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.watcher.hold_surveys()
        lose(house, workspace)
        await house.watcher.barrier()

        await end(house, "s-1")
        await house.services.workspaces.left("s-1")
        await until(lambda: house.watcher.report(str(workspace)) is None)
        house.watcher.let_surveys_go_on()
        await until(lambda: gaps(house, "s-1"))
        await until(lambda: not baselines(house))

        assert [gap.recovered for gap in gaps(house, "s-1")] == [0]


class TestStayingFresh:
    async def test_what_was_told_is_looked_at_again_once_it_settled(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a", inode=1)
        put(house, workspace, "b", inode=2)
        await begin(house, workspace, "s-1")
        await known(house, workspace)

        put(house, workspace, "a", size=7, told=Change.WRITTEN)
        put(house, workspace, "sub/c", size=8, inode=3, told=Change.CREATED)
        house.watcher.takes(f"{workspace}/b")
        happens(house, workspace, "b", Change.DELETED)
        await house.services.tracking.flush()
        before = facts_in(house, workspace)
        surveys = house.watcher.surveys
        house.clock.advance(SETTLED)
        await until(lambda: facts_in(house, workspace) == {"a": 7, "sub/c": 8})
        await until(lambda: not house.recovery.has_news)

        assert before == {"a": 1, "b": 1}
        assert house.watcher.surveys == surveys

    async def test_a_directory_that_left_is_forgotten_with_all_below(self, house: House, workspace: Path) -> None:
        for number, name in enumerate(("a", "sub/b", "sub/deep/c", "sub-2/d"), 1):
            put(house, workspace, name, inode=number)
        await begin(house, workspace, "s-1")
        await known(house, workspace)

        for name in ("sub/b", "sub/deep/c"):
            house.watcher.takes(f"{workspace}/{name}")
        happens(house, workspace, "sub", Change.DELETED)
        await house.services.tracking.flush()
        house.clock.advance(SETTLED)
        await until(lambda: set(facts_in(house, workspace)) == {"a", "sub-2/d"})

    async def test_reads_change_nothing(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        before = baselines(house)

        happens(house, workspace, "a", Change.READ)
        await house.services.tracking.flush()
        house.clock.advance(SETTLED)
        await rounds()

        assert baselines(house) == before


class TestAnotherRun:
    async def test_a_gap_that_a_kill_left_open_begins_where_it_began(
        self, data: Path, tmp_path: Path, world: World, workspace: Path
    ) -> None:
        async with a_house(data, world=world) as house:
            put(house, workspace, "a")
            await begin(house, workspace, "s-1")
            await known(house, workspace)
            house.watcher.hold_surveys()
            began = house.clock.advance(SECOND)
            lose(house, workspace)
            await house.watcher.barrier()
            await until(lambda: baselines(house)[str(workspace)].lost_since is not None)
            left = house.as_kill_9_would_leave_it(tmp_path / "left")
            house.watcher.let_surveys_go_on()
        world.clock.advance(SECOND)

        async with a_house(left, world=world) as house:
            put(house, workspace, "a", size=2)
            await house.services.workspaces.ready(str(workspace))
            await house.services.tracking.flush()

            (gap,) = gaps(house, "s-1")
            assert (gap.reason, gap.started_at, gap.recovered) == ("daemon_down", began, 1)

    async def test_a_second_kill_before_the_gap_is_looked_into_leaves_it_as_it_was(
        self, data: Path, tmp_path: Path, world: World, workspace: Path
    ) -> None:
        async with a_house(data, world=world) as house:
            put(house, workspace, "a")
            await begin(house, workspace, "s-1")
            await known(house, workspace)
            house.clock.advance(SECOND)
            put(house, workspace, "a", size=2, told=Change.WRITTEN)
            await house.services.tracking.flush()
            once = house.as_kill_9_would_leave_it(tmp_path / "once")
        killed = world.clock.now()
        last_lived(once, killed)
        world.clock.advance(SECOND // 2)
        house.watcher.puts(f"{workspace}/a", inode=1, size=3, at=world.clock.now())
        changed = house.watcher.files
        async with a_house(once, world=world) as house:
            house.watcher.files.update(changed)
            house.watcher.hold_surveys()
            twice = house.as_kill_9_would_leave_it(tmp_path / "twice")
            house.watcher.let_surveys_go_on()
        world.clock.advance(SECOND)
        last_lived(twice, world.clock.now())

        async with a_house(twice, world=world) as house:
            house.watcher.files.update(changed)
            await house.services.workspaces.ready(str(workspace))
            await house.services.tracking.flush()

            (gap,) = gaps(house, "s-1")
            assert (gap.reason, gap.started_at, gap.recovered) == ("daemon_down", killed, 1)
            assert changes(house, "s-1") == [(Access.WRITE, "a")] * 2

    async def test_a_gap_that_was_not_looked_into_before_the_stop_is_told_and_its_changes_later(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        async with a_house(data, world=world) as house:
            put(house, workspace, "a")
            await begin(house, workspace, "s-1")
            await known(house, workspace)
            house.watcher.hold_surveys()
            house.clock.advance(SECOND)
            lose(house, workspace)
            await house.watcher.barrier()
        stopped = world.clock.now()
        world.clock.advance(SECOND)

        async with a_house(data, world=world) as house:
            put(house, workspace, "a", size=2)
            await house.services.workspaces.ready(str(workspace))
            await house.services.tracking.flush()

            found = [(gap.reason, gap.recovered) for gap in gaps(house, "s-1")]
            assert found == [("overflow", 0), ("daemon_down", 1)]
            assert gaps(house, "s-1")[1].started_at == stopped
            assert changes(house, "s-1") == [(Access.WRITE, "a")]

    @pytest.mark.parametrize("killed", [False, True])
    async def test_a_root_that_was_not_looked_at_yet_has_its_gap(
        self, data: Path, tmp_path: Path, world: World, workspace: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
    ) -> None:
        monkeypatch.setattr(recovery, "_BUILD_SECONDS", 1_000.0)
        async with a_house(data, world=world) as house:
            put(house, workspace, "a", inode=1)
            put(house, workspace, "b", inode=2)
            put(house, workspace, "old", inode=3)
            await begin(house, workspace, "s-1")
            put(house, workspace, "b", inode=2, size=2, told=Change.WRITTEN)
            await house.services.tracking.flush()
            left = house.as_kill_9_would_leave_it(tmp_path / "left")
            assert baselines(house) == {}
        last_lived(left, world.clock.now())
        stopped = world.clock.now()
        world.clock.advance(SECOND)

        async with a_house(left if killed else data, world=world) as house:
            for name, inode in (("a", 1), ("b", 2), ("old", 3)):
                house.watcher.puts(f"{workspace}/{name}", inode=inode, at=stopped - SECOND)
            put(house, workspace, "a", inode=1, size=2)
            house.watcher.takes(f"{workspace}/b")
            await house.services.workspaces.ready(str(workspace))
            await house.services.tracking.flush()

            (gap,) = gaps(house, "s-1")
            assert (gap.reason, gap.started_at, gap.recovered) == ("daemon_down", stopped, 2)
            assert changes(house, "s-1") == [(Access.WRITE, "b"), (Access.WRITE, "a"), (Access.DELETE, "b")]

    async def test_a_folder_added_by_hand_in_which_nothing_changed_gets_no_session(
        self, data: Path, world: World, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "_BUILD_SECONDS", 1_000.0)
        async with a_house(data, world=world) as house:
            await house.services.workspaces.add(str(workspace))
            await house.services.workspaces.ready(str(workspace))
        world.clock.advance(SECOND)

        async with a_house(data, world=world) as house:
            await house.services.workspaces.ready(str(workspace))
            await house.services.tracking.flush()

            assert not house.services.sessions.ambient_sessions()

    async def test_a_folder_that_is_not_to_be_tracked_has_none(self, data: Path, world: World, workspace: Path) -> None:
        (workspace / ".omnimem.toml").write_text("track = false\n")
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s-1")
        world.clock.advance(SECOND)

        async with a_house(data, world=world) as house:
            await house.services.workspaces.ready(str(workspace))
            await house.services.tracking.flush()

            assert gaps(house, "s-1") == []

    async def test_one_that_turns_out_not_to_be_tracked_during_the_start_has_none(
        self, data: Path, world: World, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (workspace / ".omnimem.toml").write_text("track = false\n")
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s-1")
        world.clock.advance(SECOND)
        asked, told = threading.Event(), threading.Event()
        look, changes_since, unwatched = SystemPlaces.look, entry_rows.changes_since, Recovery.unwatched

        def look_late(places: SystemPlaces, path: str) -> Place:
            assert asked.wait(5)
            return look(places, path)

        def answer_late(db: Connection, since: Millis) -> list[FileAccess]:
            asked.set()
            assert told.wait(5)
            return changes_since(db, since)

        def unwatched_and_told(recovery: Recovery, root: str) -> None:
            unwatched(recovery, root)
            told.set()

        monkeypatch.setattr(SystemPlaces, "look", look_late)
        monkeypatch.setattr(entry_rows, "changes_since", answer_late)
        monkeypatch.setattr(Recovery, "unwatched", unwatched_and_told)

        async with a_house(data, world=world) as house:
            await until(lambda: not house.recovery._removed)
            await house.services.tracking.flush()

            assert gaps(house, "s-1") == []


class TestAStoreInTrouble:
    async def test_what_is_lost_meanwhile_is_told_when_it_works_again(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a")
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        house.clock.advance(SECOND)
        house.fill_the_disk()
        lose(house, workspace)
        put(house, workspace, "a", size=2)
        await house.watcher.barrier()
        await rounds()

        house.make_room()
        await until(lambda: gaps(house, "s-1"))
        await house.services.tracking.flush()

        assert [gap.recovered for gap in gaps(house, "s-1")] == [1]
        assert changes(house, "s-1") == [(Access.WRITE, "a")]


class TestOtherFilesThanBefore:
    async def test_after_a_change_of_rules_the_baseline_is_made_anew(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a", inode=1)
        put(house, workspace, "build/b", inode=2)
        house.watcher.ignored.add(f"{workspace}/build/b")
        await begin(house, workspace, "s-1")
        await known(house, workspace)

        house.watcher.ignored.clear()
        house.watcher.changes_rules(str(workspace))
        await until(lambda: facts_in(house, workspace) == {"a": 1, "build/b": 1})
        house.clock.advance(SECOND)
        lose(house, workspace)
        await house.services.tracking.flush()

        assert [gap.recovered for gap in gaps(house, "s-1")] == [0]
        assert changes(house, "s-1") == []

    async def test_what_a_mount_shows_and_hides_neither_comes_nor_goes(self, house: House, workspace: Path) -> None:
        put(house, workspace, "a", inode=1)
        put(house, workspace, "disk/before", inode=2)
        put(house, workspace, "disk/inside", inode=3)
        await begin(house, workspace, "s-1")
        await known(house, workspace)
        hidden = {name: house.watcher.takes(f"{workspace}/disk/{name}") for name in ("before", "inside")}
        house.clock.advance(10 * SECOND)

        house.watcher.files[f"{workspace}/disk/old"] = replace(hidden["before"], name="old", inode=9)
        put(house, workspace, "disk/young", inode=10)
        house.watcher.loses(str(workspace), reason="remounted", at=house.clock.now())
        await house.services.tracking.flush()

        assert [gap.recovered for gap in gaps(house, "s-1")] == [1]
        assert changes(house, "s-1") == [(Access.CREATE, "young")]

"""Which folders are watched: those with an active session, and those somebody added."""

import asyncio
from pathlib import Path

import pytest

from omnimem.errors import WorkspaceInvalid
from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change, WatchReport
from omnimemd.domain.workspaces import unwatchable
from omnimemd.storage import workspaces as rows
from tests.services.stories import begin, end, files_of, happens, record, session_of
from tests.support.house import House, World, a_house
from tests.support.waiting import rounds, until
from tests.support.watcher import FakeWatcher


async def test_a_folder_is_watched_exactly_while_a_session_is_active_in_it(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await begin(house, workspace, "s-2")

    await end(house, "s-1")
    await rounds()
    with_one_left = str(workspace) in house.watcher.watched
    await end(house, "s-2")
    await until(lambda: not house.watcher.watched)

    assert with_one_left
    assert house.services.workspaces.every() == []


async def test_an_ended_session_leaves_only_when_what_happened_before_its_end_was_read(
    house: House, workspace: Path
) -> None:
    await begin(house, workspace, "s-1")
    house.watcher.hold_back()
    happens(house, workspace, "last.py", Change.WRITTEN)

    await end(house, "s-1")
    await rounds()
    waiting = str(workspace) in house.watcher.watched
    house.watcher.let_through()
    await until(lambda: not house.watcher.watched)
    await house.services.tracking.flush()

    assert waiting
    assert files_of(house, "s-1") == ["last.py"]


async def test_what_happens_behind_the_end_is_nobodys(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await end(house, "s-1")
    await until(lambda: not house.watcher.watched)

    await record(house, workspace, "late.py")

    assert files_of(house, "s-1") == []


async def test_a_session_reopened_before_it_has_left_stays(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    house.watcher.hold_back()
    async with asyncio.TaskGroup() as group:
        group.create_task(begin(house, workspace, "s-1"))
        await until(lambda: house.watcher.waiting == 1)
        await end(house, "s-1")
        await until(lambda: house.watcher.waiting == 2)
        house.watcher.let_through()
    await rounds()

    await record(house, workspace, "a.py")

    assert session_of(house, "s-1").active
    assert files_of(house, "s-1") == ["a.py"]


async def test_a_session_reopened_before_it_has_left_leaves_when_it_ends_again(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    house.watcher.hold_back()
    async with asyncio.TaskGroup() as group:
        group.create_task(begin(house, workspace, "s-1"))
        await until(lambda: house.watcher.waiting == 1)
        await end(house, "s-1")
        await until(lambda: house.watcher.waiting == 2)
        house.watcher.let_through()

    await end(house, "s-1")

    await until(lambda: not house.watcher.watched)


async def test_a_folder_added_by_hand_is_watched_by_the_next_daemon(data: Path, world: World, workspace: Path) -> None:
    async with a_house(data, world=world) as first:
        added, new = await first.services.workspaces.add(str(workspace))

    async with a_house(data, world=world) as second:
        await second.services.workspaces.ready(str(workspace))
        (found,) = second.services.workspaces.every()

    assert new
    assert (found.path, found.by_hand, found.state) == (added.path, True, WorkspaceState.WATCHING)


async def test_a_folder_the_settings_name_is_watched(data: Path, world: World, workspace: Path) -> None:
    async with a_house(data, world=world, workspaces_configured=(str(workspace),)) as house:
        await house.services.workspaces.ready(str(workspace))

        assert str(workspace) in house.watcher.watched


async def test_a_folder_that_is_not_there_at_the_start_is_told_and_can_be_taken_back(
    data: Path, world: World, workspace: Path
) -> None:
    async with a_house(data, world=world) as first:
        await first.services.workspaces.add(str(workspace))
    workspace.rmdir()

    async with a_house(data, world=world) as second:
        condition = await second.services.health.check()
        await second.services.workspaces.remove(str(workspace))
        after = await second.services.health.check()
    async with a_house(data, world=world) as third:
        later = await third.services.health.check()

    assert condition.stores
    assert any(str(workspace) in problem for problem in condition.problems)
    assert (after.problems, later.problems) == ((), ())


async def test_a_folder_that_came_back_is_watched_when_it_is_added_again(house: House, workspace: Path) -> None:
    await house.services.workspaces.add(str(workspace))
    await house.services.workspaces.ready(str(workspace))
    house.watcher.loses_sight_of(str(workspace))
    (gone,) = house.services.workspaces.every()

    await house.services.workspaces.add(str(workspace))
    await house.services.workspaces.ready(str(workspace))

    (back,) = house.services.workspaces.every()
    assert (gone.state, back.state) == (WorkspaceState.GONE, WorkspaceState.WATCHING)


async def test_a_folder_that_asks_not_to_be_tracked_is_not(house: House, workspace: Path) -> None:
    (workspace / ".omnimem.toml").write_text("track = false\n")

    await begin(house, workspace, "s-1")

    (found,) = house.services.workspaces.every()
    assert (found.state, found.path) == (WorkspaceState.DEGRADED, str(workspace))
    assert house.watcher.watched == {}


async def test_a_folder_that_asks_not_to_be_tracked_any_more_is_not(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    (workspace / ".omnimem.toml").write_text("track = false\n")

    house.watcher.reads_rules_of(str(workspace))

    await until(lambda: not house.watcher.watched)
    (found,) = house.services.workspaces.every()
    assert (found.state, found.track) == (WorkspaceState.DEGRADED, False)
    assert "track = false" in (found.problem or "")


@pytest.mark.parametrize("text", ["track = true\n", None])
async def test_a_folder_that_may_be_tracked_again_is(house: House, workspace: Path, text: str | None) -> None:
    (workspace / ".omnimem.toml").write_text("track = false\n")
    await begin(house, workspace, "s-1")

    if text is None:
        (workspace / ".omnimem.toml").unlink()
    else:
        (workspace / ".omnimem.toml").write_text(text)

    await until(lambda: str(workspace) in house.watcher.watched)
    (found,) = house.services.workspaces.every()
    assert (found.state, found.track, found.problem) == (WorkspaceState.WATCHING, True, None)


@pytest.mark.parametrize("text", ["ignore = [ broken", "track = 'no'", "ignore = 'x'"])
async def test_a_mistake_in_a_project_file_is_told_until_it_is_corrected(
    house: House, workspace: Path, text: str
) -> None:
    await begin(house, workspace, "s-1")
    (workspace / ".omnimem.toml").write_text(text)
    house.watcher.reads_rules_of(str(workspace))
    await until(lambda: house.services.workspaces.every()[0].problem is not None)
    (mistaken,) = house.services.workspaces.every()

    (workspace / ".omnimem.toml").write_text("ignore = ['*.log']\n")
    house.watcher.reads_rules_of(str(workspace))
    await until(lambda: house.services.workspaces.every()[0].problem is None)
    (corrected,) = house.services.workspaces.every()

    assert (mistaken.state, mistaken.track) == (WorkspaceState.DEGRADED, True)
    assert (mistaken.problem or "").startswith(f"{workspace}/.omnimem.toml has a mistake: ")
    assert corrected.state is WorkspaceState.WATCHING
    assert str(workspace) in house.watcher.watched


async def test_a_mistake_in_the_project_file_of_a_folder_that_is_not_tracked_leaves_it_so(
    house: House, workspace: Path
) -> None:
    (workspace / ".omnimem.toml").write_text("track = false\n")
    await begin(house, workspace, "s-1")

    (workspace / ".omnimem.toml").write_text("track = [")
    await until(lambda: "mistake" in (house.services.workspaces.every()[0].problem or ""))

    assert house.watcher.watched == {}


async def test_a_large_folder_does_not_keep_others_waiting(house: House, workspace: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    await begin(house, workspace, "s-1")
    await begin(house, other, "s-2")

    await end(house, "s-1")
    await end(house, "s-2")

    await until(lambda: not house.watcher.watched)
    assert not session_of(house, "s-1").active


@pytest.mark.parametrize("path", ["/", "/proc", "/sys/kernel", "/dev"])
async def test_what_nobody_works_in_is_refused(house: House, path: str) -> None:
    with pytest.raises(WorkspaceInvalid) as refused:
        await house.services.workspaces.add(path)

    assert [error.field for error in refused.value.errors] == ["path"]
    assert house.services.workspaces.every() == []


async def test_a_session_in_it_is_kept_and_its_folder_is_not_watched(house: House) -> None:
    await begin(house, Path("/"), "s-1")
    await house.services.workspaces.ready("/")

    (found,) = house.services.workspaces.every()
    assert (found.state, found.directories) == (WorkspaceState.DEGRADED, 0)
    assert "whole machine" in (found.problem or "")
    assert house.watcher.watched == {}


@pytest.mark.parametrize("inside", ["", "barrier"])
async def test_the_daemons_own_data_are_refused(house: House, data: Path, inside: str) -> None:
    (data / inside).mkdir(exist_ok=True)

    with pytest.raises(WorkspaceInvalid) as refused:
        await house.services.workspaces.add(str(data / inside))

    assert [error.field for error in refused.value.errors] == ["path"]
    assert "own data" in refused.value.detail
    assert house.services.workspaces.every() == []


async def test_a_session_in_them_is_kept_and_they_are_not_watched(house: House, data: Path) -> None:
    await begin(house, data, "s-1")
    await house.services.workspaces.ready(str(data))

    (found,) = house.services.workspaces.every()
    assert (found.state, found.directories) == (WorkspaceState.DEGRADED, 0)
    assert "own data" in (found.problem or "")
    assert house.watcher.watched == {}


async def test_own_data_that_an_earlier_version_added_are_told_and_can_be_taken_back(data: Path, world: World) -> None:
    async with a_house(data, world=world) as first:
        await first.database.write(lambda db: rows.add(db, str(data), at=world.clock.now()))

    async with a_house(data, world=world) as second:
        watched = dict(second.watcher.watched)
        problems = (await second.services.health.check()).problems
        await second.services.workspaces.remove(str(data))
        after = (await second.services.health.check()).problems

    assert watched == {}
    assert [problem for problem in problems if "own data" in problem]
    assert after == ()


async def test_a_folder_whose_watch_ends_at_once_each_time_is_not_tried_for_ever(
    data: Path, world: World, workspace: Path
) -> None:
    watcher = _Fleeting(world.clock)
    async with a_house(data, world=world, watcher=watcher) as house:
        await house.services.workspaces.add(str(workspace))
        await until(lambda: watcher.tries >= 4)

        for _ in range(20):  # each as long as a look whether it is there
            await asyncio.to_thread(workspace.is_dir)
            await rounds()

        assert watcher.tries == 4  # the first, and three that somebody who makes it anew and anew may want


class _Fleeting(FakeWatcher):
    """Sees every folder come back, and go again as soon as it is watched."""

    tries = 0

    async def watch(self, root: str) -> WatchReport:
        self.tries += 1
        await super().watch(root)
        self.loses_sight_of(root)
        self.sees_something_at(root)
        return self.watched[root]


async def test_a_configured_folder_that_nobody_works_in_is_said(house: House) -> None:
    await house.services.workspaces.restore(("/proc",))

    assert "/proc cannot be watched" in house.services.workspaces.absent["/proc"]


def test_a_ram_disk_is_a_folder_as_any_other() -> None:
    assert unwatchable("/dev/shm/build", own="/data") is None
    assert unwatchable("/devices", own="/data") is None

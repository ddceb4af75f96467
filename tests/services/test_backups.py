"""Backups: when they are made, that they hold what was answered, and that a restore brings all of it back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from omnimem.errors import BackupDamaged, BackupFailed, BackupNotFound, StoreUnavailable
from omnimem.model import BackupReason, EntryKind, MemoryCreate
from omnimemd.domain.backups import Backup, Policy
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Gap
from omnimemd.storage import backups as files
from omnimemd.storage import restoring
from tests.services.stories import begin
from tests.support.clock import DAY, HOUR, MINUTE
from tests.support.house import House, World, a_house


async def remember(house: House, key: str) -> None:
    await house.services.memories.create("p", MemoryCreate(key=key, value="v"))


async def keys(house: House) -> set[str]:
    return {one.key for one in await house.services.memories.latest("p", limit=100, touch=False)}


class TestSchedule:
    async def test_one_is_made_when_the_last_is_old_enough_and_something_has_changed(self, house: House) -> None:
        backups = house.services.backups
        await remember(house, "one")

        first = await backups.look()
        house.clock.advance(DAY - MINUTE)
        await remember(house, "two")
        too_early = await backups.look()
        house.clock.advance(MINUTE)
        second = await backups.look()

        assert first is not None
        assert too_early is None
        assert second is not None
        assert second.reason is BackupReason.SCHEDULE
        assert backups.every() == [second, first]

    async def test_none_is_made_when_nothing_has_changed(self, house: House) -> None:
        backups = house.services.backups
        await remember(house, "one")
        made = await backups.look()

        house.clock.advance(DAY)
        unchanged = await backups.look()
        house.clock.advance(DAY)
        await remember(house, "two")

        assert made is not None
        assert unchanged is None
        assert await backups.look() is not None

    async def test_one_that_was_missed_is_made_late_and_once(self, house: House) -> None:
        backups = house.services.backups
        await remember(house, "one")
        await backups.look()
        house.clock.advance(30 * DAY)
        await remember(house, "two")

        assert [await backups.look() is not None for _ in range(2)] == [True, False]

    async def test_a_clock_that_is_set_back_stops_nothing(self, house: House) -> None:
        await remember(house, "one")
        await house.services.backups.look()
        house.clock.advance(-10 * DAY)
        await remember(house, "two")

        assert await house.services.backups.look() is not None

    async def test_never_is_never(self, data: Path, world: World) -> None:
        async with a_house(data, world=world, backups=Policy(every="never")) as house:
            await remember(house, "one")

            assert await house.services.backups.look() is None

    async def test_old_ones_go(self, data: Path, world: World) -> None:
        async with a_house(data, world=world, backups=Policy(every="12h", daily=2, weekly=0)) as house:
            for number in range(8):
                await remember(house, f"key {number}")
                assert await house.services.backups.look() is not None
                house.clock.advance(12 * HOUR)

            assert len(house.services.backups.every()) == 2

    async def test_one_that_was_found_damaged_counts_no_more(self, house: House) -> None:
        backups = house.services.backups
        await remember(house, "one")
        made = await backups.look()
        assert made is not None
        house.clock.advance(DAY)
        unchanged = await backups.look()

        spoil(made)
        problems = await backups.verify(made.backup_id)
        again = await backups.look()

        assert unchanged is None
        assert problems
        assert again is not None
        assert [(one.backup_id, one.verified) for one in backups.every()] == [
            (again.backup_id, True),
            (made.backup_id, False),
        ]

    async def test_one_that_fails_is_a_problem_until_one_is_made(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await remember(house, "one")
        with monkeypatch.context() as patched:
            patched.setattr(files, "_SPARE_BYTES", 2**60)
            made = await house.services.backups.look()
        told = await house.services.health.check()
        shown = house.services.health.figures().backup_problem

        await house.services.backups.look()

        assert made is None
        assert told.stores
        assert any("no room" in problem for problem in told.problems)
        assert shown is not None
        assert (await house.services.health.check()).problems == ()

    async def test_one_can_be_made_of_a_store_that_fails_and_is_there_to_be_had(self, house: House) -> None:
        await remember(house, "one")
        house.lose_the_store()

        made = await house.services.backups.create()
        with pytest.raises(StoreUnavailable):
            await house.services.backups.preview(made.backup_id)

        assert await house.services.backups.verify(made.backup_id) == []
        assert [one.backup_id for one in house.services.backups.every()] == [made.backup_id]


class TestRestoring:
    async def test_it_is_told_before_what_would_change(self, house: House) -> None:
        await remember(house, "both")
        await remember(house, "then")
        backup = await house.services.backups.create()
        await remember(house, "now")

        told = await house.services.backups.preview(backup.backup_id)

        assert told.undo_id is None
        changed = told.changes["memories"]
        assert (changed.now, changed.then, changed.gone, changed.back) == (3, 2, 1, 0)
        assert await keys(house) == {"both", "then", "now"}

    async def test_all_is_as_it_was_and_all_is_back_when_it_is_undone(self, data: Path, world: World) -> None:
        async with a_house(data, world=world) as house:
            await remember(house, "then")
            backup = await house.services.backups.create()
            world.clock.advance(HOUR)
            await remember(house, "now")
            undo_id = (await house.services.backups.restore(backup.backup_id)).undo_id
            await remember(house, "answered before the stop")
        put_in_place(data, world)

        async with a_house(data, world=world) as house:
            restored = await keys(house)
            assert undo_id is not None
            await house.services.backups.restore(undo_id)
        put_in_place(data, world)

        async with a_house(data, world=world) as house:
            assert restored == {"then"}
            assert await keys(house) == {"then", "now", "answered before the stop"}

    async def test_the_daemon_begins_again(self, data: Path, world: World) -> None:
        asked: list[bool] = []
        async with a_house(data, world=world, begin_again=lambda: asked.append(True)) as house:
            backup = await house.services.backups.create()

            await house.services.backups.restore(backup.backup_id)

        assert asked == [True]

    async def test_what_is_damaged_or_not_there_changes_nothing(self, data: Path, world: World) -> None:
        async with a_house(data, world=world) as house:
            await remember(house, "now")
            backup = await house.services.backups.create()
            spoil(backup)
            with pytest.raises(BackupDamaged, match="cannot be read"):
                await house.services.backups.preview(backup.backup_id)
            told = house.services.backups.every()
            calls: list[tuple[Callable[[], Awaitable[object]], type[Exception]]] = [
                (lambda: house.services.backups.restore(backup.backup_id), BackupDamaged),
                (lambda: house.services.backups.restore("nothing"), BackupNotFound),
                (lambda: house.services.backups.delete("nothing"), BackupNotFound),
            ]
            for call, error in calls:
                with pytest.raises(error):
                    await call()
            assert [one.verified for one in told] == [False]
        put_in_place(data, world)

        async with a_house(data, world=world) as house:
            assert await keys(house) == {"now"}

    async def test_sessions_of_the_interval_have_a_gap(self, data: Path, world: World, workspace: Path) -> None:
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s")
            backup = await house.services.backups.create()
            began = world.clock.now()
            world.clock.advance(HOUR)
            await house.services.backups.restore(backup.backup_id)
        put_in_place(data, world)

        async with a_house(data, world=world) as house:
            page = await house.services.entries.page("s", after=0, kind=EntryKind.GAP, limit=10)

        gaps = [one.entry for one in page.entries]
        assert [(one.reason, one.started_at, one.ended_at) for one in gaps if isinstance(one, Gap)] == [
            ("restored", began, world.clock.now())
        ]


class TestStopping:
    async def test_the_daemon_does_not_wait_for_one_that_is_under_way(
        self, data: Path, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def endless(*_: object, stop: Callable[[], bool], **__: object) -> Backup:
            loop.call_soon_threadsafe(begun.set)
            while not stop():
                pass
            raise BackupFailed("given up")

        monkeypatch.setattr(files, "make", endless)
        async with a_house(data, world=world) as house:
            under_way = asyncio.ensure_future(house.services.backups.create())
            await begun.wait()

        with pytest.raises(BackupFailed):
            await under_way


def spoil(backup: Backup) -> None:
    """Make nonsense of what is behind its first page."""
    with backup.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (backup.bytes - 4096))


def put_in_place(data: Path, world: World) -> restoring.Note | None:
    return restoring.put_in_place(data / "omnimem.db", now=Millis(world.clock.now()))

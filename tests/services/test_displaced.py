"""What happens to a database whose files are deleted, moved, replaced or cut while it is open."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import BackupReason
from omnimemd.daemon.putting_back import put_back, saved
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups, canary, lineage, losses
from omnimemd.storage import database as database_module
from omnimemd.storage.database import Database
from omnimemd.storage.mending import make_sound
from tests.services.stories import begin
from tests.services.test_health import health_told
from tests.support.clock import NOON, FakeClock
from tests.support.house import House, a_house
from tests.support.waiting import rounds, until


def log_of(database: Path) -> Path:
    return Path(f"{database}-wal")


def every_file(database: Path) -> None:
    for file in database.parent.glob("omnimem.db*"):
        file.unlink()


def database_alone(database: Path) -> None:
    database.unlink()


def log_alone(database: Path) -> None:
    log_of(database).unlink()


def moved(database: Path) -> None:
    database.rename(database.with_name("away.db"))


MISSING = [every_file, database_alone, log_alone, moved]


def cut(database: Path) -> None:
    os.truncate(database, 0)


def replaced(database: Path) -> None:
    other = database.with_name("other.db")
    other.write_bytes(database.read_bytes())
    other.replace(database)


def folder_moved(database: Path) -> None:
    database.parent.rename(database.parent.with_name("elsewhere"))


def folder_replaced(database: Path) -> None:
    folder_moved(database)
    database.parent.mkdir()


OTHERWISE = [cut, replaced, folder_moved, folder_replaced]


@pytest.fixture
async def database(data: Path) -> AsyncIterator[Database]:
    async with Database(data / "omnimem.db") as database:
        yield database


async def write(database: Database, at: int) -> None:
    await database.write(lambda db: canary.write(db, at=Millis(at)), durable=True)


@pytest.mark.parametrize("happen", MISSING + OTHERWISE)
async def test_what_is_durable_is_refused_and_told_at_once(
    house: House, workspace: Path, happen: Callable[[Path], None]
) -> None:
    await begin(house, workspace, "s-1")
    happen(house.database.path)

    with house.services.events.subscribe() as subscription:
        for at in (1, 2):
            with pytest.raises(StoreUnavailable, match="Nothing is stored"):
                await write(house.database, at)
        event = await health_told(subscription)

    assert not event.stores
    assert "Nothing is stored" in event.problems[0]


async def test_what_is_observed_has_it_found_out_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_LOOK_SECONDS", 0.01)
    every_file(database.path)
    found: list[None] = []
    database.on_trouble(lambda: found.append(None))

    await database.write(lambda db: canary.write(db, at=Millis(1)))

    await until(lambda: bool(found))


@pytest.mark.parametrize("happen", MISSING + OTHERWISE)
async def test_nothing_is_opened_by_its_path_meanwhile(data: Path, happen: Callable[[Path], None]) -> None:
    path = data / "omnimem.db"
    async with a_house(data) as house:
        await write(house.database, 1)
        happen(path)
        before = inodes(data)

        with pytest.raises(StoreUnavailable):
            await house.database.read_from_outside(canary.read)
        with pytest.raises(StoreUnavailable):
            await anext(house.database.stream(lambda db: iter(db.execute("SELECT 1"))))
        with pytest.raises(StoreUnavailable):
            await house.services.backups.create()
        assert not (await house.services.health.check()).stores
        await house.services.doctor.examine(repair=False)

    after, note = inodes(data), path.with_name("omnimem.db-run")
    assert after.keys() == before.keys()
    assert {file for file in after if after[file] != before[file]} <= {note}  # it says that the file was another's


def inodes(data: Path) -> dict[Path, int]:
    return {file: file.stat().st_ino for file in data.rglob("*")}


async def test_files_that_are_back_are_used_again(database: Database) -> None:
    path = database.path
    moved(path)
    with pytest.raises(StoreUnavailable):
        await write(database, 1)

    path.with_name("away.db").rename(path)

    await write(database, 2)
    assert await database.read_from_outside(canary.read) == 2


@pytest.mark.parametrize("happen", MISSING)
async def test_missing_files_are_put_back_with_all_that_was_in_them(data: Path, happen: Callable[[Path], None]) -> None:
    path, clock, again = data / "omnimem.db", FakeClock(), asyncio.Event()
    async with Database(path) as database, saved(database, clock):
        await write(database, 1)
        watching = asyncio.create_task(put_back(database, again.set))
        await write(database, 2)
        happen(path)
        with pytest.raises(StoreUnavailable):
            await write(database, 3)
        await database.write(lambda db: canary.write(db, at=Millis(4)))  # what was observed goes on
        async with asyncio.timeout(10):
            await again.wait()
        watching.cancel()

    now = Millis(NOON + 1000)
    make_sound(path, boot="", now=now, spare=lambda: lineage.spare(path), tell=lambda _: None)
    async with Database(path) as database:
        found = database.read_now(canary.read)
        (loss,) = database.read_now(losses.every)

    assert found == 4
    assert (loss.started_at, loss.ended_at) == (NOON, now)


@pytest.mark.parametrize("happen", OTHERWISE)
async def test_what_somebody_else_put_there_is_left_alone(data: Path, happen: Callable[[Path], None]) -> None:
    path, again = data / "omnimem.db", asyncio.Event()
    async with Database(path) as database:
        watching = asyncio.create_task(put_back(database, again.set))
        await write(database, 1)
        happen(path)
        with pytest.raises(StoreUnavailable):
            await write(database, 2)
        await rounds()
        watching.cancel()

    assert not again.is_set()


async def test_what_a_replaced_database_held_is_among_the_backups(data: Path) -> None:
    path = data / "omnimem.db"
    async with Database(path) as database, saved(database, FakeClock()):
        await write(database, 7)
        replaced(path)

    (backup,) = backups.found(backups.folder_of(path))
    assert backup.reason is BackupReason.RESTORE
    with contextlib.closing(backups.opened(backup.path)) as db:
        assert canary.read(db) == 7


async def test_a_folder_that_is_gone_is_not_made_anew(data: Path) -> None:
    path = data / "omnimem.db"
    async with Database(path) as database, saved(database, FakeClock()):
        await write(database, 7)
        folder_moved(path)

    assert not data.exists()

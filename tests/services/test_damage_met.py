"""A database that turns out to be damaged while it is in use: it is told, and a restart makes it good."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import MemoryCreate, Verdict
from omnimemd.storage import lineage, mending, restoring, soundness
from omnimemd.storage.database import Database
from omnimemd.storage.losses import LossReason
from tests.services.test_doctor import examined
from tests.support.house import House, World, a_house


@asynccontextmanager
async def restarted(data: Path, world: World) -> AsyncIterator[House]:
    """A daemon as it starts."""

    path = data / "omnimem.db"
    spare = partial(lineage.spare, path)
    mending.make_sound(path, boot="", now=world.clock.now(), spare=spare, tell=lambda _: None)
    restoring.put_in_place(path, now=world.clock.now())
    async with a_house(data, world=world) as house:
        yield house


async def fill(house: House, count: int = 50) -> None:
    for number in range(count):
        await house.services.memories.create("p", MemoryCreate(key=f"k{number}", value="v" * 3000))


def damage(data: Path) -> None:
    """Overwrite some pages in the middle of the file."""
    with (data / "omnimem.db").open("r+b") as file:
        file.seek((data / "omnimem.db").stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)


def damage_all_memories(database: Database) -> None:
    """Overwrite where the tree of what memories said begins."""
    root = database.read_now(
        lambda db: db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'memory_versions'").get
    )
    with database.path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)


async def test_what_the_doctor_finds_the_next_start_makes_good(data: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        await fill(house)
        made = await house.services.backups.create()
    async with restarted(data, world) as house:
        damage(data)

        found = await examined(house, "database", repair=True)
        problems = (await house.services.health.check()).problems

        assert found.finding.verdict is Verdict.FAIL
        assert found.repaired is None, "what a repair would do is the start's"
        assert found.finding.hint is not None
        assert "omnimem backup restore" in found.finding.hint
        assert "The database's file is damaged: `omnimem doctor` says what to do." in problems

    async with restarted(data, world) as house:
        assert (await examined(house, "database")).finding.verdict is Verdict.OK
        assert len(await house.services.memories.latest("p", limit=100, touch=False)) == 50
        (loss,) = house.services.health.figures().losses
        assert (loss.reason, loss.restored_from) == (LossReason.DATABASE, made.backup_id)


async def test_what_was_damaged_is_kept_for_its_user_alone(data: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        await fill(house)
    async with restarted(data, world) as house:  # all of it is in the file
        damage(data)
        await examined(house, "database")
    async with restarted(data, world):
        kept = [data / "quarantine", *(data / "quarantine").rglob("*")]

        assert {path.name for path in kept} > {"omnimem.db", "loss.json"}
        assert [path for path in kept if path.stat().st_mode & 0o077] == []


async def test_what_a_caller_stumbles_over_the_next_start_makes_good_too(data: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        await fill(house)
        await house.services.backups.create()
    async with restarted(data, world) as house:
        damage(data)
        with pytest.raises(StoreUnavailable, match="is damaged"):
            [_ async for _ in house.database.stream(lambda db: iter(db.execute("SELECT * FROM project_memories")))]
        assert house.database.damaged
    async with restarted(data, world) as house:
        assert (await examined(house, "database")).finding.verdict is Verdict.OK


async def test_a_backup_can_be_put_in_the_place_of_what_is_damaged(data: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        await fill(house)
        made = await house.services.backups.create()
    async with restarted(data, world) as house:
        damage_all_memories(house.database)

        would = await house.services.backups.preview(made.backup_id)
        await house.services.backups.restore(made.backup_id)

        assert would.changes == {}, "it cannot be told"
    async with restarted(data, world) as house:
        assert len(await house.services.memories.latest("p", limit=100, touch=False)) == 50


async def test_a_sound_database_is_relied_on(data: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_house(data, world=world) as house:
        await fill(house, 1)
        await examined(house, "database")
    monkeypatch.setattr(soundness, "check", lambda *_, **__: pytest.fail("there is nothing to look at"))

    async with restarted(data, world) as house:
        assert not house.database.damaged

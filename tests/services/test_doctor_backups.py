"""The checks of what is kept for bad days: backups, and damaged files."""

import asyncio
from pathlib import Path

import pytest

from omnimem.errors import BackupFailed
from omnimem.model import BackupReason, MemoryCreate, Verdict
from omnimemd.domain.backups import Policy
from omnimemd.services.checks import backups as checks
from omnimemd.storage import backups as files
from tests.services.test_doctor import examined
from tests.support.clock import DAY
from tests.support.house import House, World, a_house


def no_room(*_: object) -> None:
    raise BackupFailed("There is no room for it.")


async def test_without_a_backup_yet_all_is_well(house: House) -> None:
    found = await examined(house, "backups")

    assert (found.finding.verdict, found.finding.detail) == (
        Verdict.OK,
        "There is none yet. More are made by themselves.",
    )


async def test_that_none_are_made_by_themselves_is_told(data: Path, world: World) -> None:
    async with a_house(data, world=world, backups=Policy(every="never")) as house:
        found = await examined(house, "backups")

        assert (found.finding.verdict, found.finding.detail[-28:]) == (Verdict.OK, "None are made by themselves.")


async def test_one_that_could_not_be_made_fails_and_is_made_by_a_repair(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(files, "check_room", no_room)
        await house.services.backups.look()
        ill = await examined(house, "backups")
        still = await examined(house, "backups", repair=True)
    mended = await examined(house, "backups", repair=True)

    assert (ill.finding.verdict, still.finding.verdict, still.repaired) == (Verdict.FAIL, Verdict.FAIL, None)
    assert "There is no room for it." in ill.finding.detail
    assert ill.finding.hint is not None
    assert "omnimem backup create" in ill.finding.hint
    (made,) = house.services.backups.every()
    assert (mended.finding.verdict, mended.repaired) == (Verdict.OK, f"Made {made.backup_id}.")


async def test_one_that_nobody_tried_to_make_fails(house: House) -> None:
    backups = house.services.backups
    await backups.create(BackupReason.SCHEDULE)
    backups._next_look = asyncio.get_running_loop().time() - 3_600  # its task hangs

    in_time = await examined(house, "backups")
    house.clock.advance(DAY)
    late = await examined(house, "backups")
    mended = await examined(house, "backups", repair=True)

    assert in_time.finding.verdict is Verdict.OK
    assert late.finding.verdict is Verdict.FAIL
    assert "nobody tried" in late.finding.detail
    assert mended.finding.verdict is Verdict.OK
    assert len(backups.every()) == 2


async def test_one_that_is_due_after_a_suspend_is_given_time(house: House) -> None:
    await house.services.backups.create(BackupReason.SCHEDULE)
    house.clock.advance(30 * DAY)

    assert (await examined(house, "backups")).finding.verdict is Verdict.OK


async def test_a_newest_one_that_is_damaged_inside_fails_and_a_good_one_is_made(house: House) -> None:
    for number in range(50):
        await house.services.memories.create("p", MemoryCreate(key=f"k{number}", value="v" * 3000))
    made = await house.services.backups.create()
    with made.path.open("r+b") as file:
        file.seek(made.bytes // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)

    ill = await examined(house, "backups")
    mended = await examined(house, "backups", repair=True)

    assert ill.finding.verdict is Verdict.FAIL
    assert made.backup_id in ill.finding.detail
    assert mended.repaired is not None
    assert mended.finding.verdict is Verdict.WARN  # for the one that is damaged
    assert [one.verified for one in house.services.backups.every()] == [True, False]
    assert made.path.exists(), "what is damaged is for its owner to delete"


async def test_one_that_was_cut_short_is_told(house: House) -> None:
    made = await house.services.backups.create()
    house.clock.advance(1_000)
    await house.services.backups.create()
    with made.path.open("r+b") as file:
        file.truncate(5_000)

    found = await examined(house, "backups")

    assert found.finding.verdict is Verdict.WARN
    assert made.backup_id in found.finding.detail
    assert found.finding.hint == "`omnimem backup delete` removes them."


async def test_a_folder_that_cannot_be_read_is_no_bug(data: Path, house: House) -> None:
    (data / "backups").write_text("no folder")

    found = await examined(house, "backups", repair=True)

    assert house.services.health.figures().backups == ()
    assert (found.finding.verdict, found.repaired) == (Verdict.FAIL, None)
    assert f"{data / 'backups'} is no folder" in found.finding.detail
    assert any("is no folder" in one for one in (await house.services.health.check()).problems)


async def test_damaged_files_are_told_of_and_never_removed(
    data: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = await examined(house, "set aside")
    folder = data / "quarantine" / "20260301T120000.000Z"
    folder.mkdir(parents=True)
    (folder / "omnimem.db").write_bytes(b"x" * 2_000_000)
    little = await examined(house, "set aside")
    monkeypatch.setattr(checks, "_MUCH_SET_ASIDE", 2_000_000)
    much = await examined(house, "set aside", repair=True)

    assert [one.finding.verdict for one in (none, little, much)] == [Verdict.OK, Verdict.OK, Verdict.WARN]
    assert much.finding.detail == f"2.0 MB of damaged files are kept in {folder}."
    assert much.finding.hint is not None
    assert f"rm -r {folder}" in much.finding.hint
    assert (much.repaired, (folder / "omnimem.db").exists()) == (None, True)

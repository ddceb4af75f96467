"""Starts that find no database, or another one than the last run left."""

from pathlib import Path

import apsw
import pytest

from omnimem.model import BackupReason
from omnimemd.storage import backups, migrations, restoring, run_note
from omnimemd.storage.errors import SchemaTooNew
from omnimemd.storage.lineage import Spare
from omnimemd.storage.losses import LossReason
from omnimemd.storage.mending import make_sound
from tests.storage.damage import BOOT, LATER, SUFFIXES, Left, closed, left_by_a_kill, started, unexplained
from tests.support.clock import NOON


def backup_of(left: Left) -> Spare:
    """Make a backup of what *left* has."""
    made = backups.make(left.path, backups.folder_of(left.path), reason=BackupReason.CLIENT, at=NOON)
    return Spare(made.backup_id, made.path, made.created_at)


def remove(left: Left) -> None:
    for suffix in SUFFIXES:
        left.file(suffix).unlink(missing_ok=True)


async def test_a_first_start_loses_nothing(tmp_path: Path) -> None:
    left = Left(tmp_path, {})

    assert (await started(left, spare=True)).losses == []


@pytest.mark.parametrize("was_closed", [True, False])
async def test_no_database_beside_backups_is_a_loss(tmp_path: Path, was_closed: bool) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    if was_closed:
        await closed(left)
    backup_of(left)
    remove(left)

    seen = await started(left, spare=True)

    (loss,) = seen.losses
    assert loss.restored_from == "backup_1"
    assert loss.ended_at == LATER  # whoever had it open may have gone on
    assert unexplained(left, seen) == {}
    assert seen.rows


async def test_no_database_beside_what_was_set_aside_is_a_loss(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    (left.folder / "quarantine" / "20260301T120000.000Z").mkdir(parents=True)
    remove(left)

    (loss,) = (await started(left)).losses

    assert (loss.started_at, loss.ended_at, loss.restored_from) == (None, LATER, None)


async def test_a_database_cut_to_nothing_loses_all_until_now(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    left.path.write_bytes(b"")
    left.file("-wal").unlink()
    left.settle()

    (loss,) = (await started(left, spare=True)).losses

    assert loss.ended_at == LATER


async def test_a_log_that_was_taken_away_loses_all_until_now(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    left.file("-wal").unlink()
    left.settle()

    (loss,) = (await started(left)).losses

    assert loss.ended_at == LATER


async def test_a_backup_that_a_person_puts_where_no_database_is_is_no_loss(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    backup_of(left)
    (backup,) = backups.found(backups.folder_of(left.path))
    remove(left)

    restoring.prepare(left.path, backup, at=LATER)
    make_sound(left.path, boot=BOOT, now=LATER, spare=lambda: pytest.fail("none is wanted"), tell=lambda _: None)
    restoring.put_in_place(left.path, now=LATER)

    assert [loss.reason for loss in (await started(left)).losses] == [LossReason.RESTORED]


@pytest.mark.parametrize("noted_as", ["closed", "killed"])
async def test_a_newer_database_put_in_place_is_refused_as_it_is(tmp_path: Path, noted_as: str) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    await closed(left)
    spare = backup_of(left)
    if noted_as == "killed":
        run_note.write(left.path, run_note.RunNote(boot="another", schema=len(migrations.steps())))
    newer = apsw.Connection(str(left.path))
    newer.execute("CREATE TABLE news (one TEXT)")
    newer.pragma("user_version", len(migrations.steps()) + 1)
    newer.close()
    before = left.path.read_bytes()

    with pytest.raises(SchemaTooNew, match=spare.name):
        await started(left, spare=True)

    assert left.path.read_bytes() == before
    assert not (left.folder / "quarantine").exists()


async def test_a_damaged_number_of_the_schema_alone_is_no_newer_program(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=5, count=10)
    await closed(left)
    with left.path.open("r+b") as file:
        file.seek(60)
        file.write(b"\x00\x00\x01\x00")
        file.seek(2 * 4096)
        file.write(bytes(4096))

    seen = await started(left, spare=True)

    assert unexplained(left, seen) == {}
    assert [loss.restored_from for loss in seen.losses] == ["backup_1"]

"""Another file in the place of a database, or copied over it, while a daemon has it open: its log is not brought in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec
import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import BackupReason
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups, migrations, run_note
from omnimemd.storage.database import Database
from omnimemd.storage.errors import SchemaTooNew
from omnimemd.storage.losses import LossReason
from tests.storage.damage import BOOT, LATER, NAME, SUFFIXES, Left, adding, closed, rows, started, unexplained
from tests.support.clock import NOON, SECOND

Put = Callable[[Path, Path], object]


def move_over(old: Path, path: Path) -> None:
    old.replace(path)


def copy_over(old: Path, path: Path) -> None:
    path.write_bytes(old.read_bytes())  # the file stays the same one


async def add(database: Database, numbers: range) -> dict[str, Millis]:
    for number in numbers:
        await database.write(adding(f"row-{number}", NOON + number * SECOND))
    return {f"row-{number}": Millis(NOON + number * SECOND) for number in numbers}


def backed_up(database: Database, folder: Path) -> Path:
    made = backups.make(database.path, folder / "backups", reason=BackupReason.CLIENT, at=NOON)
    return made.path.rename(folder / "old")


def raw_copy(database: Database, folder: Path) -> Path:
    """Copy the file alone, of which nothing is in the log."""
    return Path(shutil.copyfile(database.path, folder / "old"))


async def killed(folder: Path, copied: Callable[[Database, Path], Path], put: Put | None, *, more: int) -> Left:
    """Have an older copy put in the place of a database in use, and its daemon killed before it looked.

    Args:
        folder: where.
        copied: makes the copy, when there are ten rows.
        put: puts it in place, after fifteen more and then *more* of them; None: nothing is.
        more: how many are in the log alone.
    """
    live = folder / "live"
    live.mkdir()
    answered: dict[str, Millis] = {}
    async with Database(live / NAME, boot=BOOT) as database:
        answered |= await add(database, range(10))
        database._checkpointer.bring_in()
        old = copied(database, folder)
        answered |= await add(database, range(10, 25))
        database._checkpointer.bring_in()
        answered |= await add(database, range(25, 25 + more))
        left = Left(folder / "left", {})
        left.folder.mkdir()
        for suffix in SUFFIXES:
            shutil.copyfile(live / f"{NAME}{suffix}", left.file(suffix))
    if put is not None:
        put(old, left.path)
    left = msgspec.structs.replace(left, answered=answered)
    left.settle()
    return left


@pytest.mark.parametrize("put", [move_over, copy_over])
@pytest.mark.parametrize("copied", [backed_up, raw_copy])
@pytest.mark.parametrize("more", [1, 60])
async def test_the_log_is_set_aside_and_the_older_copy_served(
    tmp_path: Path, put: Put, copied: Callable[[Database, Path], Path], more: int
) -> None:
    left = await killed(tmp_path, copied, put, more=more)
    log = left.file("-wal").read_bytes()

    seen = await started(left)

    assert set(seen.rows) == {f"row-{number}" for number in range(10)}
    assert unexplained(left, seen) == {}
    (loss,) = seen.losses
    assert loss.reason == LossReason.LOG
    assert loss.kept is not None
    assert (left.folder / loss.kept / f"{NAME}-wal").read_bytes() == log


async def test_what_is_damaged_besides_gives_way_to_a_backup(tmp_path: Path) -> None:
    left = await killed(tmp_path, raw_copy, move_over, more=5)
    content = bytearray(left.path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    left.path.write_bytes(content)

    assert unexplained(left, await started(left)) == {}


async def test_a_killed_database_that_was_copied_elsewhere_is_whole(tmp_path: Path) -> None:
    left = await killed(tmp_path, raw_copy, None, more=5)  # other inodes, other times

    seen = await started(left)

    assert seen.rows == left.answered
    assert seen.losses == []


async def test_a_log_that_another_program_brought_in_is_no_other_files(tmp_path: Path) -> None:
    left = await killed(tmp_path, raw_copy, None, more=60)
    db = apsw.Connection(str(left.path))
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    db.close()

    assert (await started(left)).losses == []


async def test_an_older_copy_put_there_while_no_daemon_ran_is_no_loss(tmp_path: Path) -> None:
    left = await killed(tmp_path, raw_copy, None, more=5)
    await closed(left)
    (tmp_path / "old").replace(left.path)

    seen = await started(left)

    assert set(seen.rows) == {f"row-{number}" for number in range(10)}
    assert seen.losses == []


async def test_a_kill_after_an_older_copy_was_opened_costs_nothing(tmp_path: Path) -> None:
    left = await killed(tmp_path, raw_copy, None, more=5)
    await closed(left)
    (tmp_path / "old").replace(left.path)
    async with Database(left.path, boot=BOOT) as database:
        await add(database, range(100, 110))
        again = left.copied(tmp_path / "again")

    seen = await started(again)

    assert len(seen.rows) == 20
    assert seen.losses == []


async def test_what_is_copied_over_it_is_noticed_and_nothing_brought_into_it(tmp_path: Path) -> None:
    async with Database(tmp_path / NAME, boot=BOOT) as database:
        await add(database, range(10))
        database._checkpointer.bring_in()
        old = raw_copy(database, tmp_path)
        answered = await add(database, range(10, 25))
        database._checkpointer.bring_in()
        answered |= await add(database, range(25, 30))
        copy_over(old, database.path)

        with pytest.raises(StoreUnavailable, match="copied over"):
            await database.write(adding("durable", NOON), durable=True)
        assert await database.save(at=LATER) is None  # nobody can read it any more

    assert database.path.read_bytes() == old.read_bytes()
    left = Left(tmp_path, answered)
    note = run_note.read(left.path)
    assert note is not None
    run_note.write(left.path, msgspec.structs.replace(note, boot="the one before"))  # it is known even then
    seen = await started(left)
    assert set(seen.rows) == {f"row-{number}" for number in range(10)}
    assert [loss.reason for loss in seen.losses] == [LossReason.LOG]


async def test_what_is_put_back_is_the_database_again(tmp_path: Path) -> None:
    async with Database(tmp_path / NAME) as database:
        await add(database, range(10))
        database._checkpointer.bring_in()
        own = database.path.read_bytes()
        database.path.write_bytes(bytes(len(own)))
        assert database.displaced() is not None

        database.path.write_bytes(own)

        assert database.displaced() is None
        await database.write(adding("durable", NOON), durable=True)
        assert len(database.read_now(rows)) == 11


async def test_a_note_that_cannot_be_renewed_does_not_say_what_is_wrong_now(tmp_path: Path) -> None:
    async with Database(tmp_path / NAME, boot=BOOT) as database:
        await add(database, range(10))
        (tmp_path / f"{NAME}-run.new").mkdir()  # in the way of a new one
        database._checkpointer.bring_in()
        assert run_note.read(database.path) is None
        await add(database, range(10, 12))
        left = Left(tmp_path / "left", {})
        left.folder.mkdir()
        for suffix in SUFFIXES[:-1]:
            shutil.copyfile(f"{database.path}{suffix}", left.file(suffix))

    seen = await started(left)

    assert len(seen.rows) == 12
    assert seen.losses == []


def newer(left: Left) -> bytes:
    """Put a newer program's database in the place of the one of *left*; return it."""
    path = left.folder.with_name("newer")
    db = apsw.Connection(str(path))
    migrations.migrate(db)
    db.execute("CREATE TABLE news (one TEXT)")
    db.pragma("user_version", len(migrations.steps()) + 1)
    db.close()
    path.replace(left.path)
    return left.path.read_bytes()


@pytest.mark.parametrize("boot", [BOOT, "the one before"])
async def test_a_newer_database_over_the_leavings_of_a_kill_is_refused_and_all_left(tmp_path: Path, boot: str) -> None:
    left = await killed(tmp_path, raw_copy, None, more=5)
    note = run_note.read(left.path)
    assert note is not None
    run_note.write(left.path, msgspec.structs.replace(note, boot=boot))
    newer(left)
    before = {file.name: file.read_bytes() for file in left.folder.iterdir()}

    with pytest.raises(SchemaTooNew, match="written by a newer version"):
        await started(left)

    assert {file.name: file.read_bytes() for file in left.folder.iterdir()} == before

"""A restore leaves the one database or the other, whole, wherever it is cut short, and can be undone."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from omnimem.errors import BackupDamaged, BackupFailed
from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup, Return
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups, lineage, losses, mending, restoring
from omnimemd.storage.database import Database
from omnimemd.storage.errors import DatabaseUnusable
from omnimemd.storage.lineage import Spare
from omnimemd.storage.losses import LossReason
from tests.storage import golden
from tests.support.clock import DAY, HOUR, MINUTE, NOON

LATER = Millis(NOON + HOUR)
MUCH_LATER = Millis(NOON + DAY)
#: What Python says it is about to do to files (sys.addaudithook).
STEPS = {"open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.utime", "shutil.copyfile"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "omnimem.db"


async def has(path: Path) -> set[str]:
    """Begin as the daemon does, end, and return what was there."""
    restoring.tidy(path)
    mending.make_sound(path, boot="b", now=LATER, spare=lambda: None, tell=lambda _: None)
    restoring.put_in_place(path, now=LATER)
    async with Database(path, boot="b") as database:
        return database.read_now(lambda db: {str(one) for (one,) in db.execute("SELECT path FROM workspaces")})


async def add(path: Path, name: str) -> None:
    async with Database(path, boot="b") as database:
        await database.write(lambda db: db.execute("INSERT INTO workspaces VALUES (?, 1)", (name,)))


async def backed_up(path: Path) -> Backup:
    """Return a backup with /then in it, made before /now was added."""
    await add(path, "/then")
    backup = backups.make(path, backups.folder_of(path), reason=BackupReason.CLIENT, at=NOON)
    await add(path, "/now")
    return backup


def make(path: Path, *, at: int) -> Backup:
    return backups.make(path, backups.folder_of(path), reason=BackupReason.CLIENT, at=Millis(at))


async def put_back(path: Path) -> str:
    """Put a backup with /then alone in the place of what has /now too; return the id of what undoes it."""
    undo_id = restoring.prepare(path, await backed_up(path), at=LATER)
    assert await has(path) == {"/then"}
    return undo_id


def spoil(path: Path) -> None:
    """Make nonsense of the file."""
    path.write_bytes(b"\xa5" * path.stat().st_size)


async def healed(path: Path) -> set[str]:
    """Begin as the daemon does with backups to take, end, and return what was there."""
    mending.make_sound(path, boot="b", now=MUCH_LATER, spare=lambda: lineage.spare(path), tell=lambda _: None)
    return await has(path)


def killed_after(steps: int, work: Callable[[], object]) -> bool:
    """Do *work* in a process that is killed before it does something to files for the (n+1)st time; tell whether."""
    child = os.fork()
    if child == 0:
        left = steps

        def look(event: str, _: object) -> None:
            nonlocal left
            if event in STEPS:
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.addaudithook(look)
        try:
            work()
        except BaseException:  # noqa: BLE001 it must not go on as a test
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9)
    return code == 9


def files_of(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir() if one.is_file()}


class TestInPlace:
    async def test_wherever_it_is_cut_short_the_one_or_the_other_is_there_whole(self, tmp_path: Path) -> None:
        found: list[bool] = []
        killed = True
        while killed:
            path = tmp_path / str(len(found)) / "omnimem.db"
            path.parent.mkdir()
            backup = await backed_up(path)

            def restored(path: Path = path, backup: Backup = backup) -> None:
                restoring.prepare(path, backup, at=LATER)
                restoring.put_in_place(path, now=LATER)

            killed = killed_after(len(found), restored)
            after = await has(path)

            assert after in ({"/then"}, {"/then", "/now"})
            assert files_of(path) <= {"omnimem.db", "omnimem.db-run", "omnimem.db-line"}
            assert lineage.read(path) == [Return(to=NOON, at=LATER)] * (after == {"/then"})
            assert path.stat().st_nlink == 1
            assert [backups.verify(one.path) for one in backups.found(backups.folder_of(path))].count([]) == 1 + (
                after == {"/then"}
            )
            found.append(after == {"/then"})

        assert len(found) > 15
        assert found == sorted(found)  # from some step on it is done
        assert found[-1]

    async def test_what_is_only_in_the_log_is_in_the_backup_that_undoes_it(self, path: Path) -> None:
        backup = await backed_up(path)

        def left_by_a_kill() -> None:
            db = apsw.Connection(str(path))
            db.pragma("wal_autocheckpoint", 0)
            db.execute("INSERT INTO workspaces VALUES ('/in the log', 1)")
            os._exit(0)

        killed_after(10**6, left_by_a_kill)
        undo_id = restoring.prepare(path, backup, at=LATER)
        restored = await has(path)
        undo = backups.find(backups.folder_of(path), undo_id)
        assert undo is not None
        restoring.prepare(path, undo, at=LATER)

        assert restored == {"/then"}
        assert await has(path) == {"/then", "/now", "/in the log"}

    async def test_what_is_gone_is_told_and_since_when(self, path: Path) -> None:
        backup = await backed_up(path)
        undo_id = restoring.prepare(path, backup, at=LATER)
        await has(path)

        async with Database(path, boot="b") as database:
            (loss,) = database.read_now(losses.every)

        assert (loss.reason, loss.started_at, loss.ended_at) == (LossReason.RESTORED, NOON, LATER)
        assert (loss.restored_from, loss.kept) == (backup.backup_id, f"backups/{undo_id}.db")
        assert loss.seen_at is not None

    async def test_since_then_no_daemon_watched(self, path: Path) -> None:
        restoring.prepare(path, await backed_up(path), at=LATER)
        restoring.put_in_place(path, now=LATER)

        async with Database(path, boot="b") as database:
            assert database.last_written == NOON

    async def test_a_backup_of_an_older_schema_is_brought_to_the_present_one(self, path: Path) -> None:
        await add(path, "/now")
        folder = backups.folder_of(path)
        folder.mkdir()
        oldest = golden.opened(min(golden.FOLDER.glob("schema_*.sql")), path.with_name("old.db"))
        old = folder / "backup_20260101T000000000Z_client_0000.db"
        oldest.rename(old)
        backup = backups.find(folder, old.stem)
        assert backup is not None

        restoring.prepare(path, backup, at=LATER)

        assert await has(path) == {"/w"}


class TestHealing:
    """What takes the place of a database that is damaged after a restore."""

    async def test_what_a_restore_put_aside_does_not_come_back_by_itself(self, path: Path) -> None:
        await put_back(path)

        spoil(path)

        assert await healed(path) == {"/then"}

    async def test_what_was_made_since_comes_before_what_was_restored(self, path: Path) -> None:
        await put_back(path)
        await add(path, "/since")
        make(path, at=LATER + HOUR)

        spoil(path)

        assert await healed(path) == {"/then", "/since"}

    async def test_one_that_was_made_of_what_was_put_aside_is_put_aside_with_it(self, path: Path) -> None:
        backup = await backed_up(path)
        make(path, at=NOON + MINUTE)
        restoring.prepare(path, backup, at=LATER)
        await has(path)

        spoil(path)

        assert await healed(path) == {"/then"}

    async def test_a_restore_that_was_undone_counts_no_more(self, path: Path) -> None:
        undo = backups.find(backups.folder_of(path), await put_back(path))
        assert undo is not None
        restoring.prepare(path, undo, at=Millis(LATER + HOUR))
        await has(path)

        spoil(path)

        assert await healed(path) == {"/then", "/now"}

    async def test_when_no_other_is_whole_it_is_what_was_put_aside_and_that_is_told(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        await put_back(path)
        spoil(backups.found(backups.folder_of(path))[1].path)

        spoil(path)

        assert await healed(path) == {"/then", "/now"}
        assert "the state that an earlier restore put aside" in caplog.text
        async with Database(path, boot="b") as database:
            (loss,) = database.read_now(losses.every)
        assert loss.put_aside

    async def test_what_it_healed_from_is_what_the_database_continues(self, path: Path) -> None:
        await put_back(path)
        spoil(backups.found(backups.folder_of(path))[1].path)
        spoil(path)
        await healed(path)
        (undone, _) = backups.found(backups.folder_of(path))

        assert lineage.spare(path) == Spare(undone.backup_id, undone.path, undone.created_at)

    async def test_without_room_for_the_note_the_restore_is_done_all_the_same(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        backup = await backed_up(path)
        restoring.prepare(path, backup, at=LATER)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(lineage, "put", full)
        note = restoring.put_in_place(path, now=LATER)

        assert note is not None
        assert "restore not noted" in caplog.text


class TestRefusing:
    async def test_a_damaged_one_changes_nothing(self, path: Path) -> None:
        backup = await backed_up(path)
        with backup.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 12_000)

        with pytest.raises(BackupDamaged):
            restoring.prepare(path, backup, at=LATER)

        assert await has(path) == {"/then", "/now"}

    async def test_without_room_nothing_changes(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        backup = await backed_up(path)
        monkeypatch.setattr(backups, "_SPARE_BYTES", 2**60)

        with pytest.raises(BackupFailed):
            restoring.prepare(path, backup, at=LATER)

        assert await has(path) == {"/then", "/now"}

    async def test_where_it_cannot_be_undone_it_is_not_done(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        backup = await backed_up(path)
        restoring.prepare(path, backup, at=LATER)

        def no_links(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)

        assert await has(path) == {"/then", "/now"}
        assert files_of(path) == {"omnimem.db", "omnimem.db-run"}

    async def test_another_programs_database_stays(self, path: Path) -> None:
        backup = await backed_up(path)
        restoring.prepare(path, backup, at=LATER)
        path.unlink()
        db = apsw.Connection(str(path))
        db.pragma("application_id", 0x12345678)
        db.execute("CREATE TABLE theirs (a)")
        db.close()
        before = path.read_bytes()

        with pytest.raises(DatabaseUnusable):
            restoring.put_in_place(path, now=LATER)

        assert path.read_bytes() == before

"""A backup is the database of one moment, whole, and nothing that was deleted."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from omnimem.errors import BackupFailed
from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import Millis
from omnimemd.storage import backups, lineage
from omnimemd.storage.database import Database
from omnimemd.storage.lineage import Spare
from omnimemd.storage.pace import Pace
from tests.storage import golden
from tests.support.clock import NOON


@pytest.fixture
def folder(database: Database) -> Path:
    return backups.folder_of(database.path)


def make(database: Database, *, at: int = NOON, stop: Callable[[], bool] = lambda: False) -> Backup:
    return backups.make(
        database.path, backups.folder_of(database.path), reason=BackupReason.CLIENT, at=Millis(at), stop=stop
    )


def opened(backup: Backup) -> apsw.Connection:
    return apsw.Connection(f"file:{backup.path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestMaking:
    async def test_it_holds_what_is_in_the_log_only(self, database: Database) -> None:
        await database.write(golden.write)

        backup = make(database)

        assert lines(database.read_now(golden.dumped)) == lines(golden.dumped(opened(backup)))
        assert (backup.verified, backup.schema_version) == (True, database.schema_version)
        assert backup.bytes == backup.path.stat().st_size

    async def test_only_its_user_can_read_it(self, database: Database, folder: Path) -> None:
        before = os.umask(0o277)
        try:
            backup = make(database)
        finally:
            os.umask(before)

        assert backup.path.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700

    async def test_it_is_one_file_that_needs_no_other(self, database: Database, folder: Path) -> None:
        backup = make(database)

        assert opened(backup).pragma("journal_mode") == "delete"
        assert names(folder) == [f"{backup.backup_id}.db"]

    async def test_who_writes_meanwhile_neither_waits_nor_makes_it_begin_anew(self, database: Database) -> None:
        await database.write(lambda db: db.execute("INSERT INTO workspaces VALUES ('/before', 1)"))
        looks = 0
        stepped = asyncio.Event()
        loop = asyncio.get_running_loop()

        def look() -> bool:
            nonlocal looks
            looks += 1
            asyncio.run_coroutine_threadsafe(write(looks), loop).result(5)
            return False

        async def write(number: int) -> None:
            stepped.set()
            await database.write(lambda db: db.execute("INSERT INTO workspaces VALUES (?, 1)", (f"/{number}",)))

        await database.write(lambda db: fill(db, rows=60_000))
        backup = await asyncio.to_thread(make, database, stop=look)

        assert stepped.is_set()
        assert opened(backup).execute("SELECT path FROM workspaces WHERE path NOT LIKE '/many%'").fetchall() == [
            ("/before",)
        ]

    async def test_it_comes_to_the_disk_by_and_by(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        await database.write(lambda db: fill(db, rows=60_000))
        sizes: list[int] = []
        fsync = os.fsync

        def seen(descriptor: int) -> None:
            sizes.append(os.fstat(descriptor).st_size)
            fsync(descriptor)

        monkeypatch.setattr(backups, "_SLICE_BYTES", 512 * 1024)
        monkeypatch.setattr(os, "fsync", seen)
        backup = make(database)

        assert len([size for size in sizes if 0 < size < backup.bytes]) >= 2
        assert backups.verify(backup.path) == []

    async def test_nothing_of_what_was_deleted_is_in_it(self, database: Database) -> None:
        await database.write(lambda db: db.execute("INSERT INTO workspaces VALUES ('/secret-place', 1)"))
        await database.write(lambda db: fill(db, rows=500))
        await database.write(lambda db: db.execute("DELETE FROM workspaces"))

        backup = make(database)

        assert b"secret-place" not in backup.path.read_bytes()


class TestFailing:
    async def test_one_that_is_given_up_leaves_nothing(self, database: Database, folder: Path) -> None:
        await database.write(lambda db: fill(db, rows=60_000))

        with pytest.raises(BackupFailed):
            make(database, stop=lambda: True)

        assert names(folder) == []

    async def test_without_room_it_says_so_before_anything_is_written(
        self, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backups, "_SPARE_BYTES", 2**60)

        with pytest.raises(BackupFailed, match=r"no room.*MB are free"):
            make(database)

        assert names(folder) == []

    async def test_what_cannot_be_read_back_does_not_count(
        self, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        copy = backups._copy

        def damaged(source: apsw.Connection, place: Path, stop: Callable[[], bool]) -> None:
            copy(source, place, stop)
            damage(place)

        monkeypatch.setattr(backups, "_copy", damaged)

        with pytest.raises(BackupFailed, match="not whole"):
            make(database)

        assert names(folder) == []

    async def test_what_a_kill_left_is_swept_by_the_next(self, database: Database, folder: Path) -> None:
        folder.mkdir()
        (folder / "backup_20260101T000000000Z_client_0000.part").write_bytes(b"half")

        backup = make(database)

        assert names(folder) == [f"{backup.backup_id}.db"]


class TestFinding:
    async def test_the_newest_comes_first_and_other_files_are_none(self, database: Database, folder: Path) -> None:
        made = [make(database, at=NOON + hours * 3_600_000) for hours in (0, 2, 1)]
        (folder / "notes.txt").write_text("mine")
        (folder / "backup_20260101T000000000Z_client_0000.db").symlink_to(made[0].path)

        found = backups.found(folder)

        assert found == [made[1], made[2], made[0]]
        assert [backups.find(folder, one.backup_id) for one in made] == made

    async def test_one_that_was_cut_short_is_told_apart_without_being_read(
        self, database: Database, folder: Path
    ) -> None:
        backup = make(database)
        os.truncate(backup.path, backup.bytes // 2)

        assert [one.verified for one in backups.found(folder)] == [False]

    @pytest.mark.parametrize("backup_id", ["nothing", "../omnimem", "backup_20260101T000000000Z_client_0000"])
    async def test_another_id_is_no_backup(self, folder: Path, backup_id: str) -> None:
        assert backups.find(folder, backup_id) is None


class TestVerifying:
    async def test_damage_is_found_and_passed_over(self, database: Database, folder: Path) -> None:
        await database.write(golden.write)
        older, newer = make(database), make(database, at=NOON + 1)
        damage(newer.path)

        assert backups.verify(older.path) == []
        assert backups.verify(newer.path)
        assert lineage.spare(database.path) == Spare(older.backup_id, older.path, older.created_at)
        assert [one.verified for one in backups.found(folder)] == [False, True]

    async def test_one_that_was_found_damaged_is_remembered_until_it_is_another_file(
        self, database: Database, folder: Path
    ) -> None:
        await database.write(golden.write)
        backup, copy = make(database), folder.parent / "copy"
        copy.write_bytes(backup.path.read_bytes())
        os.utime(copy, ns=(0, 0))
        damage(backup.path)

        (problem,) = backups.check(backup)[:1]
        found = backups.find(folder, backup.backup_id)
        copy.rename(backup.path)

        assert "backup cannot be made" not in problem
        assert found is not None
        assert not found.verified
        assert backups.find(folder, backup.backup_id) == backup
        assert backups.check(backup) == []
        assert names(folder) == [f"{backup.backup_id}.db"]

    async def test_what_is_said_of_one_goes_with_it(self, database: Database, folder: Path) -> None:
        first, second = make(database), make(database, at=NOON + 1)
        for one in (first, second):
            damage(one.path)
            backups.check(one)

        first.path.unlink()  # by hand
        backups.remove(second)
        third = make(database, at=NOON + 2)

        assert names(folder) == [f"{third.backup_id}.db"]

    async def test_one_that_cannot_be_read_now_is_not_taken_for_damaged(self, database: Database, folder: Path) -> None:
        backup = make(database)
        aside = backup.path.rename(folder / "elsewhere")

        problems = backups.check(backup)
        aside.rename(backup.path)

        assert [problem[:17] for problem in problems] == ["it cannot be read"]
        assert [one.verified for one in backups.found(folder)] == [True]

    async def test_what_is_no_database_is_told_so(self, tmp_path: Path) -> None:
        path = tmp_path / "x.db"
        path.write_bytes(b"no database" * 1000)

        assert backups.verify(path)
        assert backups.verify(tmp_path / "nowhere.db")


def fill(db: apsw.Connection, *, rows: int) -> None:
    db.executemany("INSERT INTO workspaces VALUES (?, 1)", ((f"/many/{number}",) for number in range(rows)))


def damage(path: Path) -> None:
    """Make nonsense of the second page and those behind it."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 3 * 4096)


def lines(dump: str) -> list[str]:
    """Return the lines of *dump* in an order that does not depend on when a table was made."""
    return sorted(dump.splitlines())


class Stop(threading.Event):
    """Set after some waits, which do not last, and tells how long they would have."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._after = after

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return len(self.waits) > self._after


def test_who_makes_one_rests_as_long_as_it_works_and_not_for_long() -> None:
    stop = Stop(after=2)
    pace = Pace(stop)

    answers = [pace(), pace()]
    pace._since -= 60.0  # it worked for a minute

    assert [*answers, pace()] == [False, False, True]
    assert 0 <= stop.waits[1] <= 0.02
    assert stop.waits[2] == 0.02

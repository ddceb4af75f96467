"""Who writes when, when it is committed, and when it is on the disk."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import cast

import apsw
import pytest

from omnimem.errors import StoreUnavailable
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.errors import DatabaseUnusable
from tests.support.faults import Disk, no_file_grows_beyond
from tests.support.waiting import rounds, until

Work = Callable[[Connection], None]


def adding(path: str) -> Work:
    """Return a write of one row."""

    def work(db: Connection) -> None:
        db.execute("INSERT INTO workspaces (path, added_at) VALUES (?, 0)", (path,))

    return work


def every(db: Connection) -> list[str]:
    return [path for (path,) in db.execute("SELECT path FROM workspaces ORDER BY path")]


def on_disk(database: Database) -> list[str]:
    """Return what another connection sees: what is committed."""
    other = apsw.Connection(str(database.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return every(other)
    finally:
        other.close()


def log_size(database: Database) -> int:
    return Path(f"{database.path}-wal").stat().st_size


class Commits:
    """Counts the commits of a database."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        database._writer.set_commit_hook(self._count)

    def _count(self) -> bool:
        self.count += 1
        return False


class TestGroups:
    async def test_a_write_alone_is_committed_when_it_is_answered(self, database: Database) -> None:
        await database.write(adding("a"))

        assert on_disk(database) == ["a"]

    async def test_writes_of_one_tick_share_a_commit(self, database: Database) -> None:
        commits = Commits(database)

        await asyncio.gather(*(database.write(adding(f"{number:02}")) for number in range(64)))

        assert len(on_disk(database)) == 64
        assert commits.count == 2  # the first goes at once, so that one alone never waits

    async def test_none_is_answered_before_the_commit_it_is_in(self, database: Database) -> None:
        async def seen_by_others(name: str) -> bool:
            await database.write(adding(name))
            return name in on_disk(database)

        assert all(await asyncio.gather(*(seen_by_others(str(number)) for number in range(8))))

    async def test_writes_happen_in_the_order_of_the_calls(self, database: Database) -> None:
        order: list[int] = []

        def noting(number: int) -> Work:
            return lambda _: order.append(number)

        await asyncio.gather(*(database.write(noting(number), durable=number % 3 == 0) for number in range(16)))

        assert order == list(range(16))

    async def test_an_error_undoes_its_own_write_and_no_other(self, database: Database) -> None:
        def failing(db: Connection) -> None:
            adding("half")(db)
            raise KeyError("mine")

        results = await asyncio.gather(
            database.write(adding("a")),
            database.write(adding("b")),
            database.write(failing),
            database.write(adding("c")),
            return_exceptions=True,
        )

        assert [type(one) for one in results] == [type(None), type(None), KeyError, type(None)]
        assert on_disk(database) == ["a", "b", "c"]

    async def test_a_broken_constraint_undoes_its_own_write_and_no_other(self, database: Database) -> None:
        results = await asyncio.gather(
            *(database.write(adding(name)) for name in ("a", "b", "b", "c")), return_exceptions=True
        )

        assert isinstance(results[2], apsw.ConstraintError)
        assert on_disk(database) == ["a", "b", "c"]

    async def test_an_error_alone_leaves_nothing(self, database: Database) -> None:
        def failing(db: Connection) -> None:
            adding("half")(db)
            raise KeyError("mine")

        with pytest.raises(KeyError):
            await database.write(failing)

        await database.write(adding("a"))
        assert on_disk(database) == ["a"]

    async def test_a_caller_that_gives_up_takes_nobody_with_it(self, database: Database) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(database.write(adding(str(number)))) for number in range(4)]
            await asyncio.sleep(0)
            tasks[2].cancel()

        assert on_disk(database) == ["0", "1", "2", "3"]


class TestHeld:
    async def test_the_block_is_one_transaction(self, database: Database) -> None:
        commits = Commits(database)

        async with database.held():
            await database.write(adding("a"))
            await asyncio.sleep(0)
            await database.write(adding("b"))
            inside = on_disk(database)

        assert (inside, on_disk(database), commits.count) == ([], ["a", "b"], 1)

    async def test_others_meanwhile_are_answered_with_the_block(self, database: Database) -> None:
        begun, answered = asyncio.Event(), asyncio.Event()

        async def other() -> None:
            await begun.wait()
            await database.write(adding("other"))
            answered.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            async with database.held():
                await database.write(adding("mine"))
                begun.set()
                await rounds()
                too_early = answered.is_set()

        assert not too_early
        assert on_disk(database) == ["mine", "other"]

    async def test_what_was_written_before_an_exception_of_the_block_is_kept(self, database: Database) -> None:
        async def block() -> None:
            async with database.held():
                await database.write(adding("a"))
                raise KeyError

        with pytest.raises(KeyError):
            await block()

        assert on_disk(database) == ["a"]

    async def test_a_block_that_says_something_waits_for_the_disk_at_its_end(
        self, database: Database, disk: Disk
    ) -> None:
        async with database.held():
            await database.write(adding("a"), durable=True)
            inside = disk.syncs

        assert (inside, disk.syncs) == (0, 1)

    async def test_blocks_that_follow_each_other_closely_do_not_put_the_commit_off(self, database: Database) -> None:
        async def holding(number: int) -> None:
            async with database.held():
                await database.write(adding(f"{number:02}"))
                await rounds(3)

        async with asyncio.timeout(5):
            await asyncio.gather(*(holding(number) for number in range(32)))

        assert len(on_disk(database)) == 32

    async def test_a_block_without_a_write_waits_for_nothing(self, database: Database) -> None:
        async with asyncio.timeout(5), database.held():
            pass


class TestDurable:
    async def test_what_was_said_is_answered_when_it_is_on_the_disk(self, database: Database, disk: Disk) -> None:
        disk.hold_up()
        async with asyncio.TaskGroup() as group:
            saying = group.create_task(database.write(adding("said"), durable=True))
            await rounds()
            committed, answered = on_disk(database), saying.done()
            await database.write(adding("observed"))  # others do not wait for the disk
            waiting = database.durable_commits_waiting + (not saying.done())
            disk.let_go()

        assert (committed, answered, waiting) == (["said"], False, 1)
        assert disk.syncs == 1
        assert saying.done()

    async def test_what_was_observed_waits_for_no_disk(self, database: Database, disk: Disk) -> None:
        await asyncio.gather(*(database.write(adding(str(number))) for number in range(8)))

        assert disk.syncs == 0

    async def test_those_who_wait_share_a_sync(self, database: Database, disk: Disk) -> None:
        await asyncio.gather(*(database.write(adding(f"{number:02}"), durable=True) for number in range(32)))

        assert 1 <= disk.syncs <= 3

    async def test_the_disk_is_waited_for_off_the_loop(self, database: Database, disk: Disk) -> None:
        await database.write(adding("a"), durable=True)

        assert disk.threads == {"durable_0"}

    async def test_a_disk_too_full_for_a_checkpoint_loses_nothing(self, database: Database, disk: Disk) -> None:
        tried: list[int] = []

        class Full:
            def wal_checkpoint(self, *, mode: int) -> None:
                tried.append(mode)
                raise apsw.FullError("database or disk is full")

            def close(self) -> None:
                pass

        database._checkpointer._db = cast("apsw.Connection", Full())
        database._checkpoint_due = True

        await database.write(adding("a"), durable=True)

        assert tried
        assert not database.sync_failed

    async def test_a_disk_that_does_not_confirm_is_told_for_good(self, database: Database, disk: Disk) -> None:
        disk.fails = True
        with pytest.raises(StoreUnavailable):
            await database.write(adding("a"), durable=True)
        disk.fails = False

        assert database.sync_failed


class TestFailure:
    async def test_a_write_the_disk_has_no_room_for_is_refused_and_leaves_nothing(self, database: Database) -> None:
        await database.write(adding("before"))
        with no_file_grows_beyond(log_size(database)), pytest.raises(StoreUnavailable):
            await database.write(adding("x" * 10_000))

        assert on_disk(database) == ["before"]
        await database.write(adding("later"))
        assert on_disk(database) == ["before", "later"]

    async def test_a_failing_commit_refuses_all_that_share_it(self, database: Database) -> None:
        lost: list[None] = []
        database.on_lost_commit(lambda: lost.append(None))
        await database.write(adding("before"))
        with no_file_grows_beyond(log_size(database)):
            results = await asyncio.gather(
                *(database.write(adding(str(number) * 3000)) for number in range(3)), return_exceptions=True
            )

        assert all(isinstance(one, StoreUnavailable) for one in results)
        assert lost
        assert on_disk(database) == ["before"]
        assert database.read_now(every) == ["before"]

    async def test_a_failing_commit_of_a_held_block_is_told_to_its_holder(self, database: Database) -> None:
        lost: list[None] = []
        database.on_lost_commit(lambda: lost.append(None))
        await database.write(adding("before"))

        async def block() -> None:
            async with database.held():
                await database.write(adding("x" * 10_000))

        with no_file_grows_beyond(log_size(database)), pytest.raises(StoreUnavailable):
            await block()

        assert lost == [None]
        assert on_disk(database) == ["before"]

    async def test_a_full_database_is_unavailable_and_what_shares_its_moment_is_not_half_kept(
        self, database: Database
    ) -> None:
        database._writer.pragma("max_page_count", database._writer.pragma("page_count"))
        results = await asyncio.gather(*(database.write(adding(name * 5000)) for name in "abc"), return_exceptions=True)
        database._writer.pragma("max_page_count", 1 << 30)

        kept = [name * 5000 for name, one in zip("abc", results, strict=True) if one is None]
        assert any(isinstance(one, StoreUnavailable) for one in results)
        assert all(one is None or isinstance(one, StoreUnavailable) for one in results)
        assert on_disk(database) == kept

    async def test_a_damaged_file_is_unavailable(self, database: Database) -> None:
        await database.write(adding("a"))
        database._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        with database.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (database.path.stat().st_size - 4096))
        database._writer.cache_flush()
        database._writer.pragma("shrink_memory")

        with pytest.raises(StoreUnavailable):
            database.read_now(every)


class TestReading:
    async def test_a_long_read_sees_every_answered_write(self, database: Database) -> None:
        for number in range(20):
            await asyncio.gather(*(database.write(adding(f"{number}-{n}")) for n in range(3)))

            assert len(await database.read(every)) == 3 * (number + 1)

    async def test_a_long_read_sees_one_moment(self, database: Database) -> None:
        await database.write(adding("a"))
        loop = asyncio.get_running_loop()

        def twice(db: Connection) -> tuple[list[str], list[str]]:
            before = every(db)
            asyncio.run_coroutine_threadsafe(database.write(adding("b")), loop).result(5)
            return before, every(db)

        assert await database.read(twice) == (["a"], ["a"])
        assert await database.read(every) == ["a", "b"]

    async def test_a_read_can_change_nothing(self, database: Database) -> None:
        with pytest.raises(StoreUnavailable):
            await database.read(adding("a"))

    async def test_a_failing_read_is_the_callers_alone(self, database: Database) -> None:
        def failing(_: Connection) -> None:
            raise KeyError

        with pytest.raises(KeyError):
            await database.read(failing)

        assert await database.read(every) == []


class TestFiles:
    @pytest.mark.parametrize("umask", [0, 0o077, 0o777])
    async def test_the_database_and_its_log_are_their_users_alone(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            database = Database(tmp_path / "omnimem.db")
        finally:
            os.umask(before)
        await database.write(adding("a"))

        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        await database.close()
        assert modes["omnimem.db"] == modes["omnimem.db-wal"] == 0o600
        assert set(modes.values()) == {0o600}

    async def test_a_database_found_looser_is_tightened(self, tmp_path: Path) -> None:
        path = tmp_path / "omnimem.db"
        async with Database(path):
            pass
        path.chmod(0o644)

        async with Database(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_closing_leaves_one_file_with_everything_in_it_and_a_note(self, tmp_path: Path) -> None:
        async with Database(tmp_path / "omnimem.db") as database:
            await asyncio.gather(*(database.write(adding(str(number))) for number in range(4)))

        assert sorted(file.name for file in tmp_path.iterdir()) == ["omnimem.db", "omnimem.db-run"]
        async with Database(tmp_path / "omnimem.db") as again:
            assert again.read_now(every) == ["0", "1", "2", "3"]

    async def test_a_copy_of_the_files_has_every_answered_write(self, database: Database, tmp_path: Path) -> None:
        await asyncio.gather(*(database.write(adding(str(number))) for number in range(4)))
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in tmp_path.glob("omnimem.db*"):
            (copy / file.name).write_bytes(file.read_bytes())

        async with Database(copy / "omnimem.db") as again:
            assert again.read_now(every) == ["0", "1", "2", "3"]

    async def test_a_long_log_goes_into_the_database_off_the_loop(self, database: Database) -> None:
        before = database.path.stat().st_size
        for number in range(12):
            await database.write(adding(f"{number}" + "x" * 400_000))

        await until(lambda: database.path.stat().st_size > before + 1_000_000)

        assert len(on_disk(database)) == 12

    async def test_the_size_is_that_of_the_database_and_its_log(self, database: Database) -> None:
        await database.write(adding("x" * 100_000))

        assert database.size() == database.path.stat().st_size + log_size(database)


class TestOpening:
    @pytest.mark.parametrize("content", [b"This is a text file, and a rather long one.\n" * 30, b"\xff" * 4096])
    async def test_what_is_no_database_is_refused_and_left_as_it_is(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "omnimem.db"
        path.write_bytes(content)

        with pytest.raises(DatabaseUnusable, match=r"omnimem\.db"):
            Database(path)

        assert path.read_bytes() == content

    async def test_a_folder_in_its_place_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUnusable):
            Database(tmp_path)

    async def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUnusable):
            Database(tmp_path / "nowhere" / "omnimem.db")

    @pytest.mark.parametrize("suffix", ["", "-wal"])
    async def test_a_link_in_its_place_is_refused_and_not_followed(self, tmp_path: Path, suffix: str) -> None:
        (tmp_path / "elsewhere").write_bytes(b"")
        (tmp_path / f"omnimem.db{suffix}").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(DatabaseUnusable, match="symbolic link"):
            Database(tmp_path / "omnimem.db")

        assert (tmp_path / "elsewhere").read_bytes() == b""

    async def test_a_pipe_in_its_place_is_refused_and_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "omnimem.db")

        with pytest.raises(DatabaseUnusable, match="not a file"):
            Database(tmp_path / "omnimem.db")

    async def test_a_database_with_a_second_name_is_refused(self, tmp_path: Path) -> None:
        async with Database(tmp_path / "omnimem.db"):
            pass
        (tmp_path / "second.db").hardlink_to(tmp_path / "omnimem.db")

        with pytest.raises(DatabaseUnusable, match="hard link"):
            Database(tmp_path / "omnimem.db")

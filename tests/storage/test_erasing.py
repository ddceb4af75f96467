"""What is deleted is gone from the bytes of the database, and nothing else is."""

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.storage.checkpointer import Checkpointer
from omnimemd.storage.database import Database
from omnimemd.storage.erasing import cleaned, unused
from tests.storage import golden
from tests.support.waiting import until


class Store(NamedTuple):
    """A database as the daemon has it, with tables whose rows SQLite moves about."""

    db: apsw.Connection
    path: Path
    checkpointer: Checkpointer

    def erase(self) -> bool:
        self.checkpointer.bring_in()
        return self.checkpointer.cut()

    def holds(self, text: str) -> bool:
        return any(text.encode() in file.read_bytes() for file in self.path.parent.glob("x.db*"))

    def left(self) -> int:
        """Return how many pages of the file have anything where they hold nothing."""
        data, size = self.path.read_bytes(), self.db.pragma("page_size")
        pages = [data[at : at + size] for at in range(size, len(data), size)]
        return sum(any(page[begin:end].strip(b"\0") for begin, end in unused(page)) for page in pages)


@pytest.fixture(params=[4096])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    path = tmp_path / "x.db"
    db = apsw.Connection(str(path))
    db.pragma("page_size", request.param)
    db.pragma("journal_mode", "wal")
    db.pragma("wal_autocheckpoint", 0)
    db.pragma("secure_delete", True)
    db.execute("CREATE TABLE tree (id TEXT PRIMARY KEY, text TEXT) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE list (id TEXT UNIQUE, text TEXT) STRICT")
    checkpointer = Checkpointer(path)
    yield Store(db, path, checkpointer)
    checkpointer.close()
    db.close()


def chances(seed: int) -> random.Random:
    """Return chances that are the same each time."""
    return random.Random(seed)  # noqa: S311 nothing is to be secret


def fill(db: apsw.Connection, chance: random.Random) -> dict[str, str]:
    """Write rows of all sizes in no order, over each other too; return what each says, by its id."""
    said = {}
    for number in range(1500):
        key = f"{chance.randrange(400):03}"
        said[key] = f"<{number:06}>" * chance.choice([1, 1, 3, 20, 200, 1000])
        for table in ("tree", "list"):
            db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (key, said[key]))  # noqa: S608 our own names
    return said


@pytest.mark.parametrize(("seed", "store"), [(0, 512), (1, 1024), (2, 4096), (3, 65536)], indirect=["store"])
def test_nothing_is_left_of_what_was_deleted_and_all_of_the_rest(store: Store, seed: int) -> None:
    chance = chances(seed)
    with store.db:
        said = fill(store.db, chance)
    gone = chance.sample(sorted(said), len(said) // 2)
    with store.db:
        for key in gone:
            store.db.execute("DELETE FROM tree WHERE id = ?", (key,))
            store.db.execute("DELETE FROM list WHERE id = ?", (key,))

    assert store.erase()

    texts = [said.pop(key)[:8] for key in gone]
    assert [text for text in texts if store.holds(text)] == []
    assert store.db.pragma("integrity_check") == "ok"
    for table in ("tree", "list"):
        assert dict(store.db.execute(f"SELECT id, text FROM {table}")) == said  # noqa: S608 our own names


def test_without_it_something_would_be_left(store: Store) -> None:
    """SQLite moves rows and leaves copies where they were: the reason for all this."""
    with store.db:
        said = fill(store.db, chances(0))
    store.db.execute("DELETE FROM tree; DELETE FROM list")
    fill(store.db, chances(1))
    store.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    assert said
    assert store.left()


def test_each_page_of_the_file_has_nothing_where_it_holds_nothing_at_any_time(store: Store) -> None:
    for seed in range(5):
        with store.db:
            fill(store.db, chances(seed))
        store.checkpointer.bring_in()

        assert store.left() == 0
        store.db.execute("DELETE FROM tree WHERE id > '200'; DELETE FROM list WHERE id > '100'")
    store.checkpointer.cut()

    assert store.left() == 0


def test_the_cache_does_not_bring_it_back(store: Store) -> None:
    with store.db:
        said = fill(store.db, chances(0))
    with store.db:
        store.db.execute("DELETE FROM tree WHERE id < '300'; DELETE FROM list WHERE id < '300'")
    store.erase()

    with store.db:
        store.db.execute("UPDATE tree SET text = text || '!'; UPDATE list SET text = text || '!'")
    store.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    assert [key for key, text in said.items() if key < "300" and store.holds(text[:8])] == []


@pytest.mark.parametrize("what", ["SELECT * FROM tree", "BEGIN IMMEDIATE"], ids=["reads", "writes"])
def test_another_program_at_work_puts_it_off(store: Store, what: str) -> None:
    with store.db:
        fill(store.db, chances(0))
    other = apsw.Connection(str(store.path))
    busy = other.execute(what)
    store_is_busy = not store.erase()
    next(busy, None)
    if other.in_transaction:
        other.execute("ROLLBACK")
    busy.close()

    assert store_is_busy
    assert store.erase()
    other.close()


HEADER = (b"SQLite format 3\0" + b"\x10\0" + bytes(10) + b"\0\0\0\7").ljust(100, b"\0")
#: A leaf of a table without cells: all of it is unused but its header.
LEAF = b"\x0d" + b"\0" * 4 + b"\x10\0" + b"\0" + b"left"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="that is none"),
        pytest.param(HEADER[:16] + b"\x08\0" + HEADER[18:], id="of smaller pages"),
        pytest.param(HEADER[:20] + b"\x08" + HEADER[21:], id="with bytes of others at the end of each page"),
        pytest.param(HEADER[:28] + b"\1\0\0\0" + HEADER[32:], id="of so many pages that numbers look like trees"),
        pytest.param(HEADER[:28] + b"\0\0\0\0" + HEADER[32:], id="that does not say of how many pages"),
        pytest.param(HEADER[:52] + b"\0\0\0\5" + HEADER[56:], id="with maps of pointers"),
    ],
)
def test_a_database_of_another_kind_is_left_as_it_is(header: bytes) -> None:
    page = LEAF.ljust(4096, b"\0")

    assert cleaned(page, header=header.ljust(100, b"\0")) == page
    assert cleaned(page, header=HEADER) == LEAF[:8].ljust(4096, b"\0")


def test_auto_vacuum_and_its_maps_of_pointers_stay_whole(store: Store) -> None:
    store.db.pragma("auto_vacuum", 2)
    store.db.execute("VACUUM")
    for seed in range(3):
        with store.db:
            fill(store.db, chances(seed))
            store.db.execute("DELETE FROM tree WHERE id < '300'")
        store.db.execute("PRAGMA incremental_vacuum(20)").fetchall()
        assert store.erase()
    store.db.release_memory()

    assert store.db.pragma("auto_vacuum") == 2
    assert store.db.pragma("integrity_check") == "ok"


@given(st.binary(min_size=512, max_size=4096), st.sampled_from([2, 5, 10, 13]))
def test_what_is_no_page_of_a_tree_has_no_unused_part_outside_itself(page: bytes, kind: int) -> None:
    page = bytes([kind]) + page[1:]

    assert all(8 <= begin <= end <= len(page) for begin, end in unused(page))
    assert len(cleaned(page.ljust(4096, b"\0"), header=HEADER)) == 4096


def test_killed_at_any_moment_of_a_checkpoint_it_is_whole(store: Store) -> None:
    """What is written to the file is cut off after each page, as a kill does, and half of a page, as power may."""
    with store.db:
        fill(store.db, chances(0))
    assert store.erase()
    with store.db:
        store.db.execute("DELETE FROM tree WHERE id < '200'; DELETE FROM list WHERE id > '200'")
    said = [dict(store.db.execute(f"SELECT id, text FROM {table}")) for table in ("tree", "list")]  # noqa: S608 ours
    before, log = store.path.read_bytes(), Path(f"{store.path}-wal").read_bytes()
    store.checkpointer.bring_in()
    after = store.path.read_bytes()

    changed = [at for at in range(0, len(after), 4096) if after[at : at + 4096] != before[at : at + 4096]]
    for cut in chances(1).sample(changed, 20):
        torn = store.path.with_name(f"torn-{cut}.db")
        torn.write_bytes(after[: cut + 1000] + before[cut + 1000 :])
        Path(f"{torn}-wal").write_bytes(log)
        db = apsw.Connection(str(torn))
        assert db.pragma("integrity_check") == "ok"
        assert [dict(db.execute(f"SELECT id, text FROM {table}")) for table in ("tree", "list")] == said  # noqa: S608
        db.close()


async def test_what_waits_to_be_erased_when_the_daemon_is_killed_is_erased_by_the_next(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    await database.write(lambda db: db.execute("INSERT INTO workspaces VALUES ('/gone', 0)"))
    await database.write(lambda db: db.execute("DELETE FROM workspaces"))
    for name in ("a.db", "a.db-wal"):
        (tmp_path / name.replace("a", "b", 1)).write_bytes((tmp_path / name).read_bytes())
    await database.close()
    assert b"/gone" in (tmp_path / "b.db-wal").read_bytes()

    async with Database(tmp_path / "b.db") as again:
        await until(lambda: not again._to_erase)

        assert (tmp_path / "b.db-wal").stat().st_size == 0
        assert b"/gone" not in (tmp_path / "b.db").read_bytes()


async def test_the_last_of_the_log_is_cleaned_too(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as database:
        for _ in range(3):
            await database.write(lambda db: fill_workspaces(db, "x"))
            await database.write(lambda db: db.execute("DELETE FROM workspaces WHERE path LIKE '%3%'"))
    data = (tmp_path / "a.db").read_bytes()
    pages = [data[at : at + 4096] for at in range(4096, len(data), 4096)]

    assert not (tmp_path / "a.db-wal").exists()
    assert [page for page in pages if any(page[begin:end].strip(b"\0") for begin, end in unused(page))] == []


def fill_workspaces(db: apsw.Connection, name: str) -> None:
    chance = chances(0)
    for _ in range(1000):
        db.execute("INSERT OR REPLACE INTO workspaces VALUES (?, 0)", (f"/{name * 50}/{chance.randrange(1000)}",))


def adding(path: str) -> Callable[[apsw.Connection], object]:
    return lambda db: db.execute("INSERT INTO workspaces VALUES (?, 0)", (path,))


async def test_a_write_during_a_checkpoint_is_not_refused(database: Database) -> None:
    await database.write(golden.write)
    erasing = [asyncio.create_task(database.erase()) for _ in range(3)]

    for number in range(300):
        await database.write(adding(f"/{number}"))
        await asyncio.sleep(0)
    await asyncio.gather(*erasing)

    assert not database._to_erase


async def test_a_reader_that_goes_on_holds_nothing_up_for_good(database: Database) -> None:
    await database.write(golden.write)
    other = apsw.Connection(str(database.path))
    reading = other.execute("SELECT * FROM entries")
    await database.write(lambda db: db.execute("DELETE FROM workspaces"))
    await database.erase()
    assert database._to_erase

    reading.close()
    other.close()
    await database.write(lambda db: db.execute("DELETE FROM canary"), durable=True)

    assert not database._to_erase
    assert os.fstat(database._log).st_size == 0


async def test_a_write_under_way_is_waited_for(database: Database) -> None:
    await database.write(golden.write)

    async with database.held():
        await database.write(lambda db: db.execute("DELETE FROM workspaces"))
        erasing = asyncio.create_task(database.erase())
        await asyncio.sleep(0)
    await erasing

    assert os.fstat(database._log).st_size == 0


async def test_a_long_read_puts_it_off_until_its_end(database: Database) -> None:
    await database.write(golden.write)
    reading = database.stream(lambda db: db.execute("SELECT entry.at FROM entries AS entry"))
    await anext(reading)
    await database.write(lambda db: db.execute("DELETE FROM workspaces"))
    await database.erase()
    assert database._to_erase

    await reading.aclose()

    await until(lambda: not database._to_erase)

"""What is deleted is gone from the bytes of the database, and nothing else is."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from omnimemd.storage.database import Database
from omnimemd.storage.erasing import erase, unused
from tests.storage import golden


class Store(NamedTuple):
    """A database as the daemon has it, with tables whose rows SQLite moves about."""

    db: apsw.Connection
    path: Path
    file: int
    log: int

    def erase(self) -> bool:
        return erase(self.db, file=self.file, log=self.log)

    def holds(self, text: str) -> bool:
        return any(text.encode() in file.read_bytes() for file in self.path.parent.glob("x.db*"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "x.db"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.pragma("secure_delete", True)
    db.execute("CREATE TABLE tree (id TEXT PRIMARY KEY, text TEXT) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE list (id TEXT UNIQUE, text TEXT) STRICT")
    log = os.open(f"{path}-wal", os.O_RDONLY)
    yield Store(db, path, file, log)
    db.close()
    os.close(log)
    os.close(file)


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


@pytest.mark.parametrize("seed", range(4))
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
    data = store.path.read_bytes()

    pages = [data[at : at + 4096] for at in range(4096, len(data), 4096)]
    left = sum(any(page[begin:end].strip(b"\0") for begin, end in unused(page)) for page in pages)

    assert said
    assert left
    assert store.erase()
    data = store.path.read_bytes()
    pages = [data[at : at + 4096] for at in range(4096, len(data), 4096)]
    assert not any(page[begin:end].strip(b"\0") for page in pages for begin, end in unused(page))


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


@pytest.mark.parametrize(
    "page", [b"\x0d", b"\0" * 4096, b"\x0d" + b"\xff" * 4095, b"\x0a\x0f\xff\x00\x00\x00\x10" + b"\1" * 4089]
)
def test_what_is_no_page_of_a_tree_has_no_unused_part_outside_itself(page: bytes) -> None:
    page = page.ljust(4096, b"\0")

    assert all(0 <= begin <= end <= len(page) for begin, end in unused(page))


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

    assert not database._to_erase

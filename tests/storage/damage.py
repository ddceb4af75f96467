"""Databases as a killed daemon leaves them, and what can happen to their files afterwards."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import apsw
import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.storage import canary, mending
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.lineage import Spare
from omnimemd.storage.losses import Loss, every
from tests.support.clock import MINUTE, NOON, SECOND

BOOT: Final = "this-boot"
#: When the daemon is started again.
LATER: Final = Millis(NOON + 60 * MINUTE)
NAME: Final = "omnimem.db"
FRAME: Final = 4096 + 24
SUFFIXES: Final = ("", "-wal", "-shm", "-run")


class Left(msgspec.Struct, frozen=True):
    """The files of a killed daemon, and what it had answered."""

    folder: Path
    answered: dict[str, Millis]  #: rows, by when they were answered
    spare: Spare | None = None

    @property
    def path(self) -> Path:
        return self.folder / NAME

    def copied(self, folder: Path) -> "Left":
        shutil.copytree(self.folder, folder)
        return msgspec.structs.replace(self, folder=folder)

    def file(self, suffix: str) -> Path:
        return Path(f"{self.path}{suffix}")

    def settle(self) -> None:
        """Give the files the time of the last answer, as a disk has it that breaks on its own."""
        at = max(self.answered.values()) * 1_000_000
        for suffix in SUFFIXES:
            if self.file(suffix).exists():
                os.utime(self.file(suffix), ns=(at, at))


class Seen(msgspec.Struct, frozen=True):
    """What a start found, or made, of them."""

    rows: dict[str, Millis]
    losses: list[Loss]


def adding(name: str, at: int) -> Callable[[Connection], None]:
    """Return a write of one row, and of when it was."""

    def work(db: Connection) -> None:
        canary.write(db, at=Millis(at))
        db.execute(
            "INSERT INTO idempotency_keys (route, key, body_digest, status, body, created_at) "
            "VALUES ('r', ?, x'', 200, ?, ?)",
            (name, name.encode() * 60, at),
        )

    return work


def rows(db: Connection) -> dict[str, Millis]:
    """Return what `adding` has added."""
    found: list[Any] = db.execute("SELECT key, body, created_at FROM idempotency_keys").fetchall()
    assert all(body == key.encode() * 60 for key, body, _ in found)
    return {key: at for key, _, at in found}


async def left_by_a_kill(folder: Path, *, brought_in: int, count: int, begun_anew: bool = False) -> Left:
    """Make a database of *count* rows and kill its daemon.

    Args:
        folder: is made.
        brought_in: how many rows are in the file when it is killed; the others are in the log alone.
        count: how many there are.
        begun_anew: whether the log began anew after those were brought in, so that older frames are behind the end.
    """
    live = folder.with_name(f"{folder.name}-live")
    live.mkdir(parents=True)
    answered: dict[str, Millis] = {}
    spare = None
    async with Database(live / NAME, boot=BOOT) as database:
        for number in range(count + 1):
            if number == brought_in:
                if not begun_anew:  # a reader of what is in it holds it as it is
                    database._reader.execute("BEGIN; SELECT count(*) FROM canary")
                database._checkpointer.bring_in()
            if number == count:
                break
            if number == count // 2:
                spare = Spare("backup_1", folder.with_name(f"{folder.name}-spare"), Millis(NOON + number * SECOND - 1))
                database._writer.execute("VACUUM INTO ?", (str(spare.path),))
            at = NOON + number * SECOND
            await database.write(adding(f"row-{number}", at))
            answered[f"row-{number}"] = Millis(at)
        folder.mkdir()
        for suffix in SUFFIXES:
            shutil.copyfile(live / f"{NAME}{suffix}", folder / f"{NAME}{suffix}")
        if database._reader.in_transaction:
            database._reader.execute("ROLLBACK")
    left = Left(folder, answered, spare)
    left.settle()
    return left


async def started(left: Left, *, spare: bool = False) -> Seen:
    """Start on *left* as the daemon does; the database takes writes, and is sound."""
    await asyncio.to_thread(
        mending.make_sound,
        left.path,
        boot=BOOT,
        now=LATER,
        spare=lambda: left.spare if spare else None,
        tell=lambda _: None,
    )
    async with Database(left.path, boot=BOOT) as database:
        seen = Seen(database.read_now(rows), database.read_now(every))
        await database.write(adding("after", LATER))
        assert "after" in database.read_now(rows)
        assert database.read_now(lambda db: db.pragma("integrity_check")) == "ok"
    return seen


def unexplained(left: Left, seen: Seen) -> dict[str, Millis]:
    """Return the rows that are gone and of which no loss tells."""
    gone = {name: at for name, at in left.answered.items() if name not in seen.rows}
    return {
        name: at
        for name, at in gone.items()
        if not any((loss.started_at or 0) <= at <= loss.ended_at for loss in seen.losses)
    }


async def closed(left: Left) -> None:
    """Have the database closed as a daemon that stops does."""
    async with Database(left.path, boot=BOOT):
        pass


# ---- what happens to a log

Damage = Callable[[Left, Random], None]


def nothing(left: Left, random: Random) -> None:
    """Nothing happens."""


def flip(file: Path, random: Random, *, within: range | None = None) -> None:
    content = bytearray(file.read_bytes())
    at = random.choice(within or range(len(content)))
    content[at] ^= 1 << random.randrange(8)
    file.write_bytes(content)


def _flip_in_log(left: Left, random: Random) -> None:
    flip(left.file("-wal"), random)


def _flip_many(left: Left, random: Random) -> None:
    for _ in range(20):
        flip(left.file("-wal"), random)


def _zero_page(left: Left, random: Random) -> None:
    content = bytearray(left.file("-wal").read_bytes())
    at = 32 + random.randrange((len(content) - 32) // FRAME) * FRAME
    content[at : at + FRAME] = bytes(FRAME)
    left.file("-wal").write_bytes(content)


def _cut(left: Left, random: Random) -> None:
    content = left.file("-wal").read_bytes()
    left.file("-wal").write_bytes(content[: random.randrange(len(content))])


def _cut_between_frames(left: Left, random: Random) -> None:
    content = left.file("-wal").read_bytes()
    left.file("-wal").write_bytes(content[: 32 + FRAME * random.randrange((len(content) - 32) // FRAME)])


def _garbage_behind(left: Left, random: Random) -> None:
    with left.file("-wal").open("ab") as file:
        file.write(random.randbytes(random.randrange(1, 3 * FRAME)))


def _swap_frames(left: Left, random: Random) -> None:
    content = bytearray(left.file("-wal").read_bytes())
    one, two = (32 + FRAME * number for number in random.sample(range((len(content) - 32) // FRAME), 2))
    content[one : one + FRAME], content[two : two + FRAME] = content[two : two + FRAME], content[one : one + FRAME]
    left.file("-wal").write_bytes(content)


def _damaged_header(left: Left, random: Random) -> None:
    flip(left.file("-wal"), random, within=range(32))


def _without_index(left: Left, random: Random) -> None:
    left.file("-shm").unlink()


def _damaged_index(left: Left, random: Random) -> None:
    flip(left.file("-shm"), random, within=range(136))


def _without_index_and_flipped(left: Left, random: Random) -> None:
    left.file("-shm").unlink()
    flip(left.file("-wal"), random)


def _without_index_and_cut(left: Left, random: Random) -> None:
    left.file("-shm").unlink()
    content = left.file("-wal").read_bytes()
    left.file("-wal").write_bytes(content[: len(content) - random.randrange(1, FRAME)])


def _gone(left: Left, random: Random) -> None:
    left.file("-wal").unlink()


def _gone_with_index(left: Left, random: Random) -> None:
    left.file("-wal").unlink()
    left.file("-shm").unlink()


def _emptied(left: Left, random: Random) -> None:
    left.file("-wal").write_bytes(b"")


DAMAGES_OF_LOGS: Final[tuple[Damage, ...]] = (
    _flip_in_log,
    _flip_many,
    _zero_page,
    _cut,
    _cut_between_frames,
    _garbage_behind,
    _swap_frames,
    _damaged_header,
    _damaged_index,
    _without_index_and_flipped,
    _without_index_and_cut,
    _gone,
    _gone_with_index,
    _emptied,
)
#: What takes nothing away.
HARMLESS: Final[tuple[Damage, ...]] = (nothing, _without_index, _damaged_index, _garbage_behind)


# ---- what happens to a database file


def _pages(left: Left) -> int:
    return left.path.stat().st_size // 4096


def _put(left: Left, at: int, content: bytes) -> None:
    with left.path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def _flip_in_header(left: Left, random: Random) -> None:
    flip(left.path, random, within=range(100))


def _flips_in_a_page(left: Left, random: Random) -> None:
    """Flip bits where a page says what is in it."""
    page = random.randrange(_pages(left)) * 4096
    for _ in range(4):
        flip(left.path, random, within=range(page + (100 if page == 0 else 0), page + 140))


def _zeroed_page(left: Left, random: Random) -> None:
    _put(left, random.randrange(_pages(left)) * 4096, bytes(4096))


def _garbage_page(left: Left, random: Random) -> None:
    _put(left, random.randrange(_pages(left)) * 4096, random.randbytes(4096))


def _pages_in_each_others_place(left: Left, random: Random) -> None:
    content = left.path.read_bytes()
    one, two = (number * 4096 for number in random.choices(range(_pages(left)), k=2))
    _put(left, one, content[two : two + 4096])
    _put(left, two, content[one : one + 4096])


def _cut_short(left: Left, random: Random) -> None:
    os.truncate(left.path, random.randrange(left.path.stat().st_size))


def _text(left: Left, random: Random) -> None:
    left.path.write_bytes(b"This is a text file, and a rather long one.\n" * 300)


def _empty(left: Left, random: Random) -> None:
    left.path.write_bytes(b"")


def _anothers(left: Left, random: Random) -> None:
    left.path.unlink()
    db = apsw.Connection(str(left.path))
    db.execute("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')")
    db.close()


def _deleted(left: Left, random: Random) -> None:
    left.path.unlink()


DAMAGES_OF_FILES: Final[tuple[Damage, ...]] = (
    _flip_in_header,
    _flips_in_a_page,
    _zeroed_page,
    _garbage_page,
    _pages_in_each_others_place,
    _cut_short,
    _text,
    _empty,
    _anothers,
    _deleted,
)

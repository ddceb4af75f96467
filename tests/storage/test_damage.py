"""Whatever happened to the files of a database while no daemon ran: it opens, and what is gone was told."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.storage.damage import (
    DAMAGES_OF_FILES,
    DAMAGES_OF_LOGS,
    FRAME,
    HARMLESS,
    Damage,
    Left,
    closed,
    flip,
    left_by_a_kill,
    started,
    unexplained,
)
from tests.support.whole import times


@pytest.fixture(scope="module")
def lefts(tmp_path_factory: pytest.TempPathFactory) -> list[Left]:
    """Databases whose daemon was killed with nothing, some and most of its rows in the file, or all."""
    return asyncio.run(_lefts(tmp_path_factory.mktemp("lefts")))


async def _lefts(folder: Path) -> list[Left]:
    return [
        await left_by_a_kill(folder / "in-the-log", brought_in=-1, count=40),
        await left_by_a_kill(folder / "half", brought_in=20, count=40),
        await left_by_a_kill(folder / "most", brought_in=39, count=40),
        await left_by_a_kill(folder / "anew", brought_in=20, count=40, begun_anew=True),
        await left_by_a_kill(folder / "barely-anew", brought_in=39, count=40, begun_anew=True),
    ]


@pytest.mark.parametrize("seed", range(times(70, whole=200)))
async def test_a_damaged_log_costs_nothing_that_is_not_told(seed: int, lefts: list[Left], tmp_path: Path) -> None:
    random = Random(seed)  # noqa: S311
    left = random.choice(lefts).copied(tmp_path / "left")
    DAMAGES_OF_LOGS[seed % len(DAMAGES_OF_LOGS)](left, random)
    left.settle()

    seen = await started(left)

    assert unexplained(left, seen) == {}


@pytest.mark.parametrize("seed", range(times(30, whole=60)))
async def test_a_damaged_database_costs_nothing_that_is_not_told(seed: int, lefts: list[Left], tmp_path: Path) -> None:
    random = Random(seed)  # noqa: S311
    left = random.choice(lefts).copied(tmp_path / "left")
    if random.random() < 0.7:
        await closed(left)
    DAMAGES_OF_FILES[seed % len(DAMAGES_OF_FILES)](left, random)

    seen = await started(left, spare=random.random() < 0.7)

    assert unexplained(left, seen) == {}


async def test_a_header_that_forbids_writing_is_damage(lefts: list[Left], tmp_path: Path) -> None:
    left = lefts[0].copied(tmp_path / "left")
    await closed(left)
    with left.path.open("r+b") as file:
        file.seek(18)  # the version of the format that may be written (fileformat2.html)
        file.write(b"\x06")

    seen = await started(left, spare=True)

    assert unexplained(left, seen) == {}
    assert [loss.restored_from for loss in seen.losses] == ["backup_1"]


async def test_a_damaged_log_of_which_all_is_in_the_file_costs_nothing(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=40, count=40)
    for at in range(32, left.file("-wal").stat().st_size, 10 * FRAME):
        flip(left.file("-wal"), Random(at), within=range(at, at + FRAME))  # noqa: S311

    seen = await started(left)

    assert seen.rows == left.answered
    assert seen.losses == []


async def test_a_log_that_ends_before_what_the_file_has_does_not_hide_it(tmp_path: Path) -> None:
    left = await left_by_a_kill(tmp_path / "left", brought_in=30, count=40)
    content = left.file("-wal").read_bytes()
    left.file("-wal").write_bytes(content[: 32 + len(content) // FRAME // 2 * FRAME])

    seen = await started(left)

    assert set(seen.rows) == {f"row-{number}" for number in range(30)}
    assert unexplained(left, seen) == {}


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("harmless", HARMLESS, ids=lambda one: one.__name__.strip("_"))
async def test_no_loss_is_told_where_nothing_is_lost(
    harmless: Damage, number: int, lefts: list[Left], tmp_path: Path
) -> None:
    left = lefts[number].copied(tmp_path / "left")
    harmless(left, Random(number))  # noqa: S311

    seen = await started(left)

    assert seen.rows == left.answered
    assert seen.losses == []
    assert not (left.folder / "quarantine").exists()

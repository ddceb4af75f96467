"""Whatever happened to the files of a database while no daemon ran: it opens, and what is gone was told."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.storage import damage
from tests.storage.damage import DAMAGES_OF_LOGS, Left, left_by_a_kill, started, unexplained


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


@pytest.mark.parametrize("seed", range(200))
async def test_a_damaged_log_costs_nothing_that_is_not_told(seed: int, lefts: list[Left], tmp_path: Path) -> None:
    random = Random(seed)
    left = random.choice(lefts).copied(tmp_path / "left")
    DAMAGES_OF_LOGS[seed % len(DAMAGES_OF_LOGS)](left, random)
    left.settle()

    seen = await started(left)

    assert unexplained(left, seen) == {}

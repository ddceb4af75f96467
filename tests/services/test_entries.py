"""What was said is on the disk when it is answered; what was observed need not be."""

from pathlib import Path
from typing import Any

import pytest

from omnimem.model import ContextAppend, MemoryCreate
from tests.services.stories import begin, record
from tests.support.faults import Disk
from tests.support.house import House


@pytest.fixture
def disk(house: House, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize("fields", [{"decision": "x"}, {"memory_id": "m"}, {"file_path": "a", "decision": "x"}])
async def test_what_was_said_is_on_the_disk_when_it_is_answered(
    house: House, workspace: Path, disk: Disk, fields: dict[str, Any]
) -> None:
    await begin(house, workspace, "s-1")
    before = disk.syncs

    await house.services.entries.append("s-1", [ContextAppend(**fields)])

    assert disk.syncs == before + 1


async def test_a_memory_is_on_the_disk_when_it_is_answered(house: House, disk: Disk) -> None:
    await house.services.memories.create("p", MemoryCreate(key="k", value="v"))

    assert disk.syncs == 1


async def test_what_was_observed_waits_for_no_disk(house: House, workspace: Path, disk: Disk) -> None:
    await begin(house, workspace, "s-1")
    before = disk.syncs

    await house.services.entries.append("s-1", [ContextAppend(file_path="a", search_query="x")])
    await record(house, workspace, "b")

    assert disk.syncs == before

"""Tests of the store: real SQLite in real files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omnimemd.storage.database import Database
from tests.support import profile
from tests.support.faults import Disk

__all__ = ["database", "disk", "profile"]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(tmp_path / "omnimem.db") as database:
        yield database


@pytest.fixture
def disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)

"""Fixtures of the floors above storage: a daemon in a fake world, and a folder somebody works in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.house import House, World, a_house, a_world


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of the database."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
async def house(data: Path, world: World) -> AsyncIterator[House]:
    async with a_house(data, world=world) as house:
        yield house


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder somebody works in, outside git."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder.resolve()

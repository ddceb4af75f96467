"""Handler tests: the real application over real services and a real database, and an injected peer."""

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.support.fixtures import data, house, workspace, world
from tests.support.house import House
from tests.support.http import Api

__all__ = ["data", "house", "workspace", "world"]


@pytest.fixture
async def api(house: House, aiohttp_client: AiohttpClient) -> Api:
    return Api(await aiohttp_client(house.app))


@pytest.fixture
async def session(api: Api, workspace: Path) -> str:
    """The id of an active session in the workspace, bound to no process."""
    made = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-1"})
    assert made.status == 201
    return "s-1"

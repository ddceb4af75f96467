"""Handler tests: the real application over real services and a real database, and an injected peer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from omnimemd.api.bounded import connection_maker
from tests.support.fixtures import data, house, workspace, world
from tests.support.house import House
from tests.support.http import Api

__all__ = ["data", "house", "workspace", "world"]


@pytest.fixture
async def api(house: House, aiohttp_client: AiohttpClient) -> Api:
    return Api(await aiohttp_client(house.app))


@pytest.fixture
async def wire(house: House, tmp_path: Path) -> AsyncIterator[Path]:
    """The daemon's socket, served as the daemon serves it."""
    runner = web.AppRunner(house.app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    path = tmp_path / "s"
    server = await asyncio.get_running_loop().create_unix_server(connection_maker(runner, house.load), path)
    yield path
    server.close()
    await runner.cleanup()


@pytest.fixture
async def session(api: Api, workspace: Path) -> str:
    """The id of an active session in the workspace, bound to no process."""
    made = await api.post("/sessions", {"tool_id": "tool", "workspace_path": str(workspace), "session_id": "s-1"})
    assert made.status == 201
    return "s-1"

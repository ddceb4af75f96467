"""A folder that is watched by hand no more: what was going on in it ends."""

from pathlib import Path

import pytest

from omnimem.model import EndReason, SessionQuery
from omnimemd.domain.sessions import Session
from tests.services.stories import files_of, happens, record
from tests.support.house import House


@pytest.fixture
async def by_hand(house: House, tmp_path: Path) -> Path:
    folder = tmp_path / "by-hand"
    folder.mkdir()
    workspace, _ = await house.services.workspaces.add(str(folder))
    await house.services.workspaces.ready(workspace.path)
    return folder


async def ambient_sessions(house: House) -> list[Session]:
    return (await house.services.sessions.page(SessionQuery(tool_id="ambient"))).sessions


async def remove(house: House, folder: Path) -> None:
    await house.services.sessions.end_ambient(await house.services.workspaces.remove(str(folder)))


async def test_its_ambient_session_ends(house: House, by_hand: Path) -> None:
    await record(house, by_hand, "a.py")

    await remove(house, by_hand)

    (ambient,) = await ambient_sessions(house)
    assert ambient.end_reason is EndReason.IDLE


async def test_what_happened_before_is_kept_and_leaves_no_session_open(house: House, by_hand: Path) -> None:
    happens(house, by_hand, "last.py")

    await remove(house, by_hand)
    await house.services.tracking.flush()

    (ambient,) = await ambient_sessions(house)
    assert files_of(house, ambient.session_id) == ["last.py"]
    assert not ambient.active

"""The doctor finds what is ill, and mends what can be mended without loss."""

import os
from pathlib import Path

import pytest

from omnimem.model import Access, MemoryCreate, SessionCreate, Verdict
from omnimemd.domain.ports import FileSystem
from omnimemd.services.doctor import Examined
from omnimemd.system.machine import SystemMachine
from omnimemd.system.own_files import SystemOwnFiles
from tests.support.factories import a_decision, an_access
from tests.support.house import House, World, a_house


async def examined(house: House, name: str, *, repair: bool = False) -> Examined:
    """Return what the check of that *name* finds."""
    (found,) = [one for one in await house.services.doctor.examine(repair=repair) if one.name == name]
    return found


@pytest.fixture
async def session(house: House, workspace: Path) -> str:
    begun, _ = await house.services.sessions.create(
        SessionCreate(tool_id="t", workspace_path=str(workspace), session_id="s-1"), caller=None
    )
    await house.services.entries.record({begun.session_id: [an_access(access=Access.WRITE), a_decision()]})
    return begun.session_id


async def test_a_daemon_that_is_well_is_sound_throughout(
    data: Path, house: House, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.chmod(0o700)
    # Where tests are run from memory, that is worth a warning.
    disk = FileSystem(kind="ext4", network=False, volatile=False)
    monkeypatch.setattr(SystemMachine, "file_system", lambda _self, _path: disk)

    found = await house.services.doctor.examine(repair=False)

    assert {one.name: one.finding.verdict for one in found} == dict.fromkeys(
        (
            *("files", "disk", "file system", "limits", "watching", "tasks", "processes"),
            *("storing", "log of writes", "search", "sessions", "entries"),
            *("losses", "set aside", "backups", "database"),
        ),
        Verdict.OK,
    )


async def test_what_others_can_read_is_taken_from_them(data: Path, house: House) -> None:
    data.chmod(0o755)
    (data / "backups").mkdir(mode=0o755)
    house.database.path.chmod(0o644)

    ill = await examined(house, "files")
    mended = await examined(house, "files", repair=True)

    assert ill.finding.verdict is Verdict.FAIL
    assert str(house.database.path) in ill.finding.detail
    assert mended.finding.verdict is Verdict.OK
    assert mended.repaired is not None
    modes = [path.stat().st_mode & 0o777 for path in (data, data / "backups", house.database.path)]
    assert modes == [0o700, 0o700, 0o600]


async def test_files_of_others_and_links_are_left_alone(data: Path, tmp_path: Path) -> None:
    data.chmod(0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x")
    elsewhere.chmod(0o644)
    (data / "link").symlink_to(elsewhere)
    files = SystemOwnFiles(data_dir=data, socket=data / "omnimemd.sock")

    assert files.loose() == []
    assert files.tighten() == []
    assert elsewhere.stat().st_mode & 0o777 == 0o644
    assert files.free_bytes() > 0


async def test_what_has_a_second_name_is_told_and_left_alone(data: Path, tmp_path: Path) -> None:
    data.chmod(0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x")
    elsewhere.chmod(0o644)
    (data / "link").hardlink_to(elsewhere)
    files = SystemOwnFiles(data_dir=data, socket=data / "omnimemd.sock")

    assert files.loose() == [str(data / "link")]
    assert files.tighten() == []
    assert elsewhere.stat().st_mode & 0o777 == 0o644


async def test_an_index_that_lacks_something_is_made_anew(house: House) -> None:
    await house.services.memories.create("p", MemoryCreate(key="k", value="a kingfisher"))
    await house.services.indexing.settle()
    await house.database.write(lambda db: db.execute("DELETE FROM search_documents"))

    ill = await examined(house, "search")
    mended = await examined(house, "search", repair=True)

    assert ill.finding.verdict is Verdict.FAIL
    assert ill.finding.hint is not None
    assert "--repair" in ill.finding.hint
    assert (mended.finding.verdict, mended.repaired) == (Verdict.OK, "Made the index anew, of 1 texts.")


@pytest.mark.parametrize("damage", ["context_json = 'nonsense'", "folded_through = 1", "folded_through = 99"])
async def test_a_context_that_cannot_be_read_is_made_anew(
    data: Path, world: World, workspace: Path, damage: str
) -> None:
    async with a_house(data, world=world) as house:
        await house.services.sessions.create(
            SessionCreate(tool_id="t", workspace_path=str(workspace), session_id="s-1"), caller=None
        )
        await house.services.entries.record({"s-1": [an_access(), a_decision()]})
        before = house.services.entries.shown_context("s-1")
        await house.services.sessions.end("s-1", detail=None)
    async with a_house(data, world=world) as house:
        await house.database.write(lambda db: db.execute(f"UPDATE sessions SET {damage}"))  # noqa: S608 the test's own

        ill = await examined(house, "sessions")
        mended = await examined(house, "sessions", repair=True)

        assert ill.finding.verdict is Verdict.FAIL
        assert "s-1" in ill.finding.detail
        assert mended.finding.verdict is Verdict.OK
        assert house.services.entries.shown_context("s-1") == before


async def test_a_database_that_is_damaged_is_told_and_left_alone(data: Path, world: World, workspace: Path) -> None:
    async with a_house(data, world=world) as house:
        for number in range(50):
            await house.services.memories.create("p", MemoryCreate(key=f"k{number}", value="v" * 3000))
    size = (data / "omnimem.db").stat().st_size
    async with a_house(data, world=world) as house:
        file = os.open(data / "omnimem.db", os.O_WRONLY)
        os.pwrite(file, b"\xff" * 8192, size // 2 // 4096 * 4096)

        found = await examined(house, "database", repair=True)

        assert found.finding.verdict is Verdict.FAIL
        assert found.repaired is None
        os.close(file)


async def test_a_store_that_is_gone_is_told(house: House) -> None:
    house.lose_the_store()

    found = {one.name: one.finding.verdict for one in await house.services.doctor.examine(repair=True)}

    assert found["storing"] is Verdict.FAIL
    assert found["search"] is Verdict.FAIL

"""Whether what a briefing showed was of use: seen in what the session did afterwards, and never more than it did."""

from pathlib import Path

import pytest

from omnimem.model import Access, ContextAppend, MemoryCreate, SessionCreate
from omnimemd.domain.usefulness import Item, ItemKind, KindReport, Used, mark_of
from omnimemd.storage import usefulness as rows
from tests.services.stories import begin, decide, end, session_of
from tests.support.clock import DAY, MINUTE
from tests.support.house import House, World, a_house
from tests.support.waiting import until


@pytest.fixture
async def earlier(house: House, workspace: Path) -> str:
    """The id of an ended session that wrote two files, and decided something about one of them."""
    await begin(house, workspace, "s-0")
    await touch(house, "s-0", "src/retry.py", "src/api.py", access=Access.WRITE)
    await decide(house, "s-0", "Retry uploads with full jitter, see src/retry.py")
    await end(house, "s-0")
    await house.digests.catch_up()
    return "s-0"


@pytest.fixture
async def asker(house: House, workspace: Path, earlier: str) -> str:
    """The id of the session that is given briefings."""
    await begin(house, workspace, "s-1")
    return "s-1"


async def touch(house: House, session_id: str, *paths: str, access: Access = Access.READ) -> None:
    await house.services.entries.append(session_id, [ContextAppend(file_path=path, access=access) for path in paths])


async def show(house: House, *items: Item, session_id: str = "s-1", tokens: int = 500) -> None:
    project_id = session_of(house, session_id).project_id
    await house.services.usefulness.note(project_id, session_id, max_tokens=2000, tokens=tokens, items=items)


async def reported(house: House, *, days: int = 30, project_id: str | None = None) -> dict[ItemKind, KindReport]:
    report = await house.services.usefulness.report(project_id, days=days)
    return {one.kind: one for one in report.kinds}


async def uses(house: House) -> dict[ItemKind, dict[Used, int]]:
    return {kind: dict(one.how) for kind, one in (await reported(house)).items()}


def a_file(workspace: Path, path: str) -> Item:
    return Item(ItemKind.FILE, "s-0", mark_of(f"{workspace}/{path}"))


async def test_a_file_is_used_when_it_is_read_or_written_afterwards(house: House, workspace: Path, asker: str) -> None:
    await touch(house, asker, "src/before.py")
    await show(house, *(a_file(workspace, f"src/{name}.py") for name in ("retry", "api", "before", "never")))

    house.clock.advance(MINUTE)
    await touch(house, asker, "src/retry.py")
    house.clock.advance(2 * MINUTE)
    await touch(house, asker, "src/api.py", access=Access.WRITE)

    report = (await reported(house))[ItemKind.FILE]
    assert (report.shown, report.used, report.plainly) == (4, 2, 2)
    assert dict(report.how) == {Used.READ: 1, Used.WRITTEN: 1}
    assert report.median_ms == 2 * MINUTE


async def test_the_first_use_counts(house: House, workspace: Path, asker: str) -> None:
    await show(house, a_file(workspace, "src/retry.py"))
    house.clock.advance(MINUTE)
    await touch(house, asker, "src/retry.py")
    assert (await reported(house))[ItemKind.FILE].median_ms == MINUTE

    house.clock.advance(MINUTE)
    await touch(house, asker, "src/retry.py", access=Access.WRITE)

    assert (await reported(house))[ItemKind.FILE].median_ms == MINUTE
    assert await uses(house) == {ItemKind.FILE: {Used.READ: 1}}


async def test_a_memory_is_used_when_a_version_is_written_and_weakly_when_its_files_are_touched(
    house: House, workspace: Path, asker: str
) -> None:
    project_id = session_of(house, asker).project_id
    (workspace / "deploy.sh").write_text("")
    written = await house.services.memories.create(
        project_id, MemoryCreate(key="deploy", value="Run it by hand", files=["deploy.sh"])
    )
    await house.services.tracking.flush()
    await show(house, Item(ItemKind.MEMORY, written.memory.memory_id))
    assert await uses(house) == {ItemKind.MEMORY: {}}

    await touch(house, asker, "deploy.sh")
    assert await uses(house) == {ItemKind.MEMORY: {Used.TOUCHED: 1}}

    await house.services.memories.create(project_id, MemoryCreate(key="deploy", value="CI does it", session_id=asker))
    assert await uses(house) == {ItemKind.MEMORY: {Used.WRITTEN: 1}}
    assert (await reported(house))[ItemKind.MEMORY].plainly == 1


@pytest.mark.parametrize(
    ("said", "use"),
    [
        ("Uploads retry without jitter in the tests", {Used.SAID: 1}),
        ("Use SQLite for the event store", {}),
    ],
)
async def test_a_decision_is_weakly_used_when_another_speaks_of_the_same(
    house: House, asker: str, said: str, use: dict[Used, int]
) -> None:
    await show(house, Item(ItemKind.DECISION, "s-0:3"))

    await decide(house, asker, said)

    assert await uses(house) == {ItemKind.DECISION: use}


async def test_a_decision_and_a_session_are_weakly_used_when_their_files_are_touched(house: House, asker: str) -> None:
    await show(house, Item(ItemKind.DECISION, "s-0:3"), Item(ItemKind.SESSION, "s-0"))
    await touch(house, asker, "src/retry.py")

    found = await reported(house)

    assert {kind: dict(one.how) for kind, one in found.items()} == {
        ItemKind.DECISION: {Used.TOUCHED: 1},
        ItemKind.SESSION: {Used.TOUCHED: 1},
    }
    assert found[ItemKind.SESSION].plainly == 0


async def test_a_session_is_used_when_it_is_continued(house: House, workspace: Path, earlier: str) -> None:
    request = SessionCreate(tool_id="tool", workspace_path=str(workspace), session_id="s-1", continues=earlier)
    await house.services.sessions.create(request, caller=None)
    await show(house, Item(ItemKind.SESSION, earlier))
    await touch(house, "s-1", "elsewhere.py")

    assert await uses(house) == {ItemKind.SESSION: {Used.CONTINUED: 1}}


async def test_an_item_counts_once_for_a_session_however_often_it_asks(
    house: House, workspace: Path, asker: str
) -> None:
    item = a_file(workspace, "src/retry.py")
    await show(house, item, item)
    await touch(house, asker, "src/retry.py")
    await show(house, item)
    await begin(house, workspace, "s-2")
    await show(house, item, session_id="s-2")

    report = await house.services.usefulness.report(None, days=30)

    assert (report.briefings, report.sessions) == (3, 2)
    assert [(one.shown, one.used) for one in report.kinds] == [(2, 1)]


async def test_only_what_is_shown_to_a_session_counts(house: House) -> None:
    item = Item(ItemKind.SESSION, "s-0")
    await house.services.usefulness.note("p-1", "nobody", max_tokens=2000, tokens=1, items=[item])

    assert (await house.services.usefulness.report(None, days=30)).briefings == 0


async def test_a_report_is_of_a_project_and_a_time(house: House, workspace: Path, asker: str) -> None:
    await show(house, a_file(workspace, "src/retry.py"))
    house.clock.advance(2 * DAY)
    await show(house, a_file(workspace, "src/api.py"))
    project_id = session_of(house, asker).project_id

    assert (await reported(house, days=1))[ItemKind.FILE].shown == 1
    assert (await reported(house, days=3, project_id=project_id))[ItemKind.FILE].shown == 2
    assert await reported(house, days=3, project_id="another") == {}


async def test_the_end_of_a_session_settles_it_before_anything_is_let_go_of(
    house: House, workspace: Path, asker: str
) -> None:
    await show(house, a_file(workspace, "src/retry.py"))
    await touch(house, asker, "src/retry.py")
    key = house.cache.get(asker).key

    await end(house, asker)

    await until(lambda: house.database.read_now(lambda db: rows.watched(db, key)) == [])


async def test_a_session_that_ended_while_no_daemon_ran_is_settled_by_the_next(
    data: Path, workspace: Path, world: World, tmp_path: Path
) -> None:
    async with a_house(data, world=world) as first:
        await begin(first, workspace, "s-1")
        await show(first, a_file(workspace, "src/retry.py"))
        await touch(first, "s-1", "src/retry.py")
        key = first.cache.get("s-1").key
        await end(first, "s-1")
        left = first.as_kill_9_would_leave_it(tmp_path / "left")

    async with a_house(left, world=world) as second:
        await until(lambda: second.database.read_now(lambda db: rows.watched(db, key)) == [])
        assert await uses(second) == {ItemKind.FILE: {Used.READ: 1}}


async def test_what_was_shown_goes_with_the_session(house: House, workspace: Path, asker: str) -> None:
    await show(house, a_file(workspace, "src/retry.py"))
    await end(house, asker)

    await house.services.sessions.delete(asker)

    assert await reported(house) == {}
    assert house.database.read_now(lambda db: db.execute("SELECT count(*) FROM briefing_items").get) == 0


async def test_what_was_shown_is_kept_for_a_year(house: House, workspace: Path, asker: str) -> None:
    await show(house, a_file(workspace, "src/retry.py"))
    house.clock.advance(366 * DAY)

    await house.services.retention.apply()

    assert await reported(house, days=3650) == {}


async def test_a_long_session_is_gone_through_to_its_end(house: House, workspace: Path, asker: str) -> None:
    await show(house, a_file(workspace, "last.py"))
    for _ in range(3):
        await touch(house, asker, *(f"f{number}.py" for number in range(1000)))
    await touch(house, asker, "last.py")

    assert await uses(house) == {ItemKind.FILE: {Used.READ: 1}}


async def test_a_store_that_cannot_be_written_loses_the_note_and_nothing_else(
    house: House, workspace: Path, asker: str
) -> None:
    house.fill_the_disk()

    await show(house, *(a_file(workspace, "x" * 900 + str(number)) for number in range(100)))

    house.make_room()
    assert await reported(house) == {}

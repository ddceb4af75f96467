"""What is kept long enough goes: all of it, nothing else, and as much as is said."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from omnimem.model import ContextAppend, EntryKind, MemoryCreate, SessionUpdate
from omnimemd.domain.clock import Millis
from omnimemd.domain.retention import Policy, Rule, Trust, trust
from omnimemd.services import retention as retention_module
from omnimemd.services.retention import Retention
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import integrity
from omnimemd.storage import retention as rows
from omnimemd.storage.database import Connection
from omnimemd.storage.entries import Removed
from tests.services.stories import begin, decide, end, entries_of, session_of
from tests.support.clock import DAY, HOUR, NOON
from tests.support.house import House, World, a_house
from tests.support.waiting import rounds, until

EVERYTHING: Policy = dict.fromkeys(Rule, "30d")


def policy(**kept: str) -> Policy:
    return {Rule(name): time for name, time in kept.items()}


async def an_old_session(house: House, workspace: Path, name: str, *, files: int = 3) -> None:
    """Begin a session, record something of each kind in it and end it."""
    await begin(house, workspace, name)
    said = [ContextAppend(file_path=f"f{number}") for number in range(files)]
    said = [ContextAppend(decision=f"decided in {name}"), ContextAppend(search_query=f"sought in {name}"), *said]
    for at in range(0, len(said), 1000):
        await house.services.entries.append(name, said[at : at + 1000])
    await end(house, name)


def kinds_in(house: House, name: str) -> set[str]:
    return {type(one).__name__ for one in entries_of(house, name)}


async def test_single_accesses_go_and_the_context_keeps_the_files(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world, retention=policy(accesses="30d")) as house:
        await an_old_session(house, workspace, "old", files=1200)
        context = house.services.entries.shown_context("old")
        metrics = session_of(house, "old").metrics
        world.clock.advance(31 * DAY)

        due = await house.services.retention.try_out()
        done = await house.services.retention.apply()

        assert done.removed == due.removed == dict.fromkeys(Rule, 0) | {Rule.ACCESSES: 1200}
        assert kinds_in(house, "old") == {"Search", "Decision"}
        assert house.services.entries.shown_context("old") == context
        assert session_of(house, "old").metrics == metrics
        assert session_of(house, "old").size_bytes < 200
        assert [one async for one in house.database.stream(integrity.broken_folds)] == []  # nothing to be mended
    async with a_house(data, world=world) as house:  # and so it was stored
        assert house.services.entries.shown_context("old") == context
        assert session_of(house, "old").size_bytes < 200
        await decide(house, "old", "later")
        assert [one.at for one in entries_of(house, "old", EntryKind.DECISION)][-1] == world.clock.now()


async def test_what_was_said_leaves_the_context_too(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world, retention=policy(searches="30d", decisions="60d")) as house:
        await an_old_session(house, workspace, "old")
        world.clock.advance(31 * DAY)

        done = await house.services.retention.apply()

        assert {rule: count for rule, count in done.removed.items() if count} == {Rule.SEARCHES: 1}
        assert kinds_in(house, "old") == {"FileAccess", "Decision"}
        assert b"sought in" not in house.services.entries.shown_context("old")
        assert b"decided in" in house.services.entries.shown_context("old")


async def test_an_entry_that_came_later_stays_in_a_session_that_ended_long_ago(
    data: Path, workspace: Path, world: World
) -> None:
    async with a_house(data, world=world, retention=policy(decisions="30d")) as house:
        await an_old_session(house, workspace, "old")
        world.clock.advance(31 * DAY)
        await decide(house, "old", "just now")

        await house.services.retention.apply()

        assert [getattr(one, "text", "") for one in entries_of(house, "old", EntryKind.DECISION)] == ["just now"]
        assert b"just now" in house.services.entries.shown_context("old")
        assert b"decided in" not in house.services.entries.shown_context("old")


async def test_sessions_go_but_not_pinned_active_or_young_ones(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world, retention=EVERYTHING) as house:
        for name in ("old", "pinned"):
            await an_old_session(house, workspace, name, files=700)
        await house.services.sessions.update("pinned", SessionUpdate(pinned=True))
        await begin(house, workspace, "active")
        await decide(house, "active")
        world.clock.advance(31 * DAY)
        await an_old_session(house, workspace, "young")

        due = await house.services.retention.try_out()
        done = await house.services.retention.apply()

        assert done.removed == due.removed == dict.fromkeys(Rule, 0) | {Rule.SESSIONS: 1}
        assert house.cache.find("old") is None
        assert len(entries_of(house, "pinned")) == 702
        assert len(entries_of(house, "active")) == 1
        assert len(entries_of(house, "young")) == 5
        left = house.database.read_now(lambda db: db.execute("SELECT count(*) FROM entries").get)
        assert left == 702 + 1 + 5


async def test_archived_sessions_have_a_time_of_their_own(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world, retention=policy(archived_sessions="30d")) as house:
        for name in ("archived", "other"):
            await an_old_session(house, workspace, name)
        await house.services.sessions.update("archived", SessionUpdate(archived=True))
        world.clock.advance(31 * DAY)

        done = await house.services.retention.apply()

        assert done.removed[Rule.ARCHIVED_SESSIONS] == 1
        assert house.cache.find("archived") is None
        assert house.cache.find("other") is not None


async def test_deleted_memories_go_with_every_version_and_live_ones_never(data: Path, world: World) -> None:
    async with a_house(data, world=world, retention=EVERYTHING) as house:
        memories = house.services.memories
        deleted = (await memories.create("p", MemoryCreate(key="deleted", value="v"))).memory
        await memories.create("p", MemoryCreate(key="live", value="v"))
        await memories.delete("p", deleted.memory_id, purge=False)
        world.clock.advance(31 * DAY)

        done = await house.services.retention.apply()

        assert done.removed[Rule.DELETED_MEMORIES] == 1
        ids = house.database.read_now(lambda db: db.execute("SELECT memory_key FROM project_memories").fetchall())
        versions = house.database.read_now(lambda db: db.execute("SELECT count(*) FROM memory_versions").get)
        assert (ids, versions) == ([("live",)], 1)


async def test_nothing_goes_that_is_kept_for_ever(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        await an_old_session(house, workspace, "old")
        world.clock.advance(4000 * DAY)

        done = await house.services.retention.apply()

        assert set(done.removed.values()) == {0}
        assert len(entries_of(house, "old")) == 5


async def test_what_went_is_remembered_and_counted(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world, retention=policy(sessions="30d")) as house:
        for name in ("a", "b"):
            await an_old_session(house, workspace, name)
        world.clock.advance(31 * DAY)
        await house.services.retention.apply()
    world.clock.advance(HOUR)
    async with a_house(data, world=world, retention=policy(sessions="30d")) as house:
        last = house.services.retention.last()
        assert last is not None
        assert last.removed[Rule.SESSIONS] == 2
        assert last.at == world.clock.now() - HOUR
        assert house.services.health.figures().retention_removed == 2


async def test_it_is_applied_at_the_start_if_a_day_has_passed_and_not_before(
    data: Path, workspace: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "_HOLD_SECONDS", 0.0)  # a month is more than it believes at once
    async with a_house(data, world=world, retention=policy(sessions="30d")) as house:
        await an_old_session(house, workspace, "old")
        await until(lambda: house.services.retention.last() is not None)
    world.clock.advance(30 * DAY + HOUR)
    async with a_house(data, world=world, retention=policy(sessions="30d")) as house:
        await until(lambda: house.cache.find("old") is None)


@pytest.mark.parametrize("ran_before", [True, False])
@pytest.mark.parametrize("leap", [100 * 365 * DAY, -56 * 365 * DAY, 300 * DAY])
async def test_a_clock_that_is_wrong_after_a_start_deletes_nothing(
    data: Path, workspace: Path, world: World, leap: int, ran_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the network sets it right."""
    async with a_house(data, world=world, retention=EVERYTHING) as house:
        await an_old_session(house, workspace, "s")
        await until(lambda: house.services.retention.last() is not None)
        if not ran_before:
            await house.database.write(lambda db: db.execute("DELETE FROM retention_runs"))
        before = len(entries_of(house, "s"))
    right = world.clock.now()
    world.clock.advance(leap)

    async def set_right(_: Retention) -> bool:
        world.clock.advance(right + DAY - world.clock.now())
        return False

    monkeypatch.setattr(Retention, "_clock_holds", set_right)
    async with a_house(data, world=world, retention=EVERYTHING) as house:
        for _ in range(2):
            await house.services.retention._turn()

        assert len(entries_of(house, "s")) == before
        assert session_of(house, "s").metrics.files == 3


@pytest.mark.parametrize(
    ("days", "trusted"),
    [
        (0, Trust.AT_ONCE),
        (-1, Trust.AT_ONCE),
        (7, Trust.AT_ONCE),
        (8, Trust.ONCE_IT_HOLDS),
        (365, Trust.ONCE_IT_HOLDS),
        (366, Trust.NEVER),
        (-2, Trust.ONCE_IT_HOLDS),
        (-20_000, Trust.ONCE_IT_HOLDS),
    ],
)
def test_how_far_the_clock_is_believed(days: int, trusted: Trust) -> None:
    assert trust(now=Millis(NOON + days * DAY), known=NOON) is trusted
    assert trust(now=Millis(NOON + days * DAY), known=None) is Trust.AT_ONCE


@pytest.mark.parametrize("set_right", [True, False])
async def test_a_clock_that_leapt_is_believed_once_it_holds(
    house: House, monkeypatch: pytest.MonkeyPatch, set_right: bool
) -> None:
    monkeypatch.setattr(retention_module, "_HOLD_SECONDS", 0.02)
    held = asyncio.ensure_future(house.services.retention._clock_holds())
    await rounds()
    if set_right:
        house.clock.advance(-3650 * DAY)

    assert await held is not set_right


@pytest.mark.parametrize("change", ["pin", "take up"])
async def test_a_session_that_is_saved_in_the_midst_of_it_stays(
    data: Path, workspace: Path, world: World, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(data, world=world, retention=policy(sessions="30d")) as house:
        await an_old_session(house, workspace, "old")
        world.clock.advance(31 * DAY)
        retention = house.services.retention
        remove = retention._remove_session

        async def saved_first(session_id: str, **due: Any) -> bool:
            if change == "pin":
                await house.services.sessions.update("old", SessionUpdate(pinned=True))
            else:
                await begin(house, workspace, "old")
            return await remove(session_id, **due)

        monkeypatch.setattr(retention, "_remove_session", saved_first)
        done = await retention.apply()

        assert done.removed[Rule.SESSIONS] == 0
        assert len(entries_of(house, "old")) == 5


async def test_a_session_taken_out_of_the_archive_meanwhile_stays(
    data: Path, workspace: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(data, world=world, retention=policy(archived_sessions="30d")) as house:
        await an_old_session(house, workspace, "old")
        await house.services.sessions.update("old", SessionUpdate(archived=True))
        world.clock.advance(31 * DAY)
        found = rows.sessions

        def taken_out(db: Connection, **asked: Any) -> list[str]:
            ids = found(db, **asked)
            held = house.cache.get("old")
            held._session = replace(held.session, archived=False)
            return ids

        monkeypatch.setattr(rows, "sessions", taken_out)
        done = await house.services.retention.apply()

        assert not any(done.removed.values())
        assert kinds_in(house, "old") == {"FileAccess", "Search", "Decision"}


async def test_what_goes_leaves_the_index_a_little_at_a_time(
    data: Path, workspace: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(data, world=world, retention=policy(sessions="30d")) as house:
        await begin(house, workspace, "old")
        await house.services.entries.append("old", [ContextAppend(decision=f"d{number}") for number in range(45)])
        await end(house, "old")
        world.clock.advance(31 * DAY)
        limits: list[int] = []
        remove = entry_rows.remove

        def noted(*given: Any, limit: int, **more: Any) -> Removed:
            limits.append(limit)
            return remove(*given, limit=limit, **more)

        monkeypatch.setattr(entry_rows, "remove", noted)
        await house.services.retention.apply()

        assert limits == [500, 10, 10, 10, 10, 10]
        assert house.cache.find("old") is None


async def test_deleted_memories_are_found_without_looking_at_the_others(data: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        asked: list[str] = []

        def work(db: Connection) -> list[str]:
            db.exec_trace = lambda _, sql, __: not asked.append(sql)  # type: ignore[func-returns-value]
            rows.deleted_memories(db, before=Millis(0), limit=1)
            db.exec_trace = None
            plan = db.execute(f"EXPLAIN QUERY PLAN {asked[0]}", {"before": 0, "limit": 1})
            return [str(step) for *_, step in plan]

        assert await house.database.read(work) == [
            "SEARCH project_memories USING INDEX project_memories_deleted (updated_at<?)"
        ]

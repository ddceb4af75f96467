"""Checkpoints: when they are taken, what they hold, how long they stay, and what starts from them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimem.errors import CheckpointElsewhere, CheckpointNotFound, InvalidRequest
from omnimem.model import (
    Access,
    CheckpointReason,
    CheckpointRestore,
    ContextAppend,
    EntryKind,
    ResultKind,
    SearchMode,
    SessionCreate,
)
from omnimemd.domain.checkpoints import GROWTH_MS, MOST_AUTOMATIC, Checkpoint
from omnimemd.domain.fencing import FENCE, WHAT
from omnimemd.domain.retention import Rule
from omnimemd.domain.sessions import AMBIENT_TOOL
from omnimemd.storage.database import Connection
from omnimemd.storage.search_index import Scope
from tests.services.stories import begin, complete, decide, end, entries_of, session_of
from tests.support.clock import DAY, MINUTE, SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import until


async def checkpoints_of(house: House, session_id: str) -> list[Checkpoint]:
    """Return the checkpoints of a session, newest first."""
    return await house.services.checkpoints.of_session(session_id, limit=100, shown=list)


async def reasons_of(house: House, session_id: str) -> list[str]:
    return [one.reason for one in await checkpoints_of(house, session_id)]


async def take(house: House, session_id: str, name: str | None = None) -> Checkpoint:
    return await house.services.checkpoints.take(session_id, name=name, note=None)


async def touch(house: House, session_id: str, *names: str, access: Access = Access.WRITE) -> None:
    drafts = [ContextAppend(file_path=name, access=access) for name in names]
    await house.services.entries.append(session_id, drafts)


async def restore(house: House, checkpoint_id: str, workspace: Path) -> str:
    request = CheckpointRestore(tool_id="next", workspace_path=str(workspace))
    return (await house.services.resuming.restore(checkpoint_id, request, caller=None)).session_id


def contents(db: Connection) -> int:
    return int(db.execute("SELECT count(*) FROM checkpoint_contents").get)


def texts(one: Checkpoint) -> list[str]:
    return [each.text for each in one.content.decisions]


class TestContent:
    async def test_it_holds_what_the_session_was_about(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1", "Use Postgres for the store.")
        house.clock.advance(SECOND)
        await decide(house, "s-1", "Use SQLite for the store instead of Postgres.")
        await decide(house, "s-1", "TODO: the migration is not written yet.")
        await touch(house, "s-1", "src/store.py", "src/gone.py")
        await touch(house, "s-1", "src/gone.py", access=Access.DELETE)

        one = await take(house, "s-1")

        content = one.content
        assert [(each.seq, each.superseded) for each in content.decisions] == [(1, True), (2, False), (3, False)]
        assert content.open_points == ("TODO: the migration is not written yet.",)
        assert {file.path.rpartition("/")[2]: file.gone for file in content.files} == {
            "store.py": False,
            "gone.py": True,
        }
        assert "Use SQLite for the store" in content.summary
        assert one.entries_through == 6

    async def test_equal_contents_are_stored_once_and_go_with_the_last(self, house: House, workspace: Path) -> None:
        for name in ("s-1", "s-2"):
            await begin(house, workspace, name)
            await decide(house, name, f"of {name}")
        for _ in range(3):
            await take(house, "s-1")
            house.clock.advance(MINUTE)
        await take(house, "s-2")
        assert house.database.read_now(contents) == 2

        await end(house, "s-1")
        await house.services.sessions.delete("s-1")

        assert house.database.read_now(contents) == 1

    async def test_a_deleted_session_leaves_nothing_of_it_on_the_disk(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1", "Xyzzy")
        one = await house.services.checkpoints.take("s-1", name="plugh", note=None)
        await end(house, "s-1")

        await house.services.sessions.delete("s-1")

        with pytest.raises(CheckpointNotFound):
            await house.services.checkpoints.get(one.checkpoint_id)
        assert b"plugh" not in house.database.path.read_bytes()
        assert house.database.read_now(contents) == 0

    async def test_what_retention_takes_of_a_session_leaves_its_checkpoints(
        self, data: Path, workspace: Path, world: World
    ) -> None:
        async with a_house(data, world=world, retention={Rule.DECISIONS: "30d"}) as house:
            await begin(house, workspace, "s-1")
            await decide(house, "s-1", "TODO: Xyzzy is not done yet")
            await touch(house, "s-1", "a.py")
            await take(house, "s-1", "mine")
            world.clock.advance(20 * DAY)
            await decide(house, "s-1", "later")
            await complete(house, "s-1")
            before = await checkpoints_of(house, "s-1")
            world.clock.advance(31 * DAY)
            await decide(house, "s-1", "long after")

            await house.services.retention.apply()

            after = await checkpoints_of(house, "s-1")
            assert [texts(one) for one in before] == [["TODO: Xyzzy is not done yet", "later"], [texts(before[1])[0]]]
            assert [texts(one) for one in after] == [[], []]
            assert [one.checkpoint_id for one in after] == [one.checkpoint_id for one in before]
            assert [one.content.files for one in after] == [one.content.files for one in before]
            assert all("Xyzzy" not in one.content.summary and not one.content.open_points for one in after)
            assert "a.py" in after[0].content.summary


class TestAtTheEnd:
    async def test_a_death_takes_one(self, house: House, workspace: Path, world: World) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        await decide(house, "s-1", "Use SQLite.")

        world.processes.die(7)
        await until(lambda: not session_of(house, "s-1").active)
        await house.services.unasked.take_last("s-1")

        (one,) = await checkpoints_of(house, "s-1")
        assert (one.reason, texts(one)) == (CheckpointReason.PROCESS_EXITED, ["Use SQLite."])

    async def test_it_comes_by_itself_and_the_session_stays_as_it_ended(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1")

        ended = await end(house, "s-1")
        await until(lambda: house.database.read_now(contents) == 1)

        assert session_of(house, "s-1") == ended
        assert [type(one).__name__ for one in entries_of(house, "s-1")] == ["Decision"]

    async def test_a_death_that_is_found_at_the_next_start_takes_one(
        self, data: Path, workspace: Path, world: World
    ) -> None:
        world.processes.begin(7)
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s-1", pid=7)
            await decide(house, "s-1")
        world.processes.die(7)

        async with a_house(data, world=world) as house:
            await house.services.unasked.take_last("s-1")

            assert await reasons_of(house, "s-1") == ["process_exited"]

    async def test_a_kill_between_the_end_and_its_checkpoint_loses_none_and_takes_none_twice(
        self, data: Path, workspace: Path, world: World, tmp_path: Path
    ) -> None:
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s-1")
            await decide(house, "s-1")
            await end(house, "s-1")
            left = house.as_kill_9_would_leave_it(tmp_path / "left")  # nobody else has had a turn
            await complete(house, "s-1")
            taken = house.as_kill_9_would_leave_it(tmp_path / "taken")

        for place in (left, taken):
            async with a_house(place, world=world) as house:
                await house.services.unasked.take_last("s-1")

                assert await reasons_of(house, "s-1") == ["ended"]

    async def test_one_that_says_nothing_new_is_not_taken(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1")
        await take(house, "s-1", "mine")
        house.clock.advance(MINUTE)

        for _ in range(3):
            await complete(house, "s-1")
            await begin(house, workspace, "s-1")
            house.clock.advance(MINUTE)

        assert await reasons_of(house, "s-1") == ["client"]

    @pytest.mark.parametrize("tool", ["reads only", AMBIENT_TOOL])
    async def test_there_is_none_where_nothing_was_done_or_nobody_was(
        self, house: House, workspace: Path, tool: str
    ) -> None:
        request = SessionCreate(tool_id="reader" if tool != AMBIENT_TOOL else tool, workspace_path=str(workspace))
        session_id = (await house.services.sessions.create(request, caller=None))[0].session_id
        await touch(house, session_id, "a.py", access=Access.WRITE if tool == AMBIENT_TOOL else Access.READ)

        await complete(house, session_id)

        assert await reasons_of(house, session_id) == []


class TestGrowth:
    async def test_much_that_changed_takes_one_but_not_before_ten_minutes(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        for number in range(8):
            await decide(house, "s-1", f"decision {number}")

        await house.services.unasked.look()
        early = await reasons_of(house, "s-1")
        house.clock.advance(GROWTH_MS)
        await house.services.unasked.look()

        assert early == []
        assert await reasons_of(house, "s-1") == ["growth"]
        assert [type(one).__name__ for one in entries_of(house, "s-1", EntryKind.CHECKPOINT)] == ["CheckpointTaken"]

    @pytest.mark.parametrize(
        ("names", "taken"),
        [
            ([f"f{number}.py" for number in range(25)], 1),
            ([f"f{number}.py" for number in range(24)], 0),
            ([f"dist/f{number}.js" for number in range(200)], 0),
            (["one.py"] * 500, 1),
        ],
        ids=["files", "a few files", "what tools make", "entries"],
    )
    async def test_it_is_so_many_files_or_entries(
        self, house: House, workspace: Path, names: Sequence[str], taken: int
    ) -> None:
        await begin(house, workspace, "s-1")
        house.clock.advance(GROWTH_MS)
        await touch(house, "s-1", *names)

        await house.services.unasked.look()
        await house.services.unasked.look()

        assert await reasons_of(house, "s-1") == ["growth"] * taken

    async def test_what_is_only_read_takes_none(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        house.clock.advance(GROWTH_MS)
        await touch(house, "s-1", *(f"f{number}.py" for number in range(600)), access=Access.READ)

        await house.services.unasked.look()

        assert await reasons_of(house, "s-1") == []

    async def test_so_many_are_kept_the_first_and_the_last_among_them(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await take(house, "s-1", "mine")
        taken = []
        for number in range(MOST_AUTOMATIC + 5):
            await touch(house, "s-1", *(f"f{number}-{other}.py" for other in range(25)))
            house.clock.advance(GROWTH_MS)
            await house.services.unasked.look()
            taken.append((await checkpoints_of(house, "s-1"))[0].checkpoint_id)

        kept = [one.checkpoint_id for one in await checkpoints_of(house, "s-1") if one.name is None]
        assert len(set(taken)) == MOST_AUTOMATIC + 5
        assert len(kept) == MOST_AUTOMATIC
        assert (kept[0], kept[-1]) == (taken[-1], taken[0])
        assert "mine" in [one.name for one in await checkpoints_of(house, "s-1")]


async def test_compaction_takes_one_only_if_anything_is_new(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await decide(house, "s-1")
    compact = house.services.checkpoints.take_before_compaction

    first, new = await compact("s-1", name=None, note=None)
    house.clock.advance(MINUTE)
    again, new_again = await compact("s-1", name=None, note=None)
    named, new_named = await compact("s-1", name="mine", note=None)

    assert (new, new_again, new_named) == (True, False, True)
    assert again == first
    assert named.checkpoint_id != first.checkpoint_id


async def test_what_goes_while_one_is_made_is_not_in_it(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await decide(house, "s-1", "Xyzzy")
    house.clock.advance(SECOND)
    held = house.cache.get("s-1")

    taking = asyncio.ensure_future(take(house, "s-1"))
    await asyncio.sleep(0)
    await house.database.write(
        lambda db: house.cache.thin(db, held, [EntryKind.DECISION], before=house.clock.now(), limit=10)
    )

    assert texts(await taking) == []


class TestRestoring:
    async def test_the_new_session_begins_with_what_the_checkpoint_holds(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1", "Use SQLite.")
        said_at = house.clock.now()
        await touch(house, "s-1", "store.py", "gone.py")
        await touch(house, "s-1", "gone.py", access=Access.DELETE)
        one = await take(house, "s-1")
        house.clock.advance(MINUTE)

        new = session_of(house, await restore(house, one.checkpoint_id, workspace))

        assert (new.continues, new.project_id) == ("s-1", session_of(house, "s-1").project_id)
        assert new.metadata == {"restored_from": one.checkpoint_id}
        assert (new.metrics.accesses, new.metrics.reads, new.metrics.writes) == (0, 0, 0)
        entries = entries_of(house, new.session_id)
        assert {getattr(each, "restored_from", None) for each in entries} == {one.checkpoint_id}
        assert [each.at for each in entries_of(house, new.session_id, EntryKind.DECISION)] == [said_at]
        context = house.services.entries.shown_context(new.session_id)
        assert b"Use SQLite." in context
        assert b'store.py","accessed_at"' in context
        assert b"gone.py" not in context

    async def test_the_session_it_came_from_stays_as_it_is(self, house: House, workspace: Path, world: World) -> None:
        world.processes.begin(7)
        await begin(house, workspace, "s-1", pid=7)
        await decide(house, "s-1")
        one = await take(house, "s-1")
        before = session_of(house, "s-1")

        await restore(house, one.checkpoint_id, workspace)

        assert session_of(house, "s-1") == before
        assert before.active
        assert before.process is not None

    async def test_what_it_began_with_outlives_a_restart_and_the_session_it_came_from(
        self, data: Path, workspace: Path, world: World
    ) -> None:
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s-1")
            await decide(house, "s-1", "Use SQLite.")
            await touch(house, "s-1", "store.py")
            new = await restore(house, (await take(house, "s-1")).checkpoint_id, workspace)
            context = house.services.entries.shown_context(new)
            await end(house, "s-1")
            await house.services.sessions.delete("s-1")

        async with a_house(data, world=world) as house:
            assert house.services.entries.shown_context(new) == context
            await house.database.write(
                lambda db: db.execute("UPDATE sessions SET context_json = NULL, folded_through = 0")
            )
            house.cache.forget(new)
            assert house.services.entries.shown_context(new) == context

    async def test_one_of_another_project_is_refused(self, house: House, workspace: Path, tmp_path: Path) -> None:
        await begin(house, workspace, "s-1")
        one = await take(house, "s-1")
        other = tmp_path / "other"
        other.mkdir()

        with pytest.raises(CheckpointElsewhere, match=one.project_id):
            await restore(house, one.checkpoint_id, other)

    async def test_a_checkpoint_of_the_new_session_holds_what_it_began_with(
        self, house: House, workspace: Path
    ) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1", "first")
        new = await restore(house, (await take(house, "s-1")).checkpoint_id, workspace)
        house.clock.advance(SECOND)
        await decide(house, new, "second")

        assert texts(await take(house, new)) == ["first", "second"]


async def test_one_kept_as_a_memory_says_what_it_does(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await decide(house, "s-1", "Use SQLite.")
    await touch(house, "s-1", "written.py")
    await touch(house, "s-1", "read.py", access=Access.READ)
    one = await house.services.checkpoints.take("s-1", name="half way", note="before lunch")

    kept = (await house.services.resuming.keep(one.checkpoint_id, key=None)).memory

    assert kept.key == "checkpoint: half way"
    assert all(text in kept.value for text in ("half way", "before lunch", "Use SQLite."))
    assert not any(text in kept.value for text in (WHAT, FENCE))  # a briefing, which shows it, has a frame of its own
    assert kept.metadata["checkpoint_id"] == one.checkpoint_id
    assert kept.files == (f"{workspace}/written.py",)


class TestSearch:
    async def test_they_are_found_by_name_note_and_what_they_hold(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await decide(house, "s-1", "Use SQLite.")
        one = await house.services.checkpoints.take("s-1", name="halfway house", note="before lunch")
        kind = Scope(kind=ResultKind.CHECKPOINT)

        for question in ("halfway", "lunch", "sqlite"):
            found = (await house.services.search.find(question, kind, limit=10, mode=SearchMode.AUTO)).hits

            assert [hit.told and hit.told.id for hit in found] == [one.checkpoint_id]

    async def test_of_those_nobody_asked_for_the_last_is_found_and_only_if_wanted(
        self, house: House, workspace: Path
    ) -> None:
        await begin(house, workspace, "s-1")
        for number in range(2):
            for other in range(8):
                await decide(house, "s-1", f"Use SQLite {number} {other}.")
            house.clock.advance(GROWTH_MS)
            await house.services.unasked.look()
        newest, _ = await checkpoints_of(house, "s-1")
        find = house.services.search.find

        kind = Scope(kind=ResultKind.CHECKPOINT)
        wanted = (await find("sqlite", kind, limit=20, mode=SearchMode.AUTO)).hits
        every = (await find("sqlite", Scope(), limit=20, mode=SearchMode.AUTO)).hits

        assert [hit.told and hit.told.id for hit in wanted] == [newest.checkpoint_id]
        assert {hit.told and hit.told.kind for hit in every} == {ResultKind.DECISION}
        assert (await house.services.indexing.check()).sound
        assert await house.services.indexing.rebuild() == 17

    async def test_a_deleted_session_leaves_none_in_the_index(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await take(house, "s-1", "Xyzzy")
        await house.services.indexing.settle()
        await end(house, "s-1")

        await house.services.sessions.delete("s-1")

        assert (await house.services.indexing.check()).documents == 0


class TestChain:
    async def test_it_has_what_came_before_and_what_came_after(self, house: House, workspace: Path) -> None:
        for name, before in (("a", "elsewhere"), ("b", "a"), ("c", "b"), ("d", "b"), ("e", "d")):
            request = SessionCreate(tool_id="t", workspace_path=str(workspace), session_id=name, continues=before)
            await house.services.sessions.create(request, caller=None)
            house.clock.advance(SECOND)

        chain = await house.services.resuming.chain("b")
        last = await house.services.resuming.chain("e")

        assert [one.session_id for one in chain.ancestors] == ["a"]
        assert [one.session_id for one in chain.successors] == ["c", "d", "e"]
        assert (chain.unknown, chain.complete) == ("elsewhere", True)
        assert [one.session_id for one in last.ancestors] == ["d", "b", "a"]

    async def test_a_circle_is_shown_once_round(self, house: House, workspace: Path) -> None:
        for name, before in (("a", "c"), ("b", "a"), ("c", "b")):
            request = SessionCreate(tool_id="t", workspace_path=str(workspace), session_id=name, continues=before)
            await house.services.sessions.create(request, caller=None)

        chain = await house.services.resuming.chain("a")

        assert [one.session_id for one in chain.ancestors] == ["c", "b"]
        assert (chain.successors, chain.unknown, chain.complete) == ([], None, True)

    async def test_a_long_one_is_shown_in_part(self, house: House, workspace: Path) -> None:
        for number in range(203):
            before = f"s-{number - 1}" if number else None
            request = SessionCreate(
                tool_id="t", workspace_path=str(workspace), session_id=f"s-{number}", continues=before
            )
            await house.services.sessions.create(request, caller=None)

        chain = await house.services.resuming.chain("s-101")

        assert (len(chain.ancestors), len(chain.successors), chain.complete) == (100, 100, False)

    async def test_a_session_goes_on_from_none_of_another_project(
        self, house: House, workspace: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        await begin(house, workspace, "s-1")
        request = SessionCreate(tool_id="t", workspace_path=str(other), continues="s-1")

        with pytest.raises(InvalidRequest, match="continues"):
            await house.services.sessions.create(request, caller=None)

        assert [one.session_id for one in (await house.services.resuming.chain("s-1")).successors] == []

"""What a session was about is known at any time, costs what is new, and says nothing that was erased."""

import asyncio
from pathlib import Path

import pytest

from omnimem.errors import SessionNotFound
from omnimem.model import Access, ContextAppend, EntryKind, MemoryCreate, ResultKind, SearchMode, SessionUpdate
from omnimemd.domain.digest import How, SessionDigest
from omnimemd.domain.retention import Rule
from omnimemd.storage import digests as rows
from omnimemd.storage import usefulness as usefulness_rows
from omnimemd.storage.database import Connection
from omnimemd.storage.entries import Removed
from omnimemd.storage.search_index import Scope
from omnimemd.storage.usefulness import MemoryRead
from tests.services.stories import begin, decide, end, session_of
from tests.support.clock import DAY, SECOND
from tests.support.house import House, World, a_house
from tests.support.waiting import until


async def record(house: House, session_id: str, *, files: int = 3, said: str = "") -> None:
    """Record a search that leads to a file, a decision, a memory and some files."""
    drafts = [
        ContextAppend(search_query=f"where {said}"),
        *(ContextAppend(file_path=f"f{number}.py", access=Access.WRITE) for number in range(files)),
        ContextAppend(decision=f"decided {said}"),
        ContextAppend(memory_id="mem_0123456789ab", memory_key="stack"),
    ]
    for at in range(0, len(drafts), 1000):
        await house.services.entries.append(session_id, drafts[at : at + 1000])


def forget_digests(db: Connection) -> None:
    db.execute("DELETE FROM session_digests")


def kept(house: House, session_id: str) -> int:
    """Return up to which entry the digest is kept, 0 when it is not."""
    key = house.cache.get(session_id).key
    return house.database.read_now(lambda db: rows.state(db, key).through)


async def anew(house: House, session_id: str) -> SessionDigest:
    """Return the digest made of the entries alone."""
    await house.database.write(forget_digests)
    return await house.digests.of(session_id)


async def test_a_live_session_is_known_as_it_is_now(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    assert (await house.digests.of("s-1")).through == 0
    await record(house, "s-1", said="one")
    house.clock.advance(SECOND)
    await decide(house, "s-1", "two")

    made = await house.digests.of("s-1")

    assert (made.session_id, made.tool_id, made.active, made.through) == ("s-1", "tool", True, 7)
    assert [one.text for one in made.decisions] == ["decided one", "two"]
    assert [(one.query, one.led_to) for one in made.searches] == [
        ("where one", tuple(f"{workspace}/f{number}.py" for number in range(3)))
    ]
    assert [(one.memory_id, one.key) for one in made.memories] == [("mem_0123456789ab", "stack")]
    assert {one.path for one in made.files} == {f"{workspace}/f{number}.py" for number in range(3)}
    assert made.last_activity == house.clock.now()


async def test_going_on_from_what_is_kept_is_the_same_as_beginning_anew(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    for number in range(4):
        await record(house, "s-1", said=str(number), files=300)
        await house.digests.of("s-1")
        house.clock.advance(SECOND)
    assert kept(house, "s-1") == 4 * 303

    going_on = await house.digests.of("s-1")

    assert going_on == await anew(house, "s-1")


async def test_nothing_is_kept_while_little_is_new(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await record(house, "s-1")

    await house.digests.of("s-1")

    assert kept(house, "s-1") == 0


async def test_the_digest_of_a_session_that_ends_is_kept_by_itself(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await record(house, "s-1")

    await end(house, "s-1")

    await until(lambda: kept(house, "s-1") == 6)


async def test_what_comes_after_the_end_is_in_it_too(house: House, workspace: Path) -> None:
    await begin(house, workspace, "s-1")
    await record(house, "s-1")
    await end(house, "s-1")
    await house.digests.catch_up()

    await decide(house, "s-1", "late")

    await until(lambda: kept(house, "s-1") == 7)
    assert [one.text for one in (await house.digests.of("s-1")).decisions] == ["decided ", "late"]


async def test_sessions_of_an_earlier_program_get_theirs(data: Path, workspace: Path, world: World) -> None:
    names = [f"s-{number}" for number in range(70)]
    async with a_house(data, world=world) as house:
        for name in names:
            await begin(house, workspace, name)
            await record(house, name, said=name)
            await end(house, name)
        await house.digests.catch_up()
        before = [await house.digests.of(name) for name in names]
        await house.database.write(forget_digests)
    async with a_house(data, world=world) as house:
        await house.digests.catch_up()

        assert [kept(house, name) for name in names] == [6] * 70
        assert [await house.digests.of(name) for name in names] == before


async def test_a_kill_loses_nothing_of_it(data: Path, workspace: Path, world: World, tmp_path: Path) -> None:
    async with a_house(data, world=world) as first:
        await begin(first, workspace, "s-1")
        await record(first, "s-1", files=1500)
        await first.digests.of("s-1")
        await record(first, "s-1", said="more")
        before = await first.digests.of("s-1")
        left = first.as_kill_9_would_leave_it(tmp_path / "left")

    async with a_house(left, world=world) as second:
        assert await second.digests.of("s-1") == before


async def test_the_digest_of_no_session_is_not_found(house: House) -> None:
    with pytest.raises(SessionNotFound):
        await house.digests.of("nobody")


async def test_the_memories_that_it_read_are_in_it_and_none_that_is_gone(house: House, workspace: Path) -> None:
    project = (await begin(house, workspace, "s-1")).project_id
    await record(house, "s-1")
    at, key = house.clock.now(), house.cache.get("s-1").key
    ids = [
        (await house.services.memories.create(project, MemoryCreate(key=key, value="x"))).memory.memory_id
        for key in ("read", "found", "purged")
    ]
    read = [MemoryRead(one, at, at, found=number == 1) for number, one in enumerate(ids)]
    await house.database.write(lambda db: usefulness_rows.read(db, key, read))
    await house.services.memories.delete(project, ids[2], purge=True)

    made = await house.digests.of("s-1")

    assert [(one.key, one.how) for one in made.memories] == [("stack", How.WRITTEN), ("read", How.USED)]
    assert await house.digests.recent(project, limit=1) == [made]


class TestRecent:
    async def test_those_with_the_newest_activity_come_first(self, house: House, workspace: Path) -> None:
        for name in ("s-1", "s-2", "s-3"):
            await begin(house, workspace, name)
            house.clock.advance(SECOND)
            await record(house, name, said=name)
        await begin(house, workspace, "nothing in it")
        await end(house, "s-2")
        house.clock.advance(SECOND)
        await decide(house, "s-1", "newest")

        found = await house.digests.recent(session_of(house, "s-1").project_id, limit=2)

        assert [one.session_id for one in found] == ["s-1", "s-3"]
        assert found == [await house.digests.of("s-1"), await house.digests.of("s-3")]

    async def test_ended_ones_are_read_as_they_are_kept(self, house: House, workspace: Path) -> None:
        for name in ("s-1", "s-2"):
            await begin(house, workspace, name)
            await record(house, name, said=name)
            await end(house, name)
        await house.services.sessions.update("s-1", SessionUpdate(archived=True))
        await house.digests.catch_up()

        found = await house.digests.recent(session_of(house, "s-1").project_id, limit=10)

        assert found == [await house.digests.of("s-2"), await house.digests.of("s-1")]
        assert [one.archived for one in found] == [False, True]

    async def test_none_is_of_another_project(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await record(house, "s-1")

        assert await house.digests.recent("another", limit=10) == []


class TestErasing:
    async def test_a_deleted_session_leaves_no_digest(self, house: House, workspace: Path) -> None:
        project = (await begin(house, workspace, "s-1")).project_id
        await record(house, "s-1", said="Xyzzy")
        await end(house, "s-1")
        await house.digests.catch_up()

        await house.services.sessions.delete("s-1")

        assert await house.digests.recent(project, limit=10) == []
        assert b"Xyzzy" not in house.database.path.read_bytes()

    async def test_a_decision_that_retention_takes_leaves_the_digest(
        self, data: Path, workspace: Path, world: World
    ) -> None:
        async with a_house(data, world=world, retention={Rule.DECISIONS: "30d"}) as house:
            await begin(house, workspace, "s-1")
            await record(house, "s-1", said="Xyzzy")
            await end(house, "s-1")
            await house.digests.catch_up()
            world.clock.advance(31 * DAY)
            await decide(house, "s-1", "since")
            await house.digests.catch_up()

            await house.services.retention.apply()

            made = await house.digests.of("s-1")
            assert [one.text for one in made.decisions] == ["since"]
            assert (len(made.searches), made.more_decisions) == (1, 0)  # the rest stays as it was
            assert made == await anew(house, "s-1")
            assert b"decided Xyzzy" not in house.database.path.read_bytes()

    async def test_what_is_taken_while_a_digest_is_made_is_not_kept_by_it(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await record(house, "s-1", files=400, said="Xyzzy")
        house.clock.advance(SECOND)

        def take_decisions(db: Connection) -> Removed:
            return house.cache.thin(
                db, house.cache.get("s-1"), [EntryKind.DECISION], before=house.clock.now(), limit=10
            )

        making = asyncio.ensure_future(house.digests.of("s-1"))
        await asyncio.sleep(0)  # the entries are being read
        house.database._reading.submit(lambda: None).result()  # they were, and nobody has heard of it yet
        await house.database.write(take_decisions)

        assert [one.text for one in (await making).decisions] == ["decided Xyzzy"]  # it was asked for before
        assert (await house.digests.of("s-1")).decisions == ()


class TestSummaries:
    async def found(self, house: House, question: str) -> list[str]:
        """Return the summaries that are found."""
        await house.digests.catch_up()
        scope = Scope(kind=ResultKind.SUMMARY)
        hits = await house.services.search.find(question, scope, limit=10, mode=SearchMode.TEXT)
        return [hit.told.text for hit in hits.hits if hit.told is not None]

    async def test_an_ended_session_is_found_by_what_it_was_about(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await record(house, "s-1", said="on lighthouses")
        assert await self.found(house, "lighthouse") == []
        await end(house, "s-1")

        (text,) = await self.found(house, "lighthouse")

        assert "decided on lighthouses" in text.splitlines()
        assert ".: changed f2.py, f1.py, f0.py" in text.splitlines()
        assert await self.found(house, "f1.py") == [text]

    async def test_what_comes_later_is_in_it_then(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await record(house, "s-1", said="on lighthouses")
        await end(house, "s-1")
        (before,) = await self.found(house, "lighthouse")

        await decide(house, "s-1", "zeppelins fly")

        (after,) = await self.found(house, "zeppelin")
        assert after == await self.only(house, "lighthouse")
        assert before != after

    async def only(self, house: House, question: str) -> str:
        (text,) = await self.found(house, question)
        return text

    async def test_a_session_that_was_taken_up_again_is_summarised_at_its_next_end(
        self, house: House, workspace: Path
    ) -> None:
        await begin(house, workspace, "s-1")
        await record(house, "s-1", said="on lighthouses")
        await house.services.sessions.end("s-1", detail="first")
        assert "It was closed. first" in await self.only(house, "lighthouse")
        await begin(house, workspace, "s-1")
        house.clock.advance(SECOND)

        await house.services.sessions.end("s-1", detail="second")

        assert "It was closed. second" in await self.only(house, "lighthouse")
        assert await self.found(house, "first") == []

    async def test_it_goes_with_its_session(self, house: House, workspace: Path) -> None:
        await begin(house, workspace, "s-1")
        await record(house, "s-1", said="Xyzzy", files=2)
        await house.services.sessions.end("s-1", detail="Plugh")
        assert await self.found(house, "plugh")

        await house.services.sessions.delete("s-1")

        assert await self.found(house, "plugh") == []
        data = house.database.path.read_bytes().lower()
        assert b"plugh" not in data
        assert b"xyzzy" not in data

    async def test_a_decision_that_retention_takes_leaves_it(self, data: Path, workspace: Path, world: World) -> None:
        async with a_house(data, world=world, retention={Rule.DECISIONS: "30d"}) as house:
            await begin(house, workspace, "s-1")
            await record(house, "s-1", said="on lighthouses")
            await decide(house, "s-1", "Xyzzy")
            await end(house, "s-1")
            assert "Xyzzy" in await self.only(house, "lighthouse")
            world.clock.advance(31 * DAY)

            await house.services.retention.apply()

            assert "where on lighthouses" in await self.only(house, "lighthouse")  # the search stays
            assert await self.found(house, "xyzzy") == []
            assert b"xyzzy" not in house.database.path.read_bytes().lower()

    async def test_the_index_knows_whether_it_has_all_of_them(self, house: House, workspace: Path) -> None:
        for name in ("s-1", "s-2"):
            await begin(house, workspace, name)
            await record(house, name, said=f"on lighthouses in {name}")
            await end(house, name)
        before = await self.found(house, "lighthouse")
        assert len(before) == 2
        assert (await house.services.indexing.check()).sound

        await house.database.write(lambda db: db.execute("DELETE FROM search_documents WHERE kind = 5"))
        assert (await house.services.indexing.check()).missing == 2
        await house.services.indexing.rebuild()

        assert (await house.services.indexing.check()).sound
        assert sorted(await self.found(house, "lighthouse")) == sorted(before)

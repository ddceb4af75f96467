"""Older entries move into segments in the background, and nobody who asks can tell."""

from pathlib import Path

import apsw
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from omnimem.errors import StoreUnavailable
from omnimem.model import Access, ContextAppend, EntryKind, SessionUpdate, Verdict
from omnimemd.domain.entries import Entry, Numbered
from omnimemd.domain.retention import Rule
from omnimemd.storage import entries as rows
from omnimemd.storage import integrity, segments
from omnimemd.storage.database import Connection, Database
from tests.services.exports import exported, imported
from tests.services.stories import begin, decide, end, session_of
from tests.support.clock import DAY, HOUR
from tests.support.factories import a_decision, a_gap, a_scan, an_access
from tests.support.house import House, World, a_house

Client = TestClient[web.Request, web.Application]


def ordinary(count: int, *, at: int) -> list[Entry]:
    """Return *count* entries of several kinds, every twentieth of them a decision."""
    new: list[Entry] = []
    for number in range(count):
        moment = at + number * 10
        match number % 20:
            case 3:
                new.append(a_decision(f"decided {number}", at=moment))
            case 7:
                new.append(a_scan(at=moment))
            case 11:
                new.append(an_access(f"/w/new-{number}", Access.MOVE, old_path="/w/odd-\udcff", at=moment))
            case 13:
                new.append(a_gap(at=moment))
            case _:
                new.append(an_access(f"/w/file-{number % 40}", [Access.READ, Access.WRITE][number % 2], at=moment))
    return new


async def a_long_session(house: House, workspace: Path, name: str = "s-1", *, count: int = 3_000) -> None:
    """Begin a session and record as much, a thousand at a time."""
    await begin(house, workspace, name)
    new = ordinary(count, at=house.clock.now())
    for first in range(0, count, 1_000):
        await house.services.entries.record({name: new[first : first + 1_000]})


def in_rows(house: House, name: str = "s-1") -> int:
    """Return how many entries that could be compressed are rows."""
    key = house.cache.get(name).key
    return int(
        house.database.read_now(
            lambda db: db.execute("SELECT count(*) FROM entries WHERE session = ? AND kind IN (1, 5, 6)", (key,)).get
        )
    )


def in_segments(house: House, name: str = "s-1") -> int:
    return house.cache.get(name).packed.segments


def every(house: House, name: str = "s-1") -> list[Numbered]:
    key = house.cache.get(name).key
    return house.database.read_now(lambda db: list(rows.each(db, key)))


async def answers(client: Client, name: str = "s-1") -> list[bytes]:
    """Return what the API says of a session, page by page, kind by kind, and its context."""
    places = [
        f"/sessions/{name}/entries?after={after}&limit={limit}" for after in (0, 1, 999, 1777) for limit in (1, 1000)
    ]
    places += [f"/sessions/{name}/entries?kind={kind}&limit=700" for kind in EntryKind]
    found = [await (await client.get(place)).read() for place in places]
    context = await (await client.get(f"/sessions/{name}/context")).json()
    return [*found, str((context["context"], context["size_bytes"])).encode()]


async def test_every_answer_is_what_it_was_when_a_session_that_ended_is_compressed(
    house: House, workspace: Path
) -> None:
    await a_long_session(house, workspace)
    await end(house, "s-1")
    async with TestClient(TestServer(house.app)) as client:
        before, export = await answers(client), await exported(house)
        context = await (await client.get("/sessions/s-1/context")).json()
        size = session_of(house, "s-1").size_bytes
        assert context["compressed"] is False

        await house.compression.catch_up()

        assert (in_rows(house), in_segments(house)) == (0, 3)
        assert await answers(client) == before
        assert await exported(house) == export
        context = await (await client.get("/sessions/s-1/context")).json()
        assert context["compressed"] is True
        assert session_of(house, "s-1").size_bytes < size / 4


async def test_the_size_of_a_session_is_what_its_rows_and_segments_take(
    data: Path, workspace: Path, world: World
) -> None:
    async with a_house(data, world=world) as house:
        await a_long_session(house, workspace)
        await end(house, "s-1")
        await house.compression.catch_up()
        packed = house.database.read_now(lambda db: db.execute("SELECT sum(length(packed)) FROM entry_segments").get)
        key = house.cache.get("s-1").key
        said = house.database.read_now(lambda db: [size for one, size in rows.after(db, key, 0) if is_said(one)])

        assert session_of(house, "s-1").size_bytes == packed + sum(said)
        await house.services.entries.append("s-1", [ContextAppend(decision="later")])
        size = session_of(house, "s-1").size_bytes
        assert packed + sum(said) < size < packed + sum(said) + 76
    async with a_house(data, world=world) as house:  # and so it was stored
        assert session_of(house, "s-1").size_bytes == size
        house.services.entries.shown_context("s-1")
        assert session_of(house, "s-1").size_bytes == size


def is_said(one: Numbered) -> bool:
    return type(one.entry).__name__ == "Decision"


@pytest.mark.parametrize("pinned", [False, True])
async def test_of_a_session_that_runs_all_but_the_latest_is_compressed(
    house: House, workspace: Path, pinned: bool
) -> None:
    await house.compression.catch_up()  # what an earlier run left is looked for once
    await a_long_session(house, workspace, count=4_000)
    await house.services.sessions.update("s-1", SessionUpdate(pinned=pinned))
    before = every(house)

    await house.compression.catch_up()

    assert in_segments(house) == 3
    assert segments.KEPT * 0.9 < in_rows(house) < segments.MOST
    assert every(house) == before
    await decide(house, "s-1", "and on")
    assert [one.seq for one in every(house)] == list(range(1, 4_002))


async def test_what_a_session_does_after_it_was_compressed_is_compressed_in_its_turn(
    house: House, workspace: Path
) -> None:
    await a_long_session(house, workspace)
    await end(house, "s-1")
    await house.compression.catch_up()
    await begin(house, workspace, "s-1")
    await house.services.entries.record({"s-1": ordinary(200, at=house.clock.now())})
    before = every(house)
    await end(house, "s-1")

    await house.compression.catch_up()

    assert (in_rows(house), in_segments(house)) == (0, 4)
    assert every(house) == before


async def test_few_entries_stay_rows(house: House, workspace: Path) -> None:
    await a_long_session(house, workspace, count=segments.FEWEST)
    await end(house, "s-1")

    await house.compression.catch_up()

    assert in_segments(house) == 0


async def test_a_start_finds_what_is_left_to_do(data: Path, workspace: Path, world: World) -> None:
    async with a_house(data, world=world) as house:
        await a_long_session(house, workspace)
        await end(house, "s-1")
        before = every(house)
    async with a_house(data, world=world) as house:
        await house.compression.catch_up()

        assert (in_rows(house), in_segments(house)) == (0, 3)
        assert every(house) == before


async def test_killed_in_the_middle_it_goes_on(data: Path, workspace: Path, world: World, tmp_path: Path) -> None:
    async with a_house(data, world=world) as house:
        await a_long_session(house, workspace)
        await end(house, "s-1")
        before, context = every(house), house.services.entries.shown_context("s-1")
        assert await house.compression._compress_some("s-1")
        left = house.as_kill_9_would_leave_it(tmp_path / "left")
    async with a_house(left, world=world) as house:
        assert in_segments(house) == 1
        assert every(house) == before

        await house.compression.catch_up()

        assert (in_rows(house), in_segments(house)) == (0, 3)
        assert every(house) == before
        assert house.services.entries.shown_context("s-1") == context


async def test_whatever_is_committed_has_each_entry_once(
    data: Path, workspace: Path, world: World, tmp_path: Path
) -> None:
    left: list[Path] = []
    async with a_house(data, world=world) as house:
        await a_long_session(house, workspace)
        await end(house, "s-1")
        before = every(house)

        def copied(*_: object) -> int:
            left.append(house.as_kill_9_would_leave_it(tmp_path / f"commit-{len(left)}"))
            return apsw.SQLITE_OK

        house.database._writer.set_wal_hook(copied)
        await house.compression.catch_up()

    assert len(left) >= 4
    for place in left:
        async with Database(place / "omnimem.db") as database:
            assert database.read_now(lambda db: list(rows.each(db, 1))) == before
            assert database.read_now(lambda db: list(integrity.broken_segments(db))) == []


async def test_a_context_that_was_given_up_is_folded_anew_from_segments(
    data: Path, workspace: Path, world: World
) -> None:
    async with a_house(data, world=world) as house:
        await a_long_session(house, workspace)
        await end(house, "s-1")
        await house.compression.catch_up()
        before, context = session_of(house, "s-1"), house.services.entries.shown_context("s-1")
        await house.database.write(lambda db: db.execute("UPDATE sessions SET compressed_context = x'00'"))

        found = {one.name: one for one in await house.services.doctor.examine(repair=True)}

        assert found["sessions"].repaired is not None
        assert session_of(house, "s-1") == before
        assert house.services.entries.shown_context("s-1") == context


async def test_a_store_that_fails_leaves_it_to_be_done(
    house: House, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_long_session(house, workspace)
    await end(house, "s-1")
    before, size = every(house), session_of(house, "s-1").size_bytes
    put = segments.put

    def full(db: Connection, key: int, segment: segments.Segment) -> None:
        put(db, key, segment)
        raise apsw.FullError

    monkeypatch.setattr(segments, "put", full)
    with pytest.raises(StoreUnavailable):
        await house.compression.catch_up()
    monkeypatch.undo()

    assert (in_segments(house), session_of(house, "s-1").size_bytes) == (0, size)
    assert every(house) == before
    await house.compression.catch_up()
    assert (in_rows(house), in_segments(house)) == (0, 3)
    assert every(house) == before


async def test_a_session_that_is_deleted_meanwhile_is_gone(house: House, workspace: Path) -> None:
    await a_long_session(house, workspace)
    await end(house, "s-1")
    prepared = await house.compression._prepared("s-1")
    assert prepared is not None
    await house.services.sessions.delete("s-1")

    await house.compression.catch_up()

    assert house.database.read_now(lambda db: db.execute("SELECT count(*) FROM entry_segments").get) == 0


async def test_a_deleted_session_leaves_none_of_its_segments_bytes(data: Path, workspace: Path) -> None:
    async with a_house(data) as house:
        await a_long_session(house, workspace)
        await end(house, "s-1")
        await house.compression.catch_up()
        packed = house.database.read_now(lambda db: db.execute("SELECT packed FROM entry_segments").fetchall())
        pieces = [
            one[at : at + 32] for (one,) in packed if isinstance(one, bytes) for at in range(0, len(one) - 32, 32)
        ]
        assert any(piece in stored(data) for piece in pieces)

        await house.services.sessions.delete("s-1")

        assert [piece for piece in pieces if piece in stored(data)] == []


def stored(data: Path) -> bytes:
    return b"".join(file.read_bytes() for file in data.glob("omnimem.db*"))


async def test_retention_takes_accesses_out_of_segments(data: Path, workspace: Path, world: World) -> None:
    kept = dict.fromkeys(Rule, "forever") | {Rule.ACCESSES: "30d"}
    async with a_house(data, world=world, retention=kept) as house:
        await a_long_session(house, workspace)
        world.clock.advance(2 * DAY)
        await house.services.entries.record({"s-1": ordinary(100, at=world.clock.now())})
        await end(house, "s-1")
        await house.compression.catch_up()
        context = house.services.entries.shown_context("s-1")
        world.clock.advance(29 * DAY)
        await house.services.retention.apply()
        assert len(every(house)) == 3_100, "it ended later"
        world.clock.advance(DAY + HOUR)

        due = await house.services.retention.try_out()
        done = await house.services.retention.apply()

        assert done.removed == due.removed == dict.fromkeys(Rule, 0) | {Rule.ACCESSES: 3_100 - 155}
        assert all(map(is_said, every(house)))
        assert in_segments(house) == 0
        assert house.services.entries.shown_context("s-1") == context


async def test_what_retention_leaves_of_a_segment_is_there_and_what_it_took_is_not(
    data: Path, workspace: Path, world: World
) -> None:
    kept = dict.fromkeys(Rule, "forever") | {Rule.ACCESSES: "30d"}
    async with a_house(data, world=world, retention=kept) as house:
        await begin(house, workspace, "s-1")
        await house.services.entries.record({"s-1": ordinary(300, at=world.clock.now())})
        await end(house, "s-1")
        world.clock.advance(20 * DAY)
        await house.services.entries.record({"s-1": ordinary(300, at=world.clock.now())})
        await house.compression.catch_up()
        before = every(house)
        world.clock.advance(15 * DAY)

        done = await house.services.retention.apply()

        assert done.removed[Rule.ACCESSES] == 285
        assert in_segments(house) == 1
        assert every(house) == [one for one in before if is_said(one) or one.seq > 300]
        found = {one.name: one.finding.verdict for one in await house.services.doctor.examine(repair=False)}
        assert (found["entries"], found["sessions"]) == (Verdict.OK, Verdict.OK)


async def test_an_export_comes_back_where_it_is_compressed_already(house: House, workspace: Path) -> None:
    await a_long_session(house, workspace)
    await end(house, "s-1")
    await house.compression.catch_up()
    export = await exported(house)

    done = await imported(house, export, size=100_000)

    assert done.entries.unchanged == 3_000
    assert done.sessions.unchanged == 1


async def test_damage_is_found_by_the_doctor(house: House, workspace: Path) -> None:
    await a_long_session(house, workspace)
    await end(house, "s-1")
    await house.compression.catch_up()
    await house.database.write(
        lambda db: db.execute("UPDATE entry_segments SET packed = x'28b52ffd' WHERE first_seq = 1")
    )

    found = {one.name: one.finding for one in await house.services.doctor.examine(repair=True)}

    assert found["entries"].verdict is Verdict.FAIL
    assert "s-1" in found["entries"].detail

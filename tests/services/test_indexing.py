"""The search index says what is stored, whatever happens, and nothing that is gone."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import ContextAppend, MemoryCreate, MemoryUpdate, SearchMode, SessionCreate
from omnimemd.domain.search_terms import terms
from omnimemd.services import background
from omnimemd.services.indexing import Condition
from omnimemd.storage import search_pending as pending
from omnimemd.storage.database import Connection
from omnimemd.storage.search_index import Scope
from tests.services.exports import exported, imported
from tests.support.faults import no_file_grows_beyond
from tests.support.house import House, World, a_house
from tests.support.waiting import until

T = TypeVar("T")
WORD = "xylophonequux"


async def write(house: House, key: str, value: str, *, session_id: str | None = None) -> str:
    request = MemoryCreate(key=key, value=value, session_id=session_id)
    return (await house.services.memories.create("p", request)).memory.memory_id


async def found(house: House, question: str) -> list[str]:
    """Return the keys of the memories, and the text of what else is found."""
    hits = (await house.services.search.find(question, Scope(), limit=100, mode=SearchMode.TEXT)).hits
    memories = [hit.memory.key for hit in hits if hit.memory is not None]
    return sorted(memories + [hit.told.text for hit in hits if hit.told is not None])


async def begin(house: House, workspace: Path) -> str:
    request = SessionCreate(tool_id="tool", workspace_path=str(workspace), session_id="s-1")
    session, _ = await house.services.sessions.create(request, caller=None)
    return session.session_id


def log_size(house: House) -> int:
    return Path(f"{house.database.path}-wal").stat().st_size


def waiting(house: House) -> int:
    return house.database.read_now(pending.count_waiting)


def bytes_of(house: House) -> bytes:
    """Return the database and its log as they are on the disk."""
    return b"".join(file.read_bytes() for file in sorted(house.database.path.parent.glob("omnimem.db*")))


async def test_what_is_written_is_indexed_without_anybody_asking(house: House, workspace: Path) -> None:
    session_id = await begin(house, workspace)
    await write(house, "k", "alpha")
    await house.services.entries.append(session_id, [ContextAppend(decision="beta", search_query="gamma")])

    await until(lambda: waiting(house) == 0)

    assert (await house.services.indexing.check()).documents == 3


async def test_what_is_imported_is_indexed_without_anybody_asking(
    house: House, workspace: Path, tmp_path: Path
) -> None:
    session_id = await begin(house, workspace)
    await house.services.entries.append(session_id, [ContextAppend(decision="beta")])
    export = await exported(house)
    (tmp_path / "there").mkdir()
    async with a_house(tmp_path / "there") as there:
        await write(there, "k", "alpha")
        await until(lambda: waiting(there) == 0)

        await imported(there, export)

        await until(lambda: waiting(there) == 0)
        assert (await there.services.indexing.check()).documents == 2


async def test_what_waited_when_the_daemon_was_killed_is_indexed_by_the_next_once(
    data: Path, world: World, workspace: Path, tmp_path: Path
) -> None:
    async with a_house(data, world=world) as first:
        session_id = await begin(first, workspace)
        await write(first, "indexed", "alpha")
        await first.services.indexing.settle()
        await write(first, "waits", "alpha too")
        await first.services.entries.append(session_id, [ContextAppend(decision="alpha decided")])
        assert waiting(first) == 2
        left = first.as_kill_9_would_leave_it(tmp_path / "left")

    async with a_house(left, world=world) as second:
        await until(lambda: waiting(second) == 0)

        assert await found(second, "alpha") == ["alpha decided", "indexed", "waits"]
        assert await second.services.indexing.check() == Condition(
            documents=3, waiting=0, missing=0, stale=0, damaged=False
        )


async def test_many_of_one_moment_are_all_indexed(house: House, workspace: Path) -> None:
    session_id = await begin(house, workspace)
    drafts = [ContextAppend(decision=f"alpha number {number}") for number in range(300)]
    await house.services.entries.append(session_id, drafts)

    await until(lambda: waiting(house) == 0)

    assert (await house.services.indexing.check()).documents == 300


async def test_what_is_written_again_before_it_is_indexed_is_found_by_what_it_says_last(house: House) -> None:
    memory_id = await write(house, "k", "alpha")
    prepared = house.database.read_now(lambda db: pending.waiting(db, limit=9, characters=99))
    await house.services.memories.update("p", memory_id, MemoryUpdate(value="beta"))

    (one,) = prepared
    await house.database.write(lambda db: pending.put(db, one, terms(one.text or "")))

    assert await found(house, "alpha") == []
    assert await found(house, "beta") == ["k"]


async def test_where_nothing_can_be_written_what_is_indexed_is_found(house: House) -> None:
    await write(house, "k", "alpha")
    assert await found(house, "alpha") == ["k"]
    await write(house, "later", "beta")

    with no_file_grows_beyond(log_size(house)):
        assert await found(house, "alpha") == ["k"]

    assert await found(house, "beta") == ["later"]


@pytest.mark.parametrize("indexed", [True, False])
async def test_a_purged_memory_leaves_no_byte(house: House, indexed: bool) -> None:
    for number in range(50):
        await write(house, f"other-{number}", f"word{number} xylo xylophonist common words")
    memory_id = await write(house, "k", f"The {WORD} of it: {WORD}s, {WORD.upper()}.")
    await write(house, "last", "xylophonezebra xyz")
    if indexed:
        await house.services.indexing.settle()
        assert WORD.encode() in bytes_of(house)

    await house.services.memories.delete("p", memory_id, purge=True)

    assert WORD.encode() not in bytes_of(house)
    await house.services.indexing.settle()
    assert WORD.encode() not in bytes_of(house)
    assert (await house.services.indexing.check()).sound


async def test_what_a_deleted_session_said_leaves_no_byte(house: House, workspace: Path) -> None:
    session_id = await begin(house, workspace)
    await house.services.entries.append(session_id, [ContextAppend(decision=f"Use the {WORD}.")])
    await house.services.indexing.settle()
    await house.services.sessions.end(session_id, detail=None)

    await house.services.sessions.delete(session_id)

    assert WORD.encode() not in bytes_of(house)
    assert (await house.services.indexing.check()).documents == 0


BREAKAGES: list[tuple[str, str]] = [
    ("a document is gone", "DELETE FROM search_documents WHERE kind = 1"),
    ("its terms are gone", "DELETE FROM search_text"),
    (
        "nothing waits any more",
        "DELETE FROM search_pending; DELETE FROM search_pending_entries; DELETE FROM search_documents",
    ),
    ("another version is indexed", "UPDATE search_documents SET version = 9 WHERE kind = 1"),
    ("the figures are wrong", "UPDATE search_projects SET memories = memories + 1"),
    ("the index contradicts itself", "DELETE FROM search_text_data WHERE id > 10"),
]


@pytest.mark.parametrize("statement", [pytest.param(sql, id=what) for what, sql in BREAKAGES])
async def test_what_is_broken_is_noticed_and_rebuilt(house: House, workspace: Path, statement: str) -> None:
    session_id = await begin(house, workspace)
    await write(house, "k", "alpha")
    await house.services.entries.append(session_id, [ContextAppend(decision="alpha decided")])
    await house.services.indexing.settle()
    assert (await house.services.indexing.check()).sound

    await house.database.write(lambda db: db.execute(statement))
    assert not (await house.services.indexing.check()).sound

    assert await house.services.indexing.rebuild() == 2
    assert (await house.services.indexing.check()).sound
    assert await found(house, "alpha") == ["alpha decided", "k"]


async def test_neighbours_in_a_conversation_are_found(house: House) -> None:
    said = ["hello", "which database?", "sqlite it is", "good", "and the cache?", "none", "fine", "bye"]
    for number, text in enumerate(said):
        await write(house, f"{number}", text, session_id="s-1")
    await write(house, "apart", "sqlite it is", session_id="s-2")

    hits = (await house.services.search.find("database", Scope(), limit=3, mode=SearchMode.TEXT)).hits

    assert [hit.memory.key for hit in hits if hit.memory] == ["1", "2", "0"]


async def test_a_few_memories_of_a_session_are_no_conversation(house: House) -> None:
    await write(house, "a", "which database", session_id="s-1")
    await write(house, "b", "sqlite it is", session_id="s-1")

    assert await found(house, "database") == ["a"]


async def test_what_could_not_be_indexed_is_once_the_store_works_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_RESTART_SECONDS", 0.001)
    put, failures = pending.put, iter([StoreUnavailable("It is full.")] * 3)

    def fails(db: Connection, one: pending.Waiting, words: list[str]) -> None:
        for failure in failures:
            raise failure
        put(db, one, words)

    monkeypatch.setattr(pending, "put", fails)
    await write(house, "k", "alpha")

    await until(lambda: waiting(house) == 0)  # and nothing else is written meanwhile


async def test_to_delete_a_session_takes_what_was_said_out_of_the_index_a_little_at_a_time(
    house: House, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a millisecond, and others are to be served."""
    session_id = await begin(house, workspace)
    said = [ContextAppend(decision=f"d{number}", search_query=f"s{number}") for number in range(40)]
    await house.services.entries.append(session_id, said)
    await house.services.sessions.end(session_id, detail=None)
    await until(lambda: waiting(house) == 0)
    left = [80]
    write, count = house.database.write, "SELECT count(*) FROM search_documents"

    async def counted(work: Callable[[Connection], T], *, durable: bool = False) -> T:
        result = await write(work, durable=durable)
        left.append(house.database.read_now(lambda db: int(db.execute(count).get)))
        return result

    monkeypatch.setattr(house.database, "write", counted)
    await house.services.sessions.delete(session_id)

    assert left[-1] == 0
    assert max(before - after for before, after in pairwise(left)) <= 11  # the session's summary among them
    assert house.cache.find(session_id) is None

"""Vectors are made beside everything else, serve until better ones are there, and go when they are not used."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from omnimem.model import AnsweredMode, MemoryCreate, SearchMode
from omnimemd.domain.ports import EmbeddingUnavailable
from omnimemd.services import semantic
from omnimemd.services.search import Hits
from omnimemd.storage import vectors
from omnimemd.storage.search_index import Scope
from omnimemd.system.embedding.index import Matrices
from omnimemd.system.embedding.thread import Thread
from tests.support.house import House, World, a_house
from tests.support.waiting import until

PROJECT = "app"

#: The dimensions of the vectors here: what a text is about, by its words.
TOPICS = ({"tests", "check", "verify"}, {"bread", "oven", "dough"}, {"database", "sqlite", "storage"})


class TopicEmbedder:
    """Knows what a few words mean."""

    def __init__(self) -> None:
        self.model = "topics"
        self.at_hand = False
        self.fails = False
        self.learned: list[int] = []  #: from how many texts
        self.embedded: list[str] = []

    async def learn(self, texts: Sequence[str]) -> bytes:
        self.learned.append(len(texts))
        return b"%d" % len(texts)

    async def embed(self, texts: Sequence[str], learned: bytes) -> list[bytes]:
        await asyncio.sleep(0)
        if self.fails:
            raise EmbeddingUnavailable("It is down.")
        self.at_hand = True
        self.embedded += texts
        return [bytes(40 * len(topic & set(text.lower().split())) for topic in TOPICS) for text in texts]

    async def rest(self) -> None:
        self.at_hand = False


@pytest.fixture
def embedder() -> TopicEmbedder:
    return TopicEmbedder()


@asynccontextmanager
async def at_home(data: Path, world: World, embedder: TopicEmbedder) -> AsyncIterator[House]:
    thread = Thread()
    async with a_house(data, world=world, embedding=(embedder, Matrices(thread))) as house:
        yield house
    thread.let_go()


@pytest.fixture
async def house(data: Path, world: World, embedder: TopicEmbedder) -> AsyncIterator[House]:
    async with at_home(data, world, embedder) as house:
        yield house


async def keep(house: House, key: str, value: str, *, project: str = PROJECT, session: str | None = None) -> str:
    written = await house.services.memories.create(project, MemoryCreate(key=key, value=value, session_id=session))
    return written.memory.memory_id


async def ask(house: House, question: str, *, mode: SearchMode = SearchMode.AUTO, scope: Scope | None = None) -> Hits:
    scope = scope or Scope(project_id=PROJECT, memories_only=True)
    return await house.services.search.find(question, scope, limit=10, mode=mode)


def keys(hits: Hits) -> list[str]:
    return [hit.memory.key for hit in hits.hits if hit.memory is not None]


async def test_what_shares_no_word_is_found_by_its_meaning(house: House) -> None:
    await keep(house, "a", "run tests with make")
    await keep(house, "b", "the oven is hot")

    found = await ask(house, "verify")

    assert found.mode is AnsweredMode.HYBRID
    assert keys(found)[0] == "a"


async def test_words_and_meaning_add_up(house: House) -> None:
    await keep(house, "a", "tests of nothing")
    await keep(house, "b", "tests check verify")

    assert keys(await ask(house, "tests verify")) == ["b", "a"]


@pytest.mark.parametrize("mode", SearchMode)
async def test_a_question_without_any_word_means_nothing(
    house: House, embedder: TopicEmbedder, mode: SearchMode
) -> None:
    await keep(house, "a", "run tests with make")
    await ask(house, "verify")

    assert (await ask(house, "() -- ?", mode=mode)).hits == []
    assert "() -- ?" not in embedder.embedded


async def test_who_wants_words_gets_words(house: House) -> None:
    await keep(house, "a", "run tests with make")

    found = await ask(house, "verify", mode=SearchMode.TEXT)

    assert (found.mode, found.hits) == (AnsweredMode.TEXT, [])


async def test_who_wants_meaning_gets_meaning(house: House) -> None:
    await keep(house, "bread", "nothing of the kind")
    await keep(house, "b", "dough in the oven")

    found = await ask(house, "oven", mode=SearchMode.SEMANTIC)

    assert found.mode is AnsweredMode.SEMANTIC
    assert set(keys(found)) == {"b", "bread"}


async def test_another_project_is_another_world(house: House) -> None:
    await keep(house, "a", "run tests with make", project="other")
    await keep(house, "b", "the oven is hot")

    assert "a" not in keys(await ask(house, "verify"))
    assert "a" in keys(await ask(house, "verify", scope=Scope()))


async def test_filters_hold_for_what_is_found_by_meaning(house: House) -> None:
    await keep(house, "a", "run tests with make", session="one")
    await keep(house, "b", "run tests with nox", session="two")

    found = await ask(house, "verify", scope=Scope(project_id=PROJECT, session_id="two"))

    assert keys(found) == ["b"]


async def test_a_memory_that_is_written_anew_means_something_else(house: House) -> None:
    await keep(house, "a", "run tests with make")
    await ask(house, "verify")
    await keep(house, "a", "the oven is hot")
    await keep(house, "b", "the database is full")

    assert keys(await ask(house, "sqlite"))[0] == "b"
    assert keys(await ask(house, "dough"))[0] == "a"


async def test_what_is_purged_takes_its_vector_with_it(house: House) -> None:
    memory_id = await keep(house, "a", "run tests with make")
    await ask(house, "verify")

    await house.services.memories.delete(PROJECT, memory_id, purge=True)

    assert house.database.read_now(lambda db: db.execute("SELECT count(*) FROM search_vectors").get) == 0
    assert (await ask(house, "verify")).hits == []


async def test_without_what_makes_vectors_the_answer_says_text_and_health_says_why(
    house: House, embedder: TopicEmbedder
) -> None:
    await keep(house, "a", "run tests with make")
    embedder.fails = True

    for mode in (SearchMode.AUTO, SearchMode.SEMANTIC):
        found = await ask(house, "tests", mode=mode)
        assert (found.mode, keys(found)) == (AnsweredMode.TEXT, ["a"])

    problems = (await house.services.health.check()).problems
    assert problems == ("Search goes by words alone: It is down.",)


async def test_what_failed_is_tried_again_after_a_while(
    house: House, embedder: TopicEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "_AGAIN_SECONDS", 0.0)
    await keep(house, "a", "run tests with make")
    embedder.fails = True
    await ask(house, "verify")

    embedder.fails = False
    found = await ask(house, "verify")

    assert (found.mode, keys(found)) == (AnsweredMode.HYBRID, ["a"])
    assert (await house.services.health.check()).problems == ()


async def test_more_vectors_than_are_loaded_at_once_are_all_loaded(
    data: Path, world: World, embedder: TopicEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_home(data, world, embedder) as house:
        for number in range(7):
            await keep(house, f"k{number}", "run tests with make")
        await ask(house, "verify")
    monkeypatch.setattr(semantic, "_LOADED", 3)

    async with at_home(data, world, embedder) as house:
        assert len((await ask(house, "verify")).hits) == 7


async def test_a_few_new_documents_load_nothing(house: House, embedder: TopicEmbedder) -> None:
    for number in range(5):
        await keep(house, f"k{number}", "run tests with make")
    await house.services.indexing.settle()
    await asyncio.sleep(0)

    assert not embedder.at_hand
    assert house.services.health.figures().vectors_waiting == 5


async def test_many_new_documents_are_seen_to_unasked(house: House, embedder: TopicEmbedder) -> None:
    for number in range(semantic._WORTH_LOADING + 10):
        await keep(house, f"k{number}", "run tests with make")

    await until(lambda: len(embedder.embedded) >= semantic._WORTH_LOADING + 10, seconds=30)
    await until(lambda: house.services.health.figures().vectors_waiting == 0)


async def test_vectors_outlive_the_daemon(data: Path, world: World, embedder: TopicEmbedder) -> None:
    async with at_home(data, world, embedder) as house:
        await keep(house, "a", "run tests with make")
        await ask(house, "verify")
    embedder.embedded.clear()

    async with at_home(data, world, embedder) as house:
        found = await ask(house, "verify")

    assert keys(found) == ["a"]
    assert embedder.embedded == ["verify"]


async def test_another_model_makes_every_vector_anew(data: Path, world: World, embedder: TopicEmbedder) -> None:
    async with at_home(data, world, embedder) as house:
        await keep(house, "a", "run tests with make")
        await ask(house, "verify")
    embedder.model = "other topics"
    embedder.embedded.clear()

    async with at_home(data, world, embedder) as house:
        await ask(house, "verify")
        await until(lambda: house.services.health.figures().vectors_waiting == 0)
        found = await ask(house, "verify")

    assert keys(found) == ["a"]
    assert embedder.embedded.count("a\nrun tests with make") == 1


async def test_it_learns_again_when_there_is_twice_as_much(house: House, embedder: TopicEmbedder) -> None:
    for number in range(9):
        await keep(house, f"k{number}", "run tests with make")
        await ask(house, "verify")
    await until(lambda: house.services.health.figures().vectors_waiting == 0)

    assert embedder.learned == [1, 2, 4, 8]
    epochs = house.database.read_now(lambda db: db.execute("SELECT DISTINCT epoch FROM search_vectors").fetchall())
    assert epochs == [(4,)]


async def test_what_is_not_used_is_given_back_and_loaded_again(
    house: House, embedder: TopicEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "_IDLE_SECONDS", 0.0)
    await keep(house, "a", "run tests with make")
    await ask(house, "verify")
    await until(lambda: not embedder.at_hand)

    assert keys(await ask(house, "verify")) == ["a"]


async def test_an_index_made_anew_has_its_vectors_again(house: House) -> None:
    await keep(house, "a", "the oven is hot", project="first")
    await keep(house, "b", "run tests with make")
    await ask(house, "verify")

    await house.services.indexing.rebuild()

    assert keys(await ask(house, "verify"))[0] == "b"


async def test_a_document_written_while_its_vector_was_made_keeps_waiting(house: House) -> None:
    await keep(house, "a", "run tests with make")
    await house.services.indexing.settle()
    wanted = house.database.read_now(lambda db: vectors.waiting(db, limit=10))
    await keep(house, "a", "the oven is hot")
    await house.services.indexing.settle()

    saved = await house.database.write(lambda db: vectors.save(db, [(wanted[0], b"\x01\x01\x01")], epoch=1))

    assert saved == []
    assert [one.text for one in house.database.read_now(lambda db: vectors.waiting(db, limit=10))] == [
        "a\nthe oven is hot"
    ]


async def test_the_order_is_the_same_each_time(house: House) -> None:
    for number in range(30):
        await keep(house, f"k{number}", f"tests of bread {number % 3}")

    first = keys(await ask(house, "verify dough"))

    assert [keys(await ask(house, "verify dough")) for _ in range(3)] == [first] * 3

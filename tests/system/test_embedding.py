"""Vectors by the table that the extra brings, and those nearest to another."""

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest

from omnimemd.domain.ports import EmbeddingUnavailable
from omnimemd.system.embedding import static
from omnimemd.system.embedding.index import Matrices
from omnimemd.system.embedding.matrix import Matrix
from omnimemd.system.embedding.opening import open_embedding
from omnimemd.system.embedding.quantised import quantised
from omnimemd.system.embedding.static import StaticEmbedder
from omnimemd.system.embedding.thread import Thread

EVERYTHING = (0, 1 << 62)
TEXTS = ["Run the tests with make check", "parseConfigFile reads the settings", "Bread is baked on Sundays", ""]


@pytest.fixture
async def embedder() -> AsyncIterator[StaticEmbedder]:
    thread = Thread()
    yield StaticEmbedder(thread)
    thread.let_go()


def a_vector(*numbers: float) -> bytes:
    return quantised(np.array([numbers]))[0]


async def nearest(embedder: StaticEmbedder, question: str) -> list[int]:
    learned = await embedder.learn(TEXTS)
    matrix = Matrix()
    matrix.add(list(enumerate(await embedder.embed(TEXTS, learned))))
    (asked,) = await embedder.embed([question], learned)
    return [document for document, _ in matrix.nearest(asked, 3, within=EVERYTHING)]


@pytest.mark.parametrize(
    ("question", "answer"),
    [("how to execute the test suite", 0), ("where is configuration loaded", 1), ("the oven for dough", 2)],
)
async def test_a_text_is_near_a_question_in_other_words(embedder: StaticEmbedder, question: str, answer: int) -> None:
    assert (await nearest(embedder, question))[0] == answer


async def test_a_text_of_nothing_is_near_to_nothing(embedder: StaticEmbedder) -> None:
    assert await nearest(embedder, "") == []
    assert 3 not in await nearest(embedder, "tests")


async def test_the_same_text_has_the_same_vector_however_it_is_asked_for(embedder: StaticEmbedder) -> None:
    learned = await embedder.learn(TEXTS)

    together = await embedder.embed(TEXTS, learned)
    alone = [(await embedder.embed([text], learned))[0] for text in TEXTS]

    assert together == alone
    assert {len(vector) for vector in together} == {256}


async def test_a_token_that_is_everywhere_counts_less(embedder: StaticEmbedder) -> None:
    texts = ["service alpha", "service beta", "service gamma"]
    common, rare, both = await embedder.embed(["service", "alpha", "service alpha"], await embedder.learn(texts))
    matrix = Matrix()
    matrix.add([(0, common), (1, rare)])

    assert [document for document, _ in matrix.nearest(both, 2, within=EVERYTHING)] == [1, 0]


async def test_what_rests_is_loaded_again(embedder: StaticEmbedder) -> None:
    before = await embedder.embed(TEXTS, b"")
    assert embedder.at_hand

    await embedder.rest()

    assert not embedder.at_hand
    assert await embedder.embed(TEXTS, b"") == before


async def test_without_the_extra_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "_NEEDED", ("numpy", "no_such_distribution"))

    async with open_embedding(enabled=True, endpoint=None) as opened:
        assert opened is None


async def test_a_broken_installation_says_so(embedder: StaticEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(EmbeddingUnavailable, match="pip install"):
        await embedder.embed(["x"], b"")


def test_opening_loads_nothing_of_the_extra() -> None:
    code = """
import asyncio, sys
from omnimemd.system.embedding.opening import open_embedding

async def main():
    async with open_embedding(enabled=True, endpoint=None) as opened:
        assert opened is not None
        print([name for name in ("numpy", "tokenizers", "wordllama") if name in sys.modules])
        await opened.embedder.embed(["x"], b"")
        print([name for name in ("wordllama", "requests", "pydantic") if name in sys.modules])

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n[]\n"


def test_the_nearest_come_first_and_equals_by_their_number() -> None:
    matrix = Matrix()
    matrix.add([(9, a_vector(1, 0)), (3, a_vector(0, 1)), (5, a_vector(2, 0)), (7, a_vector(1, 1))])

    found = matrix.nearest(a_vector(1, 0), 3, within=EVERYTHING)

    assert [document for document, _ in found] == [5, 9, 7]
    assert found[0][1] == pytest.approx(1, abs=0.001)
    assert found[2][1] == pytest.approx(0.7071, abs=0.001)


def test_of_many_equals_those_of_the_smallest_numbers_are_found() -> None:
    matrix = Matrix()
    matrix.add([(number, a_vector(1, 2)) for number in reversed(range(5000))])

    assert [document for document, _ in matrix.nearest(a_vector(1, 2), 4, within=EVERYTHING)] == [0, 1, 2, 3]


def test_a_document_that_is_added_again_is_replaced() -> None:
    matrix = Matrix()
    matrix.add([(1, a_vector(1, 0))])
    matrix.add([(1, a_vector(0, 1)), (2, a_vector(1, 0))])

    assert len(matrix) == 2
    assert [document for document, _ in matrix.nearest(a_vector(0, 1), 1, within=EVERYTHING)] == [1]


def test_vectors_of_another_length_and_those_of_nothing_are_left_out() -> None:
    matrix = Matrix()
    matrix.add([(1, b"\0"), (2, a_vector(1, 0)), (3, a_vector(1, 0, 0)), (4, a_vector(0, 0))])

    assert len(matrix) == 1
    assert matrix.nearest(a_vector(1, 0, 0), 5, within=EVERYTHING) == []
    assert matrix.nearest(b"\0\0", 5, within=EVERYTHING) == []


def test_only_what_comes_into_question_is_found_and_what_is_asked_for_is_told_of() -> None:
    matrix = Matrix()
    matrix.add([(number, a_vector(1, number / 10)) for number in range(10)])

    found = matrix.nearest(a_vector(1, 0), 2, within=(3, 8), among=[1, 4, 6, 7], also=[9, 6, 77])

    assert [document for document, _ in found] == [4, 6, 9]
    assert found[2][1] < found[1][1]


async def test_groups_are_apart_until_they_are_forgotten() -> None:
    thread = Thread()
    index = Matrices(thread)
    one, other = (0, 9), (10, 19)
    await asyncio.gather(index.add(one, [(1, a_vector(1, 0))]), index.add(other, [(12, a_vector(1, 0))]))

    async def found() -> list[int]:
        nearest = await index.nearest(one, a_vector(1, 0), most=5, within=EVERYTHING, among=None, also=[])
        return [document for document, _ in nearest]

    assert await found() == [1]
    assert set(index.groups()) == {one, other}
    index.forget()
    assert index.groups() == ()
    assert await found() == []
    thread.let_go()

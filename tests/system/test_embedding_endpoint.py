"""The embedder that asks an endpoint: what it sends, and what it makes of odd answers."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from omnimemd.domain.ports import EmbeddingUnavailable
from omnimemd.system.embedding.address import Address, Endpoint, address
from omnimemd.system.embedding.endpoint import EndpointEmbedder
from omnimemd.system.embedding.thread import Thread

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answered(body: Any) -> web.Response:
    """Embeddings of two dimensions: how long the text is, and 1; given in the other order."""
    data = [{"index": number, "embedding": [len(text), 1.0]} for number, text in enumerate(body["input"])]
    return web.json_response({"object": "list", "data": data[::-1], "usage": {}})


@asynccontextmanager
async def asking(
    handler: Handler, *, key: str | None = None, timeout_seconds: float = 30
) -> AsyncIterator[EndpointEmbedder]:
    """An embedder that asks a server whose only route is *handler*."""
    app = web.Application()
    app.router.add_post("/v1/embeddings", handler)
    async with TestServer(app) as server:
        endpoint = Endpoint(Address(str(server.make_url("/v1/embeddings")), None), "small", key, timeout_seconds)
        thread = Thread()
        embedder = EndpointEmbedder(endpoint, thread)
        yield embedder
        await embedder.rest()
        thread.let_go()


async def test_the_texts_go_out_as_openai_has_them_and_come_back_in_their_order() -> None:
    asked: list[tuple[Any, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append((body, request.headers.get("Authorization")))
        return answered(body)

    async with asking(handler, key="s3cret") as embedder:
        vectors = await embedder.embed(["a", "b" * 127], b"")

    assert asked == [
        ({"model": "small", "input": ["a", "b" * 127], "encoding_format": "float"}, "Bearer s3cret"),
    ]
    assert vectors == [bytes([127, 127]), bytes([127, 1])]


async def test_many_texts_are_several_requests_and_long_ones_are_cut() -> None:
    sizes: list[int] = []
    longest: list[int] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        sizes.append(len(body["input"]))
        longest.append(max(map(len, body["input"])))
        return answered(body)

    async with asking(handler) as embedder:
        vectors = await embedder.embed(["x" * 100_000] * 70, b"")

    assert (len(vectors), sizes) == (70, [32, 32, 6])
    assert max(longest) < 2_000


async def test_a_text_that_is_refused_says_nothing_and_the_others_are_embedded() -> None:
    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        return web.Response(status=400) if "bad" in body["input"] else answered(body)

    async with asking(handler) as embedder:
        vectors = await embedder.embed(["good", "bad", "good"], b"")

    assert [any(vector) for vector in vectors] == [True, False, True]


async def refuses(_: web.Request) -> web.Response:
    return web.Response(status=422)


async def fails(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def redirects(_: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "http://192.0.2.1/v1/embeddings"})


async def says_too_little(_: web.Request) -> web.Response:
    return web.json_response({"data": []})


async def speaks_otherwise(_: web.Request) -> web.Response:
    return web.Response(text="<html>")


async def never_ends(request: web.Request) -> web.StreamResponse:
    reply = web.StreamResponse()
    await reply.prepare(request)
    with suppress(ConnectionError):
        while True:
            await reply.write(bytes(1024 * 1024))
    return reply


async def hangs(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (refuses, "answered 422"),
        (fails, "answered 500"),
        (redirects, "answered 307"),
        (says_too_little, "other embeddings"),
        (speaks_otherwise, "something else"),
        (never_ends, "more than embeddings"),
    ],
)
async def test_a_server_that_is_of_no_use_is_told_of(handler: Handler, told: str) -> None:
    async with asking(handler) as embedder:
        with pytest.raises(EmbeddingUnavailable, match=told):
            await embedder.embed(["a", "b"], b"")


async def test_an_answer_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    made = EndpointEmbedder._made

    def noted(embedder: EndpointEmbedder, answer: bytearray, count: int) -> list[bytes]:
        threads.append(threading.current_thread().name)
        return made(embedder, answer, count)

    async def answers(request: web.Request) -> web.Response:
        return answered(await request.json())

    monkeypatch.setattr(EndpointEmbedder, "_made", noted)
    async with asking(answers) as embedder:
        await embedder.embed(["a", "b"], b"")

    assert threads == ["omnimem-embedding_0"]


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    async with asking(hangs, timeout_seconds=0.05) as embedder:
        with pytest.raises(EmbeddingUnavailable, match="did not answer"):
            await embedder.embed(["a"], b"")


async def test_a_unix_socket_is_asked_too(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return answered(await request.json())

    app = web.Application()
    app.router.add_post("/v1/embeddings", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    thread = Thread()
    embedder = EndpointEmbedder(Endpoint(address(f"unix:{tmp_path}/s"), "small", None, 30), thread)

    vectors = await embedder.embed(["abc"], b"")

    assert len(vectors) == 1
    await embedder.rest()
    thread.let_go()
    await runner.cleanup()


async def test_nobody_there_is_told_of(tmp_path: Path) -> None:
    thread = Thread()
    embedder = EndpointEmbedder(Endpoint(address(f"unix:{tmp_path}/nobody"), "small", None, 30), thread)

    with pytest.raises(EmbeddingUnavailable, match="nobody did not answer"):
        await embedder.embed(["a"], b"")
    await embedder.rest()
    thread.let_go()

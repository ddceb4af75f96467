"""The embedder for those who run a model of their own: any endpoint that speaks as OpenAI's `/v1/embeddings` does.

Nothing is sent that the user did not ask for by naming the endpoint: no proxy of the environment is used, and no
redirect is followed.
"""

import errno
from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec

from omnimemd.domain.ports import EmbeddingUnavailable
from omnimemd.system.embedding.address import Endpoint
from omnimemd.system.embedding.thread import Thread

#: Texts in one request.
_AT_ONCE: Final = 32
#: Characters of a text that are sent: the smallest of the usual models take 512 tokens, and some servers refuse more.
_LONGEST: Final = 1_500
#: Bytes of an answer: 32 vectors of 8192 dimensions take 6 MB.
_LARGEST: Final = 16 * 1024 * 1024
#: The answers of a server that takes requests, but not this text: bad request, too large, unprocessable.
_REFUSED: Final = (400, 413, 422)
#: The vector of a text that was refused: it says nothing, and is not asked for again.
_NOTHING: Final = b"\0"


class _Embedding(msgspec.Struct):
    embedding: list[float]
    index: int


class _Answer(msgspec.Struct):
    data: list[_Embedding]


class EndpointEmbedder:
    """Asks the endpoint, with one connection that is kept while it is used."""

    def __init__(self, endpoint: Endpoint, thread: Thread) -> None:
        """Ask *endpoint*, and make its answers vectors on *thread*."""
        self._endpoint = endpoint
        self._thread = thread
        self._session: aiohttp.ClientSession | None = None

    @property
    def model(self) -> str:
        """The model's name; where the endpoint is makes no other vectors."""
        return f"endpoint/{self._endpoint.model}"

    @property
    def at_hand(self) -> bool:
        """Always: what is to be loaded is the server's."""
        return True

    async def learn(self, texts: Sequence[str]) -> bytes:
        """Learn nothing: the model knows."""
        return b""

    async def embed(self, texts: Sequence[str], learned: bytes) -> list[bytes]:
        """Return the vectors of *texts*, which are cut if they are long."""
        made: list[bytes] = []
        for begin in range(0, len(texts), _AT_ONCE):
            made += await self._embedded([text[:_LONGEST] for text in texts[begin : begin + _AT_ONCE]])
        return made

    async def rest(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _embedded(self, texts: list[str]) -> list[bytes]:
        try:
            return await self._asked(texts)
        except _TextsRefused as error:
            if len(texts) == 1:
                return [_NOTHING]
            alone = [await self._embedded([text]) for text in texts]
            if all(one == [_NOTHING] for one in alone):  # it is not about any one text
                raise EmbeddingUnavailable(self._told(f"answered {error}")) from error
            return [vector for one in alone for vector in one]

    async def _asked(self, texts: list[str]) -> list[bytes]:
        if self._session is None:
            self._session = self._open()
        body = msgspec.json.encode({"model": self._endpoint.model, "input": texts, "encoding_format": "float"})
        try:
            async with self._session.post(self._endpoint.address.url, data=body, allow_redirects=False) as reply:
                if reply.status in _REFUSED:
                    raise _TextsRefused(str(reply.status))
                if reply.status != 200:
                    raise EmbeddingUnavailable(self._told(f"answered {reply.status}"))
                answer = bytearray()
                async for part in reply.content.iter_any():
                    answer += part
                    if len(answer) > _LARGEST:
                        raise EmbeddingUnavailable(self._told("answered with more than embeddings take"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EAFNOSUPPORT:
                raise EmbeddingUnavailable(
                    self._told(
                        "is on the network, which omnimemd's service unit does not allow it: see docs/SERVICE.md"
                    )
                ) from error
            raise EmbeddingUnavailable(self._told(f"did not answer ({type(error).__name__})")) from error
        return await self._thread.run(lambda: self._made(answer, len(texts)))  # a megabyte of JSON takes 10 ms

    def _made(self, answer: bytearray, count: int) -> list[bytes]:
        """Return the vectors of *count* texts in an *answer*; runs on the thread."""
        try:
            told = msgspec.json.decode(answer, type=_Answer).data
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EmbeddingUnavailable(self._told("answered something else than embeddings")) from error
        vectors = [one.embedding for one in sorted(told, key=lambda one: one.index)]
        if len(vectors) != count or len({len(one) for one in vectors}) != 1 or not vectors[0]:
            raise EmbeddingUnavailable(self._told("answered with other embeddings than were asked for"))
        return _packed(vectors)

    def _open(self) -> aiohttp.ClientSession:
        endpoint = self._endpoint
        socket = endpoint.address.socket
        headers = {"Content-Type": "application/json"}
        if endpoint.key is not None:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1) if socket is None else aiohttp.UnixConnector(socket, limit=1),
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_seconds),
            headers=headers,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _told(self, what: str) -> str:
        where = self._endpoint.address.socket or self._endpoint.address.url
        return f"The embeddings endpoint {where} {what}."


class _TextsRefused(Exception):
    """The server takes requests, but not one with these texts."""


def _packed(vectors: list[list[float]]) -> list[bytes]:
    try:
        import numpy as np

        from omnimemd.system.embedding.quantised import quantised
    except ImportError as error:
        raise EmbeddingUnavailable("An embeddings endpoint needs numpy: pip install 'omnimemd[semantic]'.") from error
    return quantised(np.asarray(vectors, np.float32))

"""Choose what makes the vectors: the endpoint the user named, else the table of the extra, else nothing."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from omnimemd.domain.ports import Embedder, VectorIndex
from omnimemd.system.embedding.address import Endpoint
from omnimemd.system.embedding.endpoint import EndpointEmbedder
from omnimemd.system.embedding.index import Matrices
from omnimemd.system.embedding.static import StaticEmbedder, installed
from omnimemd.system.embedding.thread import Thread


class Embedding(msgspec.Struct, frozen=True):
    """What makes vectors and what holds them."""

    embedder: Embedder
    index: VectorIndex


@asynccontextmanager
async def open_embedding(*, enabled: bool, endpoint: Endpoint | None) -> AsyncIterator[Embedding | None]:
    """Give what makes vectors here, None where nothing does; nothing is loaded or asked yet."""
    if not enabled or (endpoint is None and not installed()):
        yield None
        return
    # One thread is enough for the products of a matrix and a vector; a pool of them would stay.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    thread = Thread()
    embedder = StaticEmbedder(thread) if endpoint is None else EndpointEmbedder(endpoint, thread)
    try:
        yield Embedding(embedder, Matrices(thread))
    finally:
        await embedder.rest()
        thread.let_go()

"""Tell how near in meaning documents are to a question, and see that each has its vector.

Vectors are made after the index, in batches, beside everything else. What makes them may be large to load, so a few
new documents wait until somebody asks, which has it loaded anyway; and what was not used for some minutes is let go.

What an embedder has learned of the store (how often words occur) changes slowly, so it learns anew when there are twice
as many documents as the last time: each document's vector is then made again, in the background, which doubles the work
in all. Until that is done the earlier ones serve.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

from omnimem.errors import StoreUnavailable
from omnimemd.domain.ports import Embedder, EmbeddingUnavailable, VectorIndex
from omnimemd.storage import search_index, vectors
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.search_index import Scope
from omnimemd.storage.vectors import Knowledge, Wanted

log = logging.getLogger(__name__)

#: The nearest documents that come into question, besides those that are found by their words.
_NEAREST: Final = 100
#: The least cosine that makes a document an answer: below, it is as near as any two texts are.
_LEAST: Final = 0.05
#: Vectors that are made and stored at once: some milliseconds of the thread, and one of the loop.
_BATCH: Final = 128
#: Vectors that are brought into memory at once.
_LOADED: Final = 4_096
#: Seconds between two batches nobody waits for, so that they take no more than about half of a processor.
_PAUSE_SECONDS: Final = 0.01
#: Documents without a vector that are worth loading what makes it, when nobody asks.
_WORTH_LOADING: Final = 256
#: Documents without a vector that a search sees to first, at most.
_SETTLED: Final = 4 * _BATCH
#: Waiting documents that are counted.
_COUNTED: Final = 1_000_000
#: Seconds without a search after which memory is given back.
_IDLE_SECONDS: Final = 300.0
#: Seconds after a failure before it is tried again; meanwhile a search does not wait for it.
_AGAIN_SECONDS: Final = 60.0


class Semantic:
    """The vectors of everything that is in the search index."""

    def __init__(self, *, database: Database, embedder: Embedder, index: VectorIndex) -> None:
        """Have *embedder* make vectors, keep them in *database*, and those in use in *index*."""
        self._database = database
        self._embedder = embedder
        self._index = index
        self._loop = asyncio.get_running_loop()
        self._working = asyncio.Lock()  # held while vectors are made or brought into memory
        self._woken = asyncio.Event()
        self._woken.set()  # something may wait since the last run
        self._known: Knowledge | None = None
        self._outdated_after: int | None = 0  #: vectors of documents above may be outdated; None: none is
        self._rest_at: float | None = None
        self._again_at: float | None = None
        self.problem: str | None = None  #: why search goes by words alone at present

    @property
    def model(self) -> str:
        """What makes the vectors."""
        return self._embedder.model

    def count_waiting(self) -> int:
        """Return how many vectors are to be made, or to be made anew."""
        waiting = self._count_waiting(_COUNTED)
        known, after = self._known, self._outdated_after
        if known is None or after is None:
            return waiting
        return waiting + self._database.read_now(lambda db: vectors.count_outdated(db, epoch=known.epoch, after=after))

    def wake(self) -> None:
        """Take note that documents were put into the search index."""
        self._woken.set()

    def forget(self) -> None:
        """Take note that the search index was emptied: what is in memory is numbered otherwise."""
        self._index.forget()

    async def near(self, question: str, scope: Scope, documents: Collection[int]) -> Mapping[int, float] | None:
        """Return the cosine of each of *documents*, and of those nearest to *question* within *scope*.

        None where meaning cannot be told at present; `problem` says why.
        """
        if self._again_at is not None and self._loop.time() < self._again_at:
            return None
        try:
            found = await self._near(question, scope, documents)
        except EmbeddingUnavailable as error:
            self._failed(error)
            return None
        except StoreUnavailable:  # vectors cannot be kept; what is stored can still be found by its words
            return None
        self._rest_at = self._loop.time() + _IDLE_SECONDS
        self._woken.set()
        return found

    async def run(self) -> None:
        """Make the vectors that wait, and give memory back when it is not used, for ever; idle otherwise."""
        while True:
            due = min((at for at in (self._rest_at, self._again_at) if at is not None), default=None)
            try:
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
            except TimeoutError:
                await self._see_to_what_is_due()
                continue
            self._woken.clear()
            try:
                if self._again_at is None:
                    await self._work_off()
            except BaseException:
                self._woken.set()  # it is done when this is run again
                raise

    async def _see_to_what_is_due(self) -> None:
        now = self._loop.time()
        if self._rest_at is not None and now >= self._rest_at:
            self._rest_at = None
            async with self._working:
                self._index.forget()
                await self._embedder.rest()
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self._woken.set()

    async def _near(self, question: str, scope: Scope, documents: Collection[int]) -> Mapping[int, float]:
        project = Scope(project_id=scope.project_id)
        group, within, among = await self._database.read(
            lambda db: (search_index.span(db, project), search_index.span(db, scope), search_index.eligible(db, scope))
        )
        if group is None or within is None:
            return {}  # nothing is in the index of that project
        async with self._working:
            if self._count_waiting(_SETTLED + 1) <= _SETTLED:
                while await self._embed_waiting():
                    pass
            known = await self._knowledge()
            if known is None:
                return {}
            if group not in self._index.groups():
                await self._load(group, known)
            (asked,) = await self._embedder.embed([question], known.learned)
            self._works()
        known_already = frozenset(documents)
        nearest = await self._index.nearest(
            group, asked, most=_NEAREST, within=within, among=among, also=tuple(known_already)
        )
        return {one: cosine for one, cosine in nearest if cosine >= _LEAST or one in known_already}

    async def _load(self, group: tuple[int, int], known: Knowledge) -> None:
        """Bring the vectors of *group* into memory, a few at a time: each is an object until it is in its place."""
        low, high = group
        try:
            while True:
                part = partial(vectors.load, low=low, high=high, since=known.since, limit=_LOADED)
                found = await self._database.read(part)
                await self._index.add(group, found)
                if len(found) < _LOADED:
                    return
                low = found[-1][0] + 1
        except BaseException:
            self._index.forget()  # half of them would pass for all
            raise

    async def _work_off(self) -> None:
        """Make what waits, if it is worth it; a failure puts it off."""
        try:
            while self._embedder.at_hand or self._count_waiting(_WORTH_LOADING) == _WORTH_LOADING:
                async with self._working:
                    if not await self._embed_waiting() and not await self._embed_outdated():
                        break
                if self._rest_at is None:
                    self._rest_at = self._loop.time() + _IDLE_SECONDS
                await asyncio.sleep(_PAUSE_SECONDS)
        except EmbeddingUnavailable as error:
            self._failed(error)

    async def _embed_waiting(self) -> bool:
        """Make the vectors of the next documents that wait; return whether any did."""
        if not self._count_waiting(1):
            return False
        return await self._embed(await self._database.read(lambda db: vectors.waiting(db, limit=_BATCH)))

    async def _embed_outdated(self) -> bool:
        """Make the next vectors that were made with less knowledge; return whether there were any."""
        known, after = await self._knowledge(), self._outdated_after
        if known is None or after is None:
            return False
        found = await self._database.read(lambda db: vectors.outdated(db, epoch=known.epoch, after=after, limit=_BATCH))
        await self._embed(found)
        if self._known is known:  # else all are outdated again
            self._outdated_after = found[-1].document if found else None
        return bool(found)

    async def _embed(self, wanted: list[Wanted]) -> bool:
        known = await self._knowledge()
        if known is None or not wanted:
            return False
        made = await self._embedder.embed([one.text for one in wanted], known.learned)
        self._works()
        pairs = list(zip(wanted, made, strict=True))
        saved = await self._database.write(lambda db: vectors.save(db, pairs, epoch=known.epoch))
        for low, high in self._index.groups():
            inside = [(document, vector) for document, vector in saved if low <= document <= high]
            if inside:
                await self._index.add((low, high), inside)
        return True

    async def _knowledge(self) -> Knowledge | None:
        """Return what is known of the store, having learned anew if that is due; None while there is nothing."""
        known = self._known or self._database.read_now(vectors.knowledge)
        documents = self._database.read_now(vectors.count)
        same_model = known is not None and known.model == self._embedder.model
        if known is not None and same_model and documents < 2 * known.documents:
            self._known = known
            return known
        if not documents:
            return None
        learned = await self._embedder.learn(await self._database.read(vectors.sample))
        last = 0 if known is None else known.epoch
        nothing_new = known is not None and same_model and known.learned == learned
        after = Knowledge(
            epoch=last if nothing_new else last + 1,
            since=known.since if known is not None and same_model else last + 1,
            model=self._embedder.model,
            documents=documents,
            learned=learned,
        )

        def work(db: Connection) -> None:
            vectors.learn(db, after)

        await self._database.write(work)
        self._known = after
        if after.epoch != last:
            self._outdated_after = 0
        if not same_model:
            self._index.forget()
        return after

    def _count_waiting(self, most: int) -> int:
        return self._database.read_now(lambda db: vectors.count_waiting(db, most=most))

    def _failed(self, error: EmbeddingUnavailable) -> None:
        if self.problem is None:
            log.warning("search goes by words alone", extra={"reason": str(error)})
        self.problem = f"Search goes by words alone: {error}"
        self._again_at = self._loop.time() + _AGAIN_SECONDS
        self._woken.set()

    def _works(self) -> None:
        if self.problem is not None:
            log.info("search goes by meaning again")
        self.problem = self._again_at = None

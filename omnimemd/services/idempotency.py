"""Give a request that is sent again the first answer, and no second effect.

An answer is kept for a day, and a clock that is set makes that no shorter: the daemon reads it when it starts, and from
then on counts how much time has passed. What was kept before a clock was set back, and the daemon started anew, is kept
longer.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from omnimem.errors import IdempotencyKeyReused
from omnimemd.domain.clock import Clock, Millis
from omnimemd.storage import idempotency as rows
from omnimemd.storage.database import Database
from omnimemd.storage.idempotency import KeptAnswer


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered."""

    status: int
    body: bytes | None


class Idempotency:
    """Keeps answers by route and key for a day, in the transaction that has the effect."""

    def __init__(self, *, database: Database, clock: Clock, elapsed: Callable[[], Millis]) -> None:
        """Keep answers in *database*; *elapsed* goes on with the time, whatever *clock* is set to."""
        self._database = database
        self._elapsed = elapsed
        self._started_at = clock.now() - elapsed()
        self._running: dict[tuple[str, str], asyncio.Event] = {}

    async def once(self, route: str, key: str, body: bytes, run: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what *run* answers, or what it answered before to the same *key* and *body* on *route*.

        An error, raised or answered, is not kept: the next try runs.

        Raises:
            IdempotencyKeyReused: the key was used with another body.
            StoreUnavailable: nothing of it is kept, or it is not known whether it is on the disk.
        """
        digest = hashlib.sha256(body).digest()
        named = hashlib.sha256(key.encode()).hexdigest()  # a key may be anything, a secret too: it is not kept itself
        place = route, named
        while (other := self._running.get(place)) is not None:
            await other.wait()
        kept = self._database.read_now(lambda db: rows.find(db, route, named, now=self._now()))
        if kept is not None:
            if kept.body_digest != digest:
                raise IdempotencyKeyReused.field("Idempotency-Key", f"{key!r} was used with another body")
            self._database.refuse_durable()  # it may be this answer's effect that is not on the disk
            return Answer(kept.status, kept.body)
        done = self._running[place] = asyncio.Event()
        try:
            # Held, so that the effect and the answer are one transaction: after kill -9 there are both or neither.
            async with self._database.held():
                answer = await run()
                if answer.status < 300:
                    keep = KeptAnswer(digest, answer.status, answer.body)
                    await self._database.write(lambda db: rows.keep(db, route, named, keep, now=self._now()))
            return answer
        finally:
            del self._running[place]
            done.set()

    async def forget_old(self) -> None:
        """Let go of the answers over a day old.

        Raises:
            StoreUnavailable: the store failed; they stay.
        """
        await self._database.write(lambda db: rows.forget_old(db, now=self._now()))

    def _now(self) -> Millis:
        return Millis(self._started_at + self._elapsed())

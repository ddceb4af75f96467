"""Let go of what was kept as long as the user wants it, a little at a time.

It runs once a day, by the wall clock, and sleeps in between, and as much longer as the machine is suspended. Each step
is a transaction of some milliseconds, and others are served between two of them. What counts is looked at again in the
transaction that deletes: a session that was pinned or taken up again meanwhile stays.
"""

import asyncio
import logging
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimem.model import EntryKind
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.retention import ENTRY_RULES, Policy, Rule, Run, Trust, cutoff, trust
from omnimemd.services.checkpoints import Checkpoints
from omnimemd.services.deletion import Deletion
from omnimemd.services.idempotency import Idempotency
from omnimemd.services.session_cache import Held, SessionCache, at_once
from omnimemd.storage import idempotency as answers
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import retention as rows
from omnimemd.storage import usefulness as briefing_rows
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.entries import Removed

log = logging.getLogger(__name__)

_DAY_MS: Final = 24 * 3600 * 1000
#: Seconds until a store that failed is tried again.
_TRY_AGAIN_SECONDS: Final = 3600.0
#: Seconds a clock that leapt must hold until it is believed, and milliseconds it may be off by then.
_HOLD_SECONDS: Final = 3600.0
_OFF_BY_MS: Final = 300_000
#: Sessions and memories that are looked up at once.
_PAGE: Final = 50


class Due(msgspec.Struct, frozen=True):
    """One rule, and how much would go by it now."""

    rule: Rule
    kept: str
    due: int


class Retention:
    """Knows what is due, and lets it go."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        checkpoints: Checkpoints,
        deletion: Deletion,
        idempotency: Idempotency,
        clock: Clock,
        policy: Policy,
    ) -> None:
        """Go by *policy*."""
        self._idempotency = idempotency
        self._checkpoints = checkpoints
        self._deletion = deletion
        self._database = database
        self._cache = cache
        self._clock = clock
        self._policy = policy
        self._one_at_a_time = asyncio.Lock()

    async def preview(self) -> list[Due]:
        """Return what each rule says, and how much would go by it now; nothing does."""
        await self._cache.write_rows()
        now = self._clock.now()

        def work(db: Connection) -> list[Due]:
            return [Due(rule, kept, self._count(db, rule, now=now)) for rule, kept in self._policy.items()]

        return await self._database.read(work)

    async def try_out(self) -> Run:
        """Return the run that would be made now; nothing goes."""
        return Run(self._clock.now(), {one.rule: one.due for one in await self.preview()})

    def last(self) -> Run | None:
        """Return the latest run, None when there was none."""
        return self._database.read_now(rows.last)

    def removed(self) -> int:
        """Return how much went in all runs together."""
        return self._database.read_now(rows.total)

    async def apply(self) -> Run:
        """Let go of everything that is due; return how much went by each rule, as counted when it did.

        Raises:
            StoreUnavailable: the store failed; what went before is gone.
        """
        async with self._one_at_a_time:
            await self._cache.write_rows()
            now = self._clock.now()
            removed = {rule: await self._apply(rule, now=now) for rule in self._policy}
            await self._idempotency.forget_old()
            await self._database.write(lambda db: briefing_rows.forget_old(db, now=now))
            await self._database.write(lambda db: rows.note(db, removed, at=now))
            if any(removed.values()):
                await self._database.erase()
                log.info("retention applied", extra={str(rule): count for rule, count in removed.items() if count})
            return Run(now, removed)

    async def run(self) -> None:
        """Apply it every day, for ever; the first time as soon as a day has passed since the last.

        A clock that shows another year after a start, as one does without a battery until the network tells the time,
        must not delete what it takes for old.
        """
        while True:
            try:
                delay = await self._turn()
            except StoreUnavailable:
                delay = _TRY_AGAIN_SECONDS
            await asyncio.sleep(max(delay, 1.0))

    async def _turn(self) -> float:
        """Apply it if that is due and the clock is to be believed; return the seconds until the next turn."""
        ran, now = self.last(), self._clock.now()
        if ran is not None and ran.at <= now < ran.at + _DAY_MS:
            return (ran.at + _DAY_MS - now) / 1000
        match trust(now=now, known=self._database.read_now(rows.latest_activity) if ran is None else ran.at):
            case Trust.NEVER:
                log.warning("retention not applied: the clock leapt by over a year; `omnimem retention apply` does it")
                return _DAY_MS / 1000
            case Trust.ONCE_IT_HOLDS if not await self._clock_holds():
                return 0
            case _:
                await self.apply()
                return _DAY_MS / 1000

    async def _clock_holds(self) -> bool:
        """Return, after a while, whether the clock went on by as much as has passed."""
        loop = asyncio.get_running_loop()
        at, began = self._clock.now(), loop.time()
        await asyncio.sleep(_HOLD_SECONDS)
        passed = (loop.time() - began) * 1000
        return abs(self._clock.now() - at - passed) < _OFF_BY_MS

    def _count(self, db: Connection, rule: Rule, *, now: Millis) -> int:
        before = cutoff(self._policy[rule], now=now)
        if before is None:
            return 0
        whole = cutoff(self._policy[Rule.SESSIONS], now=now)
        if rule in ENTRY_RULES:
            archived_whole = cutoff(self._policy[Rule.ARCHIVED_SESSIONS], now=now)
            return rows.count_entries(db, ENTRY_RULES[rule], before=before, whole=whole, archived_whole=archived_whole)
        if rule is Rule.DELETED_MEMORIES:
            return rows.count_deleted_memories(db, before=before)
        if rule is Rule.SESSIONS:
            return rows.count_sessions(db, before=before, archived=False, whole=None)
        return rows.count_sessions(db, before=before, archived=True, whole=whole)

    async def _apply(self, rule: Rule, *, now: Millis) -> int:
        before = cutoff(self._policy[rule], now=now)
        if before is None:
            return 0
        if rule in ENTRY_RULES:
            return await self._remove_entries(ENTRY_RULES[rule], before=before)
        if rule is Rule.DELETED_MEMORIES:
            return await self._remove_memories(before=before)
        return await self._remove_sessions(before=before, archived=rule is Rule.ARCHIVED_SESSIONS)

    async def _remove_sessions(self, *, before: Millis, archived: bool) -> int:
        removed = 0
        while found := await self._database.read(
            lambda db: rows.sessions(db, before=before, archived=archived, limit=_PAGE)
        ):
            went = [one for one in found if await self._remove_session(one, before=before, archived=archived)]
            removed += len(went)
            if not went:
                break  # all of them were pinned or taken up since they were looked up
        return removed

    async def _remove_session(self, session_id: str, *, before: Millis, archived: bool) -> bool:
        """Delete a session; return whether it was still due."""

        def due() -> Held | None:
            held = self._still_due(session_id, before=before)
            return None if held is None or (archived and not held.session.archived) else held

        return await self._deletion.delete(due)

    async def _remove_entries(self, kinds: tuple[EntryKind, ...], *, before: Millis) -> int:
        removed = behind = 0
        while found := await self._sessions_with(kinds, before=before, behind=behind):
            for _, session_id in found:
                removed += await self._thin(session_id, kinds, before=before)
            behind = found[-1][0]
        return removed

    async def _sessions_with(
        self, kinds: tuple[EntryKind, ...], *, before: Millis, behind: int
    ) -> list[tuple[int, str]]:
        return await self._database.read(
            lambda db: rows.sessions_with(db, kinds, before=before, behind=behind, limit=_PAGE)
        )

    async def _thin(self, session_id: str, kinds: tuple[EntryKind, ...], *, before: Millis) -> int:
        def work(db: Connection) -> Removed | None:
            held = self._still_due(session_id, before=before)
            return None if held is None else self._cache.thin(db, held, kinds, before=before, limit=at_once(kinds))

        def still() -> bool:
            return self._still_due(session_id, before=before) is not None

        count = 0
        # First, so that after a kill there are entries left by which it is done again.
        await self._checkpoints.let_go(session_id, kinds, before=before, still=still)
        while (removed := await self._database.write(work)) is not None:
            count += removed.count
            if not removed.more:
                break
            await asyncio.sleep(0)
        await self._checkpoints.let_go(session_id, kinds, before=before, still=still)  # of one taken meanwhile
        return count

    async def _remove_memories(self, *, before: Millis) -> int:
        removed = 0

        def work(db: Connection) -> int:
            found = rows.deleted_memories(db, before=before, limit=_PAGE)
            for memory_id in found:
                memory_rows.purge(db, memory_id)
                answers.forget(db, memory_id)
            return len(found)

        while count := await self._database.write(work):
            removed += count
            await asyncio.sleep(0)
        return removed

    def _still_due(self, session_id: str, *, before: Millis) -> Held | None:
        held = self._cache.find(session_id)
        if held is None or held.session.pinned or held.session.ended_at is None or held.session.ended_at >= before:
            return None
        return held

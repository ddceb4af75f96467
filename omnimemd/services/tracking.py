"""Turn what the watcher sees into entries of the sessions it belongs to.

File events are folded while they are fresh and stored some 100 ms later, many in one transaction; the reads of a burst
are stored as scans. Nothing wakes while nothing happens. Whose an access is, is decided by who is active at the moment
it is seen: whatever changes that first has what is held decided.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from omnimem.errors import SessionNotFound, StoreUnavailable, Unavailable
from omnimem.model import Attribution, Source
from omnimemd.domain.attribution import Share, attribute
from omnimemd.domain.bursts import BurstPart
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.coalescing import Coalescer, Observed, Settled
from omnimemd.domain.entries import Entry, FileAccess, Gap, Scan
from omnimemd.domain.file_events import FileEvent
from omnimemd.domain.measuring import DELAYS, Histogram
from omnimemd.domain.ports import Watcher, WatchFailed
from omnimemd.services.attribution import Attributor, Verdict
from omnimemd.services.discovery import Discovery
from omnimemd.services.entries import Entries
from omnimemd.services.sessions import Sessions
from omnimemd.services.workspaces import AmbientPlace, Workspaces

log = logging.getLogger(__name__)

#: Between an event and the first look at what is settled, and between two looks while anything is held.
_FIRST_LOOK_SECONDS: Final = 0.1
_NEXT_LOOK_SECONDS: Final = 0.05
#: Accesses stored in one transaction, and events taken in, so that the loop serves requests between two.
_AT_ONCE: Final = 250
#: Entries stored in one transaction: an access that may be of any of hundreds of sessions is one in each.
_ENTRIES_AT_ONCE: Final = 2_000
#: Events that wait to be taken in; more are taken in at once.
_UNTAKEN: Final = 50_000
#: Accesses that wait while the store is not available; more become a gap.
_WAITING: Final = 50_000
_RETRY_SECONDS: Final = 1.0
#: Events and accesses that wait, of both kinds, from which on the watcher is held back, and down to which.
_TOO_MANY: Final = 100_000
_FEW_ENOUGH: Final = 75_000
#: How long a flush waits for the kernel's queue to be read.
_BARRIER_SECONDS: Final = 10.0


class _Decided(msgspec.Struct, frozen=True):
    """An access, a part of a burst or a gap, and where it goes."""

    what: Settled | Gap
    verdict: Verdict


class Tracking:
    """Listens to the watcher. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        entries: Entries,
        sessions: Sessions,
        workspaces: Workspaces,
        attributor: Attributor,
        discovery: Discovery,
        watcher: Watcher,
        clock: Clock,
        ambient_idle_ms: int,
        new_token: Callable[[], str],
    ) -> None:
        """Record in *entries* what is seen in *workspaces*; *new_token* makes the unique part of an id."""
        self._entries = entries
        self._sessions = sessions
        self._workspaces = workspaces
        self._attributor = attributor
        self._discovery = discovery
        self._watcher = watcher
        self._clock = clock
        self._ambient_idle_ms = ambient_idle_ms
        self._coalescer = Coalescer(lambda: f"burst_{new_token()}")
        self._untaken: deque[Sequence[FileEvent]] = deque()
        self._untaken_events = 0
        self._decided: list[_Decided] = []
        self._held_back = False  # the watcher is
        self._something = asyncio.Event()
        self._passed = asyncio.Event()  # what had settled is stored; set for those who wait now
        self._storing = asyncio.Lock()
        self._ambient_changed = asyncio.Event()
        self._ambient: dict[str, Millis] = {}  # session id → when it is idle for long enough
        self.recorded = 0  #: accesses stored since the start, each counted once
        self.scans = 0  #: parts of bursts stored since the start, each counted once
        self.nobodys = 0  #: accesses in folders that had no session any more
        self.gaps = 0
        self.delays = Histogram(DELAYS)  #: seconds from when an access was seen until it was stored
        self._caught_up: Callable[[], Awaitable[object]] = _at_once
        self._followed: Callable[[], Awaitable[object]] = _at_once
        workspaces.before_change(self.decide_of)

    @property
    def folded(self) -> int:
        """How many events became part of another access, or of a scan."""
        return self._coalescer.folded + self._attributor.folded

    @property
    def waiting(self) -> int:
        """How many events, accesses and scans are not stored yet."""
        return self._untaken_events + len(self._coalescer) + len(self._decided)

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Take one batch of the watcher's; it is looked at in turn with other work, as batches of a storm come many."""
        self._attributor.saw(events)
        self._untaken.append(events)
        self._untaken_events += len(events)
        if self._untaken_events >= _UNTAKEN:
            self._take_in_all()
        self._mind_waiting()
        self._something.set()

    def recovered(self, gaps: Sequence[tuple[Gap, Verdict]], accesses: Sequence[tuple[Observed, Verdict]]) -> None:
        """Take intervals in which events were lost, and what was found out of them; whose it is, is decided."""
        self.gaps += len(gaps)
        self._decided += [_Decided(gap, verdict) for gap, verdict in gaps if verdict]
        self._decided += [_Decided(one, verdict) for one, verdict in accesses]
        self._something.set()

    def decide(self) -> None:
        """Decide now whose everything that is held is."""
        self._take_in_all()
        self._decide(self._coalescer.take(now=self._clock.now(), everything=True))

    def decide_of(self, workspace: str) -> None:
        """Decide now whose what is held of one *workspace* is: its sessions are about to change."""
        self._take_in_all()
        self._decide(self._coalescer.take_of(workspace, now=self._clock.now()))

    def before_flush(self, caught_up: Callable[[], Awaitable[object]]) -> None:
        """Have each flush wait for *caught_up*: until what was lost, and can be recovered, has been handed over."""
        self._caught_up = caught_up

    def after_flush(self, followed: Callable[[], Awaitable[object]]) -> None:
        """Have each flush wait for *followed*: until what is recorded has had its effect elsewhere."""
        self._followed = followed

    async def store(self) -> None:
        """Return once everything is recorded of which it is decided whose it is.

        Raises:
            StoreUnavailable: it cannot be recorded now; it is kept.
        """
        await self._store()

    async def settled(self) -> None:
        """Return once everything that was seen so far is recorded, in its own time: it may still be folded."""
        await self._take_in()
        mark, first = self._coalescer.mark, bool(self._decided)
        while first or self._coalescer.holds(before=mark):
            await self._passed.wait()
            first = False

    async def keep(self) -> None:
        """Return once everything that was seen so far is recorded, folded as far as it is by now.

        Raises:
            StoreUnavailable: it cannot be recorded now; it is kept.
        """
        await self._attributor.settled()
        await self._take_in()
        for settled in self._coalescer.slices(now=self._clock.now(), everything=True):
            self._decide(settled)
            await self._store()
        await self._store()

    async def flush(self) -> None:
        """Return once every file event that happened before the call is recorded.

        Raises:
            StoreUnavailable: it cannot be recorded now; it is kept.
            Unavailable: the watcher is too far behind.
        """
        try:
            async with asyncio.timeout(_BARRIER_SECONDS):
                await self._watcher.barrier()
                await self._caught_up()
        except TimeoutError:
            raise Unavailable(f"File events are more than {_BARRIER_SECONDS:.0f} s behind.") from None
        except WatchFailed as error:
            raise Unavailable(str(error)) from error
        await self.keep()
        await self._followed()

    async def run(self) -> None:
        """Store what is seen, for ever."""
        while True:
            if not self._something.is_set():
                await self._something.wait()
                await asyncio.sleep(_FIRST_LOOK_SECONDS)
            self._something.clear()
            try:
                await self._take_in()
                for settled in self._coalescer.slices(now=self._clock.now()):
                    self._decide(settled)
                    await self._store()
                await self._store()
                self._passed.set()
                self._passed.clear()
            except StoreUnavailable as error:
                log.warning("accesses not stored", extra={"reason": error.detail, "waiting": self.waiting})
                async with self._storing:
                    if len(self._decided) > _WAITING:
                        self._lose(len(self._decided) - _WAITING + 1, reason="store_unavailable")
                await asyncio.sleep(_RETRY_SECONDS)
            self._mind_waiting()
            if self.waiting:
                self._something.set()
                await asyncio.sleep(_NEXT_LOOK_SECONDS)

    async def run_ambient(self) -> None:
        """End each ambient session when nothing has happened in it for long enough, for ever."""
        for session_id, at in self._sessions.ambient_sessions():
            self._ambient.setdefault(session_id, Millis(at + self._ambient_idle_ms))
        while True:
            self._ambient_changed.clear()
            await self._end_idle()
            now, soonest = self._clock.now(), min(self._ambient.values(), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if soonest is None else max(soonest - now, 1) / 1000):
                    await self._ambient_changed.wait()

    async def _end_idle(self) -> None:
        """End the ambient sessions in which nothing has happened for long enough."""
        now = self._clock.now()
        latest = Millis(now + self._ambient_idle_ms)  # it is later still where the clock was set back
        for session_id, due in list(self._ambient.items()):
            if due <= now:
                del self._ambient[session_id]
                with contextlib.suppress(SessionNotFound):
                    await self._sessions.end_idle(session_id, at=due)
            else:
                self._ambient[session_id] = min(due, latest)

    async def _take_in(self) -> None:
        """Take in what has come till now, letting others work between."""
        taken = 0
        for _ in range(len(self._untaken)):
            if not self._untaken:  # somebody was in a hurry meanwhile
                return
            taken += self._take_in_next()
            if taken >= _AT_ONCE:
                taken = 0
                await asyncio.sleep(0)

    def _take_in_all(self) -> None:
        while self._untaken:
            self._take_in_next()

    def _take_in_next(self) -> int:
        events = self._untaken.popleft()
        self._untaken_events -= len(events)
        self._coalescer.add(events)
        if len(self._coalescer) >= _WAITING:
            self._decide(self._coalescer.take(now=self._clock.now(), everything=True))
        return len(events)

    def _decide(self, settled: Sequence[Settled]) -> None:
        observed = [one for one in settled if isinstance(one, Observed)]
        already_told = self._attributor.folded
        verdicts = iter(self._attributor.verdicts(observed, held=self._coalescer.held()))
        for one in settled:
            verdict = next(verdicts) if isinstance(one, Observed) else self._attributor.of_burst(one)
            if verdict:
                self._decided.append(_Decided(one, verdict))
            elif isinstance(one, Observed):
                self.nobodys += 1
        self.nobodys -= self._attributor.folded - already_told

    async def _store(self) -> None:
        async with self._storing:
            await self._look_for_tools()
            while self._decided:
                batch = list(_some(self._decided[:_AT_ONCE]))
                try:
                    await self._record(batch)
                except StoreUnavailable:
                    raise
                except Exception:
                    # A bug must cost the batch it happens to, not everything that comes after it.
                    self._lose(len(batch), reason="internal_error")
                    raise
                del self._decided[: len(batch)]
                self._measure(batch)
                self.recorded += sum(isinstance(one.what, Observed) for one in batch)
                self.scans += sum(isinstance(one.what, BurstPart) for one in batch)
                self._mind_waiting()
                await asyncio.sleep(0)

    def _measure(self, batch: Sequence[_Decided]) -> None:
        now = self._clock.now()
        for one in batch:
            if isinstance(one.what, Observed):
                self.delays.add(max(now - one.what.at, 0) / 1000)

    async def _look_for_tools(self) -> None:
        """Give what is nobody's to the tools that a look finds at work there; what a shell did stays the shell's."""
        shells = {one.session_id for one in self._workspaces.everybody() if one.shell}
        for place in {place for one in self._decided if (place := self._unclaimed(one, shells)) is not None}:
            if found := await self._discovery.look(place):
                theirs = Verdict(attribute(found))
                self._decided = [
                    _Decided(one.what, theirs) if one.verdict.unclaimed == place else one for one in self._decided
                ]

    def _unclaimed(self, one: _Decided, shells: Container[str]) -> AmbientPlace | None:
        """Return the folder in which a tool without a session may have done it; *shells* are ids of sessions."""
        if isinstance(one.what, Gap):
            return None
        if one.verdict.shares and all(share.session_id in shells for share in one.verdict.shares):
            return self._workspaces.place(one.what.workspaces)
        return one.verdict.unclaimed

    async def _record(self, batch: Sequence[_Decided]) -> None:
        new: dict[str, list[Entry]] = {}
        ambient: dict[str, str] = {}  # session id by workspace
        for one in batch:
            shares, place = one.verdict.shares, one.verdict.ambient
            if place is not None:
                await self._end_idle()  # the timer stands still while the machine is suspended
                session = await self._sessions.open_ambient(place)
                shares = (Share(session.session_id, Attribution.PROBABLE),)
                if not isinstance(one.what, Gap) or session.session_id not in self._ambient:
                    self._expect_idle(session.session_id)
                ambient[place.root] = session.session_id
            for share in shares:
                new.setdefault(share.session_id, []).append(_entry(one.what, share))
        await self._entries.record(new)
        for workspace, session_id in ambient.items():
            # A real session has opened, or the folder was removed, since this was decided.
            if self._workspaces.members((workspace,)) or self._workspaces.by_hand((workspace,)) is None:
                await self._sessions.end_idle(session_id, at=self._clock.now())

    def _expect_idle(self, session_id: str) -> None:
        known = session_id in self._ambient
        self._ambient[session_id] = Millis(self._clock.now() + self._ambient_idle_ms)
        if not known:
            self._ambient_changed.set()

    def _lose(self, count: int, *, reason: str) -> None:
        """Put one gap in the place of the oldest *count* accesses; a gap that cannot be stored itself is let go."""
        lost, self._decided = self._decided[:count], self._decided[count:]
        self.gaps += 1
        if count == 1 and isinstance(lost[0].what, Gap):
            return
        times = [one.what.at if isinstance(one.what, Observed) else one.what.started_at for one in lost]
        losers = {
            share.session_id: Share(share.session_id, Attribution.PROBABLE)
            for one in lost
            for share in one.verdict.shares
        }
        ambient = None if losers else next((place for one in lost if (place := one.verdict.ambient) is not None), None)
        verdict = Verdict(tuple(losers.values()), ambient)
        gap = Gap(at=self._clock.now(), source=Source.WATCH, started_at=min(times), ended_at=max(times), reason=reason)
        self._decided.insert(0, _Decided(gap, verdict))

    def _mind_waiting(self) -> None:
        """Have the kernel's queue fill up instead of our memory: a loss that is known, and looked into."""
        waiting = self.waiting
        held_back = waiting > (_FEW_ENOUGH if self._held_back else _TOO_MANY)
        if held_back != self._held_back:
            self._held_back = held_back
            self._watcher.throttle(held_back)
            log.info("watching held back" if held_back else "watching goes on", extra={"waiting": waiting})


async def _at_once() -> None:
    """Wait for nothing."""


def _some(decided: Iterable[_Decided]) -> Iterator[_Decided]:
    """Yield the first of *decided*, until they make `_ENTRIES_AT_ONCE` entries."""
    entries = 0
    for one in decided:
        yield one
        entries += max(len(one.verdict.shares), 1)
        if entries >= _ENTRIES_AT_ONCE:
            return


def _entry(what: Settled | Gap, share: Share) -> Entry:
    if isinstance(what, Gap):
        return what
    if isinstance(what, BurstPart):
        return Scan(
            at=what.ended_at,
            source=Source.WATCH,
            burst_id=what.burst_id,
            started_at=what.started_at,
            ended_at=what.ended_at,
            files=what.files,
            directories=what.directories,
            reads=what.reads,
            writes=what.writes,
            top=what.top,
            attribution=share.attribution,
            others=share.others,
        )
    return FileAccess(
        at=what.at,
        source=Source.WATCH,
        path=what.path,
        access=what.access,
        attribution=share.attribution,
        old_path=what.old_path,
        others=share.others,
        burst_id=what.burst_id,
        agent_id=share.agent_id,
    )

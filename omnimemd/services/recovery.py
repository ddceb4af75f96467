"""Find out what was missed: for each interval in which events were lost, what changed in it, and one gap that says so.

Theory of operation. A loss is never told as it comes. It waits here until the files of its roots were looked at, off
the loop and one root at a time; then everything the looks show has been told by the kernel or never will be, and what
differs from the baseline without having been told was missed. The gap, with the number of changes that were recovered,
and the changes themselves are recorded together, the gap first. A loss that comes while another one is looked into
joins it, and the look begins anew, after a pause that doubles: a machine that is too busy is not made busier.

Whose the changes are is decided among the sessions that were active when the loss came, even if others have begun
meanwhile.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimem.model import Access, Attribution, Source, WorkspaceState
from omnimemd.domain.attribution import Share
from omnimemd.domain.baseline import Missed, recovered
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.coalescing import Observed
from omnimemd.domain.entries import Gap
from omnimemd.domain.file_events import FileEvent, Loss, WatchReport
from omnimemd.domain.ports import SurveyFailed, Watcher
from omnimemd.services.attribution import Attributor, Verdict
from omnimemd.services.baselines import SETTLED_MS, Baselines, Interrupted, Surveyed
from omnimemd.services.sessions import Sessions
from omnimemd.services.tracking import Tracking
from omnimemd.services.workspaces import Workspaces
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import workspaces as workspace_rows
from omnimemd.storage.database import Database

log = logging.getLogger(__name__)

DAEMON_DOWN: Final = "daemon_down"
REMOUNTED: Final = "remounted"
#: After a look that was given up because more was lost; doubled each time. After one that was not, as long as it took.
_PAUSE_SECONDS: Final = 0.125
_LONGEST_PAUSE_SECONDS: Final = 8.0
#: A baseline is begun this long after its root's start: a tool that starts has work of its own.
_BUILD_SECONDS: Final = 1.0
#: Renewing the baselines takes no more than this share of the time.
_SHARE: Final = 0.05
#: How long after it was told of a file is looked at first.
_FIRST_SECONDS: Final = 0.1
#: How long what was told is left to settle.
_RENEW_SECONDS: Final = SETTLED_MS / 1000
_RETRY_SECONDS: Final = 1.0
#: How long bringing the baselines up to date may hold up the daemon's stop; the next run makes up for the rest.
_REST_SECONDS: Final = 1.0
#: An entry of a file that is kept open and written to may have been recorded this long before the last write.
_RECORDED_MS: Final = 60_000
_SEEN: Final = frozenset((WorkspaceState.WATCHING, WorkspaceState.DEGRADED))


class _Pending(msgspec.Struct, frozen=True):
    """A loss in one root that is not recorded yet."""

    started_at: Millis
    ended_at: Millis
    reason: str
    members: dict[str, tuple[str, ...]]  # of every watched folder when it came: ids of the sessions active there

    def explains(self, change: Missed) -> bool:
        """Tell whether *change* is one of a file; what a mount shows or hides neither comes nor goes."""
        if self.reason != REMOUNTED:
            return True
        return change.access is not Access.DELETE and change.facts.ctime_ns >= self.started_at * 1_000_000

    def joined(self, later: "_Pending") -> "_Pending":
        """Return both as one."""
        members = {
            root: tuple(dict.fromkeys((*self.members.get(root, ()), *later.members.get(root, ()))))
            for root in {**self.members, **later.members}
        }
        started_at, ended_at = min(self.started_at, later.started_at), max(self.ended_at, later.ended_at)
        return _Pending(started_at, ended_at, self.reason, members)


class Recovery:
    """Listens to the watcher, in front of `Tracking`. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        database: Database,
        baselines: Baselines,
        tracking: Tracking,
        attributor: Attributor,
        sessions: Sessions,
        workspaces: Workspaces,
        watcher: Watcher,
        clock: Clock,
        new_token: Callable[[], str],
    ) -> None:
        """Hand what is recovered to *tracking*; *new_token* makes the unique part of an id."""
        self._database = database
        self._baselines = baselines
        self._tracking = tracking
        self._attributor = attributor
        self._sessions = sessions
        self._workspaces = workspaces
        self._watcher = watcher
        self._clock = clock
        self._new_token = new_token
        self._loop = asyncio.get_running_loop()
        self._at_work = False  # between `begin` and `rest`
        self._live: set[str] = set()  # roots that can be looked at
        self._away: set[str] = set()  # roots that cannot, until they are back
        self._removed: set[str] = set()  # roots whose baselines are to be forgotten
        self._rule_changes: dict[str, int] = {}  # by root, as reported last
        self._outdated: set[str] = set()  # roots of which other files are seen now than their baselines have
        self._lost: dict[str, _Pending] = {}  # by root
        self._look_at = 0.0  # the loop's time: not before that is a loss looked into
        self._interruptions = 0  # how often in a row a look was given up because more was lost
        self._fresh = False  # something was told of that nobody looked at since
        self._first_at = 0.0
        self._renew_at = 0.0
        self._build_at = 0.0
        self._working = asyncio.Lock()
        self._something = asyncio.Event()
        self._whole = asyncio.Event()  # no loss waits for a look
        self._whole.set()
        workspaces.on_watched(self.watched)
        workspaces.on_unwatched(self.unwatched)
        workspaces.on_lost(self.events_lost)
        tracking.before_flush(self._whole.wait)

    @property
    def has_news(self) -> bool:
        """Whether something was told of a file that was not looked at again since."""
        return bool(self._baselines.news)

    # ---- what the watcher and the workspaces say

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Take one batch of the watcher's."""
        news = self._baselines.news
        quiet = not news
        news.note(events)
        if quiet and news:
            self._renew_at = self._loop.time() + _RENEW_SECONDS
            self._something.set()
        if news.fresh and not self._fresh:
            self._fresh = True
            self._first_at = max(self._first_at, self._loop.time() + _FIRST_SECONDS)
            self._something.set()
        self._tracking.file_events(events)

    def events_lost(self, loss: Loss) -> None:
        """Take note that something was missed."""
        self._tracking.decide()
        members = {one.path: self._workspaces.members((one.path,)) for one in self._workspaces.every()}
        started_at = min(loss.started_at, loss.ended_at)  # the clock may have been set back meanwhile
        pending = _Pending(started_at, loss.ended_at, loss.reason, members)
        for root in loss.workspaces:
            known = self._lost.get(root)
            self._lost[root] = pending if known is None else known.joined(pending)
        self._stir()

    def watch_changed(self, report: WatchReport) -> None:
        """Pass on that a folder is seen better or worse."""
        if report.state is WorkspaceState.GONE:
            self._rule_changes.pop(report.root, None)
            self._is_away(report.root)
        elif report.root in self._away and report.state in _SEEN:
            self.watched(report.root)
        if report.rule_changes and report.rule_changes != self._rule_changes.get(report.root):
            self._rule_changes[report.root] = report.rule_changes
            self._outdated.add(report.root)
            self._build_at = self._loop.time() + _BUILD_SECONDS
            self._stir()
        self._workspaces.watch_changed(report)

    def watched(self, root: str) -> None:
        """Take note that *root* is watched from now on."""
        pending = self._lost.get(root)
        if pending is not None and pending.reason == DAEMON_DOWN and root not in self._live:
            self._lost[root] = msgspec.structs.replace(pending, ended_at=self._clock.now())
        self._away.discard(root)
        self._live.add(root)
        self._build_at = self._loop.time() + _BUILD_SECONDS
        self._stir()

    def unwatched(self, root: str) -> None:
        """Take note that *root* is watched no more, or is not to be."""
        if root not in self._live and self._workspaces.find(root) is not None:
            self._lost.pop(root, None)
        self._live.discard(root)
        self._away.add(root)
        self._removed.add(root)
        self._stir()

    # ---- the daemon's life

    async def begin(self) -> None:
        """Take up what an earlier run left; the folders that are watched again, and who is active there, are known."""
        now = self._clock.now()
        killed_at = now if self._database.last_written is None else min(self._database.last_written, now)
        watched = frozenset(one.path for one in self._workspaces.every())
        found = await self._baselines.take_up(watched, without=self._watched_before(watched), at=killed_at)
        taken = [one for one in found if one.root not in self._removed]  # what is not to be watched has lost nothing
        if taken:
            started_at = {one.root: min(one.lost_since or killed_at, now) for one in taken}
            since = Millis(min(one.through for one in taken) - _RECORDED_MS)
            changes = await self._database.read(lambda db: entry_rows.changes_since(db, since))
            ended_at = max(killed_at if one.left_at is None else one.left_at for one in taken)
            self._baselines.recall(changes, lost_at=max(started_at.values()), until=min(ended_at, now))
            for root, since in started_at.items():
                if root in self._removed:  # meanwhile
                    continue
                self.events_lost(Loss((root,), since, now, DAEMON_DOWN))
        self._at_work = True
        self._stir()

    def _watched_before(self, roots: Iterable[str]) -> frozenset[str]:
        """Return those of *roots* that an earlier run watched, as far as that is known without a baseline."""
        added = self._database.read_now(workspace_rows.every)
        return frozenset(root for root in roots if root in added or self._workspaces.members((root,)))

    async def run(self) -> None:
        """Do what is to be done, one thing at a time, for ever; idle while nothing changes."""
        while True:
            self._something.clear()
            try:
                async with self._working:
                    pause = await self._work()
            except StoreUnavailable as error:
                log.warning("baseline not kept", extra={"reason": error.detail})
                pause = _RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._something.wait()

    async def rest(self) -> None:
        """Record what is lost without looking, and bring the baselines up to date: the daemon stops.

        What changed in a gap that was not looked into is found by the next run.

        Raises:
            StoreUnavailable: nothing can be recorded now.
        """
        self._at_work = False
        lost = list(self._lost)
        held = {*lost, *filter(self._baselines.incomplete, self._live)}

        def unknown() -> set[str]:
            return {*held, *self._lost}

        self._record(self._lost, {})
        self._stir()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REST_SECONDS), self._working:
                await self._baselines.losing(lost, since=None)
                while await self._baselines.renew(keep=self._told_at_once, but=unknown, everything=True):
                    pass
        for root, loss in self._lost.items():  # told while that was done: the next run looks into it
            await self._baselines.losing((root,), since=loss.started_at)

    async def leave(self) -> None:
        """Note that everything is recorded, and that nobody looks from now on.

        Raises:
            StoreUnavailable: it cannot be noted.
        """
        await self._baselines.leave(frozenset(self._live))

    # ---- the work

    async def _work(self) -> float | None:
        """Do what is most urgent; return in how many seconds there is more, None: when something happens."""
        if not self._at_work:
            return None
        while self._removed:
            root = self._removed.pop()
            self._rule_changes.pop(root, None)
            self._record({root: self._lost[root]} if root in self._lost else {}, {})
            await self._baselines.forget(root)
        due = sorted(self._lost.keys() & self._live)
        unknown = sorted(filter(self._is_unknown, self._live - self._lost.keys()))
        news = self._baselines.has_news(but={*self._lost, *unknown})
        now = self._loop.time()
        if due and now >= self._look_at:
            await self._look_into(due)
        elif self._fresh and now >= self._first_at:
            self._fresh = False
            await self._baselines.look_first()
            took = self._loop.time() - now
            self._first_at = now + took + took / _SHARE
        elif unknown and now >= self._build_at:
            await self._build(unknown[0])
        elif news and now >= self._renew_at:
            more = await self._baselines.renew(keep=self._told, but=lambda: {*self._lost, *self._removed, *unknown})
            took = self._loop.time() - now
            self._renew_at = now + took + max(took / _SHARE, 0 if more else _RENEW_SECONDS)
        elif not await self._baselines.delete_some():
            waiting = (
                (self._look_at, due),
                (self._first_at, self._fresh),
                (self._build_at, unknown),
                (self._renew_at, news),
            )
            return min((max(at - now, 0.0) for at, work in waiting if work), default=None)
        return 0.0

    def _is_unknown(self, root: str) -> bool:
        return root in self._outdated or self._baselines.incomplete(root)

    async def _build(self, root: str) -> None:
        """Make the baseline of *root*, of which nothing is lost, or make it anew."""
        self._outdated.discard(root)
        try:
            found = await self._baselines.survey(
                root, since=None, interrupted=lambda: bool(self._lost) or not self._at_work
            )
        except Interrupted:
            self._outdated.add(root)
            return
        except SurveyFailed:
            self._is_away(root)
            return
        await self._told()
        if root in self._lost:  # told only now: what was found may be of the gap
            self._outdated.add(root)
            return
        await self._baselines.commit(found)

    async def _look_into(self, roots: Sequence[str]) -> None:
        """Find out what was missed in *roots*, and record it."""
        losses = {root: self._lost[root] for root in roots}

        began = self._loop.time()

        def outdated() -> bool:
            return not self._at_work or any(self._lost.get(root) is not loss for root, loss in losses.items())

        try:
            await self._baselines.losing(roots, since=min(loss.started_at for loss in losses.values()))
            surveys = [one for root in roots if (one := await self._survey(root, losses[root], outdated)) is not None]
            await self._watcher.barrier()
            missed = {one.root: await self._baselines.missed(one, since=losses[one.root].started_at) for one in surveys}
            if outdated():
                raise Interrupted
        except Interrupted:
            self._interruptions += 1
            pause = _PAUSE_SECONDS * 2**self._interruptions
            self._look_at = self._loop.time() + min(pause, _LONGEST_PAUSE_SECONDS)
            return
        self._interruptions = 0
        self._look_at = 2 * self._loop.time() - began
        self._record({root: losses[root] for root in missed}, missed)
        await self._tracking.store()
        await self._baselines.losing(missed, since=None)
        self._stir()
        await self._tracking.settled()
        for one in surveys:
            await self._baselines.commit(one)

    async def _survey(self, root: str, loss: _Pending, outdated: Callable[[], bool]) -> Surveyed | None:
        try:
            return await self._baselines.survey(root, since=loss.started_at, interrupted=outdated)
        except SurveyFailed:  # that it went, and that it is back, is told
            self._is_away(root)
            return None

    def _record(self, losses: Mapping[str, _Pending], missed: Mapping[str, Sequence[Missed]]) -> None:
        """Hand over the gaps of *losses*, and what was *missed* in each root; they are lost no more."""
        accesses: list[tuple[Observed, Verdict]] = []
        known: set[str] = set()  # a file below two roots is missed once
        for root, loss in losses.items():
            fresh = [one for one in missed.get(root, ()) if one.path not in known and loss.explains(one)]
            known.update(one.path for one in fresh)
            named = recovered(
                fresh, since=loss.started_at, until=loss.ended_at, new_burst_id=lambda: f"burst_{self._new_token()}"
            )
            accesses += self._decided(named, loss)
        gaps: list[tuple[Gap, Verdict]] = []
        for root, loss in list(losses.items()):
            del self._lost[root]
            count = sum(root in one.workspaces for one, _ in accesses)
            gaps += self._gap(root, loss, count)
        self._tracking.recovered(gaps, accesses)

    def _decided(self, observed: Sequence[Observed], loss: _Pending) -> Iterator[tuple[Observed, Verdict]]:
        """Yield whose each of *observed* is, among those who were active when the loss came."""
        for one, usual in zip(observed, self._attributor.verdicts(observed), strict=True):
            present = sorted({member for root in one.workspaces for member in loss.members.get(root, ())})
            named = any(
                share.attribution is Attribution.EXACT and share.session_id in present for share in usual.shares
            )
            as_ever = present == sorted(self._workspaces.members(one.workspaces)) and (named or not usual)
            verdict = usual if as_ever else self._attributor.of_missed(one.workspaces, present)
            if verdict:
                yield one, verdict

    def _gap(self, root: str, loss: _Pending, count: int) -> Iterator[tuple[Gap, Verdict]]:
        shares = tuple(Share(one, Attribution.PROBABLE) for one in loss.members.get(root, ()))
        place = None if shares else self._workspaces.by_hand((root,))
        if (
            place is not None
            and loss.reason == DAEMON_DOWN
            and not count
            and not self._sessions.has_ambient(place.root)
        ):
            return  # nothing happened: no session is opened to say so
        gap = Gap(
            at=self._clock.now(),
            source=Source.WATCH,
            started_at=loss.started_at,
            ended_at=loss.ended_at,
            reason=loss.reason,
            recovered=count,
        )
        yield gap, Verdict(shares, place)

    async def _told(self) -> None:
        """Return when all that happened before the call has been told, and is stored."""
        await self._watcher.barrier()
        await self._tracking.settled()

    async def _told_at_once(self) -> None:
        """Return as `_told` does, without waiting for what may still be folded."""
        await self._watcher.barrier()
        await self._tracking.keep()

    def _is_away(self, root: str) -> None:
        self._live.discard(root)
        self._away.add(root)
        self._stir()

    def _stir(self) -> None:
        if self._lost.keys() <= self._away:
            self._whole.set()
        else:
            self._whole.clear()
        self._something.set()

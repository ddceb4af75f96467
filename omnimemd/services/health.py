"""Whether the daemon can do its work, from real checks, and how it is in figures.

Each look sends a canary the whole way: a row is written, brought to the disk and read back from the file by a
connection that has nothing to do with the writer's; and the watcher does something that it has to hear of itself. A
part that is dead says so, and one that is stuck does not answer in time: a look never waits longer than that.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimem.model import WorkspaceState
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.file_events import WatchCounts
from omnimemd.domain.ports import Watcher, WatchFailed
from omnimemd.services.background import Background
from omnimemd.services.backups import Backups
from omnimemd.services.events import Events, HealthChanged
from omnimemd.services.losses import is_unseen, told
from omnimemd.services.retention import Retention
from omnimemd.services.semantic import Semantic
from omnimemd.services.sessions import Sessions
from omnimemd.services.threadless import NO_THREAD, is_no_thread
from omnimemd.services.tracking import Tracking
from omnimemd.services.workspaces import Workspaces
from omnimemd.storage import canary, search_pending, vectors
from omnimemd.storage import losses as loss_rows
from omnimemd.storage.database import Database
from omnimemd.storage.losses import Loss
from omnimemd.storage.troubles import SYNC_FAILED

log = logging.getLogger(__name__)

#: Seconds between two looks at a daemon that does not work.
_AGAIN_SECONDS: Final = 1.0
#: Seconds that a part may take to answer: a disk under load, a watcher in a storm. A client waits five.
_ANSWER_SECONDS: Final = 2.0


class Condition(msgspec.Struct, frozen=True):
    """Whether the daemon does its work, and everything a person may want to mend."""

    stores: bool  #: what it is told, and what happens in the folders it watches
    problems: tuple[str, ...]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon in figures."""

    database_bytes: int
    schema_version: int
    active: int
    ended: int
    workspaces: int
    watch: WatchCounts
    reads_observed: bool
    recorded: int
    scans: int
    coalesced: int  #: events that became part of another access, or of a scan
    ignored: int
    gaps: int
    problems: tuple[str, ...]
    pending_accesses: int
    durable_commits: int
    subscribers: int
    documents: int  #: that can be found
    documents_waiting: int  #: to be found by their words
    vectors_waiting: int  #: to be made, or made anew
    meaning: str | None  #: what makes the vectors
    losses: tuple[Loss, ...]  #: oldest first
    retention_ran_at: Millis | None
    retention_removed: int
    backups: tuple[Backup, ...]  #: newest first
    backup_problem: str | None


class Health:
    """Looks at every part that can fail."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: Sessions,
        workspaces: Workspaces,
        tracking: Tracking,
        watcher: Watcher,
        retention: Retention,
        backups: Backups,
        background: Background,
        semantic: Semantic | None,
        events: Events,
        clock: Clock,
        notices: Callable[[], tuple[str, ...]],
    ) -> None:
        """Look at these; *notices* is what a person should know that none of them does."""
        self._database = database
        self._sessions = sessions
        self._workspaces = workspaces
        self._tracking = tracking
        self._watcher = watcher
        self._retention = retention
        self._backups = backups
        self._background = background
        self._semantic = semantic
        self._events = events
        self._clock = clock
        self._notices = notices
        self._last = Condition(stores=True, problems=())
        self._trouble = asyncio.Event()
        self._canary_at = Millis(0)
        database.on_trouble(self._trouble.set)

    def suspect(self) -> None:
        """Look soon: something may have died."""
        self._trouble.set()

    async def run(self) -> None:
        """Tell everybody when a part stops working, and when it works again, for ever; idle while all is well."""
        while True:
            await self._trouble.wait()
            self._trouble.clear()
            while not (await self.check()).stores:  # noqa: ASYNC110 - a disk tells nobody when it works again
                await asyncio.sleep(_AGAIN_SECONDS)

    async def check(self) -> Condition:
        """Have store and watcher prove, in some seconds at most, that they work; name every problem there is."""
        storing, watching = await asyncio.gather(self._storing_problem(), self._watching_problem())
        problems = [one for one in (storing, watching) if one is not None]
        works = not problems
        problems += [f"The background task '{name}' failed; see the log." for name in sorted(self._background.failing)]
        if self._database.damaged:
            problems.append("The database's file is damaged: `omnimem doctor` says what to do.")
        if self._backups.problem is not None:
            problems.append(self._backups.problem)
        if self._semantic is not None and self._semantic.problem is not None:
            problems.append(self._semantic.problem)
        with contextlib.suppress(StoreUnavailable):
            lost = filter(is_unseen, self._database.read_now(loss_rows.every))
            problems += [told(loss, database=self._database.path) for loss in lost]
        condition = Condition(works, (*problems, *self._watch_problems()))
        if condition != self._last:
            self._last = condition
            self._events.publish(HealthChanged(condition.problems, condition.stores))
        return condition

    @property
    def last(self) -> Condition:
        """What the last check found; one is made whenever a write was lost."""
        return self._last

    def figures(self) -> Figures:
        """Return the figures of now."""
        watch = self._watcher.counts()
        active, ended = self._sessions.count()
        ran = self._retention.last()
        return Figures(
            database_bytes=self._database.size(),
            schema_version=self._database.schema_version,
            active=active,
            ended=ended,
            workspaces=len(self._workspaces.every()),
            watch=watch,
            reads_observed=self._watcher.reads_observed,
            recorded=self._tracking.recorded,
            scans=self._tracking.scans,
            coalesced=self._tracking.folded + watch.events_repeated,
            ignored=self._tracking.nobodys + watch.events_ignored,
            gaps=self._tracking.gaps,
            problems=self._watch_problems(),
            pending_accesses=self._tracking.waiting,
            durable_commits=self._database.durable_commits_waiting,
            subscribers=len(self._events),
            documents=self._database.read_now(vectors.count),
            documents_waiting=self._database.read_now(search_pending.count_waiting),
            vectors_waiting=0 if self._semantic is None else self._semantic.count_waiting(),
            meaning=None if self._semantic is None else self._semantic.model,
            losses=tuple(self._database.read_now(loss_rows.every)),
            retention_ran_at=None if ran is None else ran.at,
            retention_removed=self._retention.removed(),
            backups=tuple(self._backups.every()),
            backup_problem=self._backups.problem,
        )

    async def _storing_problem(self) -> str | None:
        if self._database.sync_failed:
            return SYNC_FAILED
        if (displaced := self._database.displaced()) is not None:
            return str(displaced)
        at = self._canary_at = Millis(max(self._clock.now(), self._canary_at + 1))  # another look's is later
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._database.write(lambda db: canary.write(db, at=at), durable=True)
                found = await self._database.read_from_outside(canary.read)
        except StoreUnavailable as error:
            return error.detail
        except TimeoutError:
            return f"The disk has not confirmed a write for {_ANSWER_SECONDS:.0f} s."
        except (MemoryError, OSError, RuntimeError) as error:  # of a system that has nothing left to give
            log.warning("store not looked at", extra={"reason": repr(error)})
            return f"Whether anything is stored is not known: {NO_THREAD if is_no_thread(error) else repr(error)}"
        return None if found is not None and found >= at else "The database does not give back what was written."

    async def _watching_problem(self) -> str | None:
        heard = self._watcher.counts().events_seen
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._watcher.pulse()
        except WatchFailed as error:
            return str(error)
        except TimeoutError:
            if self._watcher.counts().events_seen == heard:  # else it has much to do, and does it
                return f"File events have not been heard of for {_ANSWER_SECONDS:.0f} s. Restart omnimemd."
        except (MemoryError, OSError, RuntimeError) as error:
            return f"Whether file events are heard of is not known: {error!r}"
        return None

    def _watch_problems(self) -> tuple[str, ...]:
        ill = (WorkspaceState.DEGRADED, WorkspaceState.GONE)
        seen = [f"{one.path}: {one.problem}" for one in self._workspaces.every() if one.state in ill and one.problem]
        absent = [f"{path}: not watched: {why}" for path, why in self._workspaces.absent.items()]
        return (*self._notices(), *seen, *absent)

"""What is counted while the daemon runs, of every part, for whoever watches over it."""

import asyncio
import math
from collections import Counter

from omnimem.model import EndReason
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.measuring import Histogram
from omnimemd.domain.ports import Machine, Taken
from omnimemd.domain.sessions import Session
from omnimemd.services.background import Background
from omnimemd.services.backups import Backups
from omnimemd.services.events import Events
from omnimemd.services.sessions import Sessions
from omnimemd.services.tracking import Tracking
from omnimemd.storage import quarantine
from omnimemd.storage.database import Database


class Measures:
    """Gathers the counts that the parts keep of themselves. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: Sessions,
        tracking: Tracking,
        background: Background,
        backups: Backups,
        events: Events,
        machine: Machine,
        clock: Clock,
    ) -> None:
        """Gather from these."""
        self._database = database
        self._clock = clock
        self._tracking = tracking
        self._background = background
        self._backups = backups
        self._events = events
        self._machine = machine
        self._ends: Counter[EndReason] = Counter()
        sessions.on_end(self._ended)

    @property
    def ends(self) -> dict[EndReason, int]:
        """How many sessions have ended since the start, by why."""
        return {reason: self._ends[reason] for reason in EndReason}

    @property
    def commit_sizes(self) -> Histogram:
        """How many writes shared a commit."""
        return self._database.commit_sizes

    @property
    def sync_seconds(self) -> Histogram:
        """What the disk took to confirm."""
        return self._database.sync_seconds

    @property
    def delays(self) -> Histogram:
        """Seconds from when an access was seen until it was stored."""
        return self._tracking.delays

    @property
    def missed(self) -> int:
        """Happenings that listeners to the stream of events were too slow for."""
        return self._events.missed

    @property
    def failing(self) -> int:
        """Background tasks that failed and have not been well since."""
        return len(self._background.failing)

    @property
    def backup_failures(self) -> int:
        """Backups that could not be made."""
        return self._backups.failures

    def backups(self) -> list[Backup]:
        """Return those there are, newest first; reads a few bytes of each."""
        return self._backups.every()

    def seconds_since(self, at: Millis | None) -> float:
        """Return how long ago that was: infinitely, if it never was."""
        return math.inf if at is None else max(self._clock.now() - at, 0) / 1000

    def set_aside(self) -> int:
        """Return the bytes of damaged files that are kept; some stat calls."""
        return sum(quarantine.sizes(self._database.path).values())

    @property
    def tasks(self) -> int:
        """Tasks of the event loop."""
        return len(asyncio.all_tasks())

    def taken(self) -> Taken:
        """Return what the process holds of the machine."""
        return self._machine.taken()

    def _ended(self, session: Session) -> None:
        if session.end_reason is not None:
            self._ends[session.end_reason] += 1

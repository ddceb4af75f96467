"""Open a session for a tool that works in a watched folder and has not said so itself.

Nothing polls: what happens in a folder and is no session's has the processes of this user looked through, once. No
session's is what happens where none is active, where the processes of those that are did nothing of the kind, or where
only shells have sessions, which stand for whatever runs in them. A look that finds nobody is not repeated for a while,
each time longer, until a session has ended there, or until something happens after a silence: a tool may have begun.

Of each run of a known tool that is at work in the folder, one process stands for the run, and its session ends with it.
A run inside another (an agent in an editor's terminal, an editor that an agent opened) has a session of its own, beside
the outer one's: whose an access is, attribution decides by the nearest. A run that has a session already, there or in a
watched folder below, has none opened.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.identity import Process, ProcessIdentity, is_no_tool
from omnimemd.domain.paths import is_within
from omnimemd.domain.ports import Processes
from omnimemd.domain.tools import run_of
from omnimemd.services.background import Background
from omnimemd.services.sessions import Sessions
from omnimemd.services.workspaces import AmbientPlace, Workspaces

log = logging.getLogger(__name__)

#: How long what happened waits for a look; one that takes longer goes on, for what happens later.
_PATIENCE_SECONDS: Final = 0.1
#: How long nobody is looked for after a look that found nobody, and the most that grows to, doubled each time.
_PAUSE_MS: Final = 30_000
_LONGEST_PAUSE_MS: Final = 600_000
#: A silence of this length is one, and so long ago must the last look be.
_SILENCE_MS: Final = 10_000
#: Sessions one look opens at most; of more tools than that, the latest begun.
_AT_MOST: Final = 8


class _Pause(msgspec.Struct, frozen=True):
    """How long nobody is looked for in a folder."""

    since: Millis
    length_ms: int


class Discovery:
    """Looks who is at work. Belongs to the event loop's thread; the looking itself is done in another."""

    def __init__(
        self,
        *,
        processes: Processes,
        sessions: Sessions,
        workspaces: Workspaces,
        background: Background,
        clock: Clock,
        tools: Sequence[str],
    ) -> None:
        """Look for runs of *tools*, names of programs; with none of them, nobody is ever looked for."""
        self._processes = processes
        self._sessions = sessions
        self._workspaces = workspaces
        self._background = background
        self._clock = clock
        self._tools = frozenset(one for one in tools if not is_no_tool(one))
        self._pauses: dict[str, _Pause] = {}
        self._wanted_at: dict[str, Millis] = {}  # by folder: when something happened there last that was nobody's
        self._looking: set[str] = set()
        sessions.on_end(lambda session: self._forget(session.workspace))

    async def look(self, place: AmbientPlace) -> tuple[str, ...]:
        """Return the ids of sessions opened now, for the tools at work in *place*: what was nobody's is theirs.

        Empty when nobody was found, when it is too soon to look again, and when looking takes longer than a moment.
        """
        if not self._tools or place.root in self._looking or self._pauses_in(place.root):
            return ()
        self._looking.add(place.root)
        opened: list[str] = []
        looking = self._background.once("look for tools", self._look(place, opened))
        looking.add_done_callback(lambda _: self._looking.discard(place.root))
        done, _ = await asyncio.wait([looking], timeout=_PATIENCE_SECONDS)
        return tuple(opened) if done else ()

    async def _look(self, place: AmbientPlace, opened: list[str]) -> None:
        taken = self._sessions_below(place.root)
        runs = await asyncio.to_thread(self._runs_at_work, place.root, taken)
        taken = self._sessions_below(place.root)  # one may have been opened meanwhile
        try:
            for run in runs[-_AT_MOST:]:
                if run.identity not in taken and self._workspaces.find(place.root) is not None:
                    session = await self._sessions.open_discovered(place, process=run)
                    if session.active:
                        opened.append(session.session_id)
        except StoreUnavailable as error:
            log.warning("session not opened", extra={"reason": error.detail})
        if not opened:
            self._pause(place.root)

    def _runs_at_work(self, directory: str, taken: set[ProcessIdentity]) -> list[Process]:
        """Return each run that is at work in *directory*, oldest first, but those that *taken* processes are of."""
        runs: dict[ProcessIdentity, Process] = {}
        for process in self._processes.at_work_in(directory, self._tools):
            run = run_of(self._processes.ancestry(process.identity.pid))
            if run is not None:
                runs.setdefault(run.identity, run)
        for identity in taken:
            run = run_of(self._processes.ancestry(identity.pid))
            if run is not None:
                runs.pop(run.identity, None)
        return list(runs.values())

    def _sessions_below(self, root: str) -> set[ProcessIdentity]:
        """Return the processes of the sessions active in *root*, and in the watched folders below it."""
        folders = tuple(one.path for one in self._workspaces.every() if is_within(one.path, root))
        active = (self._sessions.get(one) for one in self._workspaces.members(folders))
        return {one.process.identity for one in active if one.process is not None}

    def _pauses_in(self, root: str) -> bool:
        pause, now = self._pauses.get(root), self._clock.now()
        silence = now - self._wanted_at.get(root, now)
        self._wanted_at[root] = now
        if pause is None:
            return False
        passed = now - pause.since
        anew = silence >= _SILENCE_MS and passed >= _SILENCE_MS
        return not anew and 0 <= passed < pause.length_ms  # a clock that was set back must not make it longer

    def _forget(self, root: str) -> None:
        self._pauses.pop(root, None)
        self._wanted_at.pop(root, None)

    def _pause(self, root: str) -> None:
        last = self._pauses.get(root)
        length_ms = _PAUSE_MS if last is None else min(last.length_ms * 2, _LONGEST_PAUSE_MS)
        self._pauses[root] = _Pause(self._clock.now(), length_ms)

"""End a session the moment its process dies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import Final

import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.identity import Process, ProcessIdentity
from omnimemd.domain.ports import Cancel, Processes

log = logging.getLogger(__name__)

#: Seconds between two tries to store the end of a session.
_AGAIN_SECONDS: Final = 1.0
#: Processes of which is remembered whose they are.
_ASKED_FOR: Final = 256


class Death(msgspec.Struct, frozen=True):
    """A session's process died."""

    session_id: str
    process: ProcessIdentity
    at: Millis


class Liveness:
    """Knows which session is bound to which process, and tells of deaths in the order they happen."""

    def __init__(self, *, processes: Processes, clock: Clock) -> None:
        """Hear of deaths from *processes*."""
        self._processes = processes
        self._clock = clock
        self._bound: dict[str, Cancel] = {}
        self._process_of: dict[str, ProcessIdentity] = {}
        self._asked_for: dict[ProcessIdentity, str | None] = {}  # whose each is that was asked for
        self._deaths: asyncio.Queue[Death] = asyncio.Queue()  # holds at most one of each that is not told
        self._untold: set[tuple[str, ProcessIdentity]] = set()

    def bind(self, session_id: str, process: ProcessIdentity) -> bool:
        """Hear of the death of *process*, and of no other, for the session; False when it is dead already."""
        self.unbind(session_id)
        cancel = self._processes.on_death(process, lambda: self._died(session_id, process))
        if cancel is None:
            return False
        self._bound[session_id] = cancel
        self._process_of[session_id] = process
        self._asked_for.clear()
        return True

    def bind_or_mourn(self, session_id: str, process: ProcessIdentity) -> None:
        """Hear of the death of *process* for the session, also where it has died already."""
        if not self.bind(session_id, process):
            self._died(session_id, process)

    def unbind(self, session_id: str) -> None:
        """Hear of no death for the session; an unbound one is ignored."""
        self._process_of.pop(session_id, None)
        self._asked_for.clear()
        cancel = self._bound.pop(session_id, None)
        if cancel is not None:
            cancel()

    def watched(self) -> dict[str, ProcessIdentity]:
        """Return the process that is watched for each session."""
        return dict(self._process_of)

    def session_of(self, ancestry: Iterable[Process]) -> str | None:
        """Return the session bound to the first process of *ancestry* that one is bound to; the latest bound of many.

        Of *ancestry* no more than the first is read for a process that was asked for since anything was bound or
        unbound: to look at each costs a fifth of a millisecond.
        """
        upwards = iter(ancestry)
        first = next(upwards, None) if self._process_of else None
        if first is None:
            return None
        if first.identity not in self._asked_for:
            latest = {process: session_id for session_id, process in self._process_of.items()}
            bound = (latest[one.identity] for one in chain((first,), upwards) if one.identity in latest)
            if len(self._asked_for) >= _ASKED_FOR:
                self._asked_for.clear()
            self._asked_for[first.identity] = next(bound, None)
        return self._asked_for[first.identity]

    async def run(self, died: Callable[[Death], Awaitable[object]]) -> None:
        """Call *died* for each death, for ever."""
        while True:
            death = await self._deaths.get()
            while True:
                try:
                    await died(death)
                    self._untold.discard((death.session_id, death.process))
                    break
                except StoreUnavailable as error:  # it must not be forgotten: nobody tells of it again
                    log.warning("end of a session not stored", extra={"reason": error.detail})
                    await asyncio.sleep(_AGAIN_SECONDS)

    def _died(self, session_id: str, process: ProcessIdentity) -> None:
        self._bound.pop(session_id, None)
        self._process_of.pop(session_id, None)
        self._asked_for.clear()
        if (session_id, process) not in self._untold:
            self._untold.add((session_id, process))
            self._deaths.put_nowait(Death(session_id, process, self._clock.now()))

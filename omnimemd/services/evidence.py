"""Decide when to look at what the sessions' processes do, and keep what was seen.

The moment to look is when something has just happened to a file: at most fifty times a second, less often while a storm
goes on, a few times more when it is over, to know what processes do by the way, and never while nothing happens.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from omnimemd.domain.activity import Look, LookOrder, Looks
from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import FileEvent
from omnimemd.domain.ports import Activity
from omnimemd.services.workspaces import Workspaces

#: Looks a second in the long run, and how many may follow one another as fast as events come.
_PER_SECOND: Final = 50.0
_AT_ONCE: Final = 10.0
#: Seconds between two looks at the least; in a storm; and from the last event to the look that ends it, then from each
#: look to the next one that shows what processes do when nothing happens.
_APART: Final = 0.002
_APART_IN_STORM: Final = 0.08
_AFTERWARDS: Final = (0.03, 0.05, 0.1, 0.3, 1.0)
#: Events since the last look that make a storm.
_STORM: Final = 200
#: Files whose sizes and last events are remembered, and those asked about in one look.
_FILES: Final = 4_096
_ASKED: Final = 64
#: How long a flush waits for a look: one takes less than a millisecond, on a machine that is not overloaded.
_LOOK_SECONDS: Final = 0.25


class Evidence:
    """Looks at processes while their sessions' files are used. Belongs to the event loop's thread."""

    def __init__(self, *, workspaces: Workspaces, activity: Activity) -> None:
        """Look, with *activity*, at the processes of the sessions active in *workspaces*."""
        self._workspaces = workspaces
        self._activity = activity
        self.looks = Looks()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._due: OrderedDict[str, tuple[Millis, int]] = (
            OrderedDict()
        )  # by path: its last event, the look that follows
        self._asked: dict[str, None] = {}  # paths of events that no look has been taken for
        self._events = 0  # that no look has been taken for
        self._calm = 0  # looks since the latest that followed events
        self._bound = False  # whether there were processes to look at, the last time
        self._wanted = False  # a look that was not begun because another was under way
        self._looking: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0  # of the latest look
        self._begun = float("-inf")  # loop time of the latest look
        self._allowed = _AT_ONCE
        workspaces.on_joined(lambda _: self._joined())

    def saw(self, events: Sequence[FileEvent]) -> None:
        """Take note of *events*, and look who is at work."""
        places = {event.workspaces for event in events}
        if not any(one.process for place in places for one in self._workspaces.active(place)):
            return
        for event in events[: max(0, _STORM - self._events)]:  # in a storm the times of events and looks must do
            self._due[event.path] = event.at, self._number + 1
            self._due.move_to_end(event.path)
            if len(self._asked) < _ASKED:
                self._asked[event.path] = None
        while len(self._due) > _FILES:
            self._due.popitem(last=False)
        self._events += len(events)
        self._want()

    def process_ended(self) -> None:
        """Look once more soon, so that nothing is kept open for a process that ended."""
        if self._timer is None:  # the one that is due does as well
            self._want(after=_AFTERWARDS[-1])

    def size_of(self, path: str) -> int:
        """Return the size of a file that was lately used; 0 when it is not known."""
        return self._sizes.get(path, 0)

    def look_after(self, path: str, at: Millis) -> int:
        """Return the number of the first look begun after the latest event of a file was seen that was used at *at*."""
        seen_at, number = self._due.get(path, (at, None))
        return self.looks.number_after(at) if number is None or seen_at < at else number

    async def settled(self) -> None:
        """Return once a look was taken that is younger than every event."""
        if self._events and self._looking is None:
            self._look()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                while self._looking is not None:
                    await asyncio.shield(self._looking)
                    if self._events and self._looking is None:
                        self._look()
        except TimeoutError:
            return

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._activity.close()

    def _joined(self) -> None:
        """Look: what its process has done before is not to be its session's; and what it does by the way is."""
        self._calm = min(self._calm, 1)
        self._want()

    def _want(self, *, after: float = 0.0) -> None:
        """Look as soon as it is allowed, *after* seconds at the soonest."""
        if self._looking is not None:
            self._wanted = True
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        apart = _APART if self._events < _STORM else _APART_IN_STORM
        allowed = min(_AT_ONCE, self._allowed + (now - self._begun) * _PER_SECOND)
        wait = max(after, self._begun + apart - now, (1 - allowed) / _PER_SECOND)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait > 0:
            self._timer = loop.call_later(wait, self._look)
        else:
            self._look()

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer = None
        self._allowed = min(_AT_ONCE, self._allowed + (now - self._begun) * _PER_SECOND) - 1
        self._begun = now
        everybody = [one for one in self._workspaces.everybody() if one.process is not None]
        order = LookOrder(
            bound=frozenset(one.process for one in everybody if one.process is not None),
            folders=tuple({one.workspace for one in everybody}),
            paths=tuple(self._asked),
        )
        self._calm = 0 if self._events else self._calm + 1
        calm = self._calm
        self._asked, self._events, self._wanted = {}, 0, False
        if not order.bound:
            if self._bound:  # what is kept open for those there were is closed
                self._activity.look(order, lambda _: None)
            self._bound = False
            return
        self._bound = True
        number = self._number = self._number + 1
        looking = self._looking = asyncio.get_running_loop().create_future()

        def seen(look: Look) -> None:
            self._looking = None
            looking.set_result(None)
            self._keep(look, number, calm=calm > 1)
            if self._wanted:
                self._want()
            elif calm < len(_AFTERWARDS):
                self._want(after=_AFTERWARDS[calm])

        self._activity.look(order, seen)

    def _keep(self, look: Look, number: int, *, calm: bool) -> None:
        self.looks.add(look, number=number, calm=calm)
        for path, size in look.sizes.items():
            self._sizes[path] = size
            self._sizes.move_to_end(path)
        while len(self._sizes) > _FILES:
            self._sizes.popitem(last=False)

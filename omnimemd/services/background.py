"""Run what goes on beside the requests: every task belongs here, and none dies unnoticed."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Self

from omnimem.errors import Unavailable
from omnimemd.domain.ports import WatchFailed
from omnimemd.services.threadless import NO_THREAD, is_no_thread

log = logging.getLogger(__name__)

#: Seconds before a task that failed is started again, doubled each time it fails soon after, up to the most.
_RESTART_SECONDS: Final = 1.0
_MOST_SECONDS: Final = 30.0
_MOST_DOUBLINGS: Final = 5


class Background:
    """The daemon's own tasks. A bug in one is logged and the task goes on, so that the daemon is never half dead."""

    def __init__(self) -> None:
        """Begin with none."""
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failing: set[str] = set()  #: names of tasks that failed and have not been well since

    async def __aenter__(self) -> Self:
        """Take tasks from now on."""
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Cancel every task and wait until they are gone."""
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run *work*, which never ends by itself, and again should it fail."""

        async def kept() -> None:
            loop = asyncio.get_running_loop()
            doublings = 0
            while True:
                began = loop.time()
                try:
                    await work()
                except (Unavailable, WatchFailed) as error:  # no bug: health says what it is, and it may be over soon
                    log.warning("background task waits", extra={"task": name, "reason": str(error)})
                    doublings = 0
                except (Exception, asyncio.CancelledError) as error:
                    if _is_cancelled():
                        raise
                    self.failing.add(name)
                    if is_no_thread(error):
                        log.warning("background task waits", extra={"task": name, "reason": NO_THREAD})
                    else:
                        log.exception("background task failed", extra={"task": name})
                doublings = 0 if loop.time() - began > _MOST_SECONDS else doublings
                await asyncio.sleep(min(_RESTART_SECONDS * 2**doublings, _MOST_SECONDS))
                doublings = min(doublings + 1, _MOST_DOUBLINGS)
                self.failing.discard(name)

        self._start(name, kept())

    def once(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Run *work* to its end; a failure is logged."""

        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("background task failed", extra={"task": name})

        task = self._start(name, run())
        task.add_done_callback(lambda _: work.close())  # it has not begun where the task was cancelled before
        return task

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # A context of its own: a task must not inherit the transaction its starter holds.
        task = self._group.create_task(work, name=name, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_cancelled() -> bool:
    """Return whether the present task is to end: what it waited for may have been cancelled by somebody else."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

"""Tell the supervisor how the daemon is while it begins and while it serves.

A supervisor that is promised a sign of life kills a daemon that gives none. So the sign must prove something: it is
given from the event loop, after the thread that brings writes to the disk has answered. A store that cannot write (a
full disk) is degraded, which is told, and no reason to be killed.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from omnimemd.daemon.asked import Asked
from omnimemd.daemon.build import Running
from omnimemd.daemon.notices import Notices
from omnimemd.daemon.replacing import Installed
from omnimemd.system.listening import Listening
from omnimemd.system.supervisor import notify, status, supervised, watchdog_seconds

#: Seconds between two looks at how the daemon is: the text that the supervisor shows is as old at most.
_LOOK_SECONDS: Final = 20.0
#: The same where nobody is told.
_LOOK_ALONE_SECONDS: Final = 60.0
#: Seconds a start may take longer each time it says that it goes on, and how often it does.
_LONGER_SECONDS: Final = 30
_SAY_AGAIN_SECONDS: Final = 10.0
#: Seconds after which a start that goes on and on is no start any more: gigabytes are checked and copied in less.
_LONGEST_START_SECONDS: Final = 3600.0


@contextmanager
def beginning() -> Iterator[None]:
    """Have the supervisor wait for what the block does, such as checking a large database; the loop may stand still."""
    ended = threading.Event()
    every = min(_SAY_AGAIN_SECONDS, (watchdog_seconds() or _SAY_AGAIN_SECONDS) / 3)
    until = time.monotonic() + _LONGEST_START_SECONDS

    def say() -> None:
        while not ended.wait(every) and time.monotonic() < until:
            notify(f"EXTEND_TIMEOUT_USEC={_LONGER_SECONDS * 1_000_000}", "WATCHDOG=1")

    thread = threading.Thread(target=say, name="beginning", daemon=True)
    if supervised():
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()


def supervise(house: Running, listening: Listening, asked: Asked, notices: Notices) -> None:
    """Say that the daemon is ready, and from then on how it is."""
    notify("READY=1", "WATCHDOG=1", status(_how(house, notices)))
    house.background.keep("supervision", lambda: _look(house, listening, asked, notices))


async def _look(house: Running, listening: Listening, asked: Asked, notices: Notices) -> None:
    watchdog, installed = watchdog_seconds(), Installed()
    every = _LOOK_SECONDS if supervised() else _LOOK_ALONE_SECONDS
    while True:
        await asyncio.sleep(every if watchdog is None else min(every, watchdog / 3))
        await house.database.prove_alive()
        notify("WATCHDOG=1", status(_how(house, notices)))
        version = installed.other()
        if version is not None and listening.is_lasting:
            asked.give_way()  # whoever made the socket starts the daemon again; who calls meanwhile waits
        notices.put("version", None if version is None else f"omnimemd {version} is installed now: restart omnimemd.")


def _how(house: Running, notices: Notices) -> str:
    services = house.services
    active, _ = services.sessions.count()
    problems = dict.fromkeys((*services.health.last.problems, *notices()))
    counts = f"{_count(active, 'active session')}, {_count(len(services.workspaces.every()), 'workspace')}"
    state = "" if services.health.last.stores else "Degraded. "
    return state + counts + "".join(f"; {one}" for one in problems)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

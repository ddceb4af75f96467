"""The life of the daemon: take the places, begin, serve, stop in order."""

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

from aiohttp import web

from omnimem._version import __version__
from omnimem.errors import StoreUnavailable
from omnimemd.api.protocol import Connection
from omnimemd.daemon.build import running
from omnimemd.services.events import Events
from omnimemd.storage.errors import DatabaseUnusable, SchemaTooNew
from omnimemd.system.directories import private_directory
from omnimemd.system.errors import StartError
from omnimemd.system.listening import BACKLOG, Listening
from omnimemd.system.lock import Lock
from omnimemd.system.settings import Settings
from omnimemd.system.supervisor import notify
from omnimemd.system.watcher import WatchUnavailable

log = logging.getLogger(__name__)

#: Objects made and not freed after which Python looks for garbage that counting references does not find.
_COLLECT_AFTER = 10_000
#: Seconds that accepted requests have to finish when the daemon stops; the whole stop has five, and aiohttp waits as
#: long again for one that it has cut off and whose caller does not read.
_FINISH_SECONDS = 2.0
#: Bytes of a request line: the question of a search stands in it, percent-encoded, and may be as long as a body.
_LONGEST_LINE = 4 * 1024 * 1024
#: Seconds an idle connection is kept.
_KEEPALIVE_SECONDS = 75.0


def run(settings: Settings) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Raises:
        StartError: it cannot start, or another daemon runs already.
    """
    with ExitStack() as places:
        private_directory(settings.data_dir)
        lock = Lock(
            settings.data_dir / "omnimemd.lock",
            protects=f"the data directory {settings.data_dir}",
            socket=settings.socket,
        )
        places.callback(lock.release)
        listening = Listening(settings.socket)
        places.callback(listening.close)
        _allow_descriptors()
        try:
            asyncio.run(_serve(settings, listening))
        except (DatabaseUnusable, SchemaTooNew, StoreUnavailable, WatchUnavailable) as error:
            raise StartError(str(error)) from error


async def _serve(settings: Settings, listening: Listening) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # the last: its terminal was closed
        loop.add_signal_handler(number, stop.set)
    connection = listening.open()  # before any thread is started; calls wait until they can be served
    async with running(settings) as (app, events):
        app.on_shutdown.append(_hang_up(events))
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_FINISH_SECONDS)
        _spare_the_collector()
        await runner.setup()
        server = await loop.create_unix_server(partial(_connection, runner), sock=connection, backlog=BACKLOG)
        try:
            log.info("ready", extra={"version": __version__, "pid": os.getpid(), "socket": str(settings.socket)})
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            log.info("stopping")
        finally:
            server.close()
            await runner.cleanup()
    log.info("stopped")


def _connection(runner: web.AppRunner) -> Connection:
    if runner.server is None:
        raise RuntimeError("the runner is not set up")
    loop = asyncio.get_running_loop()
    return Connection(
        runner.server,
        loop=loop,
        access_log=None,  # type: ignore[arg-type]  # None turns it off (aiohttp's web reference, run_app)
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_LONGEST_LINE,
    )


def _hang_up(events: Events) -> Callable[[web.Application], Awaitable[None]]:
    async def hang_up(_: web.Application) -> None:
        events.close()  # listeners would otherwise be waited for

    return hang_up


def _spare_the_collector() -> None:
    """Leave what the daemon consists of out of garbage collections, and begin them less often.

    Requests that are served at once hold some thousand objects until their common commit: to look for garbage after
    every 700 would find none, again and again, and cost a tenth of the daemon's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _allow_descriptors() -> None:
    """Allow as many descriptors as the user may have: each bound process and each caller takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

"""The life of the daemon: take the places, begin, serve, stop in order."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

from omnimem._version import __version__
from omnimem.errors import BackupDamaged, BackupFailed, BackupNotFound, StoreUnavailable
from omnimemd.daemon.build import running
from omnimemd.daemon.serving import serving
from omnimemd.storage import backups, restoring
from omnimemd.storage.errors import DatabaseUnusable, SchemaTooNew
from omnimemd.system.clock import SystemClock
from omnimemd.system.directories import private_directory
from omnimemd.system.disks import check_disk
from omnimemd.system.errors import StartError
from omnimemd.system.listening import Listening
from omnimemd.system.lock import Lock
from omnimemd.system.settings import Settings
from omnimemd.system.supervisor import notify, supervised
from omnimemd.system.trust import check_own
from omnimemd.system.watcher import WatchUnavailable

log = logging.getLogger(__name__)

#: Objects made and not freed after which Python looks for garbage that counting references does not find.
_COLLECT_AFTER = 10_000


def run(settings: Settings, *, restore: str | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Args:
        settings: what the user set.
        restore: the backup to put in the place of the database first; `newest` is the newest good one.

    Raises:
        StartError: it cannot start, or another daemon runs already.
    """
    with ExitStack() as places:
        check_disk(settings.data_dir)
        private_directory(settings.data_dir)
        lock = Lock(
            settings.data_dir / "omnimemd.lock",
            protects=f"the data directory {settings.data_dir}",
            socket=settings.socket,
        )
        places.callback(lock.release)
        for path in settings.database_files:
            check_own(path)
        listening = Listening(settings.socket)
        places.callback(listening.close)
        _allow_descriptors()
        try:
            if restore is not None:
                _prepare(settings.database, restore)
            asyncio.run(_live(settings, listening))
        except (BackupDamaged, BackupFailed, BackupNotFound) as error:
            raise StartError(f"{error.detail} {error.hint}") from error
        except (DatabaseUnusable, SchemaTooNew, StoreUnavailable, WatchUnavailable) as error:
            raise StartError(str(error)) from error


def _prepare(database: Path, restore: str) -> None:
    """Note that the backup *restore* is to take the place of *database*."""
    folder = backups.folder_of(database)
    backup = backups.newest_good(folder) if restore == "newest" else backups.find(folder, restore)
    if backup is None:
        names = ", ".join(one.backup_id for one in backups.found(folder)) or "none"
        raise BackupNotFound(f"There is no backup {restore!r} in {folder}.", hint=f"Those there are: {names}.")
    restoring.prepare(database, backup, at=SystemClock().now())


async def _live(settings: Settings, listening: Listening) -> None:
    """Serve, and begin anew as often as that is asked for, until a signal says to stop."""
    asked = _Asked()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.stop)
    # Its terminal was closed; a supervisor, which has none, means by it that the settings are to be read again.
    loop.add_signal_handler(signal.SIGHUP, asked.begin_again if supervised() else asked.stop)
    connection = listening.open()  # before any thread is started; calls wait until they can be served
    with connection:
        while not asked.to_stop:
            await _serve(settings, connection, asked)
    log.info("stopped")


async def _serve(settings: Settings, connection: socket.socket, asked: "_Asked") -> None:
    """Build everything, serve until something else is asked for, and take everything down in order."""
    asked.nothing()
    async with running(settings, begin_again=asked.begin_again) as (app, events):
        _spare_the_collector()
        async with serving(app, events, connection):
            log.info("ready", extra={"version": __version__, "pid": os.getpid(), "socket": str(settings.socket)})
            notify("READY=1")
            await asked.anything()
            if asked.to_stop:
                connection.close()  # from now on nobody is let in who would not be answered
                notify("STOPPING=1")
                log.info("stopping")
            else:
                log.info("beginning again")


class _Asked:
    """What the daemon was asked to do instead of serving; used on the loop's thread alone."""

    def __init__(self) -> None:
        self.to_stop = False  #: for good: nothing after it counts
        self._event = asyncio.Event()

    def stop(self) -> None:
        self.to_stop = True
        self._event.set()

    def begin_again(self) -> None:
        self._event.set()

    def nothing(self) -> None:
        if not self.to_stop:
            self._event.clear()

    async def anything(self) -> None:
        await self._event.wait()


def _spare_the_collector() -> None:
    """Leave what the daemon consists of out of garbage collections, and begin them less often.

    Requests that are served at once hold some thousand objects until their common commit: to look for garbage after
    every 700 would find none, again and again, and cost a tenth of the daemon's time.
    """
    gc.unfreeze()  # what was here before it began again
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _allow_descriptors() -> None:
    """Allow as many descriptors as the user may have: each bound process and each caller takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

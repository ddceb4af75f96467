"""The life of the daemon: take the places, begin, serve, stop in order."""

import asyncio
import errno
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import msgspec

from omnimem._version import __version__
from omnimem.errors import BackupDamaged, BackupFailed, BackupNotFound, StoreUnavailable
from omnimem.locate import socket_path
from omnimemd.daemon.asked import Asked
from omnimemd.daemon.build import running
from omnimemd.daemon.holding import stay_alone
from omnimemd.daemon.notices import Notices
from omnimemd.daemon.reachable import stay_reachable
from omnimemd.daemon.rereading import Rereading
from omnimemd.daemon.serving import serving
from omnimemd.daemon.supervision import beginning, supervise
from omnimemd.daemon.tidying import stay_small
from omnimemd.services.threadless import NO_THREAD, is_no_thread
from omnimemd.storage import backups, lineage, restoring
from omnimemd.storage.errors import DatabaseUnusable, SchemaTooNew
from omnimemd.system.activation import activated
from omnimemd.system.clock import SystemClock
from omnimemd.system.directories import private_directory
from omnimemd.system.disks import check_disk
from omnimemd.system.errors import StartError
from omnimemd.system.listening import Listening
from omnimemd.system.lock import Lock
from omnimemd.system.memory import keep_one_heap
from omnimemd.system.settings import Settings
from omnimemd.system.supervisor import notify, reloading, status, supervised
from omnimemd.system.trust import check_own
from omnimemd.system.watcher import WatchUnavailable

log = logging.getLogger(__name__)

#: Objects made and not freed after which Python looks for garbage that counting references does not find.
_COLLECT_AFTER = 10_000
#: What the kernel says of a file system that takes no more: errno(3).
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def run(settings: Settings, *, read: Callable[[], Settings], restore: str | None = None) -> int:
    """Run the daemon until SIGTERM or SIGINT; return its exit status.

    Args:
        settings: what the user set.
        read: gives the settings of now, when a supervisor says that they are to be read again.
        restore: the backup to put in the place of the database first; `newest` is the newest good one.

    Raises:
        StartError: it cannot start, or another daemon runs already.
    """
    keep_one_heap()  # before there is another thread
    _explain_deadly_signals()
    ended: list[int] = []

    async def live() -> None:
        ended.append(await _live(settings, lock, listening, read))

    with _told_if_short(settings.data_dir), ExitStack() as places:
        given = activated()
        check_disk(settings.data_dir)
        private_directory(settings.data_dir)
        lock = Lock(
            settings.data_dir / "omnimemd.lock",
            protects=f"the data directory {settings.data_dir}",
            socket=settings.socket if given is None else given.path,
        )
        places.callback(lock.release)
        for path in settings.database_files:
            check_own(path)
        listening = Listening(settings.socket, given)
        places.callback(listening.close)
        _allow_descriptors()
        try:
            if restore is not None:
                _prepare(settings.database, restore)
            asyncio.run(live())
            return ended[0]
        except (BackupDamaged, BackupFailed, BackupNotFound) as error:
            raise StartError(f"{error.detail} {error.hint}") from error
        except (DatabaseUnusable, SchemaTooNew, StoreUnavailable, WatchUnavailable) as error:
            raise StartError(str(error)) from error
        except RuntimeError as error:
            if not is_no_thread(error):
                raise
            if ended:  # asyncio wanted one to see the others out
                return ended[0]
            raise StartError(f"{NO_THREAD} Raise the limit: `ulimit -u`, or TasksMax= of the service") from error


@contextmanager
def _told_if_short(data_dir: Path) -> Iterator[None]:
    """Raise as an error of the start that nothing can be written in *data_dir*, or no file be opened."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            what = "too few open files are allowed: raise `ulimit -n`, or LimitNOFILE= of the service"
            raise StartError(what) from error
        if error.errno not in _NO_ROOM:
            raise
        raise StartError(f"nothing can be written in {data_dir}: {os.strerror(error.errno)}") from error


def _prepare(database: Path, restore: str) -> None:
    """Note that the backup *restore* is to take the place of *database*."""
    folder = backups.folder_of(database)
    name = restore
    if restore == "newest" and (spare := lineage.spare(database)) is not None:
        name = spare.name
    backup = backups.find(folder, name)
    if backup is None:
        names = ", ".join(one.backup_id for one in backups.found(folder)) or "none"
        raise BackupNotFound(f"There is no backup {restore!r} in {folder}.", hint=f"Those there are: {names}.")
    restoring.prepare(database, backup, at=SystemClock().now())


async def _live(settings: Settings, lock: Lock, listening: Listening, read: Callable[[], Settings]) -> int:
    """Serve, and begin anew as often as that is asked for, until it is to stop; return the exit status."""
    asked, notices = Asked(), Notices()
    notices.put("socket", _other_socket(settings.socket, listening.path))
    settings_now = Rereading(settings, read=read, asked=asked, notices=notices)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.stop)
    # Its terminal was closed; a supervisor, which has none, means by it that the settings are to be read again.
    loop.add_signal_handler(signal.SIGHUP, settings_now.read_again if supervised() else asked.stop)
    listening.open()  # calls wait until they can be served
    try:
        while not asked.to_stop:
            await _serve(settings_now.settings, lock, listening, asked, notices)
    finally:
        listening.shut()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)  # it ends: to be told so again must not make it a death
    log.info("stopped")
    return asked.status


async def _serve(settings: Settings, lock: Lock, listening: Listening, asked: Asked, notices: Notices) -> None:
    """Build everything, serve until something else is asked for, and take everything down in order."""
    asked.begun()
    settings = msgspec.structs.replace(settings, socket=listening.path)
    async with AsyncExitStack() as stack:
        with beginning():
            house = await stack.enter_async_context(running(settings, begin_again=asked.begin_again, notices=notices))
            _spare_the_collector()
        serves = await stack.enter_async_context(serving(house.app, house.services.events, listening.open()))
        supervise(house, listening, asked, notices)
        house.background.keep("tidying", stay_small)
        house.background.keep("reachable", lambda: stay_reachable(listening, serves, notices))
        house.background.keep("lock", lambda: stay_alone(lock, notices))
        log.info("ready", extra={"version": __version__, "pid": os.getpid(), "socket": str(settings.socket)})
        await asked.anything()
        if asked.to_stop:
            listening.shut()  # from now on nobody is let in who would not be answered
            notify("STOPPING=1", status("stopping"))
            log.info("stopping")
        else:
            notify(*reloading(), status("beginning again"))
            log.info("beginning again")


def _other_socket(named: Path, listened_on: Path) -> str | None:
    """Return what to say where clients do not find the daemon at the socket that the settings name."""
    is_default = named == socket_path(os.environ)  # nobody named it
    if is_default or os.path.realpath(named) == os.path.realpath(listened_on):
        return None
    log.warning("listening elsewhere", extra={"socket": str(listened_on), "settings": str(named)})
    return (
        f"The service manager listens on {listened_on}, but the settings name the socket {named}, where nobody does: "
        "take `socket` out of the settings, or change ListenStream in omnimemd.socket."
    )


def _explain_deadly_signals() -> None:
    """Have a crash, and the signal of a supervisor's watchdog, say on stderr where each thread was."""
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)


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

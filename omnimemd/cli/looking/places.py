"""The socket, the locks and the folders of the daemon, seen from outside."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from omnimem.model import Check, Verdict
from omnimemd.cli.daemon import find, log_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.kernel import holder
from omnimemd.cli.text import counted, shown_path

_REPAIR: Final = "`omnimem doctor --repair` takes it from them, unless it has a second name elsewhere."
_LITTLE_ROOM: Final = 50_000_000


def look_at_places(socket: Path, data: Path | None, *, asleep: bool) -> Iterator[Check]:
    """Look at the *socket*, and at the *data* folder where that is known; a daemon that is *asleep* is not called."""
    yield _socket(socket, asleep=asleep)
    yield _lock(socket, data, asleep=asleep)
    yield _permissions(socket, data)
    room = _room(socket.parent, data)
    if room is not None:
        yield room


def tighten_places(socket: Path, data: Path | None) -> list[str]:
    """Take what is this user's, and open to others, from them; return what that was."""
    done: list[str] = []
    for path, mode in _loose(socket, data):
        with suppress(OSError):
            if stat.S_ISREG((found := path.lstat()).st_mode) and found.st_nlink > 1:
                continue  # it may be any file of its user's, under another name
            path.chmod(mode & 0o700)
            done.append(str(path))
    return done


def _socket(path: Path, *, asleep: bool) -> Check:
    def told(verdict: Verdict, detail: str, hint: str | None = None) -> Check:
        return Check(name="socket", verdict=verdict, detail=detail, hint=hint)

    where = shown_path(str(path))
    try:
        found = path.lstat()
    except FileNotFoundError:
        return told(Verdict.WARN, f"There is none at {where}.", "It is made when the daemon starts.")
    except OSError as error:
        return told(Verdict.FAIL, f"{where} cannot be looked at: {error.strerror}.", "See the folders above it.")
    if not stat.S_ISSOCK(found.st_mode):
        return told(Verdict.FAIL, f"{where} is no socket.", "Move it away, or choose another --socket.")
    if found.st_uid != os.getuid():
        return told(Verdict.FAIL, f"{where} belongs to user {found.st_uid}.", "Choose a --socket of your own.")
    if asleep:
        return told(Verdict.OK, f"{where}, listened on by the service manager.")
    try:
        pid = find(path)
    except CannotGoOn as error:
        return told(Verdict.FAIL, error.detail, error.hint)
    if pid is None:
        return told(Verdict.WARN, f"{where} is left over: nobody listens on it.", "The next start takes its place.")
    by = f"pid {pid}" if pid else "a process in another pid namespace"
    return told(Verdict.OK, f"{where}, listened on by {by}.")


def _lock(socket: Path, data: Path | None, *, asleep: bool) -> Check:
    """Say who keeps the folder, from what the kernel tells (proc(5), /proc/locks): to try the lock would hold it."""
    files = [socket.with_name(socket.name + ".lock"), *([data / "omnimemd.lock"] if data is not None else [])]
    holders = {pid for file in files if (pid := holder(file)) is not None}
    listening = None
    if not asleep:
        with suppress(CannotGoOn):
            listening = find(socket)
    if not holders:
        return Check(name="lock", verdict=Verdict.OK, detail="No daemon keeps the folders.")
    who = ", ".join(f"pid {pid}" for pid in sorted(holders))
    if listening is not None:  # it, or the service manager on its behalf
        return Check(name="lock", verdict=Verdict.OK, detail=f"The folders are kept by {who}.")
    return Check(
        name="lock",
        verdict=Verdict.FAIL,
        detail=f"The folders are kept by {who}, and none of them listens on this socket: no daemon can start.",
        hint="It may be starting, or listen elsewhere (OMNIMEM_SOCKET); one whose socket was removed makes it anew "
        f"within seconds. If nothing changes: `omnimem service restart`, or `kill {min(holders)}`.",
    )


def _permissions(socket: Path, data: Path | None) -> Check:
    loose = [shown_path(str(path)) for path, _ in _loose(socket, data)]
    others = [
        shown_path(str(folder))
        for folder in (socket.parent, data)
        if folder is not None and folder.is_dir() and folder.stat().st_uid != os.getuid()
    ]
    if others:
        detail, hint = f"{' and '.join(others)}: another user's.", "Choose a place of your own."
        return Check(name="permissions", verdict=Verdict.FAIL, detail=detail, hint=hint)
    if loose:
        more = f" and {counted(len(loose) - 1, 'other')}" if loose[1:] else ""
        detail = f"Others can read or enter {loose[0]}{more}."
        return Check(name="permissions", verdict=Verdict.FAIL, detail=detail, hint=_REPAIR)
    return Check(name="permissions", verdict=Verdict.OK, detail="The daemon's folders are yours alone.")


def _loose(socket: Path, data: Path | None) -> Iterator[tuple[Path, int]]:
    """Yield what is this user's, one of the daemon's own, and open to others; the socket's folder may be shared."""
    log = log_of(socket)
    paths = [socket, socket.with_name(socket.name + ".lock"), log, log.with_name(log.name + ".old")]
    if socket.parent.name == "omnimemd" or socket.parent.name.startswith("omnimemd-"):
        paths.append(socket.parent)
    if data is not None and data.is_dir():
        paths += [data, *data.glob("omnimem*")]
    for path in dict.fromkeys(paths):
        with suppress(OSError):
            found = path.lstat()
            if found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o077:
                yield path, stat.S_IMODE(found.st_mode)


def _room(*folders: Path | None) -> Check | None:
    def told(detail: str, hint: str) -> Check:
        return Check(name="room", verdict=Verdict.FAIL, detail=detail, hint=hint)

    short = []
    for folder in folders:
        with suppress(OSError):
            if folder is None:
                continue
            found, where = os.statvfs(folder), shown_path(str(folder))
            if found.f_flag & os.ST_RDONLY:
                return told(
                    f"{where} is on a file system that is read-only.", "Mount it writable, or look after the disk."
                )
            if found.f_bavail * found.f_frsize < _LITTLE_ROOM:
                short.append(where)
    return told(f"There is hardly any room left at {' and '.join(short)}.", "Make room there.") if short else None

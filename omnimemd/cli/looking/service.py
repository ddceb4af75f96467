"""The service, as its files have it, and as its manager says within a few seconds."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from omnimem import __version__
from omnimem.model import Check, Verdict
from omnimemd.cli.daemon import find
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.kernel import holder, listens
from omnimemd.cli.programs import hurried, run
from omnimemd.cli.service_files import FileState, ServiceFile
from omnimemd.cli.service_here import manager_here
from omnimemd.cli.service_manager import Manager, Running, wanted_here
from omnimemd.cli.text import safe, shown_path

#: Seconds a service manager may take to answer.
_PATIENCE: Final = 3.0
_INSTALL: Final = "Run `omnimem service install`."
#: In these states a call does not start the daemon: it runs, or soon will.
_AWAKE: Final = ("active", "activating", "reloading", "unknown")


class ServiceSeen(NamedTuple):
    """The service of a socket."""

    check: Check
    asleep: bool = False  #: its daemon does not run: to call the socket, even to look, would start it
    has_journal: bool = False  #: what its daemon says goes there, and not to the file beside the socket


def look_at_service(socket: Path) -> ServiceSeen:
    """Return how the service is that listens on *socket*, or on another."""
    manager = manager_here()
    with hurried(_PATIENCE):
        if not manager.is_installed():
            return ServiceSeen(_told(Verdict.OK, "None is installed: the daemon runs when `omnimem start` starts it."))
        try:
            manager.reach()
            seen = manager.look()
        except CannotGoOn:
            seen = None
        own = manager.socket() == socket
        asleep = own and (_is_awaited(socket) if seen is None else seen.listens and not seen.state.startswith(_AWAKE))
        ill = _of_files(manager, socket, seen) or (None if seen is None else _of_state(seen, socket, own=own))
        journal = own and seen is not None and seen.pid is not None and manager.name == "systemd"
        return ServiceSeen(ill or _well(manager, socket, seen, asleep=asleep), asleep, journal)


def service_files() -> list[Path]:
    """Return where the service's files are to be; not all may be there."""
    with hurried(_PATIENCE):
        return manager_here().places()


def _told(verdict: Verdict, detail: str, hint: str | None = None) -> Check:
    return Check(name="service", verdict=verdict, detail=detail, hint=hint)


def _of_files(manager: Manager, socket: Path, seen: Running | None) -> Check | None:
    """Return what is wrong with what is installed."""
    if any(path.is_symlink() and path.readlink() == Path(os.devnull) for path in manager.places()) or (
        seen is not None and seen.state == "masked"
    ):
        hint = f"`systemctl --user unmask omnimemd.service omnimemd.socket`, then {_INSTALL[0].lower()}{_INSTALL[1:]}"
        return _told(Verdict.WARN, "It is masked: nothing starts it.", hint)
    program = manager.program()
    if program and not os.access(program[0], os.X_OK):
        return _told(Verdict.FAIL, f"It starts {shown_path(program[0])}, which is not there.", _INSTALL)
    if missing := [path.name for path in manager.places() if not path.is_file()]:
        return _told(Verdict.FAIL, f"Of its files {' and '.join(missing)} is missing.", _INSTALL)
    if not program:
        return _told(Verdict.FAIL, f"{shown_path(str(manager.places()[0]))} does not say what it starts.", _INSTALL)
    if (other := _other_version(program)) is not None:
        return _told(Verdict.WARN, f"It starts {shown_path(program[0])}, of version {safe(other)}.", _INSTALL)
    if not manager.is_enabled():
        return _told(Verdict.WARN, "It is installed and not enabled: it does not start at login.", _INSTALL)
    outdated = [one.path.name for one in _wanted(manager, socket) if one.state() is FileState.OUTDATED]
    if outdated:
        detail = f"{' and '.join(outdated)}: written by another version or program, or with other settings than here."
        hint = "`omnimem service install` writes it anew; with --dry-run it shows what that would be."
        return _told(Verdict.WARN, detail, hint)
    return None


def _of_state(seen: Running, socket: Path, *, own: bool) -> Check | None:
    """Return what is wrong with how it runs."""
    if seen.state == "failed":
        detail = f"It failed: the last ended with {seen.last_exit or 'something it does not say'}"
        detail += f", after {seen.restarts} restarts." if seen.restarts else "."
        return _told(Verdict.FAIL, detail, "`omnimem service logs` says why; then `omnimem service restart`.")
    if seen.stale:
        return _told(
            Verdict.WARN, "Its files changed since systemd read them.", "Run `systemctl --user daemon-reload`."
        )
    if not seen.listens and seen.state == "inactive":
        if own and _is_served(socket):
            detail = "It is installed, and the daemon that runs was started without it."
            return _told(Verdict.WARN, detail, "`omnimem service install` takes it over.")
        detail = "It is installed, and was stopped, its socket too: nothing but a login starts it."
        return _told(Verdict.WARN, detail, "`omnimem start` has it run.")
    return None


def _well(manager: Manager, socket: Path, seen: Running | None, *, asleep: bool) -> Check:
    state = f"; {manager.name} does not answer here" if seen is None else f", {seen.state}"
    told = [f"Installed and enabled{state}."]
    if asleep:
        told.append(f"The daemon was stopped, or never started: {manager.name} starts it when it is called.")
    own = manager.socket()
    if own is not None and own != socket:
        told.append(f"It listens on {shown_path(str(own))}, not on the socket that is looked at.")
    changed = [one.path.name for one in _wanted(manager, socket) if one.state() is FileState.CHANGED]
    if changed:
        told.append(f"{' and '.join(changed)} was changed by hand, so `omnimem service install` leaves it as it is.")
    if manager.name == "systemd" and not _lingers():
        told.append("It ends as you log out; `loginctl enable-linger` keeps it.")
    return _told(Verdict.OK, " ".join(told))


def _wanted(manager: Manager, socket: Path) -> list[ServiceFile]:
    try:
        return manager.files(wanted_here(manager.socket() or socket))
    except CannotGoOn:  # nothing could be installed from here
        return []


def _other_version(program: list[str]) -> str | None:
    """Return the version of *program*, None where it is this one's, or is not told."""
    try:
        said = run(*program, "--version").out.split()
    except CannotGoOn:
        return None
    return said[1] if said[:1] == ["omnimemd"] and said[1:] not in ([], [__version__]) else None


def _is_served(socket: Path) -> bool:
    try:
        return find(socket) is not None
    except CannotGoOn:
        return False


def _is_awaited(socket: Path) -> bool:
    """Return whether somebody listens on *socket* and no daemon does (proc(5), /proc/net/unix and /proc/locks)."""
    return listens(socket) and holder(socket.with_name(socket.name + ".lock")) is None


def _lingers() -> bool:
    user = os.environ.get("USER", "")
    return bool(user and "/" not in user and Path("/var/lib/systemd/linger", user).exists())

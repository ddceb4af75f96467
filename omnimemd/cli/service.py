"""`omnimem service`: omnimemd as a service of the user's own service manager."""

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from omnimem import Client, OmnimemError, __version__
from omnimemd.cli import arguments as take
from omnimemd.cli import daemon, launch
from omnimemd.cli.connection import socket_of
from omnimemd.cli.errors import NOT_RUNNING, CannotGoOn
from omnimemd.cli.looking.settings import settings_here
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.programs import become
from omnimemd.cli.service_files import FileState, ServiceFile, remove, was_written
from omnimemd.cli.service_here import manager_here, manager_of
from omnimemd.cli.service_manager import Change, Manager, Running, Unreachable, wanted_here
from omnimemd.cli.service_report import InstalledFile, ServiceReport, tell
from omnimemd.cli.text import safe, shown_path

#: Seconds a daemon that runs may take to answer.
_TIMEOUT: Final = 30.0


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "install",
        _install,
        summary="Have the daemon start at login, when a client calls, and again after a crash. What is installed "
        "already is brought up to date; a daemon that runs is stopped in order and taken over.",
        example="omnimem service install",
    )
    verb.add_argument("--no-start", action="store_true", help="only from the next login on")
    verb.add_argument("--dry-run", action="store_true", help="show what would be written and run, and do nothing")
    verbs.add(
        "uninstall",
        _uninstall,
        summary="Stop the service and remove what `install` wrote. What was recorded stays.",
        example="omnimem service uninstall",
    )
    verbs.add(
        "status",
        _status,
        summary="Show how the service is. The exit status is 0 if the daemon runs, and 3 if it does not.",
        example="omnimem service status",
    )
    verbs.add(
        "restart",
        _restart,
        summary="Stop the daemon in order and have it run again; without a service too. Calls that come meanwhile "
        "wait, if there is one.",
        example="omnimem service restart",
    )
    verb = verbs.add(
        "logs",
        _logs,
        summary="Show what the daemon logged last: the journal, or the file beside the socket.",
        example="omnimem service logs -n 50",
    )
    verb.add_argument("-f", "--follow", action="store_true", help="go on as more is logged, until Ctrl-C")
    verb.add_argument(
        "-n", "--lines", metavar="N", type=take.whole(1, 10**6), default=20, help="how many lines (default: 20)"
    )


def _install(given: Namespace, out: Output) -> None:
    manager, path = manager_here(), socket_of(given)
    reachable = _is_reachable(manager, needed=not (given.no_start or given.dry_run))
    files = manager.files(wanted_here(path))
    states = {file: file.state() for file in files}
    if given.dry_run:
        _show_plan(manager, path, states, out)
        return
    _refuse_changed(states)
    before = manager.look() if reachable else Running(enabled=False, state="unknown")
    _put(manager, states, offline=not reachable)
    for file in files:
        if states[file] is not FileState.CURRENT:
            out.say(f"Wrote {shown_path(str(file.path))}.")
    if given.no_start:
        out.say("omnimemd is installed as a service: it starts at the next login.")
    elif (change := _change(states, before, path)) is Change.NOTHING and before.state == "active" and before.listens:
        out.say(f"omnimemd is installed and runs as a service (pid {before.pid}); there is nothing to do.")
    else:
        if not before.listens and before.state != "active" and (pid := daemon.stop(path)) is not None:
            out.say(f"The daemon that ran (pid {pid}) was stopped.")
        manager.begin(change)
        pid = _answer(path)
        out.say(f"omnimemd runs as a service of {manager.name} (pid {pid}), from now on whenever you are logged in.")
        if (data := _data_folder(path)) is not None:
            out.say(f"It keeps everything in {shown_path(data)}.")
    if out.json:
        out.object(_report(manager, path))


def _is_reachable(manager: Manager, *, needed: bool) -> bool:
    try:
        manager.reach()
    except Unreachable:
        if needed:
            raise
        return False
    return True


def _show_plan(manager: Manager, path: Path, states: Mapping[ServiceFile, FileState], out: Output) -> None:
    if out.json:
        out.object(_report(manager, path, states))
        return
    for file, state in states.items():
        out.line(f"# {safe(str(file.path))} ({state})")
        if not out.quiet:
            out.line(file.text)
    if not out.quiet:
        for command in manager.commands():
            out.line(f"$ {safe(command)}")


def _refuse_changed(states: Mapping[ServiceFile, FileState]) -> None:
    for file, state in states.items():
        if state is FileState.CHANGED:
            shown = shown_path(str(file.path))
            raise CannotGoOn(
                f"{shown} was changed by hand, or is not of `omnimem service install`; it is left as it is.",
                hint=f"Move it away, and put what you want different into {shown}.d/*.conf."
                if file.path.suffix != ".plist"
                else "Move it away.",
            )


def _put(manager: Manager, states: Mapping[ServiceFile, FileState], *, offline: bool) -> None:
    """Write what is not as it should be, and have it start at login; or leave everything as it was."""
    written = []
    try:
        for file, state in states.items():
            if state is not FileState.CURRENT:
                file.write()
                written.append(file)
        manager.enable(offline=offline)
    except CannotGoOn:
        for file in reversed(written):
            if states[file] is FileState.MISSING:
                remove(file.path)
        raise


def _change(states: Mapping[ServiceFile, FileState], before: Running, path: Path) -> Change:
    """Return what has to be begun anew of what was there *before*."""
    if not before.listens and before.state != "active":
        return Change.NOTHING
    changed = [file.path.suffix for file, state in states.items() if state is not FileState.CURRENT]
    if ".socket" in changed:
        return Change.SOCKET
    if changed or (before.state == "active" and _version(path) != __version__):
        return Change.SERVICE
    return Change.NOTHING


def _uninstall(_given: Namespace, out: Output) -> None:
    manager = manager_here()
    reachable = _is_reachable(manager, needed=False)
    there = [path for path in manager.places() if os.path.lexists(path)]
    path = manager.socket()
    before = manager.look() if reachable else Running(enabled=bool(there), state="unknown")
    if not (there or before.enabled or before.listens or before.pid):
        out.say("omnimemd is not installed as a service.")
        return
    data = _data_folder(path) if before.state == "active" and path is not None else None
    if reachable:
        manager.stop()
    manager.disable(offline=not reachable)
    ours = [one for one in there if was_written(one)]
    for one in reversed(ours):
        remove(one)
        out.say(f"Removed {shown_path(str(one))}.")
    if reachable:
        manager.forget()
    else:
        out.say(f"{manager.name} does not answer: a service that runs goes on until you log out.")
    for one in manager.leftovers():
        out.say(f"{shown_path(str(one))} is yours, and stays.")
    where = "" if data is None else f" in {shown_path(data)}"
    out.say(f"omnimemd is no service any more. What was recorded stays{where}.")
    if kept := [one for one in there if one not in ours]:
        shown = ", ".join(shown_path(str(one)) for one in kept)
        raise CannotGoOn(f"{shown} was changed by hand, and is left.", hint="Remove it if nothing in it is wanted.")


def _status(given: Namespace, out: Output) -> None:
    manager, path = manager_here(), socket_of(given)
    report = _report(manager, path)
    tell(report, out)
    if not report.running and report.pid is not None and not path.exists():
        raise CannotGoOn(
            f"omnimemd runs (pid {report.pid}), and nobody can call it: {shown_path(str(path))} was removed.",
            hint="`omnimem service restart` makes it anew.",
            status=NOT_RUNNING,
        )
    if not report.running:
        raise CannotGoOn("omnimemd is not running.", hint="Start it with `omnimem start`.", status=NOT_RUNNING)


def _restart(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    manager = manager_of(path)
    if isinstance(wrong := settings_here(path), str):  # what runs is better than nothing
        raise CannotGoOn(f"omnimemd would not start again: {wrong}", hint="Correct that first; what runs goes on.")
    if manager is not None:
        manager.reach()
        manager.restart()
    else:
        daemon.stop(path)
        launch.start(path)
    out.say(f"omnimemd runs (pid {_answer(path)}).")
    if out.json:
        out.object(_report(manager or manager_here(), path))


def _logs(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    manager = manager_of(path)
    command = None if manager is None else manager.log_command(given.lines, follow=given.follow, json=out.json)
    if command is None:
        log = daemon.log_of(path)
        if not log.is_file():
            raise CannotGoOn(
                f"There is no log, neither a journal nor {shown_path(str(log))}.", hint="Has omnimemd ever run?"
            )
        if manager is not None and manager.name == "systemd":
            out.say("The journal has nothing of the service; this is the log of `omnimem start`.")
        # POSIX has -n and -f; -F goes on in the new file when the daemon begins one, on Linux and on macOS.
        command = ["tail", "-n", str(given.lines), *(["-F"] if given.follow else []), str(log)]
    become(*command)


def _report(manager: Manager, path: Path, states: Mapping[ServiceFile, FileState] | None = None) -> ServiceReport:
    reachable = _is_reachable(manager, needed=False)
    seen = manager.look() if reachable else Running(enabled=False, state="unknown")
    supervised = manager_of(path) is not None
    # A call would start a service that does not run; what is not the service's is asked.
    answers = seen.state == "active" and path.exists() if supervised and seen.listens else daemon.find(path) is not None
    pid, version = _who(path) if answers else (None, None)
    states = states or {file: file.state() for file in manager.files(wanted_here(path))}
    journal = manager.log_command(1, follow=False, json=False) if supervised else None
    return ServiceReport(
        manager=manager.name,
        reachable=reachable,
        installed=manager.is_installed(),
        enabled=seen.enabled,
        state=seen.state,
        running=answers,
        pid=pid or seen.pid,
        version=version,
        program_version=__version__,
        restarts=seen.restarts,
        last_exit=seen.last_exit,
        socket=str(path),
        log=str(daemon.log_of(path)) if journal is None else "journalctl --user --unit omnimemd",
        files=[InstalledFile(path=str(file.path), state=state) for file, state in states.items()],
        additions=[str(one) for one in manager.leftovers()],
    )


def _answer(path: Path) -> int:
    """Wait until the daemon answers; return its pid."""
    with Client(path, timeout=_TIMEOUT) as client:
        return client.status().pid


def _who(path: Path) -> tuple[int | None, str | None]:
    """Return the pid and the version of the daemon that runs; one that hangs tells neither."""
    try:
        with Client(path, timeout=_TIMEOUT) as client:
            status = client.status()
    except OmnimemError:
        return None, None
    return status.pid, status.version


def _version(path: Path) -> str | None:
    return _who(path)[1]


def _data_folder(path: Path) -> str | None:
    try:
        with Client(path, timeout=_TIMEOUT) as client:
            return str(Path(client.status().database.path).parent)
    except OmnimemError:
        return None

"""`omnimem start`: see to it that the daemon runs, as the service if it is installed as one."""

import os
from argparse import Namespace
from pathlib import Path

from omnimemd.cli import daemon, launch
from omnimemd.cli.connection import client_of, socket_of
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser
from omnimemd.cli.service_here import manager_of
from omnimemd.cli.service_manager import Manager, Unreachable
from omnimemd.cli.text import safe, shown_path
from omnimemd.cli.times import local


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_start, example="omnimem start")


def _start(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    manager = manager_of(path)
    served = manager is not None and _start_service(manager, path, out)
    running = None if served else launch.start(path)
    with client_of(given) as client:
        pid = client.status().pid if running is None else running.pid
        if running is not None and running.ours is None:
            out.say(f"omnimemd is already running (pid {pid}).")
        elif running is not None:
            out.say(f"omnimemd is running (pid {pid}); its log is {shown_path(os.fspath(daemon.log_of(path)))}.")
        else:
            out.say(f"omnimemd is running as a service (pid {pid}); `omnimem service logs` shows its log.")
        for problem in client.health().problems:
            out.say(safe(local(problem)))
        if out.json:
            out.object(client.status())
        elif out.quiet:
            out.line(str(pid))


def _start_service(manager: Manager, path: Path, out: Output) -> bool:
    """Have the service run; false where it cannot be, or a daemon runs without it."""
    try:
        manager.reach()
    except Unreachable as error:
        out.say(f"{safe(error.detail)} The daemon is started without it, until you stop it.")
        return False
    seen = manager.look()
    if not seen.listens and seen.pid is None and daemon.find(path) is not None:
        return False
    if seen.state != "active" or not seen.listens or not path.exists():
        manager.start()
    return True

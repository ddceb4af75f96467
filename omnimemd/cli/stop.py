"""`omnimem stop`: see to it that the daemon does not run, nor is started by a client."""

from argparse import Namespace
from pathlib import Path

from omnimemd.cli import daemon
from omnimemd.cli.connection import socket_of
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser
from omnimemd.cli.service_here import manager_of
from omnimemd.cli.service_manager import Manager, Unreachable


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_stop, example="omnimem stop")


def _stop(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    manager = manager_of(path)
    if manager is None or not _stop_service(manager, out):
        _stop_daemon(path, out)


def _stop_daemon(path: Path, out: Output) -> None:
    pid = daemon.stop(path)
    out.say("omnimemd is not running." if pid is None else f"omnimemd stopped (pid {pid}).")


def _stop_service(manager: Manager, out: Output) -> bool:
    """Stop the service and its socket; false where its manager has neither, or cannot be asked."""
    try:
        manager.reach()
    except Unreachable:
        return False
    seen = manager.look()
    if not seen.listens and seen.pid is None:
        return False
    manager.stop()
    who = "" if seen.pid is None else f" (pid {seen.pid})"
    back = "at the next login, or with `omnimem start`" if seen.enabled else "with `omnimem start`"
    out.say(f"omnimemd stopped{who}, and its socket is closed. It is back {back}.")
    return True

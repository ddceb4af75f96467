"""`omnimem stop`: see to it that the daemon does not run."""

from argparse import Namespace

from omnimemd.cli import daemon
from omnimemd.cli.connection import socket_of
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_stop, example="omnimem stop")


def _stop(given: Namespace, out: Output) -> None:
    pid = daemon.stop(socket_of(given))
    out.say("omnimemd is not running." if pid is None else f"omnimemd stopped (pid {pid}).")

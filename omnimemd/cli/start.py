"""`omnimem start`: see to it that the daemon runs."""

import os
from argparse import Namespace

from omnimemd.cli.connection import client_of, socket_of
from omnimemd.cli.daemon import log_of
from omnimemd.cli.launch import start
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import safe, shown_path


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_start, example="omnimem start")


def _start(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    running = start(path)
    if running.ours is None:
        out.say(f"omnimemd is already running (pid {running.pid}).")
    else:
        out.say(f"omnimemd is running (pid {running.pid}); its log is {shown_path(os.fspath(log_of(path)))}.")
    with client_of(given) as client:
        for problem in client.health().problems:
            out.say(safe(problem))
        if out.json:
            out.object(client.status())
        elif out.quiet:
            out.line(str(running.pid))

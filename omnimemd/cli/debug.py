"""`omnimem debug`: find out what is wrong with the daemon, and tell others."""

from argparse import Namespace

from omnimem.model import LogLevel
from omnimemd.cli.connection import client_of
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "log-level",
        _log_level,
        summary="Show from which level on the daemon logs, or change it until the daemon stops.",
        example="omnimem debug log-level debug",
    )
    verb.add_argument(
        "level",
        metavar="LEVEL",
        nargs="?",
        choices=[str(one) for one in LogLevel],
        help="debug, info, warning or error (default: leave it)",
    )


def _log_level(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        log = client.show_log() if given.level is None else client.change_log(level=LogLevel(given.level))
    if out.answered(log, ids=[str(log.level)]):
        return
    until = "" if log.level is log.configured else f", until the daemon stops: it starts with {log.configured}"
    out.line(f"{log.level}{until}")

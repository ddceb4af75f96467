"""`omnimem debug`: find out what is wrong with the daemon, and tell others."""

from argparse import Namespace
from pathlib import Path

from omnimem.model import LogLevel
from omnimemd.cli.arguments import current_directory, named_path
from omnimemd.cli.connection import client_of, socket_of
from omnimemd.cli.files import new_file
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import shown_path, size


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "bundle",
        _bundle,
        summary="Write one file to attach to a report: how the daemon is, and nothing of what it was told or saw.",
        example="omnimem debug bundle --force -o report.tar.gz",
    )
    verb.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=named_path,
        default="omnimem-bundle.tar.gz",
        help="where to (default: omnimem-bundle.tar.gz)",
    )
    verb.add_argument("--force", action="store_true", help="replace FILE if it is there")
    verb.add_argument("--list", action="store_true", help="only show what would be in it")
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


def _bundle(given: Namespace, out: Output) -> None:
    from omnimemd.cli.bundle import packed

    if given.list:
        _gathered(socket_of(given), out)
        return
    path = Path(current_directory(), given.output)
    with new_file(str(path), replace=given.force) as file:  # before all is gathered, which takes long
        file.write(packed(_gathered(socket_of(given), out)))
    out.say(f"Written to {shown_path(str(path))}: look into it before you pass it on.")


def _gathered(socket: Path, out: Output) -> list[tuple[str, bytes]]:
    from omnimemd.cli.bundle import members

    files = list(members(socket))
    for name, content in files:
        out.say(f"  {name}  {size(len(content))}")
    return files


def _log_level(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        log = client.show_log() if given.level is None else client.change_log(level=LogLevel(given.level))
    if out.answered(log, ids=[str(log.level)]):
        return
    until = "" if log.level is log.configured else f", until the daemon stops: it starts with {log.configured}"
    out.line(f"{log.level}{until}")

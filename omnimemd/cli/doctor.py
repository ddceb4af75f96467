"""`omnimem doctor`: look everything over, and mend what can be mended."""

from argparse import Namespace
from pathlib import Path
from typing import Final

from omnimem import Client, DaemonNotRunning
from omnimem.model import Check, Checkup, Verdict
from omnimemd.cli.connection import socket_of
from omnimemd.cli.daemon import log_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, safe

#: Seconds the looks may take: the whole database is read.
_TIMEOUT: Final = 600.0
#: Lines of the log that are shown when no daemon runs.
_LAST_LINES: Final = 5
_STYLES: Final = {Verdict.OK: Style.GREEN, Verdict.WARN: Style.YELLOW, Verdict.FAIL: Style.RED}


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_doctor, example="omnimem doctor")
    word.add_argument("--repair", action="store_true", help="mend what can be mended without losing anything")


def _doctor(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    try:
        with Client(path, timeout=_TIMEOUT) as client:
            found = client.repair() if given.repair else client.checks()
    except DaemonNotRunning as error:
        _tell(Checkup(sound=False, checks=_without_a_daemon(path, error)), out)
        raise
    _tell(found, out)
    if not found.sound:
        failed = sum(one.verdict is Verdict.FAIL for one in found.checks)
        raise CannotGoOn(f"{counted(failed, 'check')} failed.", hint="" if given.repair else "Do what the lines say.")


def _without_a_daemon(path: Path, error: DaemonNotRunning) -> list[Check]:
    """Return what can be told when nobody answers; the rest only the daemon can look at."""
    checks = [Check(name="daemon", verdict=Verdict.FAIL, detail=error.detail, hint=error.hint)]
    try:
        lines = log_of(path).read_text("utf-8", "replace").splitlines()[-_LAST_LINES:]
    except OSError:
        return checks
    said = " / ".join(lines)
    return [*checks, Check(name="log", verdict=Verdict.OK, detail=f"It said last: {said}" if said else "It is empty.")]


def _tell(found: Checkup, out: Output) -> None:
    if out.answered(found, ids=[one.name for one in found.checks if one.verdict is Verdict.FAIL]):
        return
    room = max(len(one.name) for one in found.checks)
    for one in found.checks:
        verdict = out.styled(one.verdict, _STYLES[one.verdict]) + " " * (4 - len(one.verdict))
        out.line(f"{verdict}  {one.name:{room}}  {safe(one.detail)}")
        for more in (one.repaired and f"Mended: {one.repaired}", one.hint):
            if more:
                out.line(f"{'':{room + 6}}  {safe(more)}")

"""`omnimem doctor`: look everything over, from outside and from inside, and mend what can be mended."""

from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Final

from omnimem import Client, DaemonNotRunning, OmnimemError
from omnimem.model import Check, Checkup, Verdict
from omnimemd.cli.asking import look_at_daemon
from omnimemd.cli.connection import socket_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.looking import (
    look_at_backups,
    look_at_installation,
    look_at_log,
    look_at_places,
    look_at_service,
    look_at_settings,
    settings_here,
    tighten_places,
)
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, safe, shown_path
from omnimemd.cli.times import local

#: Seconds the looks may take: the whole database is read.
_TIMEOUT: Final = 600.0
_STYLES: Final = {Verdict.OK: Style.GREEN, Verdict.WARN: Style.YELLOW, Verdict.FAIL: Style.RED}


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_doctor, example="omnimem doctor")
    word.add_argument("--repair", action="store_true", help="mend what can be mended without losing anything")


def _doctor(given: Namespace, out: Output) -> None:
    path = socket_of(given)
    outside, answers = looked_from_outside(path, repair=given.repair)
    inside = looked_from_inside(path, repair=given.repair, timeout=_TIMEOUT) if answers else []
    checks = [*outside, *inside]
    found = Checkup(sound=all(one.verdict is not Verdict.FAIL for one in checks), checks=checks)
    _tell(found, inside_from=len(outside), out=out)
    if not answers and not _somebody_is_there(outside):
        raise DaemonNotRunning(f"No daemon answers at {path}.")
    if not found.sound:
        failed = sum(one.verdict is Verdict.FAIL for one in checks)
        raise CannotGoOn(f"{counted(failed, 'check')} failed.", hint="" if given.repair else "Do what the lines say.")


def looked_from_outside(path: Path, *, repair: bool) -> tuple[list[Check], bool]:
    """Return what the command sees by itself of the daemon on the socket *path*, and whether that can be asked."""
    settings = settings_here(path)
    data = None if isinstance(settings, str) else Path(settings.data_dir)
    service, asleep, has_journal = look_at_service(path)
    tightened = tighten_places(path, data) if repair else []
    places = list(look_at_places(path, data, asleep=asleep))
    if tightened:
        told = f"Took {', '.join(map(shown_path, tightened))} from other users."
        places = [_repaired(one, told) if one.name == "permissions" else one for one in places]
    daemon, answers = (_sleeping(), False) if asleep else look_at_daemon(path)
    log = None if has_journal else look_at_log(path)
    checks = [*look_at_installation(), look_at_settings(settings), service, *places]
    backups = None if answers else look_at_backups(settings)  # a daemon that answers says more
    return [*checks, *(one for one in (log, backups) if one is not None), daemon], answers


def looked_from_inside(path: Path, *, repair: bool, timeout: float) -> list[Check]:
    """Return what the daemon on the socket *path* finds when it looks itself over, or why it does not say."""
    try:
        with Client(path, timeout=timeout) as client:
            return (client.repair() if repair else client.checks()).checks
    except OmnimemError as error:  # of another version, or it went away meanwhile
        return [Check(name="looks", verdict=Verdict.FAIL, detail=error.detail, hint=error.hint)]


def _sleeping() -> Check:
    """Return how a daemon is that a call would start, and so is not called."""
    detail = "It does not run, and was not called: the service manager would start it."
    return Check(
        name="daemon", verdict=Verdict.WARN, detail=detail, hint="`omnimem start`, and look again, to look inside too."
    )


def _repaired(check: Check, told: str) -> Check:
    return Check(name=check.name, verdict=check.verdict, detail=check.detail, hint=check.hint, repaired=told)


def _somebody_is_there(outside: list[Check]) -> bool:
    return any(one.name == "socket" and one.verdict is Verdict.OK for one in outside)


def _tell(found: Checkup, *, inside_from: int, out: Output) -> None:
    if out.answered(found, ids=[one.name for one in found.checks if one.verdict is Verdict.FAIL]):
        return
    room = max(len(one.name) for one in found.checks)
    for number, one in enumerate(found.checks):
        if number == inside_from:
            out.line()
        verdict = out.styled(one.verdict, _STYLES[one.verdict]) + " " * (4 - len(one.verdict))
        out.line(f"{verdict}  {one.name:{room}}  {safe(local(one.detail))}")
        for more in (one.repaired and f"Mended: {one.repaired}", one.hint):
            if more:
                out.line(f"{'':{room + 6}}  {safe(more)}")
    counts = Counter(one.verdict for one in found.checks)
    out.line()
    out.line(
        f"{counted(len(found.checks), 'check')}: {counts[Verdict.OK]} ok, {counts[Verdict.WARN]} could be better, "
        f"{counts[Verdict.FAIL]} failed"
    )

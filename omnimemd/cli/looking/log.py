"""What the daemon complained of last, in the log that `omnimem start` has it write."""

import re
from pathlib import Path
from typing import Final

from omnimem.model import Check, Verdict
from omnimemd.cli.daemon import log_of
from omnimemd.cli.looking.reading import opened
from omnimemd.cli.text import shown_path

#: How much of the end of a log is read.
_BYTES: Final = 64 * 1024
#: What of a complaint is shown.
_LONGEST: Final = 200
#: What the daemon warns of because somebody wanted it.
_WANTED: Final = re.compile(r"log level changed|backup restored")
#: The last words of a run, and the first of one that serves.
_STOPPED: Final = re.compile(r'Z INFO stopped|"event": ?"stopped"')
_READY: Final = re.compile(r'Z INFO ready|"event": ?"ready"')
_GRAVE: Final = re.compile(r"^\S+Z (ERROR|CRITICAL|WARNING) |\"level\": ?\"(error|critical|warning)\"|^omnimemd: ")


def look_at_log(socket: Path) -> Check | None:
    """Return the last complaint of the last run, None where there is no log."""
    lines = last_lines(socket)
    if lines is None:
        return None
    where = shown_path(str(log_of(socket)))
    grave = [line for line in _last_run(lines) if _GRAVE.search(line) and not _WANTED.search(line)]
    if grave:
        last = grave[-1] if len(grave[-1]) <= _LONGEST else grave[-1][:_LONGEST] + "…"
        detail = f"The last complaint in {where}: {last}"
        return Check(name="log", verdict=Verdict.WARN, detail=detail, hint="The lines around it may say more.")
    said = f" It ends: {lines[-1]}" if lines else ""
    return Check(name="log", verdict=Verdict.OK, detail=f"No complaint of its last run in {where}.{said}")


def _last_run(lines: list[str]) -> list[str]:
    """Return the lines of the run that is, or was, the last, with what it said before it served."""
    ended = lines[:-1] if lines and _STOPPED.search(lines[-1]) else lines
    ready = [number for number, line in enumerate(ended) if _READY.search(line)]
    stopped = [number for number, line in enumerate(ended) if _STOPPED.search(line)]
    return ended[max([*ready[-2:-1], *stopped[-1:]], default=-1) + 1 :]


def last_lines(socket: Path) -> list[str] | None:
    """Return the end of the log, None where there is none."""
    try:
        with opened(log_of(socket)) as log:
            size = log.seek(0, 2)
            log.seek(max(size - _BYTES, 0))
            return log.read().decode("utf-8", "replace").splitlines()[1 if size > _BYTES else 0 :]
    except OSError:
        return None

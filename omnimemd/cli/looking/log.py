"""What the daemon complained of last, in the log that `omnimem start` has it write."""

import re
from pathlib import Path
from typing import Final

from omnimem.model import Check, Verdict
from omnimemd.cli.daemon import log_of
from omnimemd.cli.text import shown_path

#: How much of the end of a log is read.
_BYTES: Final = 64 * 1024
_GRAVE: Final = re.compile(r"^\S+Z (ERROR|CRITICAL|WARNING) |\"level\": ?\"(error|critical|warning)\"|^omnimemd: ")


def look_at_log(socket: Path) -> Check | None:
    """Return its last complaint, None where there is no log."""
    lines = last_lines(socket)
    if lines is None:
        return None
    where = shown_path(str(log_of(socket)))
    grave = [line for line in lines if _GRAVE.search(line)]
    if grave:
        detail = f"The last complaint in {where}: {grave[-1]}"
        return Check(name="log", verdict=Verdict.WARN, detail=detail, hint="The lines around it may say more.")
    said = f" It ends: {lines[-1]}" if lines else ""
    return Check(name="log", verdict=Verdict.OK, detail=f"No complaint in {where}.{said}")


def last_lines(socket: Path) -> list[str] | None:
    """Return the end of the log, None where there is none."""
    try:
        with log_of(socket).open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(size - _BYTES, 0))
            return log.read().decode("utf-8", "replace").splitlines()[1 if size > _BYTES else 0 :]
    except OSError:
        return None

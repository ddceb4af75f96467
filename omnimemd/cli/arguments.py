"""What an argument may be; whatever is wrong with one is told before anything happens."""

import argparse
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from omnimemd.cli import times
from omnimemd.cli.errors import CannotGoOn

#: PATH_MAX on Linux (limits.h), and what the API takes.
_LONGEST_PATH: Final = 4096


def text(given: str) -> str:
    """Take text that can be sent: a byte that is not UTF-8 cannot."""
    try:
        given.encode("utf-8")
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("is not valid UTF-8") from None
    return given


def named_path(given: str) -> str:
    """Take a path as it is; none that is empty, as a shell variable is that was not set, or longer than one can be."""
    if not given:
        raise argparse.ArgumentTypeError("is empty")
    if len(given) > _LONGEST_PATH:
        raise argparse.ArgumentTypeError(f"is longer than a path can be ({_LONGEST_PATH} characters)")
    return text(given)


def path(given: str) -> str:
    """Take a path, from the current directory, as the daemon will know it: without links."""
    return str(Path(current_directory(), named_path(given)).resolve())


def folder(given: str) -> str:
    """Take the path of a folder that is there, as `path` does."""
    found = path(given)
    if not Path(found).is_dir():
        raise argparse.ArgumentTypeError(
            f"{given!r} is no folder" if Path(found).exists() else f"{given!r} is not there"
        )
    return found


def file(given: str) -> str:
    """Take the path of a file, which may be a link itself: it is known by the folder it is in."""
    found = Path(current_directory(), named_path(given))
    return str(found.parent.resolve() / found.name) if found.name != ".." else path(given)


def unresolved(given: str) -> str:
    """Take a path, from the current directory, with its links and its last slash."""
    return named_path(given) if given.startswith("/") else f"{current_directory()}/{named_path(given)}"


def current_directory() -> str:
    """Return the current directory.

    Raises:
        CannotGoOn: it is gone, or its name cannot be sent.
    """
    try:
        here = str(Path.cwd())
        here.encode("utf-8")
    except (FileNotFoundError, UnicodeEncodeError) as error:
        what = "does not exist any more" if isinstance(error, FileNotFoundError) else "has a name that is not UTF-8"
        raise CannotGoOn(f"The current directory {what}.", hint="Change to another directory.") from None
    return here


def whole(least: int, most: int = 2**53) -> Callable[[str], int]:
    """Take a whole number between *least* and *most*."""

    def taken(given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", given) or not least <= int(given) <= most:
            bounds = f"of at least {least}" if most == 2**53 else f"between {least} and {most}"
            raise argparse.ArgumentTypeError(f"{given!r} is not a whole number {bounds}")
        return int(given)

    return taken


def importance(given: str) -> float:
    """Take a number between 0 and 1."""
    try:
        number = float(given)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number between 0 and 1")
    return number


def duration(given: str) -> float:
    """Take a duration over 0, in seconds."""
    try:
        found = times.seconds(given)
    except ValueError:
        found = 0.0
    if found <= 0:
        raise argparse.ArgumentTypeError(f"{given!r} is not a duration such as 90s, 15m, 1h30m, 7d or 2w")
    return found


def moment(given: str) -> datetime:
    """Take a moment of the past: a time, or how long ago."""
    try:
        return times.past(given)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{given!r} is no time such as 2h, 1d12h, 14:30, 2026-01-31 or '2026-01-31 14:30'"
        ) from None


def json_value(given: str) -> Any:
    """Take any JSON; what is none is a text."""
    import json  # few calls have one

    try:
        return json.loads(text(given))
    except ValueError:
        return given


def json_object(given: str) -> dict[str, Any]:
    """Take a JSON object."""
    import json  # few calls have one

    try:
        found = json.loads(text(given))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{given!r} is not a JSON object")
    return found

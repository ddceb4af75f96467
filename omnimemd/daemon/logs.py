"""The daemon's log: to stderr, from a level on that can be changed while it runs.

Records of the daemon's own code count from that level on, those of libraries from WARNING on at least: what they say
of their insides is for nobody. What a record is made of is `log_lines`, how it gets out `log_stream`.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Final

from omnimem.model import LogFormat, LogLevel
from omnimemd.daemon.log_lines import JsonLine, TextLine
from omnimemd.daemon.log_stream import LogStream

_OURS: Final = "omnimemd"


def configure(level: LogLevel, *, style: LogFormat = LogFormat.TEXT, socket: Path | None = None) -> None:
    """Send the log to stderr from *level* on, as lines of that *style*.

    The log that `omnimem start` opens beside the *socket* is the daemon's to keep small; no other file is.
    """
    logging.raiseExceptions = False  # a log that cannot be written is no reason to write more
    handler = LogStream(
        sys.__stderr__.fileno() if sys.__stderr__ is not None else 2,
        own=None if socket is None else beside(socket),
        journal=_is_journal(2),
    )
    handler.setFormatter(JsonLine() if style is LogFormat.JSON else TextLine())
    logging.basicConfig(handlers=[handler], force=True)
    Logs(level).change(level)


def reopen() -> None:
    """Make the log that `omnimem start` opened anew if it was removed."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogStream):
            handler.reopen()


def beside(socket: Path) -> Path:
    """Return where `omnimem start` has the log of the daemon on that *socket* go."""
    return socket.with_name(socket.name.removesuffix(".sock") + ".log")


class Logs:
    """Says from which level on is logged, and changes it until the daemon stops."""

    def __init__(self, configured: LogLevel) -> None:
        """Know the level that was *configured*."""
        self.configured = configured

    @property
    def level(self) -> LogLevel:
        """The level in force."""
        return LogLevel(logging.getLevelName(logging.getLogger(_OURS).getEffectiveLevel()).lower())

    def change(self, level: LogLevel) -> None:
        """Log from *level* on."""
        number = getattr(logging, level.name)
        logging.getLogger(_OURS).setLevel(number)
        logging.getLogger().setLevel(max(number, logging.WARNING))


def _is_journal(descriptor: int) -> bool:
    """Return whether systemd's journal reads *descriptor* (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"

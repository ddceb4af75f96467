"""Log to stderr, one line an event: when, how grave, what, and the facts."""

import logging
import sys
from typing import Final

from omnimemd.domain.clock import Millis, rfc3339
from omnimemd.domain.redaction import redact

#: What every record has; the rest are the facts of the event.
_STANDARD: Final = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"))


def configure(level: str) -> None:
    """Send the daemon's log to stderr from *level* on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class _Line(logging.Formatter):
    """`2026-01-01T00:00:00.000Z INFO session ended session="…" reason="…"`; a value never breaks the line."""

    def format(self, record: logging.LogRecord) -> str:
        facts = [f"{name}={value!r}" for name, value in vars(record).items() if name not in _STANDARD]
        line = " ".join(
            (rfc3339(Millis(int(record.created * 1000))), record.levelname, _one_line(record.getMessage()), *facts)
        )
        whole = f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
        return redact(whole).value  # nothing that was said is logged, but what failed may quote it


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")

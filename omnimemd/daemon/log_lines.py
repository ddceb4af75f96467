"""How a record of the log is written: as a line for people, or as an object for programs."""

import logging
from typing import Any, Final

import msgspec

from omnimemd.domain.clock import Millis, rfc3339
from omnimemd.domain.redaction import redact

#: What every record has; the rest are the facts of the event.
_STANDARD: Final = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"))
#: What sd-daemon(3) calls each level, in front of a line for the journal.
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG: Final = 7


class TextLine(logging.Formatter):
    """`2026-01-01T00:00:00.000Z INFO session ended session="…" reason="…"`; a value never breaks the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return it, with its traceback on lines of their own."""
        facts = [f"{name}={value!r}" for name, value in _facts(record).items()]
        line = " ".join((_time(record), record.levelname, _one_line(record.getMessage()), *facts))
        whole = f"{line}\n{self._quoted(record.exc_info)}" if record.exc_info else line
        return redact(whole).value  # nothing that was said is logged, but what failed may quote it

    def _quoted(self, failure: Any) -> str:
        """Return the traceback indented: what an error quotes is never taken for a line of the log."""
        return "\n".join(f"  {_one_line(line)}" for line in self.formatException(failure).splitlines())


class JsonLine(logging.Formatter):
    """`{"time": …, "level": "info", "logger": …, "event": …, "facts": {…}}`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return it on one line."""
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _plain(record.getMessage()),
            "facts": {name: _plain(value) for name, value in _facts(record).items()},
        }
        if record.exc_info:
            told["exception"] = _plain(self.formatException(record.exc_info))
        return msgspec.json.encode(told).decode("utf-8")


def for_journal(text: str, levelno: int) -> str:
    """Return *text* with what makes the journal take each of its lines at that level (sd-daemon(3))."""
    priority = next((number for level, number in _PRIORITIES if levelno >= level), _DEBUG)
    return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return rfc3339(Millis(int(record.created * 1000)))


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _plain(value: Any) -> Any:
    """Return a fact as JSON has it: whole numbers and truth as they are, everything else as clean text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    return redact(text.encode("utf-8", "backslashreplace").decode("utf-8")).value

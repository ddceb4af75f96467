"""Nothing that is logged can look like another line of the log, or control the terminal of who reads it."""

import logging
import re
import sys

from hypothesis import given
from hypothesis import strategies as st

from omnimemd.daemon.log_lines import JsonLine, TextLine

_HEAD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (ERROR|INFO) ")
_NASTY = st.text() | st.sampled_from(
    ["\n2026-01-01T00:00:00.000Z ERROR forged", "\x1b[2J", "\u202e", "\r", "\x85", "\udcff"]
)


def record(message: str, facts: dict[str, object], failure: str | None) -> logging.LogRecord:
    """Return what the log is told: *failure* is what an exception quotes."""
    made = logging.makeLogRecord({"msg": message, "levelno": 40, "levelname": "ERROR", "name": "x", **facts})
    if failure is not None:
        try:
            raise ValueError(failure)
        except ValueError:
            made.exc_info = sys.exc_info()
    return made


@given(message=_NASTY, fact=_NASTY | st.lists(_NASTY) | st.binary(), failure=st.none() | _NASTY)
def test_a_record_is_one_line_and_its_traceback_is_indented(message: str, fact: object, failure: str | None) -> None:
    told = TextLine().format(record(message.replace("%", ""), {"path": fact}, failure))

    first, *others = told.split("\n")
    assert _HEAD.match(first)
    assert all(line.startswith("  ") for line in others)
    assert bool(others) == (failure is not None)
    assert all(line.isprintable() for line in (first, *others))


@given(message=_NASTY, fact=_NASTY, failure=st.none() | _NASTY)
def test_as_json_a_record_is_one_line(message: str, fact: str, failure: str | None) -> None:
    told = JsonLine().format(record(message.replace("%", ""), {"path": fact}, failure))

    assert not re.search(r"[\x00-\x1f]", told)

"""The log is bounded, says what it left out, and is never the daemon's trouble."""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from omnimem.model import LogFormat, LogLevel
from omnimemd.daemon import log_stream, logs
from omnimemd.daemon.log_lines import JsonLine, TextLine, for_journal
from omnimemd.daemon.log_stream import MOST_BYTES, MOST_REPEATS, LogStream

Opened = Callable[..., LogStream]
#: Has the shape of a real one.
_TOKEN: Final = "gh" + "p_" + "0a1B2c3D4e5F" * 3


class Seconds:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_record(message: str = "it broke", level: int = logging.ERROR, **facts: object) -> logging.LogRecord:
    levelname = logging.getLevelName(level)
    return logging.makeLogRecord(
        {"name": "omnimemd.x", "msg": message, "levelno": level, "levelname": levelname, **facts}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "omnimemd.log"


@pytest.fixture
def opened(path: Path) -> Iterator[Opened]:
    """Opens a log as `omnimem start` does, and gives what writes to it."""
    descriptors = []

    def open_it(**settings: object) -> LogStream:
        descriptors.append(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600))
        stream = LogStream(descriptors[-1], **settings)  # type: ignore[arg-type]  # as given by the test
        stream.setFormatter(TextLine())
        return stream

    yield open_it
    for one in descriptors:
        os.close(one)


def test_what_comes_again_and_again_is_counted(path: Path, opened: Opened) -> None:
    stream = opened(monotonic=(seconds := Seconds()))
    for _ in range(10_000):
        stream.emit(a_record(path="/x"))
    stream.emit(a_record("another"))

    assert len(path.read_text().splitlines()) == MOST_REPEATS + 1

    seconds.now = 61
    stream.emit(a_record())

    *_, left_out, again = path.read_text().splitlines()
    assert "the same was left out of the log what='it broke' times=9970" in left_out
    assert "it broke" in again


def test_what_was_left_out_is_told_at_the_end(path: Path, opened: Opened) -> None:
    stream = opened()
    for _ in range(MOST_REPEATS + 5):
        stream.emit(a_record())

    stream.close()

    assert "times=5" in path.read_text().splitlines()[-1]


def test_whoever_asked_for_everything_gets_it(path: Path, opened: Opened) -> None:
    stream = opened()
    for _ in range(100):
        stream.emit(a_record(level=logging.DEBUG))

    assert len(path.read_text().splitlines()) == 100


def test_messages_that_all_differ_are_not_remembered_for_ever(opened: Opened) -> None:
    stream = opened(monotonic=(seconds := Seconds()))
    for number in range(5_000):
        seconds.now += 1
        stream.emit(a_record(f"message {number}"))

    assert len(stream._repeats) <= log_stream._MOST_MESSAGES


def test_its_own_file_is_cut_and_what_it_held_is_kept_once(path: Path, opened: Opened) -> None:
    stream = opened(own=path)
    filler = "x" * 50_000
    for number in range(3 * MOST_BYTES // 50_000):
        stream.emit(a_record(f"number {number}", filler=filler))

    kept = path.with_name("omnimemd.log.old")
    assert path.stat().st_size <= MOST_BYTES + 60_000
    assert kept.stat().st_size <= MOST_BYTES
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert sorted(one.name for one in path.parent.iterdir()) == ["omnimemd.log", "omnimemd.log.old"]
    said = kept.read_text() + path.read_text()
    last = 3 * MOST_BYTES // 50_000 - 1
    assert all(f"number {number} " in said for number in range(last - 40, last + 1))


def test_a_file_that_is_not_its_own_is_left_to_its_owner(path: Path, opened: Opened, tmp_path: Path) -> None:
    stream = opened(own=tmp_path / "another.log")
    for _ in range(60):
        stream.emit(a_record(level=logging.DEBUG, filler="x" * 50_000))

    assert path.stat().st_size > MOST_BYTES
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_log_that_was_removed_is_made_anew(path: Path, opened: Opened) -> None:
    stream = opened(own=path)
    stream.emit(a_record("one"))
    path.unlink()

    stream.reopen()
    stream.emit(a_record("two"))
    stream.reopen()  # it is there: nothing happens
    stream.emit(a_record("three"))

    assert [word in path.read_text() for word in ("one", "two", "three")] == [False, True, True]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_that_is_not_its_own_is_not_made_anew(path: Path, opened: Opened, tmp_path: Path) -> None:
    stream = opened(own=tmp_path / "another.log")

    stream.reopen()

    assert not (tmp_path / "another.log").exists()


def test_a_link_in_the_place_of_what_is_kept_is_not_followed(path: Path, opened: Opened, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("omnimemd.log.old", "omnimemd.log.old.part"):
        (tmp_path / name).symlink_to(victim)
    stream = opened(own=path)
    for _ in range(60):
        stream.emit(a_record(level=logging.DEBUG, filler="x" * 50_000))

    assert victim.read_text() == "precious"
    assert path.stat().st_size <= MOST_BYTES + 60_000


def test_a_disk_that_is_full_hurts_nobody_and_the_loss_is_told() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    stream = LogStream(full)
    stream.setFormatter(TextLine())
    stream.emit(a_record("one"))
    stream.emit(a_record("two"))
    reading, writing = os.pipe()
    os.dup2(writing, full)  # there is room again

    stream.emit(a_record("three"))

    lost, three = os.read(reading, 65536).decode().splitlines()
    assert "lines of the log were lost lines=2" in lost
    assert "three" in three
    for one in (full, reading, writing):
        os.close(one)


def test_a_reader_who_does_not_read_holds_nobody_up() -> None:
    reading, writing = os.pipe()
    stream = LogStream(writing)
    stream.setFormatter(TextLine())

    for _ in range(100):
        stream.emit(a_record(level=logging.DEBUG, filler="x" * 10_000))  # blocks for ever if it waits

    assert stream._lost
    os.close(reading)
    stream.emit(a_record())  # EPIPE
    os.close(writing)


def test_a_record_that_cannot_be_written_as_text_is_lost_and_no_more(path: Path, opened: Opened) -> None:
    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError

    stream = opened()
    stream.emit(a_record(fact=Bad()))
    stream.emit(a_record("next"))

    assert "lines=1" in path.read_text()


def test_a_line_of_json_has_its_keys_and_no_secret() -> None:
    try:
        raise ValueError(_TOKEN)
    except ValueError as error:
        record = a_record("it\nbroke", session="s-1", count=3, exc_info=(ValueError, error, error.__traceback__))

    line = JsonLine().format(record)

    told = msgspec.json.decode(line)
    assert "\n" not in line
    assert list(told) == ["time", "level", "logger", "event", "facts", "exception"]
    assert (told["level"], told["event"], told["facts"]) == ("error", "it\nbroke", {"session": "s-1", "count": 3})
    assert _TOKEN not in line
    assert told["exception"].endswith("[removed: GitHub token]")


def test_a_fact_that_is_named_like_a_key_takes_no_ones_place() -> None:
    told = msgspec.json.decode(JsonLine().format(a_record("it broke", level_=1, event="other", time="never")))

    assert told["event"] == "it broke"
    assert told["facts"]["event"] == "other"


@pytest.mark.parametrize(
    ("level", "priority"), [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)]
)
def test_each_line_for_the_journal_begins_with_its_priority(level: str, priority: int) -> None:
    assert for_journal("a\nb", getattr(logging, level)) == f"<{priority}>a\n<{priority}>b"


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("omnimemd")
    before = root.handlers[:], root.level, ours.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = before[0], before[3]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_level_is_changed_and_libraries_stay_quiet() -> None:
    logs.configure(LogLevel.INFO, style=LogFormat.TEXT)
    log = logs.Logs(LogLevel.INFO)

    log.change(LogLevel.DEBUG)

    assert (log.level, log.configured) == (LogLevel.DEBUG, LogLevel.INFO)
    assert logging.getLogger("omnimemd.services.x").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("aiohttp.server").isEnabledFor(logging.INFO)
    log.change(LogLevel.ERROR)
    assert not logging.getLogger("aiohttp.server").isEnabledFor(logging.WARNING)

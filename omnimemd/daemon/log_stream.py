"""Where the log goes: a descriptor that may be full, stuck or gone, which is never the daemon's trouble.

A line is written whole and at once, or not at all. What could not be written is counted, and told with the first line
that can. Of one message that comes again and again the first are written in each minute, then how often it came
besides. A file that is the daemon's own is cut once it is large, what it held kept beside it.
"""

import contextlib
import logging
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from omnimemd.daemon.log_lines import for_journal

#: Bytes the log's own file may have; as much again is kept of what it held before.
MOST_BYTES: Final = 2 * 1024 * 1024
#: How often one message is written in each window of so many seconds.
MOST_REPEATS: Final = 30
_WINDOW_SECONDS: Final = 60.0
#: Different messages that are counted; the code has far fewer.
_MOST_MESSAGES: Final = 512
#: Bytes that a pipe takes at once if it takes any (pipe(7), PIPE_BUF), and how long one that is full is waited for.
_AT_ONCE: Final = 4096
_PATIENCE_MS: Final = 50


class LogStream(logging.Handler):
    """Writes to a descriptor, in the manner above. Any thread may log."""

    def __init__(
        self,
        descriptor: int,
        *,
        own: Path | None = None,
        journal: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to *descriptor*.

        Args:
            descriptor: open for writing, to append where it is a file.
            own: where the daemon's own log is: only if that is the file behind *descriptor*, it is cut.
            journal: whether a journal reads it, which takes the level of each line from its beginning.
            monotonic: tells seconds that go on.
        """
        super().__init__()
        self._descriptor = descriptor
        self._own = own
        self._is_own = own is not None and _is_at(descriptor, own)
        self._journal = journal
        self._monotonic = monotonic
        self._repeats: dict[tuple[str, str, int], _Repeats] = {}
        self._lost = 0  # lines that could not be written since one could
        self._stuck = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, unless it came too often of late; it never fails."""
        try:
            self._tell_what_was_left_out()
            if record.levelno <= logging.DEBUG or self._is_in_measure(record):
                self._write_record(record)
        except Exception:  # noqa: BLE001 a record that cannot be written as text; to log that would go the same way
            self._lost += 1

    def reopen(self) -> None:
        """Make the daemon's own log anew if it is not at its place; all that goes to stderr goes there."""
        if self._own is None or not self._is_own or _is_at(self._descriptor, self._own):
            return
        with contextlib.suppress(OSError):  # there is no directory, and so nobody who looks
            new = os.open(self._own, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.dup2(new, self._descriptor)
            finally:
                os.close(new)

    def close(self) -> None:
        """Tell what was left out, for the last time."""
        with contextlib.suppress(Exception):
            self._tell_what_was_left_out(finally_=True)
        super().close()

    def _is_in_measure(self, record: logging.LogRecord) -> bool:
        key = (record.name, str(record.msg), record.levelno)
        now = self._monotonic()
        seen = self._repeats.get(key)
        if seen is None or now >= seen.until:
            if len(self._repeats) >= _MOST_MESSAGES:
                self._repeats = {key: one for key, one in self._repeats.items() if now < one.until}
            seen = self._repeats[key] = _Repeats(now + _WINDOW_SECONDS)
        seen.count += 1
        if seen.count <= MOST_REPEATS:
            return True
        seen.left_out += 1
        return False

    def _tell_what_was_left_out(self, *, finally_: bool = False) -> None:
        now = self._monotonic()
        for key, seen in list(self._repeats.items()):
            if seen.left_out and (finally_ or now >= seen.until):
                del self._repeats[key]
                name, message, level = key
                facts = {"what": message, "times": seen.left_out}
                self._write_record(_record(name, level, "the same was left out of the log", facts))

    def _write_record(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if self._lost:
            lost = _record(__name__, logging.WARNING, "lines of the log were lost", {"lines": self._lost})
            if self._write(self._told(self.format(lost), lost.levelno)):
                self._lost = 0
        if not self._write(self._told(text, record.levelno)):
            self._lost += 1

    def _told(self, text: str, levelno: int) -> bytes:
        whole = for_journal(text, levelno) if self._journal else text
        return whole.encode("utf-8", "backslashreplace") + b"\n"

    def _write(self, line: bytes) -> bool:
        """Write *line*; return whether all of it could be."""
        try:
            self._cut_if_large()
            ready = select.poll()
            ready.register(self._descriptor, select.POLLOUT)
            while line:
                waited = ready.poll(0 if self._stuck else _PATIENCE_MS)
                self._stuck = not waited
                if self._stuck:
                    return False
                line = line[os.write(self._descriptor, line[:_AT_ONCE]) :]
        except OSError:  # a full disk, or nobody at the other end
            return False
        return True

    def _cut_if_large(self) -> None:
        if self._own is None:
            return
        found = os.fstat(self._descriptor)
        if found.st_size < MOST_BYTES or not stat.S_ISREG(found.st_mode):
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(found, self._own.lstat()):
                with contextlib.suppress(OSError):  # no room: then the older half is what is let go of
                    _copy(self._own, self._own.with_name(self._own.name + ".old"))
                os.ftruncate(self._descriptor, 0)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether the file behind *descriptor* is the one at *path*."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


class _Repeats:
    """How often one message came in a window of time."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.count = 0
        self.left_out = 0


def _record(name: str, level: int, message: str, facts: dict[str, object]) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": name, "levelno": level, "levelname": logging.getLevelName(level), "msg": message, **facts}
    )


def _copy(log: Path, kept: Path) -> None:
    """Make *kept* a copy of *log*, for this user only; it takes the name over once it is whole."""
    partial = kept.with_name(kept.name + ".part")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    try:
        target = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(target, "wb") as copy:
            copy.write(log.read_bytes()[-MOST_BYTES:])
        partial.replace(kept)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()

"""Where words go: data to stdout, remarks and errors to stderr; colour and fitting only on a terminal."""

import enum
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from omnimemd.cli.errors import USAGE, CannotGoOn, Declined
from omnimemd.cli.text import clip, clip_path, safe, width


class Style(enum.StrEnum):
    """How a word stands out on a terminal (ECMA-48, SGR)."""

    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


class Output:
    """What a verb says; `json` and `quiet` are what the user asked for."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        """Write to stdout and stderr."""
        self.json = json
        self.quiet = quiet
        self._data = _writable(sys.stdout)
        self._talk = _writable(sys.stderr)

    def answered(self, value: Any, *, ids: Iterable[str] = ()) -> bool:
        """Print *value* or *ids* if programs were to read that; false if it is for people, and still to be said.

        What the daemon removed before it kept what was given is told in any case: to see later is too late.
        """
        if removed := getattr(value, "redacted", None):
            self.say(f"Removed before it was kept: {safe(', '.join(removed))}.")
        if self.json:
            self.object(value)
        elif self.quiet:
            for one in ids:
                self.line(safe(one))
        return self.json or self.quiet

    def object(self, value: Any, *, one_line: bool = False) -> None:
        """Print a value of the API's as its JSON: indented on a terminal, otherwise on one line."""
        import msgspec  # of the client; nothing else here needs it

        encoded = msgspec.json.encode(value)
        if self._data.isatty() and not one_line:
            encoded = msgspec.json.format(encoded)
        # The same JSON for a reader, but nothing in it can control a terminal, or is lost on one that knows ASCII only.
        knows_all = self._data.encoding.lower() == "utf-8"
        text = re.sub(r"[^ -~\n]", partial(_escaped_in_json, keep=knows_all), encoded.decode("utf-8"))
        self.line(text)

    def line(self, text: str = "") -> None:
        """Print one line of data, or several; *text* is safe already."""
        print(text, file=self._data)

    def raw(self, text: str) -> None:
        """Print *text* exactly as it is, without a line end."""
        self._data.flush()
        self._data.buffer.write(text.encode("utf-8"))

    def binary(self, data: bytes) -> None:
        """Print *data* exactly as it is."""
        self._data.flush()
        self._data.buffer.write(data)

    def progress(self, text: str) -> None:
        """Show how far it has come, on a terminal, in place of what was shown before; "" takes it away."""
        if not self.quiet and self._talk.isatty():
            print(f"\r\x1b[K{text}", end="", file=self._talk, flush=True)

    def flush(self) -> None:
        """Have what was said be seen now."""
        self._data.flush()

    def say(self, text: str) -> None:
        """Make a remark, unless the user wants none; *text* is safe already."""
        if not self.quiet:
            self.flush()
            print(text, file=self._talk, flush=True)

    def error(self, detail: str, hint: str, *, quoted: Iterable[str] = ()) -> None:
        """Say what went wrong and what to do next, and between them the lines *quoted* of another program."""
        self.flush()
        print(f"{self._styled('error:', Style.RED, self._talk)} {safe(detail)}", file=self._talk)
        for line in quoted:
            print(f"  {safe(line)}", file=self._talk)
        if hint:
            print(f"{self._styled('hint:', Style.CYAN, self._talk)} {safe(hint)}", file=self._talk)
        self._talk.flush()

    def confirm(
        self, question: str, *, what: str = "This deletes for good", declined: str = "Nothing was deleted."
    ) -> None:
        """Go on if a person says so; *question* is safe already, *what* says why it is asked.

        Raises:
            Declined: they say no.
            CannotGoOn: there is nobody to ask.
        """
        if not (sys.stdin and sys.stdin.isatty() and self._talk.isatty()):
            raise CannotGoOn(f"{what}, and nobody is there to ask.", hint="Add --yes.", status=USAGE)
        print(f"{question} [y/N] ", end="", file=self._talk, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Declined(declined, hint="")

    def styled(self, text: str, style: Style) -> str:
        """Return *text* to stand out on stdout."""
        return self._styled(text, style, self._data)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, path: int | None = None) -> None:
        """Print aligned columns; on a terminal that is too narrow, the column *path* gives way, or the last one."""
        widths = [max(map(width, column)) for column in zip(headings, *rows, strict=True)]
        room = self.room()
        flexible = len(headings) - 1 if path is None else path
        if room is not None:
            others = sum(widths) - widths[flexible] + 2 * (len(widths) - 1)
            widths[flexible] = max(min(widths[flexible], room - others), 8)
        shorten = clip if path is None else clip_path
        for number, row in enumerate((headings, *rows)):
            cells = list(row)
            if room is not None:
                cells[flexible] = shorten(cells[flexible], widths[flexible])
            line = "  ".join(_padded(cell, columns) for cell, columns in zip(cells, widths, strict=True)).rstrip()
            self.line(self.styled(line, Style.DIM) if number == 0 else line)

    def room(self) -> int | None:
        """Return the columns of the terminal; None when stdout is none."""
        if not self._data.isatty():
            return None
        try:
            return int(os.environ["COLUMNS"])
        except (KeyError, ValueError):
            return os.get_terminal_size(self._data.fileno()).columns or 80

    def _styled(self, text: str, style: Style, stream: TextIO) -> str:
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
            return text
        return f"\x1b[{style}m{text}\x1b[0m"


def _writable(stream: TextIO | None) -> TextIO:
    """Return *stream*, able to take any text; a closed one swallows it."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]  # it is a TextIOWrapper
    return stream


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def _escaped_in_json(found: re.Match[str], *, keep: bool) -> str:
    one = found[0]
    if keep and one.isprintable():
        return one
    units = one.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))

"""A person's shell in a real terminal, which tmux draws: what is typed, and what is seen."""

import itertools
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.homes import Home
from tests.e2e.waiting import eventually

_NUMBERS = itertools.count(1)


class Terminal:
    """One shell in a window of its own."""

    def __init__(
        self, home: Home, command: Sequence[str], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Open it with *command* running in it."""
        self._socket = home.base / f"tmux-{next(_NUMBERS)}"
        variables = home.environ | {"TERM": "screen", "LANG": "C.UTF-8"} | dict(environ or {})
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", "200", "-y", "50", *command, cwd=cwd, environ=variables
        )
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self.pid = int(self._tmux("display-message", "-p", "#{pane_pid}"))

    @property
    def screen(self) -> str:
        """What is to be seen, with what has scrolled away; lines that were wrapped are whole."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-", "-E", "-")

    def type(self, line: str) -> None:
        """Type *line* at the prompt, which is `>`, and Enter; wait for nothing behind that."""
        self.until_shown(">")
        self._tmux("send-keys", "-l", line)
        self.until_shown(f"> {line}")
        self._tmux("send-keys", "Enter")

    def run(self, line: str) -> list[str]:
        """Type a command *line* and wait for the next prompt; return every line that is to be seen then."""
        self.type(line)
        return self.until_shown(">")

    def press(self, key: str) -> None:
        """Press one key, by tmux's name of it."""
        self._tmux("send-keys", key)

    def close(self) -> None:
        """Close the window, as a click on its corner does."""
        self._tmux("kill-server")

    def until_shown(self, last: str) -> list[str]:
        """Wait until the last line to be seen is *last*; return all of them."""

        def look() -> list[str]:
            lines = [line.rstrip() for line in self.screen.rstrip().splitlines()]
            return lines if lines[-1:] == [last] else []

        return eventually(look, f"{last!r} in {self.screen!r}")

    def _tmux(self, *arguments: str, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.stdout

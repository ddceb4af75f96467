"""Shells with the integration, set up as the documents say, each in a window of its own."""

import sys
from pathlib import Path
from typing import Final

import pytest

from omnimem import Client
from omnimem.model import Session
from tests.e2e.homes import Home
from tests.e2e.terminals import Terminal
from tests.e2e.waiting import eventually

_OMNIMEM: Final = f"{sys.executable} -m omnimemd.cli.main"
#: What each shell reads as it begins: the file, what a person has in it, and the line the documents give for it.
_STARTUP: Final = {
    "bash": (".bashrc", "PS1='> '", f'eval "$({_OMNIMEM} shell init bash)"'),
    "zsh": (".zshrc", "PS1='> '; unsetopt prompt_sp", f'eval "$({_OMNIMEM} shell init zsh)"'),
    "fish": (
        "fish/config.fish",
        "set -g fish_greeting; set -g fish_autosuggestion_enabled 0; function fish_prompt; echo '> '; end",
        f"{_OMNIMEM} shell init fish | source",
    ),
}
SHELLS: Final = [pytest.param(name, marks=pytest.mark.needs(name)) for name in _STARTUP]


class Windows:
    """Opens windows in which one kind of shell begins, and closes them."""

    def __init__(self, home: Home, shell: str) -> None:
        self._home = home
        self._shell = shell
        self._windows: list[Terminal] = []
        self.startup_file = (home.base / "config" if shell == "fish" else home.home) / _STARTUP[shell][0]

    def open(self, cwd: Path | None = None, *, first: str = "", then: str = "", **environ: str) -> Terminal:
        """Open one in *cwd*, by default the home; *first* and *then* are in its startup file, around our line."""
        _, settings, line = _STARTUP[self._shell]
        self.startup_file.parent.mkdir(exist_ok=True)
        self.startup_file.write_text(f"{settings}\n{first}\n{line}\n{then}\n")
        window = Terminal(self._home, [self._shell], cwd=cwd or self._home.home, environ=environ)
        self._windows.append(window)
        window.run("true")
        return window

    def close(self) -> None:
        """Close every one."""
        for window in self._windows:
            window.close()


def a_repository(home: Home) -> Path:
    """Return a folder that is a repository, as far as a shell and the daemon look."""
    folder = home.folder({".git/HEAD": "ref: refs/heads/main\n", "src/a.py": "", "src/b/c.py": ""})
    (folder / ".git" / "objects").mkdir()
    return folder


def active(client: Client, pid: int) -> list[Session]:
    """Return the sessions of the shell *pid*."""
    return client.list_sessions(active=True, process_id=pid).sessions


def the_session(client: Client, window: Terminal, workspace: Path) -> Session:
    """Wait until the window's shell has a session in *workspace*, and no other; return it."""

    def look() -> Session | None:
        found = active(client, window.pid)
        return found[0] if [one.workspace_path for one in found] == [str(workspace)] else None

    found = eventually(look, f"a session in {workspace}")
    assert found is not None
    return found


def no_session(client: Client, window: Terminal) -> None:
    """Wait until the window's shell has none."""
    eventually(lambda: not active(client, window.pid), "no session")


def settled(window: Terminal) -> None:
    """Wait until nothing that the window's shell has begun in the background is left (proc(5))."""
    mark = f"\0--pid\0{window.pid}\0".encode()

    def running() -> bool:
        return any(mark in _command_line(process) for process in Path("/proc").glob("[0-9]*"))

    eventually(lambda: not running(), "what runs in the background ends")


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""

"""What does the integration of a shell add at its prompt?

Two shells of one kind, each in a terminal of its own, are typed the same lines in turn; one has the integration.
The clock runs from the moment a line with its Enter is typed until the prompt behind it is drawn: what a person waits.
Each figure is what the one took longer than the other for the same line; the difference of two times that are each some
hundred microseconds and more apart from run to run, so single figures may be negative.
"""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.findings import Finding, Scale, percentile
from tests.bench.running import daemon, folder

#: How each shell begins without anybody's settings, the lines that have its prompt show `n`, and how that is set.
_SHELLS: Final = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), ("PS1='@$n>'",), "n={}"),
    "zsh": (("zsh", "-f", "-i"), ("setopt prompt_subst; unsetopt prompt_sp; PROMPT='@$n>'",), "n={}"),
    "fish": (("fish", "--no-config", "-i"), ('function fish_prompt; echo -n "@$n>"; end',), "set n {}"),
}
#: Gives up a shell that does not answer.
_PATIENCE_SECONDS: Final = 20.0
#: Between two lines, so that each finds an idle shell.
_PAUSE_SECONDS: Final = 0.02


def measure(scale: Scale) -> list[Finding]:
    """Type lines that stay where the shell is, that move it within a repository, and from one to another."""
    findings = []
    with folder() as place, daemon(place) as (path, _):
        one, other = (_repository(place / name) for name in ("one", "other"))
        lines = {
            "in the same directory": ("true", "true"),
            "in another directory of the repository": (f"cd {one}/a", f"cd {one}/a/b"),
            "in another repository, which starts a command in the background": (f"cd {other}", f"cd {one}/a"),
        }
        for name in _SHELLS:
            with _shell(name, place, None) as bare, _shell(name, place, path) as ours:
                for what, pair in lines.items():
                    floors, subjects = _typed(bare, ours, pair, times=scale.of(40, quick=1))
                    findings.append(_finding(name, what, floors, subjects))
    return findings


def _typed(bare: "_Shell", ours: "_Shell", pair: tuple[str, str], *, times: int) -> tuple[list[float], list[float]]:
    """Return the ms until the prompt for each line, without the integration and with it."""
    floors, subjects = [], []
    for _ in range(times):
        for line in pair:
            floors.append(bare.answer(line))
            subjects.append(ours.answer(line))
            ours.settle()
    return floors, subjects


def _finding(name: str, what: str, floors: list[float], subjects: list[float]) -> Finding:
    return Finding(
        what=f"{name}: added at a prompt {what}",
        floor="the same line, typed into the same shell without the integration",
        figures=tuple(one - other for one, other in zip(subjects, floors, strict=True)),
        unit="ms",
        at_most=1,
        aside=f"until the prompt: {percentile(floors, 50):.2f} ms without, {percentile(subjects, 50):.2f} ms with",
    )


class _Shell:
    """A shell in a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int, numbered: str) -> None:
        self._process = process
        self._screen = screen
        self._numbered = numbered
        self._number = 0

    def answer(self, line: str) -> float:
        """Type *line*; return the ms until the next prompt is drawn."""
        self._number += 1
        typed = f"{self._numbered.format(self._number)}; {line}\n".encode()
        mark = f"@{self._number}>".encode()
        time.sleep(_PAUSE_SECONDS)
        started = time.perf_counter()
        os.write(self._screen, typed)
        shown = b""
        while mark not in shown:
            ready, _, _ = select.select([self._screen], [], [], _PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"no prompt behind {line!r}: {shown!r}")
            shown += os.read(self._screen, 65536)
        return (time.perf_counter() - started) * 1000

    def settle(self) -> None:
        """Wait until what it began in the background has ended: the next line is to find an idle machine."""
        mark = f"\0--pid\0{self._process.pid}\0".encode()
        while any(mark in _command_line(one) for one in Path("/proc").glob("[0-9]*")):
            time.sleep(_PAUSE_SECONDS)


@contextmanager
def _shell(name: str, home: Path, socket: Path | None) -> Iterator[_Shell]:
    """Run the shell *name*, with the integration if there is a *socket* of a daemon to tell."""
    command, lines, numbered = _SHELLS[name]
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8"}
    screen, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])", *command],
        env=environ | ({"OMNIMEM_SOCKET": str(socket)} if socket else {}),
        cwd=home,
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    shell = _Shell(process, screen, numbered)
    try:
        for line in lines:
            shell.answer(line)
        if socket is not None:
            script = home / f"init.{name}"
            script.write_bytes(
                subprocess.check_output([sys.executable, "-m", "omnimemd.cli.main", "shell", "init", name])
            )
            shell.answer(f". {script}")
        yield shell
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def _repository(folder: Path) -> Path:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""

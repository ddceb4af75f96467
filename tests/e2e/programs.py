"""Real processes for sessions to be bound to, and real programs that read and write files."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.e2e.homes import Home

#: A tool that lives until its stdin ends.
_IDLE: Final = "import sys; sys.stdin.read()"
#: A tool that runs each line of its stdin as Python and answers a line.
_OBEDIENT: Final = """
import sys
print("began", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


def as_user(uid: int | None, code: str, *, first: str = "") -> str:
    """Return *code* as *uid* runs it, once root has done *first*: what that user might not be allowed to read."""
    if uid is None:
        return f"{first}\n{code}"
    # A process that gave root up belongs to root in /proc, unless it says that it has no secrets: prctl(2), 4.
    become = f"import ctypes, os; os.setgroups([]); os.setgid({uid}); os.setuid({uid}); ctypes.CDLL(None).prctl(4, 1)"
    return f"{first}\n{become}\n{code}"


class Tool:
    """A process of some coding tool."""

    def __init__(self, home: Home, code: str = _IDLE, *, uid: int | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", as_user(uid, code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=home.environ,
            cwd=home.base if uid is None else "/",
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Send it a line and wait for nothing."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Wait for the next line it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def die(self) -> None:
        """Kill it and leave it a zombie: nobody asks how it ended."""
        descriptor = os.pidfd_open(self.pid)
        try:
            self._process.kill()
            assert select.select([descriptor], [], [], 10)[0], "it did not die"
        finally:
            os.close(descriptor)

    def kill(self) -> None:
        """Kill it and ask how it ended, so that nothing is left of it."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> None:
        """Wait until it has ended by itself."""
        self._process.wait(20)

    def close(self) -> None:
        """Leave nothing of it behind."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Programs:
    """Starts tools and runs programs for one home; ends what it started."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._tools: list[Tool] = []
        self._adopted: list[int] = []

    def tool(self, code: str = _IDLE, *, uid: int | None = None) -> Tool:
        """Start a tool; by default one that does nothing."""
        tool = Tool(self._home, code, uid=uid)
        self._tools.append(tool)
        return tool

    def obedient(self) -> Tool:
        """Start a tool that runs each line that it is told, as Python, and says "done"."""
        tool = self.tool(_OBEDIENT)
        assert tool.hear() == "began"
        return tool

    def run(self, *command: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
        """Run *command* to its end, which must be a success; return what it printed."""
        done = subprocess.run(
            command,
            cwd=cwd or self._home.base,
            env=self._home.environ | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def python(self, code: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run *code* in a Python of its own."""
        return self.run(sys.executable, "-c", code, *arguments, cwd=cwd)

    def git(self, *arguments: str, cwd: Path) -> str:
        """Run git, with nobody's configuration but the home's."""
        return self.run("git", *arguments, cwd=cwd, environ={"GIT_CONFIG_NOSYSTEM": "1"})

    def adopt(self, child: int) -> None:
        """End *child*, forked elsewhere, with the others."""
        self._adopted.append(child)

    def close(self) -> None:
        """End every tool."""
        for tool in self._tools:
            tool.close()
        for child in self._adopted:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

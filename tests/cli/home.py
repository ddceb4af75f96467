"""A person's home of its own, in which the real command runs: its own environment, daemon, folder and terminal."""

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Self

from omnimem import Client

ROOT = Path(__file__).resolve().parents[2]
#: Seconds anything is waited for, on a machine that has much else to do.
PATIENCE = 30.0
NOTHING: Mapping[str, str] = {}
#: Makes its stdin the terminal of a session of its own, and becomes a program.
IN_A_TERMINAL = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"


class Done(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Home:
    """A home folder, with a project in `src/app`, that is gone when it is closed, and the daemon with it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="omnimem-cli-"))  # pytest's own are too long for a socket
        self.app = self.path / "src" / "app"
        self.app.mkdir(parents=True)
        (self.path / "run").mkdir(mode=0o700)
        self.socket = self.path / "run" / "omnimemd" / "omnimemd.sock"
        self.log = self.socket.with_suffix(".log")
        commands = self.path / "bin"
        commands.mkdir()
        command = commands / "omnimem"
        command.write_text(f"#!{sys.executable}\nimport sys\nfrom omnimemd.cli.main import main\nsys.exit(main())\n")
        command.chmod(0o700)
        self.environ = {
            "HOME": str(self.path),
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_RUNTIME_DIR": str(self.path / "run"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "xterm",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.omnimem("stop")
        finally:
            for pid in self.daemons():  # a test that failed may have left one elsewhere
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.path)

    def omnimem(self, *arguments: str | bytes, stdin: str | None = None, **environ: str) -> Done:
        """Run the command in the project, with no terminal in sight."""
        return self.run(["omnimem", *arguments], stdin=stdin, **environ)

    def shell(self, line: str) -> Done:
        """Run a line as a person types it."""
        return self.run(["sh", "-c", line])

    def run(self, command: list[str | bytes] | list[str], *, stdin: str | None = None, **environ: str) -> Done:
        done = subprocess.run(
            command,
            cwd=self.app,
            env=self.environ | environ,
            input=None if stdin is None else stdin.encode(),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def terminal(self, *arguments: str, columns: int = 80, environ: Mapping[str, str] = NOTHING) -> "Terminal":
        """Run the command in a terminal of its own."""
        return Terminal(["omnimem", *arguments], self.app, self.environ | {"COLUMNS": str(columns)} | dict(environ))

    def start(self) -> None:
        """Have a daemon run."""
        started = self.omnimem("start")
        assert started.status == 0, started.err

    def client(self) -> Client:
        return Client(self.socket, timeout=PATIENCE)

    def daemons(self) -> list[int]:
        """The pids of the daemons that were started in this home (proc(5))."""
        mark = f"HOME={self.path}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                ours = mark in (process / "environ").read_bytes().split(b"\0")
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if ours and b"omnimemd.daemon.main" in words:
                found.append(int(process.name))
        return found

    def write(self, name: str, text: str = "x\n") -> None:
        """Have an ordinary program write a file of the project."""
        self.shell(f"mkdir -p {shlex.quote(str(Path(name).parent))} && printf %s {shlex.quote(text)} > {name}")


class Terminal:
    """A program in a terminal, and what it shows."""

    def __init__(self, command: list[str], cwd: Path, environ: dict[str, str]) -> None:
        self._screen, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_A_TERMINAL, *command],
            cwd=cwd,
            env=environ,
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()

    def until(self, text: str) -> str:
        """Wait until *text* is shown; return everything that was."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} did not come: {self.shown!r}"
            assert self._read(left), f"it ended without {text!r}: {self.shown!r}"
        return self.shown

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def interrupted(self) -> int:
        """Press Ctrl-C until it ends; return the exit status.

        One that comes just before the program waits for input is seen by Python only after it: one presses again.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError):
                self.type("\x03")
            while self._read(0.5):
                pass
        return self.ended()

    def interrupted_until(self, look: Callable[[], bool]) -> bool:
        """Press Ctrl-C until *look* returns true, or it ends; return which of the two."""
        deadline = time.monotonic() + PATIENCE
        while not (found := look()) and self.process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                self.type("\x03")
            self._read(1.0)
        return found

    def ended(self) -> int:
        """Wait for its end; return the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(PATIENCE)

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        if self._screen >= 0:
            os.close(self._screen)
            self._screen = -1

    def _read(self, seconds: float) -> bool:
        readable, _, _ = select.select([self._screen], [], [], max(seconds, 0))
        if not readable:
            return False
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # EIO: nobody has the terminal any more (pty(7))
            return False
        self.shown += data.decode()
        return bool(data)


class Recorder:
    """`omnimem record`, or another word that goes on until it is interrupted, with its output in pipes."""

    def __init__(self, home: Home, *arguments: str, word: str = "record") -> None:
        self._home = home
        self.process = subprocess.Popen(
            ["omnimem", word, *arguments],
            cwd=home.app,
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._out, self._err = self.process.stdout, self.process.stderr
        self._unread = {self._out: b"", self._err: b""}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.rest()
        self._out.close()
        self._err.close()

    def remark(self) -> str:
        """The next line of stderr."""
        return self._line(self._err)

    def line(self) -> str:
        """The next line of stdout."""
        return self._line(self._out)

    def began(self) -> str:
        """Wait until it records, and says so; return the session's id."""
        said = self.remark()
        assert said.startswith("recording "), said
        return said.split(" as ")[1].split(",")[0]

    def began_quietly(self) -> str:
        """Wait until it records, and says nothing; return the session's id."""
        while not (found := self._home.omnimem("session", "list", "--active", "--quiet").lines):
            assert self.process.poll() is None, self.rest()
        return found[0]

    def stop_reading(self) -> None:
        """Close stdout's end, as `head` does."""
        self._out.close()

    def interrupt(self) -> Done:
        """Send what Ctrl-C does; return what comes then."""
        self.process.send_signal(signal.SIGINT)
        return self.rest()

    def pestered_by(self, number: signal.Signals) -> Done:
        """Send a signal again and again until the end; return what comes then."""

        def pester() -> None:
            while self.process.poll() is None:
                self.process.send_signal(number)
                time.sleep(0.001)

        pestering = threading.Thread(target=pester)
        pestering.start()
        try:
            return self.rest()
        finally:
            pestering.join()

    def rest(self) -> Done:
        """Wait for the end; return all that was not read yet."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return Done(
            self.process.returncode, (self._unread[self._out] + out).decode(), (self._unread[self._err] + err).decode()
        )

    def _line(self, stream: IO[bytes]) -> str:
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._unread[stream]:
            readable, _, _ = select.select([stream], [], [], max(deadline - time.monotonic(), 0))
            data = stream.read(65536) if readable else b""
            assert data, f"no line came: {self._unread}"
            self._unread[stream] += data
        line, _, self._unread[stream] = self._unread[stream].partition(b"\n")
        return line.decode()

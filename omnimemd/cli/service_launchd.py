"""omnimemd as an agent of launchd: a property list, and `launchctl` (launchd.plist(5), launchctl(1))."""

import os
import plistlib
import re
import sys
import time
from html import escape
from pathlib import Path
from typing import Any, Final

from omnimemd.cli.daemon import log_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.programs import Done, run
from omnimemd.cli.service_files import ServiceFile, text_of
from omnimemd.cli.service_manager import Change, Manager, Running, Unreachable, Wanted
from omnimemd.cli.templates import read_template

LABEL: Final = "io.omnimem.omnimemd"
_TEMPLATE: Final = f"launchd/{LABEL}.plist"
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
#: Seconds in which launchd has an agent end, and more: its ExitTimeOut is 12.
_END_SECONDS: Final = 20.0
_LOOK_AGAIN_SECONDS: Final = 0.1


class Launchd(Manager):
    """The launchd of the user's login."""

    name = "launchd"

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._domain = f"gui/{os.getuid()}"
        self._agent = f"{self._domain}/{LABEL}"
        self._plist = Path.home() / "Library/LaunchAgents" / f"{LABEL}.plist"

    def reach(self) -> None:
        """See that the login's domain is there."""
        done = run("launchctl", "print", self._domain)
        if done.status:
            raise Unreachable(
                "launchd has no login of yours to run an agent in.",
                hint="Log in at the screen; by ssh alone, `omnimem start` does without.",
                quoted=done.err.strip().splitlines()[:3],
            )

    def files(self, wanted: Wanted) -> list[ServiceFile]:
        """Return the property list."""
        environment = "\n        ".join(
            f"<key>{_xml(name)}</key>\n        <string>{_xml(value)}</string>"
            for name, value in wanted.environment.items()
        )
        values = {
            "python": _xml(sys.executable),
            "socket": _xml(str(wanted.socket)),
            "log_file": _xml(str(log_of(wanted.socket))),
            "environment": environment,
        }
        head, _, rest = read_template(_TEMPLATE).partition("<!--")
        _, _, rest = rest.partition("-->\n")  # what stood there explains the placeholders
        return [ServiceFile(self._plist, head + _PLACEHOLDER.sub(lambda found: values[found[1]], rest))]

    def places(self) -> list[Path]:
        """Return where the property list is."""
        return [self._plist]

    def leftovers(self) -> list[Path]:
        """Return nothing: nobody can add to a property list."""
        return []

    def socket(self) -> Path | None:
        """Return what launchd listens on for the agent."""
        try:
            return Path(self._installed()["Sockets"]["omnimemd"]["SockPathName"])
        except (KeyError, TypeError):
            return None

    def program(self) -> list[str]:
        """Return the arguments of the program."""
        try:
            return list(map(str, self._installed()["ProgramArguments"]))
        except (KeyError, TypeError):
            return []

    def is_enabled(self) -> bool:
        """Return whether the property list is there, and no `launchctl disable` holds it back."""
        disabled = run("launchctl", "print-disabled", self._domain).out
        held_back = re.search(rf'"{re.escape(LABEL)}" => (true|disabled)', disabled) is not None
        return self._plist.is_file() and not held_back

    def commands(self) -> list[str]:
        """Return what an installation runs."""
        return [f"launchctl enable {self._agent}", f"launchctl bootstrap {self._domain} {self._plist}"]

    def enable(self, *, offline: bool) -> None:
        """Make sure that no earlier `launchctl disable` holds it back; the file does the rest at login."""
        if not offline:
            self._do("enable", self._agent)

    def begin(self, change: Change) -> None:
        """Load it, anew if the file changed."""
        if change is not Change.NOTHING:
            self.stop()
        self.start()

    def start(self) -> None:
        """Load it, which starts it, or start it."""
        if self._printed() is not None:
            self._do("kickstart", self._agent)
            return
        socket = self.socket()
        if socket is not None:  # launchd makes no folder for it, nor for the log beside it
            socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._do("bootstrap", self._domain, str(self._plist))

    def stop(self) -> None:
        """Unload it, its socket too, and wait for its end: until then it cannot be loaded again."""
        if self._printed() is None:
            return
        self._do("bootout", self._agent)
        deadline = time.monotonic() + _END_SECONDS
        while self._printed() is not None:
            if time.monotonic() > deadline:
                raise CannotGoOn(
                    f"launchd has not ended {LABEL} after {_END_SECONDS:.0f} s.",
                    hint=f"`launchctl print {self._agent}`",
                )
            time.sleep(_LOOK_AGAIN_SECONDS)

    def restart(self) -> None:
        """End it and start it again; who calls meanwhile waits in the socket."""
        if self._printed() is None:
            self.start()
        else:
            self._do("kickstart", "-k", self._agent)

    def disable(self, *, offline: bool) -> None:
        """Do nothing: an agent without its file starts no more."""

    def forget(self) -> None:
        """Do nothing: what is unloaded is forgotten."""

    def look(self) -> Running:
        """Return what launchd knows of the agent."""
        printed = self._printed()
        enabled = self.is_enabled()
        if printed is None:
            return Running(enabled=enabled, state="inactive")
        state, pid = printed.get("state", "unknown"), printed.get("pid", "")
        ended = printed.get("last exit code", "")
        return Running(
            enabled=enabled,
            state={"running": "active", "not running": "inactive", "waiting": "inactive"}.get(state, state),
            listens=True,
            pid=int(pid) if pid.isdecimal() else None,
            restarts=max(int(printed["runs"]) - 1, 0) if printed.get("runs", "").isdecimal() else None,
            last_exit=f"exit status {ended}" if ended and "never" not in ended else None,
        )

    def log_command(self, lines: int, *, follow: bool, json: bool) -> list[str] | None:
        """Return nothing: the agent's log is the file beside the socket."""
        del lines, follow, json
        return None

    def _installed(self) -> Any:
        try:
            return plistlib.loads(text_of(self._plist).encode())
        except (plistlib.InvalidFileException, ValueError):
            return None

    def _printed(self) -> dict[str, str] | None:
        """Return what launchd tells of the agent; None when it is not loaded."""
        done = run("launchctl", "print", self._agent)
        if done.status:
            return None
        pairs = (line.strip().split(" = ", 1) for line in done.out.splitlines() if re.match(r"\t[a-z ]+ = ", line))
        return dict(pairs)

    def _do(self, verb: str, *arguments: str) -> Done:
        done = run("launchctl", verb, *arguments)
        return done.or_fail(f"`launchctl {verb}` failed (status {done.status}).", "See `omnimem service logs`.")


def _xml(text: str) -> str:
    if not text.isprintable():
        raise CannotGoOn(f"{text!r} cannot stand in a property list.", hint="Choose a path without control characters.")
    return escape(text, quote=False)

"""The service, as its manager's folder has it, and as the manager says within a few seconds."""

import os
import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from omnimem.model import Check, Verdict
from omnimemd.cli.text import safe, shown_path

#: Seconds a service manager may take to answer.
_PATIENCE: Final = 3.0
_ASKED: Final = ("ActiveState", "SubState", "NeedDaemonReload", "NRestarts", "Result")


def look_at_service() -> Check:
    """Return how the service is."""
    return _launchd() if sys.platform == "darwin" else _systemd()


def service_files() -> list[Path]:
    """Return where the service's files are to be; not all may be there."""
    if sys.platform == "darwin":
        return [Path.home() / "Library" / "LaunchAgents" / "io.omnimem.omnimemd.plist"]
    return [_units() / "omnimemd.service", _units() / "omnimemd.socket"]


def _told(verdict: Verdict, detail: str, hint: str | None = None) -> Check:
    return Check(name="service", verdict=verdict, detail=detail, hint=hint)


def _systemd() -> Check:
    service, socket = service_files()
    if not service.is_file():
        return _told(Verdict.OK, "None is installed: the daemon runs when `omnimem start` starts it.")
    program = re.search(r'^ExecStart="?((?:[^"\\\s]|\\.)+)', service.read_text("utf-8", "replace"), re.MULTILINE)
    path = program[1].replace("%%", "%").replace("$$", "$") if program else ""
    if not os.access(path, os.X_OK):
        where = shown_path(path) if path else "nothing"
        return _told(Verdict.FAIL, f"It starts {where}, which is not there.", "Run `omnimem service install` again.")
    if not socket.is_file():
        return _told(Verdict.FAIL, "Its socket unit is missing.", "Run `omnimem service install` again.")
    if (other := _version_of(path)) is not None:
        return _told(
            Verdict.WARN, f"It starts {shown_path(path)}, of version {safe(other)}.", "Run `omnimem service install`."
        )
    wanted = ((_units() / "default.target.wants" / service.name), (_units() / "sockets.target.wants" / socket.name))
    if not all(map(os.path.lexists, wanted)):
        return _told(Verdict.WARN, "It is installed and not enabled.", "Run `omnimem service install` again.")
    said = _asked_of_systemd()
    if said.get("ActiveState") == "failed":
        detail = f"It failed ({said.get('Result')}), after {said.get('NRestarts')} restarts."
        return _told(Verdict.FAIL, detail, "`omnimem service logs` says why; then `omnimem service restart`.")
    if said.get("NeedDaemonReload") == "yes":
        return _told(
            Verdict.WARN, "Its files changed since systemd read them.", "Run `systemctl --user daemon-reload`."
        )
    state = f", {said['ActiveState']} ({said['SubState']})" if said else "; systemd does not answer here"
    return _told(Verdict.OK, f"Installed and enabled{state}. {_lingering()}".strip())


def _launchd() -> Check:
    (file,) = service_files()
    if not file.is_file():
        return _told(Verdict.OK, "None is installed: the daemon runs when `omnimem start` starts it.")
    try:
        path = str(plistlib.loads(file.read_bytes())["ProgramArguments"][0])
    except (plistlib.InvalidFileException, ValueError, LookupError, TypeError):
        return _told(Verdict.FAIL, f"{shown_path(str(file))} cannot be read.", "Run `omnimem service install` again.")
    if not os.access(path, os.X_OK):
        detail = f"It starts {shown_path(path)}, which is not there."
        return _told(Verdict.FAIL, detail, "Run `omnimem service install` again.")
    return _told(Verdict.OK, "Installed.")


def _units() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if config.startswith("/") else Path.home() / ".config") / "systemd" / "user"


def _version_of(program: str) -> str | None:
    """Return the version of *program*, None where it is this one's, or is not told."""
    from omnimem import __version__

    said = _said_by(program, "--version").split()
    return said[1] if said[:1] == ["omnimemd"] and said[1:] not in ([], [__version__]) else None


def _asked_of_systemd() -> dict[str, str]:
    if shutil.which("systemctl") is None:
        return {}
    said = _said_by("systemctl", "--user", "show", "omnimemd.service", f"--property={','.join(_ASKED)}")
    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return found if found.get("ActiveState") and found.get("SubState") else {}


def _said_by(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 as the service does
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _lingering() -> str:
    user = os.environ.get("USER", "")
    lingers = user and "/" not in user and Path("/var/lib/systemd/linger", user).exists()
    return "" if lingers else "It ends as you log out; `loginctl enable-linger` keeps it."

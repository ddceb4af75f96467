"""omnimemd as a service of the user's systemd: two units, and `systemctl --user`."""

import getpass
import os
import re
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.programs import Done, run
from omnimemd.cli.service_files import ServiceFile
from omnimemd.cli.service_manager import Change, Manager, Running, Unreachable, Wanted, default_socket, value_in
from omnimemd.cli.templates import read_template
from omnimemd.cli.text import shown_path

SERVICE: Final = "omnimemd.service"
SOCKET: Final = "omnimemd.socket"
_UNITS: Final = (SERVICE, SOCKET)
#: Where clients look, as a unit says it.
_DEFAULT_LISTEN: Final = "%t/omnimemd/omnimemd.sock"
#: Set for systemctl, it works on the files and asks nobody (systemd's docs/ENVIRONMENT.md).
_OFFLINE: Final = {"SYSTEMD_OFFLINE": "1"}
#: The environment's has a line of its own, which is not there when there is none.
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}(?:(?<=\{\{environment\}\})\n)?")
_SHOWN: Final = (
    "ActiveState,SubState,MainPID,NRestarts,Result,ExecMainCode,ExecMainStatus,FragmentPath,LoadState,NeedDaemonReload"
)


class Systemd(Manager):
    """The user instance of systemd."""

    name = "systemd"

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._folder: Path | None = None

    def reach(self) -> None:
        """See that the manager answers."""
        self._properties()

    def files(self, wanted: Wanted) -> list[ServiceFile]:
        """Return both units."""
        listen = _DEFAULT_LISTEN if wanted.socket == default_socket() else _plain(str(wanted.socket))
        lines = [f"Environment={_quoted(f'{name}={value}')}\n" for name, value in wanted.environment.items()]
        values = {
            "python": _program(sys.executable),
            "environment": "".join(lines),
            "socket": listen,
        }
        return [ServiceFile(self._units() / name, _rendered(f"systemd/{name}", values)) for name in _UNITS]

    def places(self) -> list[Path]:
        """Return where both units are."""
        return [self._units() / name for name in _UNITS]

    def leftovers(self) -> list[Path]:
        """Return the drop-ins (systemd.unit(5))."""
        return sorted(path for unit in _UNITS for path in (self._units() / f"{unit}.d").glob("*"))

    def socket(self) -> Path | None:
        """Return what the socket unit listens on."""
        listen = value_in(self._units() / SOCKET, "ListenStream=")
        if listen is None:
            return None
        return default_socket() if listen == _DEFAULT_LISTEN else Path(listen.replace("%%", "%"))

    def program(self) -> list[str]:
        """Return what ExecStart says."""
        line = value_in(self._units() / SERVICE, "ExecStart=") or ""
        command = line.lstrip("@-:+!|")
        plain = command if ":" in line[: len(line) - len(command)] else command.replace("$$", "$")
        try:
            return [word.replace("%%", "%") for word in shlex.split(plain)]
        except ValueError:  # a quote that nothing closes
            return []

    def is_enabled(self) -> bool:
        """Return whether both units are linked, and neither is masked."""
        linked = {link.name for link in self._links()}
        return linked.issuperset(_UNITS) and not any(map(_is_mask, self.places()))

    def commands(self) -> list[str]:
        """Return what an installation runs."""
        return [
            "systemctl --user daemon-reload",
            f"systemctl --user enable {SERVICE} {SOCKET}",
            f"systemctl --user start {SOCKET} {SERVICE}",
        ]

    def enable(self, *, offline: bool) -> None:
        """Link both units to what starts at login."""
        if not offline:
            self._do("daemon-reload")
            for path in self.places():
                shown = self._show(path.name)
                found, state = shown.get("FragmentPath"), shown.get("LoadState")
                if found != str(path):
                    raise CannotGoOn(
                        f"systemd takes {path.name} from {found or 'nowhere'}, not from {shown_path(str(path))}.",
                        hint="Remove what is in its way; `systemctl --user unmask` takes a mask away.",
                    )
                if state != "loaded":
                    raise CannotGoOn(
                        f"systemd does not load {path.name} ({state}).",
                        hint=f"`systemctl --user status {path.name}` says why; see to {path.name}.d, if it is there.",
                    )
        self._do("enable", *_UNITS, offline=offline)

    def begin(self, change: Change) -> None:
        """Start both units, or restart those whose files changed."""
        if change is Change.SOCKET:
            self.stop()
        elif change is Change.SERVICE:
            self.restart()
        self.start()

    def start(self) -> None:
        """Start both units; the service's start ends once it is ready."""
        self._pardon()
        self._let_go_of_a_lost_socket()
        self._do("start", SOCKET, SERVICE)

    def stop(self) -> None:
        """Stop both: the socket first, or a client would start the service again."""
        for unit in (SOCKET, SERVICE):
            done = run("systemctl", "--user", "stop", unit)
            if done.status and "not loaded" not in done.err:
                raise self._refused("stop", done)

    def restart(self) -> None:
        """Restart the service; who calls meanwhile waits in the socket."""
        self._pardon()
        self._let_go_of_a_lost_socket()
        self._do("start", SOCKET)
        self._do("restart", SERVICE)

    def _let_go_of_a_lost_socket(self) -> None:
        """Stop both units where the socket's file was removed: systemd goes on listening where nobody gets."""
        path = self.socket()
        if path is not None and not path.exists() and self._show(SOCKET).get("ActiveState") == "active":
            self.stop()

    def disable(self, *, offline: bool) -> None:
        """Take the links away, those to files that are gone included."""
        if any(path.is_file() for path in self.places()):
            self._do("disable", *(path.name for path in self.places() if path.is_file()), offline=offline)
        for link in self._links():
            link.unlink()
            with suppress(OSError):  # of others too
                link.parent.rmdir()

    def forget(self) -> None:
        """Have systemd read its units again, and keep nothing of ours in mind."""
        self._do("daemon-reload")
        self._pardon()

    def look(self) -> Running:
        """Return what systemd knows of the service."""
        shown = self._show(SERVICE)
        pid = int(shown.get("MainPID", "0"))
        state = shown.get("ActiveState", "unknown")
        if shown.get("LoadState") == "masked" or any(map(_is_mask, self.places())):
            state = "masked"
        return Running(
            enabled=bool(self._links()),
            state=state
            if state in ("active", "inactive", "failed", "masked")
            else f"{state} ({shown.get('SubState', '')})",
            listens=self._show(SOCKET).get("ActiveState") == "active",
            pid=pid or None,
            restarts=int(shown["NRestarts"]) if shown.get("NRestarts", "").isdecimal() else None,
            last_exit=_last_exit(shown),
            stale=shown.get("NeedDaemonReload") == "yes",
        )

    def log_command(self, lines: int, *, follow: bool, json: bool) -> list[str] | None:
        """Return `journalctl`, where there is a journal that has something of the service."""
        if shutil.which("journalctl") is None:
            return None
        journal = ["journalctl", "--user", "--unit", SERVICE, "--no-pager", "--quiet"]
        if not follow and not run(*journal, "--lines", "1", "--output", "cat").out:
            return None
        how = ["--output", "json" if json else "short-iso"]
        return [*journal, "--lines", str(lines), *how, *(["--follow"] if follow else [])]

    def _units(self) -> Path:
        """Return the folder of the user's units: the manager's, whose XDG_CONFIG_HOME need not be this shell's."""
        if self._folder is None:
            usual = Path.home() / ".config/systemd/user"
            named = os.environ.get("XDG_CONFIG_HOME", "")
            chosen = Path(named) / "systemd/user" if named.startswith("/") else usual
            if chosen != usual:
                with suppress(CannotGoOn):
                    searched = f" {self._properties().get('UnitPath', '')} "
                    if f" {chosen} " not in searched and f" {usual} " in searched:
                        chosen = usual
            self._folder = chosen
        return self._folder

    def _links(self) -> list[Path]:
        """Return what has the units start at login; it may lead nowhere, if a unit was removed by hand."""
        found = (wants / unit for wants in self._units().glob("*.wants") for unit in _UNITS)
        return [path for path in found if path.is_symlink()]

    def _properties(self) -> dict[str, str]:
        if shutil.which("systemctl") is None:
            raise Unreachable(
                "This system has no systemd, so there is no service manager to install omnimemd in.",
                hint="Have `omnimem start` run at login, in ~/.profile for one.",
            )
        done = run("systemctl", "--user", "show", "--property=Version,UnitPath")
        if done.status:
            raise _unreachable(done)
        return _parsed(done.out)

    def _show(self, unit: str) -> dict[str, str]:
        done = run("systemctl", "--user", "show", unit, f"--property={_SHOWN}")
        if done.status:
            raise _unreachable(done)
        return _parsed(done.out)

    def _pardon(self) -> None:
        """Have failures of the past not count: after a few, systemd refuses to start a unit."""
        run("systemctl", "--user", "reset-failed", *_UNITS)  # it says no where they are not loaded

    def _do(self, verb: str, *units: str, offline: bool = False) -> None:
        done = run("systemctl", "--user", verb, *units, environ=_OFFLINE if offline else None)
        if done.status:
            raise self._refused(verb, done)

    def _refused(self, verb: str, done: Done) -> CannotGoOn:
        said = [*done.err.strip().splitlines()[:3]]
        command = self.log_command(5, follow=False, json=False)
        if verb in ("start", "restart") and command is not None:
            said += run(*command).out.splitlines()
        return CannotGoOn(
            f"`systemctl --user {verb}` failed (status {done.status}).",
            hint="See what `omnimem doctor` says, and `omnimem service logs`.",
            quoted=said,
        )


def _is_mask(unit: Path) -> bool:
    return unit.is_symlink() and unit.readlink() == Path(os.devnull)


def _unreachable(done: Done) -> Unreachable:
    runtime = f"/run/user/{os.getuid()}"
    if not os.environ.get("XDG_RUNTIME_DIR") and Path(runtime).is_dir():
        hint = f"This is no login of your own (su, sudo?): log in, or `export XDG_RUNTIME_DIR={runtime}` first."
    else:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # without a name in the environment or the list of users
            user = str(os.getuid())
        hint = (
            f"Log in as yourself, or `loginctl enable-linger {user}` has it run without a login. "
            "Where there is none, in a container, `omnimem start` does without."
        )
    return Unreachable(
        "Your systemd user manager does not answer.", hint=hint, quoted=done.err.strip().splitlines()[:3]
    )


def _rendered(name: str, values: dict[str, str]) -> str:
    _, line, rest = read_template(name).partition("\n[Unit]\n")  # what stands above explains the placeholders
    text = _PLACEHOLDER.sub(lambda found: values[found[1]], rest)
    return f"# omnimemd, for the user instance of systemd. Changes go into {Path(name).name}.d/*.conf.\n" + line + text


def _escaped(text: str) -> str:
    """Return *text* for between double quotes (systemd.syntax(7), systemd.service(5))."""
    _check(text)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _program(path: str) -> str:
    """Return the path of a program: there systemd takes no quotes, whatever is done about them."""
    if set(path) & set("\"'\\"):
        raise CannotGoOn(
            f"systemd starts no program with a quote or a backslash in its path, as {shown_path(path)} has.",
            hint="Install omnimemd elsewhere.",
        )
    return _escaped(path)


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _plain(text: str) -> str:
    """Return *text* for where nothing is quoted."""
    _check(text)
    if text != text.strip() or text.endswith("\\"):
        raise CannotGoOn(f"{text!r} cannot stand in a unit.", hint="Choose a path that ends in a letter.")
    return text.replace("%", "%%")


def _check(text: str) -> None:
    if not text.isprintable():
        raise CannotGoOn(f"{text!r} cannot stand in a unit.", hint="Choose a path without control characters.")


def _parsed(shown: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def _last_exit(shown: dict[str, str]) -> str | None:
    """Return how the last process ended: waitid(2)'s si_code and si_status."""
    status = shown.get("ExecMainStatus", "0")
    match shown.get("ExecMainCode"):
        case "1":
            ended = f"exit status {status}"
        case "2" | "3":
            ended = f"signal {status}"
        case _:
            return None
    result = shown.get("Result", "success")
    return ended if result == "success" else f"{ended} ({result})"

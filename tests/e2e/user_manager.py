"""A real `systemd --user`, for an ordinary user, on a machine that need not have been booted with systemd.

It takes root: the manager gets a mount namespace, in which the machine looks booted with systemd, and a cgroup of its
own. The user's directories are those of a `Home`, and lie outside: tests look at them as they do everywhere. Nothing
else of the machine is touched, and nothing is left over.

What it cannot show: resource ceilings (the controllers may belong to cgroup v1), the journal, lingering.
"""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.e2e.homes import OTHER_UID, Home
from tests.e2e.waiting import eventually
from tests.support.requirements import USER_MANAGER

ROOT: Final = Path(__file__).parents[2]
#: Run by root in a mount namespace of its own; becomes the manager.
_SCRIPT: Final = """
set -eu
manager=$1 uid=$2 cgroup=$3 runtime=$4; shift 4
{exposed}
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/propagate  # sd_booted(3) asks for the first
mountpoint -q /sys/fs/cgroup && umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo $$ >/sys/fs/cgroup/"$cgroup"/cgroup.procs
chown -R "$uid" /sys/fs/cgroup/"$cgroup"
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups -- "$manager" --user
"""


class UserManager:
    """One user's service manager, and their commands."""

    def __init__(self, home: Home, process: "subprocess.Popen[bytes]") -> None:
        self.home = home
        self.uid = OTHER_UID
        self._process = process
        self._environ = _environ(home)
        self.units = home.base / "config" / "systemd" / "user"

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start *command* as the user, in the manager's world, even while the tests act as the user themselves."""
        entered = (
            *("nsenter", f"--target={self._process.pid}", "--mount", "--"),
            *("setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--"),
            *command,
        )
        pipe = subprocess.PIPE
        return subprocess.Popen(
            entered, env=self._environ, cwd="/", stdin=pipe, stdout=pipe, stderr=pipe, text=True, user=0, group=0
        )

    def run(self, *command: str, check: bool = True) -> str:
        """Run *command* likewise to its end; return what it prints."""
        with self.start(*command) as running:
            out, err = running.communicate()
        assert not check or running.returncode == 0, f"{command}: {running.returncode}\n{out}{err}"
        return out

    def ctl(self, *arguments: str, check: bool = True) -> str:
        """Run `systemctl --user` with *arguments*; return what it prints."""
        return self.run("systemctl", "--user", "--no-pager", *arguments, check=check)

    def shown(self, unit: str, name: str) -> str:
        """Return one property of *unit*."""
        return self.ctl("show", "--value", f"--property={name}", unit).strip()

    def drop_in(self, unit: str, name: str, text: str) -> None:
        """Add *text* to *unit*, as the file *name*.conf beside it; an empty one takes it away again."""
        file = self.units / f"{unit}.d" / f"{name}.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text) if text else file.unlink(missing_ok=True)
        self.ctl("daemon-reload")

    def stop(self) -> None:
        """End the manager and every service of it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_KEPT: Final = ("HOME", "PATH", "LANG", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME")


@contextmanager
def user_manager(home: Home) -> Iterator[UserManager]:
    """Run the manager of *home*'s user until the block ends."""
    home.give_to(OTHER_UID)
    log = home.base / "manager.log"
    with _cgroup() as cgroup, log.open("wb") as output:
        script = _SCRIPT.format(exposed=_exposed((ROOT, Path(sys.prefix), Path(sys.base_prefix))))
        inner = ["bash", "-c", script, "manager", USER_MANAGER, str(OTHER_UID), cgroup, str(home.runtime)]
        made = UserManager(
            home,
            subprocess.Popen(
                ["unshare", "--mount", "--propagation=private", "--", *inner],
                env=_environ(home),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ),
        )
        try:
            eventually(lambda: _runs(made), f"the manager runs: {log.read_text()}")
            yield made
        finally:
            made.stop()


def _environ(home: Home) -> dict[str, str]:
    kept = {name: value for name, value in home.environ.items() if name in _KEPT}
    bus = f"unix:path={home.runtime}/bus"
    return kept | {"USER": "someone", "LOGNAME": "someone", "DBUS_SESSION_BUS_ADDRESS": bus}


def _runs(manager: UserManager) -> bool:
    return manager.ctl("is-system-running", check=False).strip() == "running"


@contextmanager
def _cgroup() -> Iterator[str]:
    """Make a cgroup; give its name. It is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", folder], check=True)
        try:
            made = Path(tempfile.mkdtemp(prefix="omnimem-", dir=folder))
            yield made.name
            eventually(lambda: _removed(made), "its cgroup is empty")
        finally:
            subprocess.run(["umount", folder], check=True)


def _removed(cgroup: Path) -> bool:
    try:
        for path in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            path.rmdir()
        cgroup.rmdir()
    except OSError:
        return False
    return True


def _exposed(paths: tuple[Path, ...]) -> str:
    """Return the commands by which an ordinary user can reach *paths*, whatever the folders above them allow."""
    lines: list[str] = []
    kept: dict[Path, list[Path]] = {}
    for path in paths:
        closed = [above for above in path.parents if not above.stat().st_mode & 0o001]
        if closed:
            kept.setdefault(closed[-1], []).append(path)
    for number, (folder, wanted) in enumerate(kept.items()):
        aside = f"/run/aside-{number}"
        lines.append(f"mkdir -p {aside} && mount --rbind {shlex.quote(str(folder))} {aside}")
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(folder))}")
        for path in wanted:
            there = shlex.quote(str(path))
            lines.append(
                f"mkdir -p {there} && mount --rbind {aside}/{shlex.quote(str(path.relative_to(folder)))} {there}"
            )
        lines.append(f"umount -l {aside}")
    return "\n".join(lines)

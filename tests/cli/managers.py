"""Stand-ins for `systemctl --user` and `launchctl` in a home: they note what they are told, and run the daemon.

They do what the real ones do as far as the command can tell, and nothing of what the daemon is told by them. The real
systemd is in tests/e2e.
"""

import json
import sys
from pathlib import Path

from tests.cli.home import Home

_COMMON = """
import json, os, shlex, signal, socket, subprocess, sys, time
os.umask(0o077)  # as the service files say
home = os.environ["HOME"]
told = sys.argv[1:]
with open(home + "/told", "a") as file:
    print(*told, file=file)
if os.path.exists(home + "/no-manager") and os.environ.get("SYSTEMD_OFFLINE") != "1":
    sys.exit("Failed to connect to bus: No medium found")

def remembered():
    try:
        return json.load(open(home + "/manager.json"))
    except FileNotFoundError:
        return {"pid": 0, "listens": False}

def remember(**changed):
    json.dump(remembered() | changed, open(home + "/manager.json", "w"))

def alive():
    pid = remembered()["pid"]
    try:
        return pid if pid and open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z" else 0
    except OSError:
        return 0

def begin(command, environ, path):
    if not alive():
        log = open(path.replace(".sock", ".log"), "a")
        nothing = subprocess.DEVNULL
        remember(pid=subprocess.Popen(command, env=os.environ | environ, stdin=nothing, stdout=nothing, stderr=log,
                                      start_new_session=True).pid)
    while alive():
        try:
            return socket.socket(socket.AF_UNIX).connect(path)
        except OSError:
            time.sleep(0.01)
    sys.exit("Job for omnimemd.service failed")

def end():
    if pid := alive():
        os.kill(pid, signal.SIGTERM)
        while alive():
            time.sleep(0.01)
"""

_SYSTEMCTL = """
assert told.pop(0) == "--user"
units = home + "/.config/systemd/user/"
wanted = {"omnimemd.service": "default.target.wants/", "omnimemd.socket": "sockets.target.wants/"}
names = [one for one in told[1:] if not one.startswith("-")]

def lines(unit, key):
    return [line[len(key):].strip() for line in open(units + unit) if line.startswith(key)]

def path():
    default = os.environ["XDG_RUNTIME_DIR"]
    return lines("omnimemd.socket", "ListenStream=")[0].replace("%t", default)

def start():
    environ = dict(shlex.split(line)[0].split("=", 1) for line in lines("omnimemd.service", "Environment="))
    command = shlex.split(lines("omnimemd.service", "ExecStart=:")[0])
    os.makedirs(os.path.dirname(path()), 0o700, exist_ok=True)
    begin(command, environ | {"OMNIMEM_SOCKET": path()}, path())

match told[0]:
    case "show" if not names:
        print("Version=252", "UnitPath=" + units.rstrip("/"), sep="\\n")
    case "show" if names == ["omnimemd.socket"]:
        active = "active" if remembered()["listens"] else "inactive"
        print("ActiveState=" + active, "LoadState=loaded", "FragmentPath=" + units + names[0], sep="\\n")
    case "show":
        print("ActiveState=" + ("active" if alive() else "inactive"), f"MainPID={alive()}", "NRestarts=0",
              "FragmentPath=" + units + names[0], "LoadState=loaded", "ExecMainCode=0",
              *remembered().get("says", ()), sep="\\n")
    case "enable":
        for name in names:
            os.makedirs(units + wanted[name], exist_ok=True)
            if not os.path.lexists(units + wanted[name] + name):
                os.symlink(units + name, units + wanted[name] + name)
    case "disable":
        for name in names:
            if os.path.lexists(units + wanted[name] + name):
                os.unlink(units + wanted[name] + name)
                if not os.listdir(units + wanted[name]):
                    os.rmdir(units + wanted[name])
    case "start":
        if "omnimemd.socket" in names:
            remember(listens=True)
        if "omnimemd.service" in names:
            start()
    case "stop":
        if "omnimemd.service" in names:
            end()
        if "omnimemd.socket" in names:
            remember(listens=False)
    case "restart":
        end()
        start()
"""

_LAUNCHCTL = """
import plistlib
plist = home + "/Library/LaunchAgents/io.omnimem.omnimemd.plist"

def start():
    agent = plistlib.load(open(plist, "rb"))
    path = agent["Sockets"]["omnimemd"]["SockPathName"]
    begin(agent["ProgramArguments"], agent["EnvironmentVariables"] | {"OMNIMEM_SOCKET": path}, path)

match told[0]:
    case "print" if told[1].count("/") == 1:
        print("domain")
    case "print-disabled":
        print(*remembered().get("says", ()))
    case "print" if not remembered()["listens"]:
        sys.exit(113)
    case "print":
        print(f"{told[1]} = {{\\n\\tstate = {'running' if alive() else 'not running'}\\n\\truns = 1")
        print(f"\\tpid = {alive()}" if alive() else "\\tlast exit code = 0", "}", sep="\\n")
    case "bootstrap":
        remember(listens=True)
        start()
    case "bootout":
        end()
        remember(listens=False)
    case "kickstart":
        if told[1] == "-k":
            end()
        start()
"""

_JOURNALCTL = """
with open(os.environ["HOME"] + "/told", "a") as file:
    print("journalctl", *sys.argv[1:], file=file)
print("of the journal")
"""

#: The command where the socket is looked for, and a manager chosen, as on macOS.
_ON_MACOS = """#!{python}
import sys, types
import omnimem.locate
from omnimemd.cli import main, service_here
omnimem.locate.sys = service_here.sys = types.SimpleNamespace(platform="darwin")
sys.exit(main.main())
"""


def have_systemctl(home: Home) -> None:
    """Put `systemctl` in the PATH of *home*."""
    _program(home, "systemctl", f"#!{sys.executable} -SE\n{_COMMON}{_SYSTEMCTL}")


def have_journalctl(home: Home) -> None:
    """Put `journalctl` in the PATH of *home*; it always has a line."""
    _program(home, "journalctl", f"#!{sys.executable} -SE\nimport os, sys{_JOURNALCTL}")


def be_on_macos(home: Home) -> None:
    """Put `launchctl` in the PATH of *home*, and have `omnimem` think that it runs on macOS."""
    _program(home, "launchctl", f"#!{sys.executable} -SE\n{_COMMON}{_LAUNCHCTL}")
    _program(home, "omnimem", _ON_MACOS.format(python=sys.executable))


def have_manager_say(home: Home, *says: str, **changed: object) -> None:
    """Have the manager of *home* remember something else, and say these lines too when it is asked."""
    file = home.path / "manager.json"
    before = json.loads(file.read_text()) if file.exists() else {"pid": 0, "listens": False}
    file.write_text(json.dumps(before | {"says": says} | changed))


def lose_manager(home: Home) -> None:
    """Have the manager answer no more."""
    (home.path / "no-manager").touch()


def told(home: Home) -> list[str]:
    """Return what the managers of *home* were told since this was asked last, but for questions."""
    try:
        lines = (home.path / "told").read_text().splitlines()
    except FileNotFoundError:
        return []
    (home.path / "told").unlink()
    questions = ("show", "print", "--user show")
    return [line.removeprefix("--user ") for line in lines if not line.startswith(questions)]


def _program(home: Home, name: str, text: str) -> None:
    path = home.path / "bin" / name
    path.write_text(text)
    path.chmod(0o700)


def tree(folder: Path) -> dict[str, str]:
    """Return everything below *folder*: what links lead to, and what files hold."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_text("latin-1")
        if path.is_file()
        else ""
        for path in sorted(folder.rglob("*"))
    }

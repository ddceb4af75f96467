"""The agent of launchd, key by key, and `omnimem service` with a stand-in for `launchctl`: there is no macOS here."""

import os
import plistlib
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.home import Home
from tests.cli.managers import be_on_macos, lose_manager, told, tree

LABEL: Final = "io.omnimem.omnimemd"
AGENT: Final = f"gui/{os.getuid()}/{LABEL}"
#: The keys of launchd.plist(5) that are used, and what they hold.
TYPES: Final = {
    "Label": str,
    "ProgramArguments": list,
    "EnvironmentVariables": dict,
    "Sockets": dict,
    "StandardErrorPath": str,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ThrottleInterval": int,
    "ExitTimeOut": int,
    "ProcessType": str,
    "Umask": int,
    "SoftResourceLimits": dict,
}
#: The same of what those hold that are dictionaries.
INNER_TYPES: Final = {
    "KeepAlive": {"SuccessfulExit": bool},
    "Sockets": {"omnimemd": dict},
    "SoftResourceLimits": {"NumberOfFiles": int},
    "EnvironmentVariables": {"OMNIMEM_DATA_DIR": str},
}


@pytest.fixture
def mac(home: Home) -> Home:
    """A home on what takes itself for macOS."""
    be_on_macos(home)
    return home


def plist(home: Home) -> Path:
    return home.path / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def installed(home: Home, **environ: str) -> dict[str, Any]:
    done = home.omnimem("service", "install", "--no-start", **environ)
    assert done.status == 0, done.err
    agent: dict[str, Any] = plistlib.loads(plist(home).read_bytes())
    return agent


def support(home: Home) -> Path:
    return home.path / "Library" / "Application Support" / "omnimemd"


def test_every_key_is_one_of_launchds_and_of_its_type(mac: Home) -> None:
    agent = installed(mac, OMNIMEM_DATA_DIR='/d/<&> "x"')

    assert {key: type(value) for key, value in agent.items()} == TYPES
    for key, types in INNER_TYPES.items():
        assert {inner: type(value) for inner, value in agent[key].items()} == types
    assert agent["EnvironmentVariables"] == {"OMNIMEM_DATA_DIR": '/d/<&> "x"'}
    assert agent["KeepAlive"] == {"SuccessfulExit": False}  # true would contend with the socket
    assert agent["ProcessType"] == "Standard"


def test_launchd_makes_the_socket_where_clients_look(mac: Home) -> None:
    agent = installed(mac)

    assert agent["Sockets"] == {
        "omnimemd": {"SockPathName": str(support(mac) / "omnimemd.sock"), "SockPathMode": 0o600}
    }
    assert agent["StandardErrorPath"] == str(support(mac) / "omnimemd.log")
    assert agent["EnvironmentVariables"] == {}
    assert [text for text in plist(mac).read_text().splitlines() if "~" in text or "$HOME" in text] == []


@pytest.mark.needs("plistutil")
def test_another_program_reads_the_same(mac: Home, tmp_path: Path) -> None:
    agent = installed(mac)

    command = ["plistutil", "-i", str(plist(mac)), "-f", "bin", "-o", str(tmp_path / "binary")]
    read = subprocess.run(command, capture_output=True, check=True, text=True)

    assert "ERROR" not in read.stderr  # its status is 0 all the same
    assert plistlib.loads((tmp_path / "binary").read_bytes()) == agent
    assert plistlib.loads(plistlib.dumps(agent)) == agent


@pytest.mark.needs("linux")
def test_an_agent_is_loaded_and_unloaded(mac: Home) -> None:
    (mac.path / "Library").mkdir()
    before = tree(mac.path / "Library").keys()

    done = mac.omnimem("service", "install")
    commands, status = told(mac), mac.omnimem("service", "status")
    again, nothing = mac.omnimem("service", "install"), told(mac)
    mac.omnimem("service", "restart")
    restarted = told(mac)
    removed = mac.omnimem("service", "uninstall")

    assert done.status == 0, done.err
    assert commands == [f"enable {AGENT}", f"bootstrap gui/{os.getuid()} {plist(mac)}"]
    assert (status.status, status.lines[1:3]) == (
        0,
        ["  manager   launchd", "  service   installed, active, starts at login"],
    )
    assert ("there is nothing to do" in again.err, nothing) == (True, [f"enable {AGENT}"])
    assert restarted == [f"kickstart -k {AGENT}"]
    assert (removed.status, told(mac)) == (0, [f"bootout {AGENT}"])
    assert mac.daemons() == []
    left = tree(mac.path / "Library").keys() - before
    assert [name for name in left if not name.startswith("Application Support")] == []  # what was recorded stays


@pytest.mark.needs("linux")
def test_start_and_stop_load_and_unload(mac: Home) -> None:
    installed(mac)
    told(mac)

    mac.omnimem("start")
    mac.omnimem("stop")

    assert told(mac) == [f"bootstrap gui/{os.getuid()} {plist(mac)}", f"bootout {AGENT}"]


def test_an_agent_that_was_changed_is_left(mac: Home) -> None:
    installed(mac)
    plist(mac).write_text(plist(mac).read_text().replace("<integer>4096</integer>", "<integer>9999</integer>"))

    done = mac.omnimem("service", "install")

    assert done.status == 1
    assert "was changed by hand" in done.err


def test_without_a_login_at_the_screen_nothing_is_written(mac: Home) -> None:
    lose_manager(mac)

    done = mac.omnimem("service", "install")

    assert done.status == 1
    assert "launchd has no login of yours" in done.err
    assert not plist(mac).exists()

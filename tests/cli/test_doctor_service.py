"""What `omnimem doctor` says of the service, with stand-ins for the managers, and that to look starts nothing."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import msgspec
import pytest

from omnimem.model import Check, Checkup, Verdict
from omnimemd.cli import service_here
from omnimemd.cli.looking import look_at_service
from tests.cli.home import Home
from tests.cli.managers import be_on_macos, have_manager_say, have_systemctl, lose_manager

pytestmark = pytest.mark.needs("linux")  # the stand-in looks for the daemon in /proc


@pytest.fixture
def served(home: Home) -> Home:
    """A home in which a service is installed, and runs."""
    have_systemctl(home)
    assert home.omnimem("service", "install").status == 0
    return home


@pytest.fixture
def installed(home: Home) -> Home:
    """A home in which a service is installed that was not started."""
    have_systemctl(home)
    assert home.omnimem("service", "install", "--no-start").status == 0
    return home


def units(home: Home) -> Path:
    return home.path / ".config" / "systemd" / "user"


def looked(home: Home, **environ: str) -> tuple[int, dict[str, Check]]:
    """The exit status, and what each check finds."""
    done = home.omnimem("doctor", "--json", **environ)
    return done.status, {one.name: one for one in msgspec.json.decode(done.out, type=Checkup).checks}


def of_service(home: Home, **environ: str) -> Check:
    """What the check of the service finds there, without the others."""
    with patch.dict(os.environ, home.environ | environ, clear=True):
        return look_at_service(home.socket).check


@contextmanager
def held_by_the_manager(home: Home) -> Iterator[socket.socket]:
    """Have the socket listened on, as a manager does that starts the daemon when somebody calls."""
    home.socket.parent.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home.socket))
        home.socket.chmod(0o600)
        listener.listen()
        listener.setblocking(False)
        yield listener


def test_one_that_is_well_is_so_also_where_the_manager_does_not_answer(served: Home) -> None:
    status, well = looked(served)
    lose_manager(served)
    silent = of_service(served)

    assert "log" not in well, "it is in the journal"
    assert {name: one.detail for name, one in well.items() if one.verdict is Verdict.FAIL} == {}
    assert (status, well["service"].verdict, silent.verdict) == (0, Verdict.OK, Verdict.OK)
    assert "Installed and enabled, active." in well["service"].detail
    assert "systemd does not answer here" in silent.detail


@pytest.mark.parametrize("manager_answers", [True, False])
def test_a_daemon_that_sleeps_is_not_woken(installed: Home, manager_answers: bool) -> None:
    have_manager_say(installed, listens=True)
    if not manager_answers:
        lose_manager(installed)
    with held_by_the_manager(installed) as listener:
        status, found = looked(installed)
        with pytest.raises(BlockingIOError):
            listener.accept()

    assert status == 0
    assert {name: found[name].verdict for name in ("service", "socket", "lock", "daemon")} == {
        "service": Verdict.OK,
        "socket": Verdict.OK,
        "lock": Verdict.OK,
        "daemon": Verdict.WARN,
    }
    assert "systemd starts it when it is called" in found["service"].detail
    assert "was not called" in found["daemon"].detail


def test_one_that_was_stopped_with_its_socket_is_told_so(installed: Home) -> None:
    status, found = looked(installed)

    assert status == 3
    assert found["service"].verdict is Verdict.WARN
    assert "was stopped, its socket too" in found["service"].detail
    assert found["service"].hint == "`omnimem start` has it run."


def test_a_daemon_that_runs_without_its_service_is_told_so(installed: Home) -> None:
    lose_manager(installed)
    installed.start()
    (installed.path / "no-manager").unlink()

    found = of_service(installed)

    assert found.verdict is Verdict.WARN
    assert "started without it" in found.detail


def test_units_that_another_installation_wrote_are_told(installed: Home) -> None:
    elsewhere = of_service(installed, OMNIMEM_DATA_DIR=str(installed.path / "elsewhere"))
    installed.omnimem("service", "install", "--no-start", OMNIMEM_DATA_DIR=str(installed.path / "data"))
    outdated = of_service(installed)
    again = installed.omnimem("service", "install", "--no-start")
    mended = of_service(installed)

    for one in (elsewhere, outdated):
        assert one.verdict is Verdict.WARN
        assert one.detail.startswith("omnimemd.service: written by another version or program")
        assert one.hint is not None
        assert "omnimem service install" in one.hint
    assert again.status == 0
    assert "was stopped" in mended.detail, "there is nothing else"


def test_a_unit_that_was_changed_by_hand_is_named(installed: Home) -> None:
    with (units(installed) / "omnimemd.service").open("a") as file:
        file.write("# mine\n")
    have_manager_say(installed, listens=True)

    found = of_service(installed)

    assert found.verdict is Verdict.OK
    assert "omnimemd.service was changed by hand" in found.detail


def test_one_that_does_not_start_at_login_is_told(installed: Home) -> None:
    (units(installed) / "sockets.target.wants" / "omnimemd.socket").unlink()

    assert "not enabled" in of_service(installed).detail


def test_one_that_is_masked_is_told_with_how_to_unmask_it(installed: Home) -> None:
    file = units(installed) / "omnimemd.service"
    file.unlink()
    file.symlink_to("/dev/null")

    found = of_service(installed)

    assert (found.verdict, found.detail) == (Verdict.WARN, "It is masked: nothing starts it.")
    assert found.hint is not None
    assert "unmask" in found.hint


def test_one_of_which_a_file_is_gone_is_told(installed: Home) -> None:
    (units(installed) / "omnimemd.service").unlink()

    found = of_service(installed)

    assert (found.verdict, found.hint) == (Verdict.FAIL, "Run `omnimem service install`.")
    assert "omnimemd.service is missing" in found.detail


def test_one_that_starts_another_version_is_told(installed: Home) -> None:
    other = installed.path / "bin" / "other"
    other.write_text("#!/bin/sh\necho omnimemd 99.0\n")
    other.chmod(0o700)
    file = units(installed) / "omnimemd.service"
    file.write_text(f'[Service]\nExecStart=:"{other}" -P -m omnimemd.daemon.main\n')

    assert "of version 99.0" in of_service(installed).detail


@pytest.mark.parametrize(
    ("says", "verdict", "told"),
    [
        (("ActiveState=failed", "ExecMainCode=1", "ExecMainStatus=1", "NRestarts=9"), Verdict.FAIL, "exit status 1"),
        (("NeedDaemonReload=yes",), Verdict.WARN, "changed since systemd read them"),
        (("LoadState=masked",), Verdict.WARN, "is masked"),
    ],
)
def test_what_the_manager_says_is_told(installed: Home, says: tuple[str, ...], verdict: Verdict, told: str) -> None:
    have_manager_say(installed, *says)

    found = of_service(installed)

    assert (found.verdict, told in found.detail) == (verdict, True), found


def test_a_manager_that_hangs_holds_nothing_up(installed: Home) -> None:
    (installed.path / "bin" / "systemctl").write_text("#!/bin/sh\nexec sleep 600\n")

    found = of_service(installed)
    have_systemctl(installed)  # or the end of the home would wait for it

    assert "systemd does not answer here" in found.detail


class TestLaunchd:
    @pytest.fixture
    def mac(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
        be_on_macos(home)
        monkeypatch.setattr(service_here, "sys", SimpleNamespace(platform="darwin"))
        home.socket = home.path / "Library" / "Application Support" / "omnimemd" / "omnimemd.sock"
        assert home.omnimem("service", "install", "--no-start").status == 0
        return home

    def plist(self, home: Home) -> Path:
        return home.path / "Library" / "LaunchAgents" / "io.omnimem.omnimemd.plist"

    def test_one_that_was_stopped_is_told_so(self, mac: Home) -> None:
        found = of_service(mac)

        assert (found.verdict, found.hint) == (Verdict.WARN, "`omnimem start` has it run.")

    def test_one_that_runs_is_well(self, mac: Home) -> None:
        mac.omnimem("start")

        found = of_service(mac)

        assert (found.verdict, found.detail) == (Verdict.OK, "Installed and enabled, active.")

    def test_one_that_another_installation_wrote_is_told(self, mac: Home) -> None:
        found = of_service(mac, OMNIMEM_DATA_DIR=str(mac.path / "elsewhere"))

        assert found.verdict is Verdict.WARN
        assert found.detail.startswith("io.omnimem.omnimemd.plist: written by another version")

    def test_one_that_is_held_back_is_told(self, mac: Home) -> None:
        have_manager_say(mac, '"io.omnimem.omnimemd" => disabled')

        assert "not enabled" in of_service(mac).detail

    def test_one_that_cannot_be_read_is_told(self, mac: Home) -> None:
        self.plist(mac).write_text("nonsense")

        found = of_service(mac)

        assert (found.verdict, found.hint) == (Verdict.FAIL, "Run `omnimem service install`.")

"""`omnimem service`, with a stand-in for `systemctl`; the real systemd is in tests/e2e."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from omnimem import __version__
from tests.cli.home import Home
from tests.cli.managers import have_journalctl, have_systemctl, lose_manager, told, tree

pytestmark = pytest.mark.needs("linux")  # the stand-in looks for the daemon in /proc

INSTALLED = {
    ".config/systemd/user/omnimemd.service",
    ".config/systemd/user/omnimemd.socket",
    ".config/systemd/user/default.target.wants/omnimemd.service",
    ".config/systemd/user/sockets.target.wants/omnimemd.socket",
}


@pytest.fixture
def served(home: Home) -> Home:
    """A home in which a service manager answers."""
    have_systemctl(home)
    return home


def units(home: Home) -> Path:
    return home.path / ".config" / "systemd" / "user"


def there(home: Home) -> set[str]:
    """What of the service is there."""
    return {name for name in tree(home.path) if Path(name).name.startswith("omnimemd.s") and "systemd" in name}


def test_an_installed_service_runs_and_starts_at_login(served: Home) -> None:
    done = served.omnimem("service", "install")

    assert (done.status, done.out) == (0, ""), done.err
    assert "omnimemd runs as a service of systemd (pid " in done.err
    assert there(served) == INSTALLED
    assert (units(served) / "omnimemd.service").stat().st_mode & 0o777 == 0o644
    assert told(served) == [
        "daemon-reload",
        "enable omnimemd.service omnimemd.socket",
        "reset-failed omnimemd.service omnimemd.socket",
        "start omnimemd.socket omnimemd.service",
    ]
    assert served.omnimem("status").status == 0


def test_a_second_installation_has_nothing_to_do(served: Home) -> None:
    served.omnimem("service", "install")
    [pid], before, _ = served.daemons(), tree(units(served)), told(served)

    done = served.omnimem("service", "install")

    assert done.err == f"omnimemd is installed and runs as a service (pid {pid}); there is nothing to do.\n"
    assert (served.daemons(), tree(units(served))) == ([pid], before)
    assert "start omnimemd.socket omnimemd.service" not in told(served)


def test_what_another_program_installed_is_written_anew_and_restarted(served: Home) -> None:
    served.omnimem("service", "install")
    before = tree(units(served))
    served.omnimem("service", "install", OMNIMEM_DATA_DIR="else where%")
    told(served)

    done = served.omnimem("service", "install")

    assert done.status == 0, done.err
    assert tree(units(served)) == before
    assert "restart omnimemd.service" in told(served)


def test_the_daemon_keeps_everything_where_the_shell_says(served: Home) -> None:
    done = served.omnimem("service", "install", OMNIMEM_DATA_DIR="else where%")

    assert done.status == 0, done.err
    line = f'Environment="OMNIMEM_DATA_DIR={served.app}/else where%%"'
    assert line in (units(served) / "omnimemd.service").read_text().splitlines()
    assert "\nEnvironment" not in (units(served) / "omnimemd.socket").read_text()


def test_a_chosen_socket_is_the_services(served: Home) -> None:
    path = served.path / "s d" / "o.sock"

    done = served.omnimem("service", "install", "--socket", str(path))
    served.omnimem("stop", "--socket", str(path))

    assert done.status == 0, done.err
    assert f"\nListenStream={path}\n" in (units(served) / "omnimemd.socket").read_text()
    assert "stop omnimemd.socket" in told(served)


def test_a_daemon_that_runs_already_is_taken_over(served: Home) -> None:
    served.start()
    with served.client() as client:
        session = client.create_session(tool_id="test", workspace_path=str(served.app), process_id=os.getpid())
    [before] = served.daemons()

    done = served.omnimem("service", "install")
    [after] = served.daemons()

    assert f"The daemon that ran (pid {before}) was stopped." in done.err
    assert after != before
    with served.client() as client:
        assert client.get_session(session.session_id).state == "active"


def test_an_uninstalled_service_leaves_nothing(served: Home) -> None:
    (served.path / ".config").mkdir()
    before = tree(served.path / ".config")
    served.omnimem("service", "install")
    told(served)

    done = served.omnimem("service", "uninstall")

    assert (done.status, done.out) == (0, "")
    assert "What was recorded stays in ~/.local/share/omnimemd." in done.err
    assert tree(served.path / ".config") == before
    assert served.daemons() == []
    assert told(served) == [
        "stop omnimemd.socket",
        "stop omnimemd.service",
        "disable omnimemd.service omnimemd.socket",
        "daemon-reload",
        "reset-failed omnimemd.service omnimemd.socket",
    ]
    assert (served.path / ".local/share/omnimemd/omnimem.db").exists()
    assert served.omnimem("service", "uninstall").err == "omnimemd is not installed as a service.\n"


@pytest.mark.parametrize("unit", ["omnimemd.service", "omnimemd.socket"])
def test_folders_go_also_after_a_unit_was_written_again(served: Home, unit: str) -> None:
    (served.path / ".config").mkdir()
    before = tree(served.path / ".config")
    served.omnimem("service", "install", "--no-start")
    (units(served) / unit).unlink()
    served.omnimem("service", "install", "--no-start")

    served.omnimem("service", "uninstall")

    assert tree(served.path / ".config") == before


def test_folders_of_others_stay(served: Home) -> None:
    units(served).mkdir(parents=True)

    served.omnimem("service", "install", "--no-start")
    served.omnimem("service", "uninstall")

    assert list(units(served).iterdir()) == []


@pytest.mark.parametrize("gone", [one for one in sorted(INSTALLED) if "service" in one])
def test_what_was_removed_by_hand_does_not_keep_the_rest(served: Home, gone: str) -> None:
    served.omnimem("service", "install", "--no-start")
    (served.path / gone).unlink()

    done = served.omnimem("service", "uninstall")

    assert done.status == 0, done.err
    assert there(served) == set()


@pytest.mark.parametrize("how", ["edited", "appended", "link"])
def test_what_a_person_changed_is_neither_replaced_nor_removed(served: Home, how: str) -> None:
    served.omnimem("service", "install", "--no-start")
    unit = units(served) / "omnimemd.service"
    text = unit.read_text()
    match how:
        case "edited":
            unit.write_text(text.replace("TimeoutStopSec=12", "TimeoutStopSec=60"))
        case "appended":
            unit.write_text(text + "Nice=5\n")
        case _:
            unit.unlink()
            unit.symlink_to("/dev/null")
    changed = tree(units(served))

    installed = served.omnimem("service", "install")
    after_install = tree(units(served))
    uninstalled = served.omnimem("service", "uninstall")

    assert installed.status == 1
    assert "was changed by hand" in installed.err
    assert "omnimemd.service.d/*.conf" in installed.err
    assert after_install == changed
    assert uninstalled.status == 1
    assert there(served) == {".config/systemd/user/omnimemd.service"}
    unit.unlink()


def test_what_a_person_added_stays_and_is_shown(served: Home) -> None:
    served.omnimem("service", "install", "--no-start")
    added = units(served) / "omnimemd.service.d" / "nice.conf"
    added.parent.mkdir()
    added.write_text("[Service]\nNice=5\n")

    again = served.omnimem("service", "install", "--no-start")
    shown = served.omnimem("service", "status")
    done = served.omnimem("service", "uninstall")

    assert again.status == 0
    assert "added     ~/.config/systemd/user/omnimemd.service.d/nice.conf" in shown.out
    assert (done.status, added.exists()) == (0, True)
    assert "nice.conf is yours, and stays." in done.err


def test_a_dry_run_shows_all_and_does_nothing(served: Home) -> None:
    before = tree(served.path).keys()

    done = served.omnimem("service", "install", "--dry-run")
    after = tree(served.path).keys()

    assert done.status == 0
    assert f'ExecStart=:"{sys.executable}" -P -m omnimemd.daemon.main' in done.out
    assert "$ systemctl --user enable omnimemd.service omnimemd.socket" in done.lines
    assert told(served) == []
    assert after - before == {"told"}  # of the stand-in


@pytest.mark.parametrize("verb", ["install", "restart"])
def test_without_a_manager_nothing_is_half_done(served: Home, verb: str) -> None:
    if verb == "restart":
        served.omnimem("service", "install", "--no-start")
    lose_manager(served)
    before = there(served)

    done = served.omnimem("service", verb)

    assert done.status == 1
    assert done.err.startswith("error: Your systemd user manager does not answer.\n  Failed to connect to bus")
    assert "loginctl enable-linger" in done.err
    assert there(served) == before
    assert served.daemons() == []


def test_a_login_that_is_not_ones_own_is_told_of(home: Home) -> None:
    done = home.omnimem("service", "install", XDG_RUNTIME_DIR="")

    assert done.status == 1
    assert "XDG_RUNTIME_DIR" in done.err or "enable-linger" in done.err
    assert there(home) == set()


def test_without_a_manager_it_is_installed_for_the_next_login(served: Home) -> None:
    lose_manager(served)

    done = served.omnimem("service", "install", "--no-start")

    assert (done.status, there(served)) == (0, INSTALLED), done.err
    assert served.daemons() == []
    assert served.omnimem("service", "uninstall").status == 0
    assert there(served) == set()


def test_a_failed_enabling_takes_back_what_was_written(served: Home) -> None:
    (units(served)).mkdir(parents=True)
    (units(served) / "default.target.wants").touch()  # no folder

    done = served.omnimem("service", "install")

    assert done.status == 1
    assert "error: `systemctl --user enable` failed" in done.err
    assert there(served) == set()


def test_start_and_stop_go_through_the_manager(served: Home) -> None:
    served.omnimem("service", "install")
    [pid], _ = served.daemons(), told(served)

    stopped = served.omnimem("stop")
    told_to_stop, left = told(served), served.daemons()
    again = served.omnimem("stop")
    started = served.omnimem("start")

    assert f"omnimemd stopped (pid {pid}), and its socket is closed." in stopped.err
    assert "`omnimem start`" in stopped.err
    assert (told_to_stop, left) == (["stop omnimemd.socket", "stop omnimemd.service"], [])
    assert again.err == "omnimemd is not running.\n"
    assert "start omnimemd.socket omnimemd.service" in told(served)
    assert f"as a service (pid {served.daemons()[0]})" in started.err


def test_without_its_manager_the_daemon_can_be_started_and_stopped(served: Home) -> None:
    served.omnimem("service", "install", "--no-start")
    lose_manager(served)

    started = served.omnimem("start")
    running = served.omnimem("service", "status")
    stopped = served.omnimem("stop")

    assert started.status == 0
    assert "started without it" in started.err
    assert "not as the service" in running.out
    assert stopped.err.startswith("omnimemd stopped (pid")


@pytest.mark.parametrize("installed", [True, False])
def test_restart_has_another_daemon_answer(served: Home, installed: bool) -> None:
    served.omnimem(*(["service", "install"] if installed else ["start"]))
    [before] = served.daemons()

    done = served.omnimem("service", "restart")

    [after] = served.daemons()
    assert done.err == f"omnimemd runs (pid {after}).\n"
    assert after != before


def test_status_says_how_it_is(served: Home) -> None:
    nothing = served.omnimem("service", "status")
    served.omnimem("service", "install")
    running = served.omnimem("service", "status")
    quiet = served.omnimem("service", "status", "--quiet")
    for_programs = json.loads(served.omnimem("service", "status", "--json").out)
    served.omnimem("stop")
    stopped = served.omnimem("service", "status")

    [nothing_at_all, service] = [nothing.lines[0], nothing.lines[2]]
    assert (nothing.status, nothing_at_all) == (3, f"omnimemd {__version__}  not running")
    assert "not installed: `omnimem service install`" in service
    assert (running.status, running.err) == (0, "")
    assert "  service   installed, active, starts at login" in running.lines
    assert quiet.out == f"{for_programs['pid']}\n"
    assert [one["state"] for one in for_programs["files"]] == ["current", "current"]
    assert (for_programs["manager"], for_programs["version"]) == ("systemd", __version__)
    assert stopped.status == 3
    assert "  service   installed, inactive, starts at login" in stopped.lines


def test_logs_are_those_of_the_journal(served: Home) -> None:
    have_journalctl(served)
    served.omnimem("service", "install", "--no-start")

    done = served.omnimem("service", "logs", "-f", "-n", "7")

    assert done.out == "of the journal\n"
    assert told(served)[-1] == (
        "journalctl --user --unit omnimemd.service --no-pager --quiet --lines 7 --output short-iso --follow"
    )


def test_logs_of_a_daemon_without_a_service_are_its_file(home: Home) -> None:
    nothing = home.omnimem("service", "logs")
    home.start()

    done = home.omnimem("service", "logs", "-n", "1")

    assert (nothing.status, nothing.out) == (1, "")
    assert "There is no log" in nothing.err
    assert done.out == home.log.read_text().splitlines(keepends=True)[-1]


def test_whoever_listens_for_the_daemon_is_never_stopped(home: Home) -> None:
    path = home.path / "s.sock"
    code = (
        "import socket, sys\nopen('/proc/self/comm', 'w').write('systemd')\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True); s.accept()[0].recv(1)\n"
        "while True: s.accept()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as manager:
        assert manager.stdout is not None
        manager.stdout.readline()

        done = home.omnimem("stop", "--socket", str(path))

        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))  # it is still there
        manager.send_signal(signal.SIGKILL)

    assert done.status == 1
    assert "is a service manager's" in done.err

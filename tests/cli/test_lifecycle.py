"""`omnimem start` and `omnimem stop`."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.home import Home
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("linux")  # daemons are looked for in /proc


def test_a_started_daemon_answers_and_a_stopped_one_is_gone(home: Home) -> None:
    started = home.omnimem("start")
    pids = home.daemons()
    status = home.omnimem("status")
    stopped = home.omnimem("stop")

    assert (started.status, started.out) == (0, "")
    assert [f"pid {pid}" in started.err for pid in pids] == [True]
    assert status.status == 0
    assert (stopped.status, stopped.err) == (0, f"omnimemd stopped (pid {pids[0]}).\n")
    assert home.daemons() == []
    assert not home.socket.exists()


def test_asking_for_the_state_one_has_is_success(home: Home) -> None:
    nothing = home.omnimem("stop")
    home.omnimem("start")
    again = home.omnimem("start")

    assert (nothing.status, nothing.err) == (0, "omnimemd is not running.\n")
    assert (again.status, again.err) == (0, f"omnimemd is already running (pid {home.daemons()[0]}).\n")


def test_programs_get_the_pid_or_the_status(home: Home) -> None:
    quiet = home.omnimem("start", "--quiet")
    json_too = home.omnimem("start", "--json", "--quiet")

    assert (quiet.out, quiet.err) == (f"{home.daemons()[0]}\n", "")
    assert json.loads(json_too.out)["pid"] == home.daemons()[0]
    assert json_too.err == ""


def test_starts_at_once_make_one_daemon(home: Home) -> None:
    with ThreadPoolExecutor() as pool:
        starts = list(pool.map(lambda _: home.omnimem("start"), range(4)))

    assert [one.status for one in starts] == [0] * 4
    assert sum("already running" in one.err for one in starts) == 3
    assert len(home.daemons()) == 1


def test_the_daemon_has_a_session_of_its_own_and_no_terminal(home: Home) -> None:
    with home.terminal("start") as terminal:
        terminal.ended()
    [pid] = home.daemons()

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()

    assert os.getsid(pid) == pid
    assert fields[4] == "0"  # tty_nr (proc(5), /proc/pid/stat, field 7)
    assert str(Path(f"/proc/{pid}/cwd").readlink()) == "/"
    assert [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)] == [
        "/dev/null",
        "/dev/null",
        str(home.log),
    ]


def test_the_log_is_private_and_goes_on(home: Home) -> None:
    home.omnimem("start")
    home.omnimem("stop")
    home.omnimem("start")

    assert stat.S_IMODE(home.log.stat().st_mode) == 0o600
    assert home.log.read_text().count(" INFO ready ") == 2


def test_relative_paths_in_the_environment_mean_what_they_say(home: Home) -> None:
    done = home.omnimem("start", OMNIMEM_DATA_DIR="data", OMNIMEM_SOCKET="here/s.sock")

    assert done.status == 0, done.err
    assert (home.app / "data" / "omnimem.db").exists()
    assert (home.app / "here" / "s.log").exists()
    assert home.omnimem("stop", "--socket", "here/s.sock").err.startswith("omnimemd stopped")


def test_nothing_is_imported_from_the_current_directory(home: Home) -> None:
    for name in ("omnimemd", "aiohttp", "apsw", "asyncio"):
        (home.app / f"{name}.py").write_text("raise SystemExit('taken in')")

    done = home.omnimem("start")

    assert done.status == 0, done.err


def test_why_it_does_not_start_is_told(home: Home) -> None:
    config = home.path / ".config" / "omnimemd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("colour = 1\n")

    done = home.omnimem("start")

    assert done.status == 1
    assert done.err.startswith("error: omnimemd did not start (exit status 2).\n  omnimemd: ")
    assert "unknown key 'colour'" in done.err
    assert "\nhint: " in done.err
    assert home.daemons() == []


def test_only_this_starts_complaint_is_told(home: Home) -> None:
    home.omnimem("start")
    home.omnimem("stop")

    done = home.omnimem("start", OMNIMEM_LOG_LEVEL="loud")

    assert "loud" in done.err
    assert "ready" not in done.err


def test_a_place_that_is_not_private_is_refused_with_the_daemons_words(home: Home) -> None:
    shared = home.path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    done = home.omnimem("start", "--socket", str(shared / "s.sock"))

    assert done.status == 1
    assert "is not for omnimemd alone" in done.err
    assert list(shared.iterdir()) == []


def test_a_socket_path_that_is_too_long_is_told(home: Home) -> None:
    done = home.omnimem("start", "--socket", str(home.path / ("x" * 120)))

    assert done.status == 1
    assert "fit" in done.err


@pytest.mark.slow  # as long as another start is waited for
def test_a_data_directory_in_use_is_told_with_the_pid(home: Home) -> None:
    home.omnimem("start")

    done = home.omnimem("start", "--socket", str(home.path / "other" / "s.sock"))

    assert done.status == 1
    assert f"(pid {home.daemons()[0]}" in done.err


def test_a_stale_socket_is_no_daemon(home: Home) -> None:
    home.omnimem("start")
    os.kill(home.daemons()[0], signal.SIGKILL)
    wait_until_nobody_answers(home)

    assert home.socket.exists()
    assert home.omnimem("stop").err == "omnimemd is not running.\n"
    assert home.omnimem("start").status == 0


def wait_until_nobody_answers(home: Home) -> None:
    while home.omnimem("status").status != 3:
        pass


def test_a_log_that_somebody_laid_out_is_not_followed(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700)
    precious = home.path / "precious"
    precious.write_text("precious")
    home.log.symlink_to(precious)

    done = home.omnimem("start")

    assert done.status == 0, done.err
    assert precious.read_text() == "precious"


@pytest.mark.slow  # as long as a stop waits
@pytest.mark.needs("pidfd")
def test_a_daemon_that_does_not_end_is_told_of(home: Home) -> None:
    home.omnimem("start")
    [pid] = home.daemons()
    os.kill(pid, signal.SIGSTOP)

    done = home.omnimem("stop")
    os.kill(pid, signal.SIGCONT)

    assert done.status == 1
    assert f"`kill -KILL {pid}`" in done.err


def test_ctrl_c_while_it_starts_leaves_nothing(home: Home) -> None:
    ended = None
    while ended is None:
        ended = interrupted_start(home)

    status, shown = ended
    assert status == 130
    assert "Traceback" not in shown
    assert home.daemons() == []


def interrupted_start(home: Home) -> tuple[int, str] | None:
    """Start in a terminal, and press Ctrl-C; return the exit status and what was shown, None where it came too late."""
    with home.terminal("start") as terminal:
        (daemon,) = eventually(home.daemons, "a daemon that starts")
        os.kill(daemon, signal.SIGSTOP)  # so that it starts for as long as this takes
        eventually(lambda: "State:\tT" in Path(f"/proc/{daemon}/status").read_text(), "it is stopped")
        told = terminal.interrupted_until(lambda: is_pending(daemon, signal.SIGTERM))
        os.kill(daemon, signal.SIGCONT)
        status = terminal.ended()
    if told:
        return status, terminal.shown
    home.omnimem("stop")  # it was ready before it was stopped
    assert home.daemons() == []
    return None


def is_pending(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has yet to take a signal (proc(5), /proc/pid/status)."""
    found = re.search(r"^ShdPnd:\t([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(found and int(found[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_daemon_whose_socket_was_removed_is_told_of_and_waited_for(home: Home, verb: str) -> None:
    home.start()
    (pid,) = home.daemons()
    os.kill(pid, signal.SIGSTOP)  # so that it does not make it anew before it is looked
    home.socket.unlink()
    status = home.omnimem("status")
    os.kill(pid, signal.SIGCONT)

    done = home.omnimem(verb)

    assert (status.status, done.status) == (3, 0), (status, done)
    assert f"pid {pid}" in status.err
    assert f"pid {pid}" in done.err
    assert home.daemons() == ([pid] if verb == "start" else [])


def test_what_is_no_omnimemd_is_not_stopped(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700)
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True); "
    command = [sys.executable, "-c", code + "s.accept(); s.accept(); sys.stdin.read()", str(home.socket)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()

        done = home.omnimem("stop")

        assert other.poll() is None
        other.kill()
    assert (done.status, done.out) == (1, "")
    assert f"pid {other.pid}" in done.err


def test_the_command_is_not_kept_waiting_by_the_daemon(home: Home) -> None:
    done = subprocess.run(
        ["sh", "-c", "omnimem start | cat"], env=home.environ, cwd=home.app, timeout=30, check=True, capture_output=True
    )  # `cat` ends when nobody holds the pipe any more

    assert done.returncode == 0

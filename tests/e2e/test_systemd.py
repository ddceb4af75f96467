"""omnimemd as a service of a real `systemd --user`: activation, notification, restarts, reload, replacement."""

import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from omnimem import Client
from omnimem.model import SessionState
from omnimemd.cli.templates import read_template
from tests.e2e.daemons import mode_of
from tests.e2e.homes import OTHER_UID, a_home, acting_as
from tests.e2e.programs import Tool
from tests.e2e.user_manager import ROOT, UserManager, user_manager
from tests.e2e.waiting import eventually

pytestmark = [
    pytest.mark.needs("user manager", "inotify"),
    pytest.mark.xdist_group("user manager"),
]
SERVICE: Final = "omnimemd.service"
SOCKET: Final = "omnimemd.socket"


class Service:
    """omnimemd, installed for one user."""

    def __init__(self, manager: UserManager, program: Path) -> None:
        self.manager = manager
        self.home = manager.home
        self.program = program

    @property
    def state(self) -> str:
        return self.manager.shown(SERVICE, "ActiveState")

    @property
    def pid(self) -> int:
        return int(self.manager.shown(SERVICE, "MainPID"))

    @property
    def restarts(self) -> int:
        return int(self.manager.shown(SERVICE, "NRestarts"))

    @property
    def text(self) -> str:
        """What it says of itself."""
        return self.manager.shown(SERVICE, "StatusText")

    @contextmanager
    def client(self, timeout: float = 20) -> Iterator[Client]:
        with acting_as(OTHER_UID), Client(self.home.socket, timeout=timeout) as client:
            yield client

    def restarted(self, after: int, kill: Callable[[], None]) -> None:
        """Do *kill*, and wait until the manager has started it anew."""
        before = self.pid
        kill()
        eventually(lambda: self.restarts > after and self.pid not in (0, before), "it is started anew", within=30)
        eventually(lambda: self.state == "active", "it is ready", within=30)


@pytest.fixture(scope="module")
def manager() -> Iterator[UserManager]:
    with a_home() as home, user_manager(home) as made:
        yield made


@pytest.fixture
def service(manager: UserManager) -> Iterator[Service]:
    """The service with its socket listened on, and no daemon running yet."""
    program = manager.home.base / "program"
    made = Service(manager, program)
    _install(made)
    manager.ctl("daemon-reload")
    manager.ctl("start", SOCKET)
    yield made
    manager.ctl("stop", SOCKET, SERVICE)
    manager.ctl("reset-failed", check=False)
    manager.home.config_file.unlink(missing_ok=True)
    shutil.rmtree(manager.units)
    shutil.rmtree(program)


def _install(service: Service) -> None:
    """Put the program, a copy that can be replaced, and its units in place."""
    for name in ("omnimemd", "client/omnimem"):
        shutil.copytree(ROOT / name, service.program / Path(name).name, ignore=shutil.ignore_patterns("__pycache__"))
    python = service.program / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={service.program} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    service.manager.units.mkdir(parents=True, exist_ok=True)
    for unit in (SERVICE, SOCKET):
        text = read_template(f"systemd/{unit}")
        for name, value in (("python", str(python)), ("environment", ""), ("socket", "%t/omnimemd/omnimemd.sock")):
            text = text.replace("{{" + name + "}}", value)
        (service.manager.units / unit).write_text(text)
    service.home.give_to(OTHER_UID)


def test_the_first_connection_starts_it(service: Service) -> None:
    assert service.state == "inactive"
    assert (mode_of(service.home.socket), mode_of(service.home.socket.parent)) == (0o600, 0o700)

    with service.client() as client:
        status = client.status()

    assert status.pid == service.pid
    assert status.socket == str(service.home.socket)
    assert status.watch.degraded == []
    assert service.state == "active"


def test_it_says_how_it_is(service: Service) -> None:
    with service.client() as client:
        client.health()

        assert service.text == "0 active sessions, 0 workspaces"


def test_it_knows_which_process_opened_what(service: Service) -> None:
    """What the unit takes from it must not be what it needs."""
    workspace = service.home.folder({"a.txt": "a"})
    service.home.give_to(OTHER_UID)
    with closing(Tool(service.home, uid=OTHER_UID)) as tool, service.client() as client:
        client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
        (workspace / "b.txt").write_text("b")

        assert client.status().watch.reads_observed
        assert client.health().problems == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["kill -9", "a crash"])
def test_what_ends_it_is_mended_and_sessions_go_on(service: Service, number: signal.Signals) -> None:
    workspace = service.home.folder()
    service.home.give_to(OTHER_UID)
    with closing(Tool(service.home, uid=OTHER_UID)) as tool, service.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)

        service.restarted(service.restarts, lambda: os.kill(service.pid, number))

        again = client.get_session(session.session_id)
        assert (again.state, again.process_id) == (SessionState.ACTIVE, tool.pid)
        tool.kill()
        eventually(
            lambda: client.get_session(session.session_id).state is SessionState.ENDED, "its process's end is noticed"
        )


def test_one_that_hangs_is_started_anew(service: Service) -> None:
    service.manager.drop_in(SERVICE, "watchdog", "[Service]\nWatchdogSec=2\n")
    with service.client() as client:
        client.health()

        service.restarted(service.restarts, lambda: os.kill(service.pid, signal.SIGSTOP))

        assert client.health().status == "ok"


def test_a_reload_reads_the_settings_again(service: Service) -> None:
    with service.client() as client:
        before = client.status().pid
        workspace = service.home.folder(name="wanted")
        service.home.configure(f'workspaces = ["{workspace}"]')

        service.manager.ctl("reload", SERVICE)

        eventually(lambda: len(client.list_workspaces().workspaces) == 1, "the workspace is watched")
        assert client.status().pid == before
        eventually(lambda: service.text == "0 active sessions, 1 workspace", "it says so")


def test_a_mistake_in_the_settings_is_told_and_the_old_ones_hold(service: Service) -> None:
    with service.client() as client:
        before = client.status().pid
        service.home.configure("ambient_idle = 3")

        service.manager.ctl("reload", SERVICE)

        eventually(lambda: client.health().problems, "the mistake is a problem")
        assert "unknown key 'ambient_idle'" in client.health().problems[0]
        assert client.status().pid == before
        service.home.configure("")
        service.manager.ctl("reload", SERVICE)
        eventually(lambda: not client.health().problems, "the mistake is mended")


def test_after_a_stop_the_next_connection_starts_it_again(service: Service) -> None:
    with service.client() as client:
        client.create_memory("p", key="k", value="v")
        service.manager.ctl("stop", SERVICE)
        assert service.state == "inactive"
        assert service.home.socket.exists()

        assert client.get_memory("p", key="k").memory_value == "v"
        assert service.state == "active"


def test_the_socket_goes_when_it_is_stopped(service: Service) -> None:
    with service.client() as client:
        client.health()

    service.manager.ctl("stop", SOCKET)

    eventually(lambda: service.state == "inactive", "the daemon is gone")
    assert not service.home.socket.exists()


def test_no_request_is_lost_however_often_it_is_restarted(service: Service) -> None:
    service.manager.drop_in(SERVICE, "often", "[Unit]\nStartLimitBurst=100\n")
    callers = service.manager.start(sys.executable, str(ROOT / "tests/e2e/callers.py"), str(service.home.socket))
    assert callers.stdout is not None
    told: list[str] = []

    for action in ("restart", "stop", "restart", "reload", "restart"):
        told += [callers.stdout.readline().strip() for _ in range(50)]
        service.manager.ctl(action, SERVICE)
    rest, complaints = callers.communicate()
    told += rest.splitlines()

    assert complaints == ""
    assert [line for line in told if not line.startswith("+ ")] == []
    with service.client() as client:
        for line in told:
            client.get_memory("load", key=line.removeprefix("+ "))


def test_it_gives_way_to_a_version_that_is_installed(service: Service) -> None:
    service.manager.drop_in(SERVICE, "watchdog", "[Service]\nWatchdogSec=2\n")  # it looks a third as often
    with service.client() as client:
        old = client.status()
        version = service.program / "omnimem" / "_version.py"
        version.write_text(version.read_text().replace(old.version, f"{old.version}.post1"))

        eventually(lambda: client.status().version == f"{old.version}.post1", "the new version answers", within=30)

        assert service.manager.shown(SERVICE, "Result") == "success"


def test_a_socket_elsewhere_than_the_settings_say_is_told(service: Service) -> None:
    elsewhere = service.home.base / "elsewhere" / "omnimemd.sock"
    service.home.configure(f'socket = "{elsewhere}"')
    with service.client() as client:
        problems = client.health().problems

        assert client.status().socket == str(service.home.socket)
    assert len(problems) == 1
    assert str(elsewhere) in problems[0]
    assert not elsewhere.exists()


def test_it_is_installed_enabled_and_removed_without_a_trace(manager: UserManager) -> None:
    omnimem = (sys.executable, "-P", "-m", "omnimemd.cli.main")
    config = manager.home.base / "config"
    before = sorted(config.rglob("*"))

    manager.run(*omnimem, "service", "install")

    assert [manager.shown(unit, "UnitFileState") for unit in (SERVICE, SOCKET)] == ["enabled", "enabled"]
    assert manager.shown(SERVICE, "ActiveState") == "active"
    with acting_as(OTHER_UID), Client(manager.home.socket, timeout=20) as client:
        assert client.status().pid == int(manager.shown(SERVICE, "MainPID"))
        assert client.health().problems == []
    manager.run(*omnimem, "service", "uninstall")
    assert sorted(config.rglob("*")) == before
    assert manager.shown(SERVICE, "LoadState") == "not-found"
    assert not manager.home.socket.exists()


def test_nobody_can_be_called_over_the_network(service: Service) -> None:
    """The manager's filter holds for the daemon: what it cannot do is told in words that help."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        service.home.configure(f'[semantic]\nendpoint = "http://127.0.0.1:{port}/v1/embeddings"\nmodel = "m"')
        with service.client() as client:
            client.create_memory("p", key="k", value="v")

            eventually(lambda: any("docs/SERVICE.md" in one for one in client.health().problems), "it says why")


def test_the_kernel_holds_it_to_what_the_unit_says(service: Service) -> None:
    with service.client() as client:
        process = Path("/proc", str(client.status().pid))
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())

    assert (status["NoNewPrivs"], status["Umask"]) == ("1", "0077")
    assert status["Seccomp"] == "2", "a filter of system calls"
    assert int(status["CapEff"], 16) == 0
    assert re.search(r"Max core file size +0 +0 ", (process / "limits").read_text())
    assert (process / "ns" / "user").readlink() == Path("/proc/self/ns/user").readlink()

"""`omnimem service` with a real `systemd --user`: installed, used, brought up to date, and gone without a trace."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from omnimem import Client
from omnimem.model import SessionState
from tests.e2e.homes import OTHER_UID, a_home, acting_as
from tests.e2e.user_manager import UserManager, user_manager
from tests.e2e.waiting import eventually

pytestmark = [
    pytest.mark.needs("user manager", "inotify"),
    pytest.mark.xdist_group("user manager"),
]
SERVICE: Final = "omnimemd.service"
SOCKET: Final = "omnimemd.socket"


@pytest.fixture(scope="module")
def shared() -> Iterator[UserManager]:
    with a_home() as home, user_manager(home) as made:
        yield made


@pytest.fixture
def manager(shared: UserManager) -> Iterator[UserManager]:
    """A manager that knows nothing of omnimemd."""
    yield shared
    omnimem(shared, "service", "uninstall", check=False)


def omnimem(manager: UserManager, *words: str, python: str = sys.executable, check: bool = True) -> str:
    return manager.run(python, "-P", "-m", "omnimemd.cli.main", *words, check=check)


def status(manager: UserManager) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(omnimem(manager, "service", "status", "--json", check=False))
    return shown


@contextmanager
def client(manager: UserManager) -> Iterator[Client]:
    with acting_as(OTHER_UID), Client(manager.home.socket, timeout=20) as caller:
        yield caller


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_installed_service_runs_is_enabled_and_is_started_by_a_call(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    first = status(manager)
    manager.ctl("stop", SERVICE)
    stopped = manager.shown(SERVICE, "ActiveState")
    with client(manager) as caller:
        pid = caller.status().pid

    assert (first["enabled"], first["state"], first["running"]) == (True, "active", True)
    assert [manager.ctl("is-enabled", unit) for unit in (SERVICE, SOCKET)] == ["enabled\n"] * 2
    assert stopped == "inactive"
    assert pid not in (0, first["pid"])
    assert str(pid) == manager.shown(SERVICE, "MainPID")


def test_an_uninstalled_service_leaves_nothing(manager: UserManager) -> None:
    config = manager.units.parents[1]
    before, units = below(config), manager.ctl("list-unit-files")
    omnimem(manager, "service", "install")

    omnimem(manager, "service", "uninstall")

    assert below(config) == before
    assert manager.ctl("list-unit-files") == units
    assert [manager.shown(unit, "LoadState") for unit in (SERVICE, SOCKET)] == ["not-found"] * 2
    assert not manager.home.socket.exists()
    assert manager.home.database.exists()


def test_units_that_were_removed_by_hand_are_uninstalled(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    before = status(manager)["pid"]
    (manager.units / SERVICE).unlink()
    (manager.units / SOCKET).unlink()

    omnimem(manager, "service", "uninstall")

    assert [manager.shown(unit, "ActiveState") for unit in (SERVICE, SOCKET)] == ["inactive"] * 2
    assert not Path(f"/proc/{before}").exists()
    assert [name for name in below(manager.home.base / "config") if "omnimemd.s" in name] == []


def test_a_second_installation_disturbs_nothing(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    first, files = status(manager), below(manager.units)

    omnimem(manager, "service", "install")

    assert (status(manager), below(manager.units)) == (first, files)


def test_another_program_takes_over_with_the_sessions(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    folder = manager.home.folder()
    with client(manager) as caller:
        session = caller.create_session(tool_id="t", workspace_path=str(folder), process_id=os.getpid())
    before = status(manager)["pid"]
    elsewhere = manager.home.base / "a %h $b"  # characters that mean something in a unit
    elsewhere.symlink_to(sys.prefix)

    omnimem(manager, "service", "install", python=str(elsewhere / "bin" / Path(sys.executable).name))

    after = status(manager)["pid"]
    assert after != before
    assert Path(f"/proc/{after}/cmdline").read_text().startswith(str(elsewhere))
    with client(manager) as caller:
        assert caller.get_session(session.session_id).state is SessionState.ACTIVE


def test_a_unit_that_cannot_be_loaded_is_told_of_before_anything_is_started(manager: UserManager) -> None:
    elsewhere = manager.home.base / 'a "b'
    elsewhere.symlink_to(sys.prefix)

    omnimem(manager, "service", "install", python=str(elsewhere / "bin" / Path(sys.executable).name), check=False)

    assert [name for name in below(manager.home.base / "config") if "omnimemd.s" in name] == []


def test_a_daemon_that_was_started_without_it_is_taken_over(manager: UserManager) -> None:
    omnimem(manager, "start")
    with client(manager) as caller:
        before = caller.status().pid

    omnimem(manager, "service", "install")

    eventually(lambda: not Path(f"/proc/{before}").exists(), "the first is gone, and whoever adopted it has noticed")
    assert str(status(manager)["pid"]) == manager.shown(SERVICE, "MainPID")


def test_a_stopped_service_is_not_started_by_a_call_and_comes_back_by_a_start(manager: UserManager) -> None:
    omnimem(manager, "service", "install")

    omnimem(manager, "stop")
    stopped = status(manager)
    omnimem(manager, "status", check=False)  # the call
    still = manager.shown(SERVICE, "ActiveState")
    omnimem(manager, "start")

    assert (stopped["running"], stopped["installed"], stopped["enabled"]) == (False, True, True)
    assert still == "inactive"
    assert status(manager)["state"] == "active"


def test_restart_forgives_what_failed(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    manager.home.config_file.parent.mkdir(parents=True, exist_ok=True)
    manager.home.config_file.write_text("colour = 1\n")
    manager.ctl("restart", SERVICE, check=False)
    eventually(lambda: manager.shown(SERVICE, "ActiveState") == "failed", "it does not start")
    failed = status(manager)
    manager.home.config_file.unlink()

    omnimem(manager, "service", "restart")

    assert (failed["state"], failed["last_exit"]) == ("failed", "exit status 2 (exit-code)")
    assert status(manager)["state"] == "active"


@pytest.mark.parametrize("words", [("service", "restart"), ("start",)], ids=" ".join)
def test_a_socket_that_was_removed_is_told_and_made_anew(manager: UserManager, words: tuple[str, ...]) -> None:
    omnimem(manager, "service", "install")
    manager.home.socket.unlink()

    told = status(manager)
    omnimem(manager, *words)

    assert not told["running"]
    assert told["pid"] is not None
    with client(manager) as caller:
        assert str(caller.status().pid) == manager.shown(SERVICE, "MainPID")


def test_a_daemon_that_could_not_start_again_is_not_restarted(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    before = manager.shown(SERVICE, "MainPID")
    manager.home.config_file.parent.mkdir(parents=True, exist_ok=True)
    manager.home.config_file.write_text("colour = 1\n")
    try:
        omnimem(manager, "service", "restart", check=False)

        assert manager.shown(SERVICE, "MainPID") == before
        assert status(manager)["running"]
    finally:
        manager.home.config_file.unlink()


def test_it_is_installed_without_a_manager_for_the_next_login(manager: UserManager) -> None:
    away = ("env", "-u", "XDG_RUNTIME_DIR", "-u", "DBUS_SESSION_BUS_ADDRESS", "-u", "XDG_CONFIG_HOME")
    command = (*away, f"XDG_CONFIG_HOME={manager.units.parents[1]}", sys.executable, "-P", "-m", "omnimemd.cli.main")

    manager.run(*command, "service", "install", "--no-start")
    manager.ctl("daemon-reload")

    assert [manager.ctl("is-enabled", unit) for unit in (SERVICE, SOCKET)] == ["enabled\n"] * 2
    assert manager.shown(SERVICE, "ActiveState") == "inactive"


def test_to_look_at_a_daemon_that_sleeps_does_not_start_it(manager: UserManager) -> None:
    omnimem(manager, "service", "install")
    running = of_doctor(manager)
    manager.ctl("stop", SERVICE)
    sleeping = of_doctor(manager)
    slept_on = manager.shown(SERVICE, "ActiveState")
    omnimem(manager, "stop")
    stopped = of_doctor(manager)

    assert running["service"]["verdict"] == "ok", running["service"]
    assert running["daemon"]["verdict"] == "ok"
    assert slept_on == "inactive"
    assert "systemd starts it when it is called" in sleeping["service"]["detail"]
    assert [sleeping[name]["verdict"] for name in ("socket", "lock", "daemon")] == ["ok", "ok", "warn"]
    assert "was stopped, its socket too" in stopped["service"]["detail"]


def of_doctor(manager: UserManager) -> dict[str, dict[str, str]]:
    found = json.loads(omnimem(manager, "doctor", "--json", check=False))
    return {one["name"]: one for one in found["checks"]}

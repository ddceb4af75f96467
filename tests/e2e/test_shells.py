"""Sessions that open and end as a real shell, in a real terminal, goes about: nothing is called by hand."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import EndReason
from tests.e2e.daemons import running
from tests.e2e.homes import Home, a_home
from tests.e2e.programs import Programs
from tests.e2e.recorded import ended, touches
from tests.e2e.shells import SHELLS, Windows, a_repository, active, no_session, settled, the_session
from tests.e2e.terminals import Terminal
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "pidfd", "tmux")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def windows(home: Home, shell: str) -> Iterator[Windows]:
    windows = Windows(home, shell)
    yield windows
    windows.close()


@pytest.fixture
def repository(home: Home) -> Path:
    return a_repository(home)


def sync_once_more(home: Home, window: Terminal) -> None:
    """Have the background's part done again, and wait for all of it: what it should not do, it has not done then."""
    settled(window)
    Programs(home).run(sys.executable, "-m", "omnimemd.cli.main", "shell", "sync", "--pid", str(window.pid))


def test_a_shell_goes_about(client: Client, home: Home, windows: Windows, shell: str, repository: Path) -> None:
    other = a_repository(home)
    window = windows.open()
    assert active(client, window.pid) == []

    window.run(f"cd {repository}")
    first = the_session(client, window, repository)
    client.flush()
    window.run("echo x > new.py")
    window.run("cd src")
    window.run("echo x > b/d.py")
    still = the_session(client, window, repository)
    window.run(f"cd {other}/src/b")
    second = the_session(client, window, other)
    window.run(f"cd {repository}/src/b")
    again = the_session(client, window, repository)
    window.run("cd")
    no_session(client, window)

    assert (first.tool_id, first.process_id) == (shell, window.pid)
    assert first.metadata == {"shell_integration": True}
    assert still.session_id == again.session_id == first.session_id != second.session_id
    assert [one.path for one in touches(client, first) if one.access == "create"] == ["new.py", "src/b/d.py"]
    assert client.get_session(second.session_id).end_reason is EndReason.CLIENT


def test_a_session_ends_with_its_shell(client: Client, windows: Windows, repository: Path) -> None:
    window = windows.open(repository / "src")
    first = the_session(client, window, repository)

    window.type("exit")

    assert ended(client, first.session_id).end_reason is EndReason.PROCESS_EXITED


def test_a_window_that_is_closed_ends_it_too(client: Client, windows: Windows, repository: Path) -> None:
    window = windows.open(repository)
    first = the_session(client, window, repository)

    window.close()

    assert ended(client, first.session_id).end_reason is EndReason.PROCESS_EXITED


def test_a_shell_within_a_shell_has_its_own(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    window = windows.open(repository)
    outer = the_session(client, window, repository)

    window.run(shell)
    both = eventually(
        lambda: len(found := client.list_sessions(active=True, workspace_path=str(repository)).sessions) == 2 and found,
        "two sessions",
    )
    window.run("exit")
    (inner,) = [one for one in both or () if one.session_id != outer.session_id]

    assert inner.tool_id == shell
    assert inner.process_id != outer.process_id
    assert ended(client, inner.session_id).end_reason is EndReason.PROCESS_EXITED
    assert the_session(client, window, repository).session_id == outer.session_id


def test_a_shell_that_becomes_another_has_another(
    client: Client, windows: Windows, shell: str, repository: Path
) -> None:
    window = windows.open(repository)
    first = the_session(client, window, repository)

    window.run(f"exec {shell}")
    ended(client, first.session_id)

    assert the_session(client, window, repository).session_id != first.session_id


def test_many_moves_leave_it_where_the_shell_is(client: Client, home: Home, windows: Windows, repository: Path) -> None:
    other = a_repository(home)
    window = windows.open()

    for _ in range(5):
        window.type(f"cd {repository}")
        window.type(f"cd {other}")
        window.type("cd")
    window.run(f"cd {other}/src")
    the_session(client, window, other)
    settled(window)

    the_session(client, window, other)


def test_a_link_leads_to_the_repository_it_leads_to(
    client: Client, home: Home, windows: Windows, repository: Path
) -> None:
    link = home.folder() / "link"
    link.symlink_to(repository / "src")
    window = windows.open()

    window.run(f"cd {link}/b")

    the_session(client, window, repository)


def test_a_folder_with_our_own_file_is_entered_too(client: Client, home: Home, windows: Windows, shell: str) -> None:
    folder = home.folder({".omnimem.toml": 'name = "x"\n', "sub/a": ""}, name=f"{shell}'s \\own $HOME")

    window = windows.open(folder / "sub")

    the_session(client, window, folder)


def test_the_home_directory_is_no_repository(client: Client, windows: Windows, home: Home) -> None:
    for name in (".git", "sub"):
        (home.home / name).mkdir(exist_ok=True)
    window = windows.open()

    window.run("cd sub")
    sync_once_more(home, window)

    assert active(client, window.pid) == []


def test_a_folder_that_is_not_tracked_is_left_alone(
    client: Client, home: Home, windows: Windows, repository: Path
) -> None:
    (repository / ".omnimem.toml").write_text("track = false\n")

    window = windows.open(repository)
    sync_once_more(home, window)

    assert active(client, window.pid) == []


def test_a_shell_that_is_told_to_do_nothing_does_nothing(
    client: Client, home: Home, windows: Windows, repository: Path
) -> None:
    windows.open(repository, OMNIMEM_OFF="1").run("cd src")
    beside = windows.open(repository)
    the_session(client, beside, repository)

    found = client.list_sessions(workspace_path=str(repository)).sessions

    assert [one.process_id for one in found] == [beside.pid]


def test_a_shell_that_is_told_to_stop_lets_go(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    window = windows.open(repository)
    first = the_session(client, window, repository)

    window.run("set -g OMNIMEM_OFF 1" if shell == "fish" else "OMNIMEM_OFF=1")
    no_session(client, window)
    window.run("set -e OMNIMEM_OFF" if shell == "fish" else "unset OMNIMEM_OFF")

    assert the_session(client, window, repository).session_id == first.session_id


def test_a_daemon_that_begins_later_is_told_where_the_shell_is(shell: str) -> None:
    with a_home() as home:
        windows = Windows(home, shell)
        repository = a_repository(home)
        try:
            window = windows.open(repository)
            with running(home) as daemon, daemon.client() as client:
                window.run("true")
                the_session(client, window, repository)
                window.run("cd")
                no_session(client, window)
            window.run(f"cd {repository}")
        finally:
            windows.close()


def test_one_setting_turns_it_off(shell: str) -> None:
    with a_home() as home:
        windows = Windows(home, shell)
        repository = a_repository(home)
        home.configure("automatic_sessions = false\n")
        try:
            with running(home) as daemon, daemon.client() as client:
                window = windows.open(repository)
                sync_once_more(home, window)

                assert client.list_sessions().sessions == []
        finally:
            windows.close()

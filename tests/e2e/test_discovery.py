"""Sessions opened for real tools in real terminals, in folders the configuration names: nothing is called by hand."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import EndReason, Session
from tests.e2e.daemons import running
from tests.e2e.homes import Home, a_home
from tests.e2e.recorded import ended, touches
from tests.e2e.shells import Windows
from tests.e2e.terminals import Terminal
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "pidfd", "tmux")

#: A stand-in for an agent: it does what each line that is typed says, and knows how to register itself.
_TOOL = f"""\
#!{sys.executable}
import os
from omnimem import Client
while True:
    exec(input("> "))
"""


@pytest.fixture
def person() -> Iterator[Home]:
    """A home whose configuration names the folder `work/app`, and which has a tool called `claude`."""
    with a_home() as home:
        app = home.folder(name="app")
        home.configure(f'workspaces = ["{app}"]\n')
        (home.home / "claude").write_text(_TOOL)
        (home.home / "claude").chmod(0o700)
        yield home


@pytest.fixture
def app(person: Home) -> Path:
    return person.base / "work" / "app"


@pytest.fixture
def client(person: Home, app: Path) -> Iterator[Client]:
    with running(person) as daemon, daemon.client() as client:
        eventually(lambda: [one.state for one in client.list_workspaces().workspaces] == ["watching"], "it is watched")
        yield client


@pytest.fixture
def tool(person: Home, app: Path) -> Iterator[Terminal]:
    """The tool at work in the folder, in a terminal."""
    window = Terminal(person, [str(person.home / "claude")], cwd=app)
    window.until_shown(">")
    yield window
    window.close()


def the_session(client: Client, tool: str) -> Session:
    """Wait until there is an active session of the tool; return it."""
    found = eventually(lambda: client.list_sessions(active=True, tool_id=tool).sessions, f"a session of {tool}")
    assert len(found) == 1
    return found[0]


def test_a_tool_at_work_is_found_by_what_it_does(client: Client, app: Path, tool: Terminal) -> None:
    tool.run("open('a.py', 'w').write('x')")
    session = the_session(client, "claude")
    tool.run("os.makedirs('sub'); open('sub/b.py', 'w').write('x')")

    assert (session.process_id, session.workspace_path) == (tool.pid, str(app))
    assert session.metadata == {"discovered": True}
    assert {one.path for one in touches(client, session)} == {"a.py", "sub/b.py"}
    assert [one.tool_id for one in client.list_sessions().sessions] == ["claude"]


def test_it_ends_with_the_tool_and_what_comes_after_is_nobodys(client: Client, app: Path, tool: Terminal) -> None:
    tool.run("open('a.py', 'w').write('x')")
    session = the_session(client, "claude")
    client.flush()

    tool.type("os.kill(os.getpid(), 9)")
    end = ended(client, session.session_id)
    (app / "b.py").write_text("x")

    assert end.end_reason is EndReason.PROCESS_EXITED
    assert {one.path for one in touches(client, session)} == {"a.py"}
    assert [one.path for one in touches(client, the_session(client, "ambient"))] == ["b.py"]


def test_a_tool_that_registers_later_goes_on_from_it(client: Client, app: Path, tool: Terminal) -> None:
    tool.run("open('a.py', 'w').write('x')")
    discovered = the_session(client, "claude")
    client.flush()

    tool.run("Client().create_session(tool_id='claude-code', workspace_path=os.getcwd()).session_id; print()")
    registered = the_session(client, "claude-code")
    tool.run("open('b.py', 'w').write('x')")

    assert (registered.continues, registered.process_id) == (discovered.session_id, tool.pid)
    assert client.get_session(discovered.session_id).end_reason is EndReason.REPLACED
    assert {one.path for one in touches(client, registered)} == {"b.py"}
    assert {one.path for one in touches(client, discovered)} == {"a.py"}


@pytest.mark.needs("bash")
def test_a_tool_in_a_shell_with_a_session_gets_its_own(client: Client, person: Home, app: Path) -> None:
    (app / ".omnimem.toml").touch()
    windows = Windows(person, "bash")
    try:
        window = windows.open(app)
        shells = the_session(client, "bash")
        window.run(str(person.home / "claude"))
        window.run("open('a.py', 'w').write('x')")
        tools = the_session(client, "claude")
        client.flush()
        window.run("open('b.py', 'w').write('x' * 10_000)")
        recorded = touches(client, tools)
    finally:
        windows.close()

    assert tools.process_id != shells.process_id == window.pid
    assert {one.path for one in recorded} >= {"b.py"}
    assert "b.py" not in {one.path for one in touches(client, shells)}


def test_one_setting_turns_it_off(person: Home, app: Path, tool: Terminal) -> None:
    person.configure(f'workspaces = ["{app}"]\nautomatic_sessions = false\n')
    with running(person) as daemon, daemon.client() as client:
        eventually(lambda: [one.state for one in client.list_workspaces().workspaces] == ["watching"], "it is watched")

        tool.run("open('a.py', 'w').write('x')")

        assert the_session(client, "ambient").process_id is None
        assert [one.tool_id for one in client.list_sessions().sessions] == ["ambient"]

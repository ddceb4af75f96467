"""Two real agents in one folder: what each did is recorded as its own, or said to be ambiguous."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from omnimem import Client
from omnimem.model import AccessEntry, Attribution, Session, Source
from tests.e2e.homes import Home
from tests.e2e.programs import Programs, Tool
from tests.e2e.recorded import accesses, assert_consistent
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("linux", "inotify")

#: What an agent can do with a file: the line that does it, and the name that it shows under.
_DEEDS: tuple[tuple[str, str], ...] = (
    ("open({path!r}).read()", "{path}"),
    ("open({path!r}, 'w').write('y' * 7_000)", "{path}"),
    ("open({path!r} + '.new', 'w').write('z' * 9_000)", "{path}.new"),
    ("import os; os.unlink({path!r})", "{path}"),
    ("import os; os.rename({path!r}, {path!r} + '.moved')", "{path}.moved"),
    ("import subprocess; subprocess.run(['cat', {path!r}], stdout=-3)", "{path}"),
    ("import subprocess; subprocess.run(['sed', '-i', 's/x/y/', {path!r}])", "{path}"),
    ("import subprocess; subprocess.run(['cp', {path!r}, {path!r} + '.copy'])", "{path}.copy"),
)


class Agent(NamedTuple):
    """A process, and the session that is bound to it."""

    tool: Tool
    session: Session

    def does(self, line: str) -> None:
        self.tool.say(line)
        assert self.tool.hear() == "done"


@pytest.fixture
def folder(home: Home) -> Path:
    return home.folder({f"{number}.txt": "x" * (1_000 + 100 * number) for number in range(len(_DEEDS) * 6)})


@pytest.fixture
def begin(client: Client, programs: Programs, folder: Path) -> Callable[[], Agent]:
    def begin() -> Agent:
        tool = programs.obedient()
        return Agent(tool, client.create_session(tool_id="agent", workspace_path=str(folder), process_id=tool.pid))

    return begin


def rows(client: Client, *agents: Agent) -> dict[str, dict[str, AccessEntry]]:
    """Return what is recorded in each session by path, the latest of each."""
    client.flush()
    return {
        agent.session.session_id: {row.path: row for row in accesses(client, agent.session.session_id)}
        for agent in agents
    }


def test_what_each_of_two_agents_does_is_its_own_or_ambiguous(
    client: Client, folder: Path, begin: Callable[[], Agent]
) -> None:
    agents = begin(), begin()
    done: list[tuple[Agent, str]] = []
    for number in range(len(_DEEDS) * 6):
        agent = agents[number // len(_DEEDS) % 2]
        line, shown = _DEEDS[number % len(_DEEDS)]
        path = str(folder / f"{number}.txt")
        agent.does(line.format(path=path))
        done.append((agent, shown.format(path=path)))
        client.flush()  # so that what it did is looked at before the next

    found = rows(client, *agents)

    sure = wrong = 0
    for agent, path in done:
        methods = {session_id: of_one[path].attribution for session_id, of_one in found.items() if path in of_one}
        assert methods, f"{path} is not recorded"
        owners = {session_id for session_id, method in methods.items() if method is not Attribution.AMBIGUOUS}
        sure += owners == {agent.session.session_id}
        wrong += bool(owners - {agent.session.session_id})
        if not owners:
            assert agent.session.session_id in methods  # and on the other one, unless that was seen to do nothing
    assert wrong <= 0.02 * len(done)
    assert sure >= 0.5 * len(done)
    for agent in agents:
        assert_consistent(client, agent.session.session_id)


def test_what_a_person_does_beside_agents_that_sit_idle_is_kept_and_claimed_for_none(
    client: Client, folder: Path, begin: Callable[[], Agent]
) -> None:
    alone = begin()
    alone.does(f"open({str(folder / '1.txt')!r}).read()")

    def of_mine(*agents: Agent) -> dict[str, AccessEntry]:
        """Have the person make a file; return what is recorded of it, by session."""
        path = folder / f"mine-{time.monotonic_ns()}.txt"
        path.write_text("mine")
        return {
            session_id: of_one[str(path)] for session_id, of_one in rows(client, *agents).items() if str(path) in of_one
        }

    def is_unclaimed(*agents: Agent) -> bool:
        """Return whether it is nobody's; what an agent did just before may have been it."""
        found = of_mine(*agents)
        assert found
        return [row.attribution for row in found.values()] == [Attribution.AMBIGUOUS] * len(agents)

    eventually(lambda: is_unclaimed(alone), "what one agent did not do is not claimed for it")
    assert rows(client, alone)[alone.session.session_id][str(folder / "1.txt")].attribution is Attribution.PROBABLE
    (row,) = of_mine(alone).values()
    assert row.others is None
    other = begin()
    eventually(lambda: is_unclaimed(alone, other), "what two agents did not do is not claimed for them")


def test_what_a_person_writes_beside_an_agent_that_does_something_else_is_not_claimed_for_it(
    client: Client, folder: Path, begin: Callable[[], Agent]
) -> None:
    agent = begin()
    agent.does("import os; log = os.open(os.devnull, os.O_WRONLY)")

    def method(line: str | None = None) -> Attribution:
        """Have a person make a file, and the agent do something else meanwhile; return how the file is recorded."""
        path = folder / f"mine-{time.monotonic_ns()}.txt"
        path.write_text("m" * 5_000)
        if line is not None:
            agent.does(line)
        return rows(client, agent)[agent.session.session_id][str(path)].attribution

    eventually(lambda: method() is Attribution.AMBIGUOUS, "there are looks at the agent from before")
    assert {method("os.write(log, b'xx')") for _ in range(10)} == {Attribution.AMBIGUOUS}


def test_who_has_a_file_open_and_writes_to_it_is_its_writer(
    client: Client, folder: Path, begin: Callable[[], Agent]
) -> None:
    agents = begin(), begin()
    path = str(folder / "0.txt")
    agents[0].does(f"log = open({path!r}, 'a', buffering=1)")

    def method() -> Attribution | None:
        for agent in agents:
            agent.does("1 + 1")
        agents[0].does("log.write('more\\n')")
        row = rows(client, *agents)[agents[0].session.session_id].get(path)
        return None if row is None or row.attribution is not Attribution.PROCESS else row.attribution

    # A file that is kept open is told now and then, once at first.
    assert eventually(method, "it is told whose it is") is Attribution.PROCESS
    assert path not in rows(client, *agents)[agents[1].session.session_id]


def test_what_a_tool_names_is_its_own_and_recorded_once(
    client: Client, folder: Path, begin: Callable[[], Agent]
) -> None:
    agents = begin(), begin()
    path = str(folder / "0.txt")

    client.append_context(agents[0].session.session_id, file_path=path, access="read", agent_id="helper")
    (folder / "0.txt").read_text()
    client.append_context(agents[0].session.session_id, file_path=path, access="write", agent_id="helper")
    (folder / "0.txt").read_text()
    client.flush()

    found = accesses(client, agents[0].session.session_id)
    assert [str(row.access) for row in found if row.source is Source.API] == ["read", "write"]
    assert len(found) <= 3
    assert {(row.attribution, row.agent_id) for row in found} == {(Attribution.EXACT, "helper")}
    assert accesses(client, agents[1].session.session_id) == []


def test_what_an_agent_below_another_does_is_not_the_outer_ones(
    client: Client, folder: Path, begin: Callable[[], Agent]
) -> None:
    outer = begin()
    outer.tool.say(
        "import subprocess, sys; inner = subprocess.Popen([sys.executable, '-c', "
        "'import sys\\nfor line in sys.stdin: exec(line); print(1, flush=True)'], "
        "stdin=-1, stdout=-1, text=True); print(inner.pid, flush=True)"
    )
    pid = int(outer.tool.hear())
    assert outer.tool.hear() == "done"
    inner = client.create_session(tool_id="agent", workspace_path=str(folder), process_id=pid)

    def its_own() -> bool:
        """Have the inner one make a file; return whether that is its alone."""
        path = str(folder / f"inner-{time.monotonic_ns()}.txt")
        line = f"open({path!r}, 'w').write('x' * 5_000)\n"
        outer.does(f"inner.stdin.write({line!r}); inner.stdin.flush(); inner.stdout.readline()")
        client.flush()
        found = {row.path: row.attribution for row in accesses(client, inner.session_id)}
        others = {row.path: row.attribution for row in accesses(client, outer.session.session_id)}
        assert others.get(path) in (None, Attribution.AMBIGUOUS)
        return found[path] is not Attribution.AMBIGUOUS

    eventually(its_own, "what the inner agent does is its own")

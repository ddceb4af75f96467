"""How much of what is done in a folder is recorded in the session of the one that did it, and how much in another's?

Two agents work in one folder, or one alone, or a person beside one. Each is a process of its own that does what it is
told over a pipe: the ordinary operations of a tool, on ordinary files, by itself or through a child process. An agent
is bound to a session of its own, the person has none. Nobody tells the daemon who did what.
"""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from omnimem import Client
from omnimem.model import AccessEntry, Attribution, EntryKind, ScanEntry
from tests.bench.findings import Finding, Scale
from tests.bench.running import daemon, folder

#: Between two operations, or two pairs of them: seconds, at random. What an agent does takes it longer.
_PAUSE: Final = (0.02, 0.06)
_SIZES: Final = (300, 40_000)
#: Between the beginning of a session and the first operation: seconds. An agent thinks first.
_CALM: Final = 1.0
#: Files that are searched in one go.
_SEARCHED: Final = 400
_FLOOR: Final = "who did it, as the benchmark told them to"

_AGENT: Final = """
import os, random, subprocess, sys, threading, time
def tick():
    log = os.open(os.devnull, os.O_WRONLY)
    while True:
        time.sleep(random.uniform(0.012, 0.03))
        until = time.thread_time() + random.uniform(0.0001, 0.0003)
        os.write(log, bytes(300))
        while time.thread_time() < until:
            pass
if sys.argv[1] == "never still":
    threading.Thread(target=tick, daemon=True).start()
def run(*command):
    subprocess.run(command, check=command[0] != "grep", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print("ready", flush=True)
for line in sys.stdin:
    kind, path, size = line.rstrip("\\n").split("\\t")
    if kind == "read":
        with open(path) as file:
            file.read()
    elif kind in ("write", "create"):
        with open(path, "w") as file:
            file.write("a" * int(size))
    elif kind == "delete":
        os.unlink(path)
    elif kind == "rename":
        os.rename(path, path + ".new")
    elif kind == "search by a child":
        run("grep", "-rc", "b", path)
    elif kind == "read by a child":
        run("cat", path)
    elif path.endswith("0.txt"):
        run("cp", path, path + ".copy")
    else:
        run("sed", "-i", "s/a/b/", path)
    print("done", flush=True)
"""


class Kind(StrEnum):
    """What an agent is told to do with a file."""

    READ = "read"
    WRITE = "write"
    CREATE = "create"
    DELETE = "delete"
    RENAME = "rename"
    CHILD_READS = "read by a child"
    CHILD_WRITES = "write by a child"
    CHILD_SEARCHES = "search by a child"


#: Those of one file.
_SINGLE: Final = tuple(kind for kind in Kind if kind is not Kind.CHILD_SEARCHES)


class Task(NamedTuple):
    """One operation."""

    kind: Kind
    path: str
    size: str  #: of what it writes, where it does

    @property
    def shows_at(self) -> str:
        """The path of the access it is recorded as."""
        if self.kind is Kind.RENAME:
            return f"{self.path}.new"
        return f"{self.path}.copy" if self.kind is Kind.CHILD_WRITES and self.path.endswith("0.txt") else self.path


class Agent:
    """A process that does as it is told; with a session, unless it stands for a person."""

    def __init__(self, workspace: Path, client: Client | None, *, still: bool = True) -> None:
        """Start it, and register it with *client*; if it is not *still*, its event loop wakes up all the time."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AGENT, "still" if still else "never still"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=workspace,
        )
        self._hear("ready")
        self.session_id = "the person"
        if client is not None:
            pid = self._process.pid
            session = client.create_session(tool_id="agent", workspace_path=str(workspace), process_id=pid)
            self.session_id = session.session_id

    def do(self, tasks: Sequence[Task], chance: random.Random) -> None:
        """Have it do *tasks*, with pauses."""
        for task in tasks:
            self.begin(task)
            self.finish()
            time.sleep(chance.uniform(*_PAUSE))

    def begin(self, task: Task) -> None:
        """Have it begin with *task*."""
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(task) + "\n")
        self._process.stdin.flush()

    def finish(self) -> None:
        """Wait until it is done."""
        self._hear("done")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        heard = self._process.stdout.readline()
        if heard.strip() != word:
            raise RuntimeError(f"the agent said {heard!r}")


class Score(NamedTuple):
    """How many percent of the operations were recorded where."""

    right: float
    wrong: float
    ambiguous: float
    missing: float


def measure(scale: Scale) -> list[Finding]:
    """Have two agents work in turn, then at the same moment, one alone, and a person beside one; each several times."""
    count, runs = scale.of(280, quick=14), scale.of(5, quick=1)
    return [*_of_two(count, runs), *_alone(count, runs), *_beside(count, runs)]


def _of_two(count: int, runs: int) -> list[Finding]:
    findings = []
    for how, together, least in (("in turn", False, 95), ("at the same moment", True, 75)):
        scores = [score_of(count, together=together, seed=seed) for seed in range(runs)]
        doubt = sorted(one.ambiguous for one in scores)[runs // 2]
        what = f"{count} operations of 7 kinds by two agents in one folder, {how}"
        findings += [
            Finding(
                what=f"{what}: recorded in the session of the one that did it, and in no other",
                figures=tuple(one.right for one in scores),
                unit="%",
                at_least=least,
                aside=f"ambiguous {doubt:.1f} %, not recorded {max(one.missing for one in scores):.1f} % at the most",
                floor=_FLOOR,
            ),
            Finding(
                what=f"{what}: recorded as the other's",
                figures=tuple(one.wrong for one in scores),
                unit="%",
                at_most=2,
                floor=_FLOOR,
            ),
        ]
    return findings


def _alone(count: int, runs: int) -> list[Finding]:
    findings = []
    for how, still, least in (("still otherwise", True, 90), ("never still", False, None)):
        scores = [score_alone(count, still=still, seed=seed) for seed in range(runs)]
        findings.append(
            Finding(
                what=f"{count} operations of 7 kinds by one agent alone, {how}: recorded as its own",
                figures=tuple(one.right for one in scores),
                unit="%",
                at_least=least,
                aside=f"not recorded {max(one.missing for one in scores):.1f} % at the most, the others as ambiguous",
                floor=_FLOOR,
            )
        )
    return findings


def _beside(count: int, runs: int) -> list[Finding]:
    findings = []
    for how, still, at_work in (
        ("that does nothing", True, False),
        ("that is never still", False, False),
        ("at work on files of its own", True, True),
        ("at work on files of its own and never still", False, True),
    ):
        scores = [score_beside(count, still=still, at_work=at_work, seed=seed) for seed in range(runs)]
        findings.append(_claimed(f"{count} operations of 7 kinds by a person beside an agent {how}", scores))
    scores = [score_beside(count, still=False, at_work=False, idle_too=True, seed=seed) for seed in range(runs)]
    two = "two agents, one never still and one that does nothing"
    findings.append(_claimed(f"{count} operations of 7 kinds by a person beside {two}", scores))
    scans = max(1, count // 28)
    by_person = [score_scans(scans, by_person=True, seed=seed) for seed in range(runs)]
    findings.append(_claimed(f"{scans} times grep -r by a person beside an agent that is never still", by_person))
    its_own = [score_scans(scans, by_person=False, seed=seed) for seed in range(runs)]
    findings.append(
        Finding(
            what=f"{scans} times grep -r by a child of an agent alone that is never still: recorded as its own",
            figures=tuple(one.right for one in its_own),
            unit="%",
            at_least=90,
            aside=f"not recorded {max(one.missing for one in its_own):.1f} % at the most, the others as ambiguous",
            floor=_FLOOR,
        )
    )
    return findings


def _claimed(what: str, scores: Sequence[Score]) -> Finding:
    return Finding(
        what=f"{what}: recorded as an agent's",
        figures=tuple(one.wrong for one in scores),
        unit="%",
        at_most=5,
        aside=f"not recorded {max(one.missing for one in scores):.1f} % at the most, the others as ambiguous",
        floor=_FLOOR,
    )


def score_of(count: int, *, together: bool, seed: int) -> Score:
    """Let two agents do *count* operations and look where they are recorded."""
    chance = random.Random(seed)  # noqa: S311 the same operations in each run of a seed
    with folder() as place, daemon(place) as (socket, _), Client(socket, timeout=30) as client:
        (workspace := place / "project").mkdir()
        tasks = _tasks(workspace, count, chance)
        with _agents(workspace, client, client) as agents:
            done = _together(agents, tasks, chance) if together else _in_turn(agents, tasks, chance)
            client.flush()
            rows = {agent.session_id: _rows(client, agent.session_id) for agent in agents}
    return _scored(done, rows)


def score_alone(count: int, *, still: bool, seed: int) -> Score:
    """Let an agent do *count* operations and look how they are recorded."""
    chance = random.Random(seed)  # noqa: S311 the same operations in each run of a seed
    with folder() as place, daemon(place) as (socket, _), Client(socket, timeout=30) as client:
        (workspace := place / "project").mkdir()
        tasks = _tasks(workspace, count, chance)
        with _agents(workspace, client, still=still) as (agent,):
            time.sleep(_CALM)
            agent.do(tasks, chance)
            client.flush()
            rows = {agent.session_id: _rows(client, agent.session_id)}
    return _scored([(agent.session_id, task) for task in tasks], rows)


def score_beside(count: int, *, still: bool, at_work: bool, seed: int, idle_too: bool = False) -> Score:
    """Let a person do *count* operations beside an agent, or also an idle one, and look how they are recorded."""
    chance = random.Random(seed)  # noqa: S311 the same operations in each run of a seed
    with folder() as place, daemon(place) as (socket, _), Client(socket, timeout=30) as client:
        (workspace := place / "project").mkdir()
        tasks = _tasks(workspace, 2 * count if at_work else count, chance)
        with (
            _agents(workspace, None) as (person,),
            _agents(workspace, client, still=still) as (agent,),
            _agents(workspace, *([client] if idle_too else [])) as idle,
        ):
            time.sleep(_CALM)
            other = threading.Thread(target=agent.do, args=(tasks[count:], random.Random(seed + 1)))  # noqa: S311
            other.start()
            person.do(tasks[:count], chance)
            other.join()
            client.flush()
            rows = {one.session_id: _rows(client, one.session_id) for one in (agent, *idle)}
    return _scored([(person.session_id, task) for task in tasks[:count]], rows)


def score_scans(count: int, *, by_person: bool, seed: int) -> Score:
    """Have a person, or a child of an agent, search a folder *count* times; look how each scan is recorded."""
    chance = random.Random(seed)  # noqa: S311 the same files in each run of a seed
    with folder() as place, daemon(place) as (socket, _), Client(socket, timeout=30) as client:
        (workspace := place / "project").mkdir()
        for number in range(_SEARCHED):
            (workspace / f"{number}.txt").write_text("a" * chance.randrange(*_SIZES))
        search, scans = Task(Kind.CHILD_SEARCHES, str(workspace), ""), list[ScanEntry]()
        with _agents(workspace, None) as (person,), _agents(workspace, client, still=False) as (agent,):
            time.sleep(_CALM)
            for done in range(count):
                (person if by_person else agent).do([search], chance)
                client.flush()
                time.sleep(_CALM)
                found = client.list_entries(agent.session_id, kind=EntryKind.SCAN, limit=1000).entries
                scans = [one for one in found if isinstance(one, ScanEntry)]
                if len(scans) <= done:
                    raise RuntimeError("a search was no scan")
    ambiguous = sum(one.attribution is Attribution.AMBIGUOUS for one in scans)
    sure = len(scans) - ambiguous
    percent = 100 / (ambiguous + sure)
    right, wrong = (0, sure) if by_person else (sure, 0)
    return Score(right * percent, wrong * percent, ambiguous * percent, 0.0)


def _tasks(workspace: Path, count: int, chance: random.Random) -> list[Task]:
    """Return *count* tasks, as many of each kind, in any order, each with a file of its own; make those that exist."""
    kinds = list(_SINGLE) * (count // len(_SINGLE))
    chance.shuffle(kinds)
    tasks = []
    for number, kind in enumerate(kinds):
        path = workspace / f"{number}.txt"
        if kind is not Kind.CREATE:
            path.write_text("a" * chance.randrange(*_SIZES))
        tasks.append(Task(kind, str(path), str(chance.randrange(*_SIZES))))
    return tasks


def _in_turn(agents: Sequence[Agent], tasks: Sequence[Task], chance: random.Random) -> list[tuple[str, Task]]:
    done = []
    for task in tasks:
        agent = chance.choice(agents)
        agent.begin(task)
        agent.finish()
        done.append((agent.session_id, task))
        time.sleep(chance.uniform(*_PAUSE))
    return done


def _together(agents: Sequence[Agent], tasks: Sequence[Task], chance: random.Random) -> list[tuple[str, Task]]:
    done = []
    for pair in zip(tasks[::2], tasks[1::2], strict=True):
        for agent, task in zip(agents, pair, strict=True):
            agent.begin(task)
            done.append((agent.session_id, task))
        for agent in agents:
            agent.finish()
        time.sleep(chance.uniform(*_PAUSE))
    return done


def _rows(client: Client, session_id: str) -> dict[str, AccessEntry]:
    """Return what was recorded in a session, the latest access by path."""
    rows: dict[str, AccessEntry] = {}
    after: int | None = 0
    while after is not None:
        page = client.list_entries(session_id, after=after, limit=1000)
        rows |= {one.path: one for one in page.entries if isinstance(one, AccessEntry)}
        after = page.next_after
    return rows


def _scored(done: Sequence[tuple[str, Task]], rows: dict[str, dict[str, AccessEntry]]) -> Score:
    right = wrong = ambiguous = 0
    for session_id, task in done:
        found = {name: row for name, of_one in rows.items() if (row := of_one.get(task.shows_at)) is not None}
        sure = {name for name, row in found.items() if row.attribution is not Attribution.AMBIGUOUS}
        right += sure == {session_id}
        wrong += bool(sure - {session_id})
        ambiguous += bool(found) and not sure
    percent = 100 / len(done)
    missing = len(done) - right - wrong - ambiguous
    return Score(right * percent, wrong * percent, ambiguous * percent, missing * percent)


@contextmanager
def _agents(workspace: Path, *clients: Client | None, still: bool = True) -> Iterator[list[Agent]]:
    agents: list[Agent] = []
    try:
        agents.extend(Agent(workspace, client, still=still) for client in clients)
        yield agents
    finally:
        for agent in agents:
            agent.close()

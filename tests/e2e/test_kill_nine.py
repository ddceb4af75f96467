"""`kill -9` of the daemon: what was answered is there, once; what was not is there at most once; sessions go on."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import pytest

from omnimem import Client, IdempotencyKeyReused, MemoryNotFound
from omnimem.calls import Operations
from omnimem.model import (
    CheckpointReason,
    ContextAppend,
    DecisionEntry,
    EndReason,
    Entry,
    EntryKind,
    GapEntry,
    MemoryEntry,
    SearchEntry,
    Session,
    SessionState,
)
from tests.e2e import appender
from tests.e2e.appender import BATCH, KINDS, a_call, key_of
from tests.e2e.daemons import Daemon, running
from tests.e2e.databases import assert_sound
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import Touch, accesses, assert_consistent, ended, millis, touches
from tests.e2e.waiting import eventually, now_ms
from tests.support.whole import times

pytestmark = pytest.mark.needs("inotify", "pidfd")

ROUNDS: Final = times(3, whole=20)
WRITERS: Final = 2


class Told(NamedTuple):
    """What the writers of one round say they did: kind by token."""

    answered: dict[str, str]
    in_doubt: dict[str, str]


class Writers:
    """Processes that append all the time, each through several connections."""

    def __init__(self, home: Home, session: Session, *, name: str, kinds: tuple[str, ...]) -> None:
        self.logs = [home.base / f"writer-{name}-{number}.log" for number in range(WRITERS)]
        self._processes = []
        for number, log in enumerate(self.logs):
            arguments = [str(home.socket), session.session_id, session.project_id, f"{name}-{number}", *kinds]
            with log.open("wb") as file:
                command = [sys.executable, appender.__file__, *arguments]
                self._processes.append(subprocess.Popen(command, stdout=file, env=home.environ))

    def wait_for(self, count: int) -> None:
        """Wait until *count* requests were answered."""
        eventually(lambda: sum(log.read_text().count("answered") for log in self.logs) >= count, "answers")

    def told(self) -> Told:
        """Wait until the writers noticed that the daemon is gone; return what they did."""
        for process in self._processes:
            assert process.wait(30) == 0
        lines = [line.split() for log in self.logs for line in log.read_text().splitlines()]
        answered = {token: kind for word, kind, token in lines if word == "answered"}
        sent = {token: kind for word, kind, token in lines if word == "sent"}
        return Told(answered, {token: kind for token, kind in sent.items() if token not in answered})

    def close(self) -> None:
        """Leave none behind."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def writing(home: Home, session: Session, *, name: str, kinds: tuple[str, ...] = KINDS) -> Iterator[Writers]:
    writers = Writers(home, session, name=name, kinds=kinds)
    try:
        yield writers
    finally:
        writers.close()


@pytest.mark.slow
def test_every_answered_write_is_there_once_after_each_of_many_kills(empty_home: Home, programs: Programs) -> None:
    workspace = empty_home.folder()
    tool = programs.tool()
    daemon = Daemon(empty_home).ready()
    client = daemon.client(timeout=30)
    session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
    answered: dict[str, str] = {}
    in_doubt: dict[str, str] = {}
    try:
        for number in range(ROUNDS):
            doomed = programs.tool()
            dying = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=doomed.pid)
            client.append_context(dying.session_id, decision="the last it did")
            last = client.get_session(dying.session_id).last_activity
            with writing(empty_home, session, name=f"r{number}") as writers:
                writers.wait_for(60 + 23 * number)
                daemon.kill()
                doomed.kill()
                told = writers.told()
            answered |= told.answered
            in_doubt |= told.in_doubt
            assert told.answered, "nothing was answered: the round shows nothing"
            assert_sound(empty_home)

            daemon = Daemon(empty_home).ready()

            assert_told(client, session, answered, in_doubt)
            gone = client.get_session(dying.session_id)
            assert (gone.state, gone.end_reason) == (SessionState.ENDED, EndReason.PROCESS_EXITED)
            assert gone.ended_at == gone.last_activity == last
            lives = client.get_session(session.session_id)
            assert (lives.state, lives.process_id) == (SessionState.ACTIVE, tool.pid)
            answered |= retried(client, session, in_doubt)
            assert_told(client, session, answered, in_doubt)

        before = now_ms()
        tool.die()
        end = ended(client, session.session_id)
        assert end.end_reason is EndReason.PROCESS_EXITED
        assert before - 1 <= millis(end.ended_at) <= now_ms()
        daemon.stop()
        assert not daemon.complaints(), daemon.log
        assert_sound(empty_home)
    finally:
        client.close()
        daemon.kill()


@pytest.mark.slow
@pytest.mark.needs("strace")
def test_a_kill_in_the_midst_of_a_commit_loses_nothing_that_was_answered(empty_home: Home) -> None:
    workspace = str(empty_home.folder())
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=workspace)
    answered: dict[str, str] = {}
    in_doubt: dict[str, str] = {}

    for number in range(times(3, whole=20)):
        # SQLite writes a commit page by page: the daemon dies at one of those writes, each time at another.
        fault = f"inject=pwrite64:signal=KILL:when={120 + 37 * number}"
        wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", fault]
        daemon = Daemon(empty_home, wrapper=wrapper).ready()
        with writing(empty_home, session, name=f"c{number}", kinds=("minimal", "whole", "minimal")) as writers:
            told = writers.told()
        assert daemon.exit_status() != 0
        assert told.answered
        answered |= told.answered
        in_doubt |= told.in_doubt
        assert_sound(empty_home)

        with running(empty_home) as after, after.client(timeout=30) as client:
            assert_told(client, session, answered, in_doubt)


def retried(client: Client, session: Session, in_doubt: dict[str, str]) -> dict[str, str]:
    """Send again what was in doubt and had a key; return it, and doubt it no more."""
    again = {token: kind for token, kind in in_doubt.items() if key_of(kind, token)}
    for token, kind in again.items():
        call = a_call(kind, token, session_id=session.session_id, project_id=session.project_id)
        client.send(call, idempotency_key=key_of(kind, token))
        client.send(call, idempotency_key=key_of(kind, token))
        del in_doubt[token]
    return again


def assert_told(client: Client, session: Session, answered: dict[str, str], in_doubt: dict[str, str]) -> None:
    """Check that each answered request had its effect once, and each other one all of it or none, once at most."""
    every = [one for one in assert_consistent(client, session.session_id) if not isinstance(one, GapEntry)]
    found = Counter(token_of(entry, session) for entry in every)
    for token, kind in answered.items():
        assert found.pop(token, 0) == effects(kind), f"{kind} {token} was answered"
    for token, kind in in_doubt.items():
        assert found.pop(token, 0) in (0, effects(kind)), f"{kind} {token} was not answered"
    assert not found, "something is there that nobody sent"
    said = [said_of(entry) for entry in every]
    assert len(said) == len(set(said)), "something is there twice"
    for token, kind in (answered | in_doubt).items():
        if "memory" in kind:
            assert_one_version(client, session, token, must=token in answered)


def assert_one_version(client: Client, session: Session, key: str, *, must: bool) -> None:
    try:
        memory = client.get_memory(session.project_id, key=key, touch=False)
    except MemoryNotFound:
        assert not must, key
        return
    assert (memory.version, memory.memory_value) == (1, key)


def effects(kind: str) -> int:
    """Return how many entries a request makes."""
    match kind.removeprefix("keyed-"):
        case "batch":
            return BATCH
        case "whole":
            return 2
        case _:
            return 1


def said_of(entry: Entry) -> str:
    """Return what an entry says: the token and its number."""
    match entry:
        case SearchEntry():
            return entry.query
        case DecisionEntry():
            return entry.decision
        case MemoryEntry():
            return f"{entry.memory_key}-0"
        case _:
            return str(getattr(entry, "path", entry)).rpartition("/")[2]


def token_of(entry: Entry, session: Session) -> str:
    """Return the token of the request that made *entry*."""
    assert entry.session_id is None or entry.session_id == session.session_id
    return said_of(entry).rpartition("-")[0]


def test_a_keyed_write_that_was_answered_is_answered_the_same_after_the_kill(empty_home: Home) -> None:
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        create = Operations.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
        session = client.send(create, idempotency_key="k")
        write = Operations.create_memory(session.project_id, key="m", value="v")
        memory = client.send(write, idempotency_key="k")
        daemon.kill()

        with running(empty_home):
            assert client.send(create, idempotency_key="k") == session
            assert client.send(write, idempotency_key="k") == memory
            assert len(client.list_sessions().sessions) == 1
            assert client.get_memory(session.project_id, key="m").version == 1
            with pytest.raises(IdempotencyKeyReused):
                client.send(Operations.create_memory(session.project_id, key="m", value="other"), idempotency_key="k")


def test_a_session_goes_on_after_a_kill_as_if_nothing_had_been(empty_home: Home, programs: Programs) -> None:
    workspace = empty_home.folder({"a.txt": "x"})
    tool = programs.tool()
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
        (workspace / "a.txt").read_text()
        assert touches(client, session) == [Touch("read", "a.txt")]
        daemon.kill()

        with running(empty_home):
            again = client.get_session(session.session_id)
            assert again.created_at == session.created_at
            assert again.process_started_at == session.process_started_at
            assert again.metrics.reads == 1
            eventually(
                lambda: [one.state for one in client.list_workspaces().workspaces] == ["watching"], "watched again"
            )
            last = accesses(client, session.session_id)[-1].entry_id
            (workspace / "a.txt").write_text("y")
            assert touches(client, session, after=last) == [Touch("write", "a.txt")]
            tool.kill()
            assert ended(client, session.session_id).end_reason is EndReason.PROCESS_EXITED


def test_what_was_watched_and_is_readable_survives_a_kill(empty_home: Home) -> None:
    workspace = empty_home.folder({f"{number}.txt": "x" for number in range(30)})
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(workspace))
        for file in workspace.iterdir():
            file.read_text()
        seen = touches(client, session)
        daemon.kill()
        assert len(seen) == 30
        assert_sound(empty_home)

        with running(empty_home):
            found = assert_consistent(client, session.session_id)
            assert [one.kind for one in found] == ["access"] * 30 + ["gap"]


def test_kills_while_it_starts_do_no_harm(empty_home: Home) -> None:
    workspace = str(empty_home.folder())
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=workspace)
        said = [ContextAppend(decision=str(number)) for number in range(500)]
        client.append_batch(session.session_id, entries=said)

    for _ in range(4):
        doomed = Daemon(empty_home)
        eventually(empty_home.database.with_name("omnimem.db-wal").exists, "it opened its database")
        doomed.kill()

    assert_sound(empty_home)
    with running(empty_home) as daemon, daemon.client() as client:
        assert client.get_session(session.session_id).metrics.decisions == 500


def test_an_ended_session_stays_ended_and_its_times_stay(empty_home: Home, programs: Programs) -> None:
    workspace = str(empty_home.folder())
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=workspace, process_id=programs.tool().pid)
        end = client.end_session(session.session_id, reason="because")
        client.append_context(session.session_id, decision="late")
        daemon.kill()

        with running(empty_home):
            again = client.get_session(session.session_id)
            assert (again.state, again.end_reason, again.end_detail) == (
                SessionState.ENDED, EndReason.CLIENT, "because",
            )  # fmt: skip
            assert (again.ended_at, again.last_activity) == (end.ended_at, end.last_activity)
            assert again.metrics.decisions == 1


def test_the_data_of_a_killed_daemon_is_nobody_elses_to_read(empty_home: Home) -> None:
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        client.create_memory("p", key="k", value="v")
    daemon.kill()

    found = [path for path in empty_home.data_dir.rglob("*") if path.is_file()]

    assert empty_home.database in found
    assert [path for path in found if path.stat().st_mode & 0o077] == []


def test_checkpoints_are_there_once_after_a_kill(empty_home: Home, programs: Programs) -> None:
    workspace = str(empty_home.folder())
    tool = programs.tool()
    daemon = Daemon(empty_home).ready()
    with daemon.client() as client:
        session_id = client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid).session_id
        client.append_context(session_id, decision="Use SQLite.")
        create = Operations.create_checkpoint(session_id, name="half way")
        taken = client.send(create, idempotency_key="k")
        client.append_context(session_id, decision="Write it in Rust.")
        daemon.kill()
        tool.kill()  # found at the next start, which takes the last one

        with running(empty_home) as second:
            assert client.get_checkpoint(taken.checkpoint_id) == taken
            assert client.send(create, idempotency_key="k") == taken
            eventually(lambda: client.list_checkpoints(session_id).count == 2, "the last one is taken")
            second.kill()

        with running(empty_home):
            last, first = client.list_checkpoints(session_id).checkpoints
            assert first == taken
            assert (last.reason, [one.decision for one in last.decisions]) == (
                CheckpointReason.PROCESS_EXITED, ["Use SQLite.", "Write it in Rust."],
            )  # fmt: skip
            assert [one.kind for one in client.list_entries(session_id, kind=EntryKind.CHECKPOINT).entries] == [
                EntryKind.CHECKPOINT
            ]

"""The kernel refuses what the store needs, for a while: refused is refused, answered is kept, and health says so."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pytest

from omnimem import Client, StoreUnavailable, Unavailable
from omnimem.calls import Operations
from omnimem.model import Session
from tests.e2e.daemons import Daemon, running
from tests.e2e.databases import assert_sound
from tests.e2e.homes import Home
from tests.e2e.recorded import entries
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "pidfd", "strace")

#: A call, the error it fails with, and what health says of it; None: something can be stored all the same.
FAULTS: Final = [
    ("pwrite64", "EIO", "Input/output error"),
    ("pwrite64", "EROFS", "the file system is read-only"),
    ("pread64", "EIO", None),
    ("ftruncate", "EIO", None),
    ("mmap", "ENOMEM", None),
    ("openat", "EMFILE", "cannot be used"),  # health reads on a connection of its own
    ("openat", "ENFILE", "cannot be used"),
]


@contextmanager
def failing(daemon: Daemon, call: str, error: str) -> Iterator[None]:
    """Have every *call* of the daemon fail with *error* until the block ends."""
    report = daemon.home.base / "strace"
    command = ["strace", "-f", "-o", str(report), "-p", str(daemon.pid), "-e", f"trace={call}"]
    with subprocess.Popen([*command, "-e", f"inject={call}:error={error}"], stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        assert b"attached" in tracer.stderr.readline()
        yield
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=10)


def say(client: Client, session: Session, texts: list[str]) -> list[str]:
    """Say *texts*, each as a decision and as a memory; return what was answered."""
    told = []
    for text in texts:
        with suppress(StoreUnavailable):
            client.append_context(session.session_id, decision=text)
            told.append(text)
            client.create_memory("p", key=text, value="x")
            told.append(f"memory {text}")
    return told


def kept(client: Client, session: Session) -> set[str]:
    """Return what `say` said and is there."""
    decisions = {text for one in entries(client, session.session_id) if (text := getattr(one, "decision", None))}
    return decisions | {f"memory {one.memory_key}" for one in client.list_memories("p").memories}


@pytest.mark.parametrize(("call", "error", "problem"), FAULTS)
def test_a_call_that_fails_for_a_while_costs_nothing_that_was_answered(
    empty_home: Home, call: str, error: str, problem: str | None
) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
        told = say(client, session, ["before"])
        with failing(daemon, call, error):
            told += say(client, session, [f"during-{number}" for number in range(5)])
            health = client.health()  # an answer in any case
            if problem is not None:
                assert (health.status, problem in health.problems[0]) == ("degraded", True), health.problems

        eventually(lambda: client.health().status == "ok", "it is well again", within=10)
        told += say(client, session, ["after"])

        assert "memory after" in told
        assert set(told) <= kept(client, session)
        daemon.stop()
    assert_sound(empty_home)


def test_after_an_fsync_that_failed_nothing_is_promised_until_a_restart(empty_home: Home) -> None:
    again = Operations.create_memory("p", key="again", value="x")
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
        told = say(client, session, ["before"])
        with failing(daemon, "fsync", "EIO"):
            with pytest.raises(StoreUnavailable):
                client.send(again, idempotency_key="again")
            assert say(client, session, ["during"]) == []
        client.append_context(session.session_id, file_path="read.txt", access="read")  # no promise is made of these

        health = client.health()
        assert (health.status, len(health.problems)) == ("degraded", 1)
        assert "Restart omnimemd" in health.problems[0]
        with pytest.raises(StoreUnavailable):
            client.send(again, idempotency_key="again")
        daemon.stop()

    with running(empty_home) as daemon, daemon.client() as client:
        assert client.health().status == "ok"
        assert set(told) <= kept(client, session)
        assert say(client, session, ["after"]) == ["after", "memory after"]
        assert client.send(again, idempotency_key="again").version == 1
    assert_sound(empty_home)


def test_a_system_that_has_no_thread_to_give_keeps_nothing_from_being_stored_nor_the_stop(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
        with failing(daemon, "clone,clone3", "EAGAIN"):
            told = say(client, session, ["the first that is to be durable"])
            assert client.health().status == "ok"
            with suppress(StoreUnavailable, Unavailable):
                client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))
            say(client, session, ["again"])
            daemon.stop()
        assert not daemon.complaints(), daemon.log

    with running(empty_home) as daemon, daemon.client() as client:
        assert told == ["the first that is to be durable", "memory the first that is to be durable"]
        assert set(told) <= kept(client, session)


def test_without_a_thread_it_does_not_start_and_says_why(empty_home: Home) -> None:
    fault = "inject=clone,clone3:error=EAGAIN"
    strace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3", "-e", fault)
    daemon = Daemon(empty_home, wrapper=strace)
    try:
        assert daemon.exit_status() == 1
        assert "has no thread to give" in daemon.log, daemon.log
        assert "Traceback" not in daemon.log, daemon.log
    finally:
        daemon.kill()

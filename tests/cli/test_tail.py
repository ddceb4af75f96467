"""`omnimem tail`: what is recorded, in all sessions, as it happens, and what happens to the daemon meanwhile."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from omnimem.model import ContextAppend
from tests.cli.home import Home, Recorder

pytestmark = pytest.mark.needs("inotify", "linux")


class Tail(Recorder):
    """`omnimem tail` with its output in pipes, ready: it has shown what was there before."""

    def __init__(self, home: Home, *arguments: str) -> None:
        super().__init__(home, "-n", "1", *arguments, word="tail")


@pytest.fixture
def began(running: Home) -> Iterator[str]:
    """A session with an entry, in a folder of its own, in which nobody else is active."""
    with running.client() as client:
        for one in client.list_sessions(active=True, archived="all").sessions:
            client.end_session(one.session_id)
        session = client.create_session(tool_id="tool", workspace_path=str(running.app)).session_id
        client.append_context(session, decision="Begin.")
        yield session
        client.end_session(session)


def test_entries_are_shown_as_they_are_recorded_with_who_did_it(running: Home, began: str) -> None:
    with Tail(running) as tail:
        first = tail.line()
        running.write("a.py")
        second = tail.line()
        running.omnimem("context", "add", began, "--file", "b.py", "--agent", "reviewer")
        third = tail.line()
        done = tail.interrupt()

    name = f"tool/{began[-4:]}"
    assert first.split()[1:] == [name, "decision", "Begin."]
    assert second.split()[1:] == [name, "create", "a.py"]
    assert third.split()[1:] == [name, "read", "b.py", "(by", "reviewer)"]
    assert (done.status, done.out, done.err) == (0, "", "")


def test_sessions_are_told_of_when_they_open_and_end(running: Home, began: str) -> None:
    with Tail(running) as tail:
        tail.line()
        running.omnimem("session", "start", "--id", "passing", "--tool", "other", "--pid", str(os.getpid()))
        opened = tail.line()
        running.omnimem("context", "add", "passing", "--decision", "In passing.")
        said = tail.line()
        running.omnimem("session", "end", "passing")
        ended = tail.line()
        running.omnimem("session", "archive", "passing")
        running.omnimem("context", "add", began, "--decision", "Next.")
        following = tail.line()
        tail.interrupt()

    assert opened.split()[1:4] == ["other/sing", "opened", "~/src/app"]
    assert f"(passing, process {os.getpid()})" in opened
    assert said.endswith("In passing.")
    assert ended.split()[1:3] == ["other/sing", "ended"]
    assert "(by a call): 0 files, 0 reads, 0 writes, 1 decision" in ended
    assert following.endswith("Next.")


def test_the_last_entries_come_first(running: Home, began: str) -> None:
    for number in range(5):
        running.omnimem("context", "add", began, "--decision", f"Number {number}.")

    with Recorder(running, "-n", "2", word="tail") as tail:
        shown = [tail.line(), tail.line()]
        running.omnimem("context", "add", began, "--decision", "Number 5.")
        shown.append(tail.line())
        done = tail.interrupt()

    assert [line.partition("decision")[2].strip() for line in shown] == ["Number 3.", "Number 4.", "Number 5."]
    assert done.out == ""


def test_only_what_was_chosen_is_shown(running: Home, began: str) -> None:
    (running.path / "elsewhere").mkdir()
    with running.client() as client:
        other = client.create_session(tool_id="other", workspace_path=str(running.path / "elsewhere"))
        client.append_context(other.session_id, decision="Begin.")
        chosen = [
            ("--session", began),
            ("--project", client.get_session(began).project_id),
            ("--workspace", "."),
        ]
        for arguments in chosen:
            with Tail(running, *arguments) as tail:
                tail.line()
                client.append_context(other.session_id, decision="Not this.")
                client.append_context(began, decision="This.")
                assert tail.line().endswith("This.")
                assert tail.interrupt().out == ""
        client.end_session(other.session_id)


def test_json_is_an_object_a_line(running: Home, began: str) -> None:
    with Tail(running, "--json") as tail:
        before = json.loads(tail.line())
        running.omnimem("memory", "add", "key", "value", "--session", began)
        memory, entry = json.loads(tail.line()), json.loads(tail.line())
        running.omnimem("session", "end", began)
        session = json.loads(tail.line())
        tail.interrupt()

    assert [one["event"] for one in (before, memory, entry, session)] == ["entry", "memory", "entry", "session"]
    assert (before["data"]["decision"], before["data"]["session_id"]) == ("Begin.", began)
    assert (memory["data"]["memory_key"], entry["data"]["memory_key"]) == ("key", "key")
    assert (session["data"]["session_id"], session["data"]["state"]) == (began, "ended")


def test_a_memory_is_told_of_once(running: Home, began: str) -> None:
    with Tail(running) as tail:
        tail.line()
        running.omnimem("memory", "add", "told-once", "value", "--session", began)
        running.omnimem("context", "add", began, "--decision", "Next.")
        memory, following = tail.line(), tail.line()
        tail.interrupt()

    assert memory.split()[1:3] == ["memory", "told-once"]
    assert following.endswith("Next.")


def test_what_is_wrong_with_a_folder_is_told_once(running: Home, began: str) -> None:
    folder = running.path / "passing"
    folder.mkdir()
    running.omnimem("workspace", "add", str(folder))
    with Tail(running) as tail:
        tail.line()
        folder.rmdir()
        told = tail.line()
        running.omnimem("workspace", "remove", str(folder))
        tail.interrupt()

    assert told.split()[1:5] == ["folder", "~/passing", "is", "gone:"]


def test_a_restart_is_survived_and_told_and_nothing_is_left_out(home: Home) -> None:
    home.start()
    with home.client() as client:
        session = client.create_session(tool_id="tool", workspace_path=str(home.app), process_id=os.getpid()).session_id
        client.append_context(session, decision="Before.")
    with Tail(home) as tail:
        tail.line()
        home.omnimem("stop")
        gone = tail.remark()
        home.start()
        with home.client() as client:
            batch = [ContextAppend(decision=f"Number {number}.") for number in range(50)]
            client.append_batch(session, entries=batch)
        shown = [tail.line() for _ in range(len(batch) + 1)]
        back = tail.remark()
        done = tail.interrupt()

    assert "Waiting for it to come back" in gone
    assert back == "The daemon is back."
    (gap,) = (line for line in shown if "because the daemon did not run" in line)
    shown.remove(gap)
    assert [line.partition("decision")[2].strip() for line in shown] == [one.decision for one in batch]
    assert (done.status, done.out) == (0, "")


def test_ctrl_c_while_the_daemon_is_away(home: Home) -> None:
    home.start()
    with Recorder(home, word="tail") as tail:
        with home.client() as client:
            while not client.status().queues.event_subscribers:
                assert tail.process.poll() is None
        home.omnimem("stop")
        tail.remark()
        done = tail.interrupt()

    assert (done.status, done.err) == (0, "")


def test_a_reader_that_fell_behind_is_told_and_misses_nothing(home: Home) -> None:
    home.start()
    with home.client() as client:
        session = client.create_session(tool_id="tool", workspace_path=str(home.app)).session_id
        client.append_context(session, decision="Begin.")
        with Tail(home) as tail:
            tail.line()
            tail.process.send_signal(signal.SIGSTOP)
            for _ in range(20):
                client.append_batch(session, entries=[ContextAppend(decision="x" * 800)] * 1000)
            client.append_context(session, decision="End.")
            tail.process.send_signal(signal.SIGCONT)
            shown = [tail.line() for _ in range(20_001)]
            done = tail.interrupt()

    assert shown[-1].endswith("End.")
    assert done.out == ""
    assert "Fell behind by" in done.err


def test_on_a_terminal_there_is_colour_unless_nobody_wants_it(running: Home, began: str) -> None:
    shown: list[str] = []
    for environ in ({}, {"NO_COLOR": "1"}):
        with running.terminal("tail", "-n", "1", environ=environ) as terminal:
            terminal.until("Begin.")
            terminal.type("\x03")
            assert terminal.ended() == 0
            shown.append(terminal.shown)

    assert ["\x1b[" in one for one in shown] == [True, False]
    assert "Traceback" not in "".join(shown)


def test_whoever_looks_no_more_ends_it(running: Home, began: str) -> None:
    with Tail(running) as tail:
        tail.line()
        tail.stop_reading()
        running.omnimem("context", "add", began, "--decision", "Nobody reads this.")
        status = tail.process.wait(30)

    assert status == 141


def test_an_unknown_project_is_told_and_waited_for(running: Home) -> None:
    with Tail(running, "--project", "later") as tail:
        said = tail.remark()
        running.omnimem("memory", "add", "key", "value", "--project", "later")
        line = tail.line()

    assert said == "No project 'later'. Waiting for the first that happens in it; Ctrl-C ends this."
    assert "memory" in line


def test_an_unknown_session_is_told(running: Home) -> None:
    done = running.omnimem("tail", "--session", "nobody")

    assert (done.status, "nobody" in done.err) == (1, True)

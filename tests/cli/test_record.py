"""`omnimem record`: the main job in one command."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem.model import ContextAppend
from tests.cli.home import Done, Home, Recorder

pytestmark = pytest.mark.needs("inotify", "linux")


def objects(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.lines]


def test_what_programs_do_is_shown_as_it_happens(home: Home) -> None:
    (home.app / "notes.txt").write_text("before\n")
    with home.terminal("record") as terminal:
        began = terminal.until("Ctrl-C ends it")
        home.shell("cat notes.txt")
        terminal.until("notes.txt")
        home.shell("echo after > made.txt")
        terminal.until("made.txt")
        home.shell("mv made.txt moved.txt")
        terminal.until("from made.txt")
        home.omnimem("context", "add", "--decision", "Keep notes.")
        terminal.until("Keep notes.")
        terminal.type("\x03")
        status = terminal.ended()

    shown = terminal.shown
    session_id = began.split(" as ")[1].split(",")[0]
    assert "recording ~/src/app as sess_" in began
    assert status == 0
    assert "1 decision" in shown
    assert "stored in ~/.local/share/omnimemd/omnimem.db" in shown
    assert f"omnimem start && omnimem session show {session_id}" in shown
    assert "Traceback" not in shown
    assert home.daemons() == []


def test_a_line_says_when_what_and_which(home: Home) -> None:
    with Recorder(home) as recorder:
        recorder.began()
        home.write("src/a.py")
        line = recorder.line()
        recorder.interrupt()

    time, word, path = line.split()
    assert len(time) == len("14:02:11")
    assert (word, path) == ("create", "src/a.py")


def test_who_else_is_at_work_here_is_named_when_it_is_known(home: Home) -> None:
    home.omnimem("start")
    home.omnimem("session", "start", "--tool", "first", "--id", "sess-first", "--pid", str(os.getpid()))
    with home.terminal("record") as terminal:
        began = terminal.until("first has a session of its own here, sess-first")
        home.omnimem("session", "start", "--tool", "second", "--id", "sess-second", "--pid", str(os.getpid()))
        terminal.until("second has a session of its own here, sess-second")
        home.omnimem("context", "add", "sess-second", "--decision", "Nobody's here.")
        home.omnimem("context", "add", began.split(" as ")[1].split(",")[0], "--decision", "Its own.")
        terminal.until("Its own.")
        terminal.type("\x03")
        assert terminal.ended() == 0

    assert "Nobody's here." not in terminal.shown
    assert terminal.shown.count("sess-first: what it does") == 1


def test_what_it_told_to_do_afterwards_works(home: Home) -> None:
    with Recorder(home) as recorder:
        recorder.began()
        home.write("a.py")
        recorder.line()
        done = recorder.interrupt()

    command = done.err.splitlines()[-1].split(": ", 1)[1]
    again = home.shell(command)
    assert again.status == 0, again.err
    assert "a.py" in again.out


def test_every_entry_is_printed_once_and_then_the_session(home: Home) -> None:
    home.omnimem("start")
    with Recorder(home, "--json") as recorder:
        recorder.began_quietly()
        home.write("first.py")
        first = recorder.line()
        for number in range(40):
            home.write(f"file-{number}.py")
        done = recorder.interrupt()

    *entries, session = [json.loads(first), *objects(done)]
    with home.client() as client:
        kept = msgspec.to_builtins(client.list_entries(session["session_id"], limit=1000).entries)
        ended = msgspec.to_builtins(client.get_session(session["session_id"]))
    assert entries == kept
    assert session == ended
    assert (session["state"], session["end_reason"]) == ("ended", "client")
    assert {f"file-{number}.py" for number in range(40)} <= {Path(one["path"]).name for one in entries}
    assert (done.status, done.err) == (0, "")


def test_falling_behind_is_said_and_made_good(home: Home) -> None:
    wanted = [f"number {number}" for number in range(20_000)]
    with Recorder(home) as recorder:
        session_id = recorder.began()
        with home.client() as client:
            for start in range(0, len(wanted), 1000):  # nobody reads what is printed: every buffer fills
                queries = wanted[start : start + 1000]
                client.append_batch(session_id, entries=[ContextAppend(search_query=query) for query in queries])
        shown = [recorder.line() for _ in wanted]
        remark = recorder.remark()
        done = recorder.interrupt()

    assert [line[len("14:02:11  search  ") :] for line in shown] == wanted
    assert re.fullmatch(r"Fell behind by \d+ events; none is left out\.", remark)
    assert "20000 searches" in done.out


def test_the_end_of_the_bound_process_ends_it(home: Home) -> None:
    with subprocess.Popen(["sleep", "600"]) as bound, Recorder(home, "--pid", str(bound.pid)) as recorder:
        remark = recorder.remark()
        home.write("last.py")
        bound.kill()
        done = recorder.rest()

    assert f"bound to process {bound.pid};" in remark
    assert done.status == 0
    assert "last.py" in done.out
    assert "(its process ended)" in done.out
    assert home.daemons() == []


def test_the_calling_process_is_bound(home: Home) -> None:
    with Recorder(home, "--json") as recorder:
        recorder.began_quietly()
        done = recorder.interrupt()

    assert objects(done)[-1]["process_id"] == os.getpid()


def test_a_session_ended_by_somebody_else_ends_it(home: Home) -> None:
    with Recorder(home) as recorder:
        home.omnimem("session", "end", recorder.began())
        done = recorder.rest()

    assert done.status == 0
    assert home.daemons() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_every_polite_signal_ends_it_in_order(home: Home, number: signal.Signals) -> None:
    home.omnimem("start")
    with Recorder(home) as recorder:
        session_id = recorder.began()
        home.write("just-before.py")
        done = recorder.pestered_by(number)

    session = json.loads(home.omnimem("session", "show", session_id, "--json").out)
    assert done.status == 0
    assert "just-before.py" in done.out
    assert (session["state"], session["end_reason"]) == ("ended", "client")


def test_a_terminal_that_is_closed_leaves_nothing_running(home: Home) -> None:
    with home.terminal("record") as terminal:
        terminal.until("Ctrl-C ends it")
        terminal.hang_up()
        terminal.process.wait(30)

    assert home.daemons() == []
    home.omnimem("start")
    assert home.omnimem("session", "list", "--active", "--quiet").out == ""


def test_a_reader_that_goes_away_leaves_nothing_running(home: Home) -> None:
    with Recorder(home) as recorder:
        recorder.began()
        home.write("read.py")
        recorder.line()
        recorder.stop_reading()
        home.write("not-read.py")
        done = recorder.rest()

    assert (done.status, done.err) == (141, "")
    assert home.daemons() == []
    home.omnimem("start")
    assert home.omnimem("session", "list", "--active", "--quiet").out == ""


def test_a_daemon_that_ran_before_is_left_alone(home: Home) -> None:
    home.omnimem("start")
    before = home.daemons()
    with Recorder(home) as recorder:
        session_id = recorder.began()
        done = recorder.interrupt()

    assert home.daemons() == before
    assert f"look at it again with: omnimem session show {session_id}" in done.err


def test_a_daemon_that_others_use_by_now_is_left_to_them(home: Home) -> None:
    with Recorder(home) as first:
        first.began()
        with Recorder(home) as second:
            second.began()
            ended_first = first.interrupt()
            ended_second = second.interrupt()

    assert "keeps running for 1 other session" in ended_first.err
    assert (ended_first.status, ended_second.status) == (0, 0)
    assert len(home.daemons()) == 1


def test_sessions_of_before_do_not_keep_the_daemon(home: Home) -> None:
    home.omnimem("start")
    home.omnimem("session", "start", "--pid", str(os.getpid()))
    home.omnimem("stop")

    with Recorder(home) as recorder:
        recorder.began()
        recorder.interrupt()

    assert home.daemons() == []


def test_whose_a_doubtful_access_is_is_said(home: Home) -> None:
    home.omnimem("start")
    other = home.omnimem("session", "start", "--id", "other", "--pid", str(os.getpid())).out.strip()
    with Recorder(home) as recorder:
        recorder.began()
        home.write("whose.py")
        line = recorder.line()
        recorder.interrupt()

    assert line.endswith(f"whose.py  (or it was {other})")


def test_a_daemon_that_dies_is_told_of(home: Home) -> None:
    home.omnimem("start")
    with Recorder(home) as recorder:
        session_id = recorder.began()
        os.kill(home.daemons()[0], signal.SIGKILL)
        done = recorder.rest()

    assert done.status == 3
    assert done.err.startswith("error: The daemon went away")
    assert session_id in done.err


@pytest.mark.parametrize(("arguments", "status"), [(["nosuch"], 2), (["--pid", "4194305"], 1)])
def test_what_cannot_be_recorded_leaves_nothing_running(home: Home, arguments: list[str], status: int) -> None:
    done = home.omnimem("record", *arguments)

    assert done.status == status
    assert done.err.startswith("error: ")
    assert home.daemons() == []


def test_a_script_gets_the_id(home: Home) -> None:
    with Recorder(home, "--quiet") as recorder:
        session_id = recorder.line()
        home.write("a.py")
        done = recorder.interrupt()

    assert session_id.startswith("sess_")
    assert (done.status, done.out, done.err) == (0, "", "")


def test_names_of_files_cannot_control_the_terminal(home: Home) -> None:
    with Recorder(home) as recorder:
        recorder.began()
        (home.app / "\x1b[2J\u202e.py").write_text("x")
        line = recorder.line()
        done = recorder.interrupt()

    assert "\\x1b[2J\\u202e.py" in line
    assert all(text.isprintable() for text in done.lines)


def test_what_others_recorded_in_the_folder_meanwhile_is_named(running: Home) -> None:
    with running.client() as client, Recorder(running) as recorder:
        own = recorder.began()
        other = client.create_session(tool_id="vim", workspace_path=str(running.app)).session_id
        client.append_context(other, decision="x")
        done = recorder.interrupt()
        client.end_session(other)

    (said,) = [line for line in done.err.splitlines() if line.startswith("vim has a session of its own here: ")]
    assert said.endswith(f"1 decision; look at it with: omnimem session show {other}")
    assert own not in said

"""`omnimem session` and `omnimem context`."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from omnimem.model import ContextAppend
from tests.cli.home import Home

#: Begins a session when the program that could be bound is gone.
ORPHAN = """
import os
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    pass
os.execvp("omnimem", ["omnimem", "session", "start"])
"""


@pytest.fixture(autouse=True)
def nothing_goes_on(running: Home) -> Iterator[None]:
    """End what a test has begun: an active session is one the next test would find."""
    yield
    with running.client() as client:
        for one in client.list_sessions(active=True, archived="all").sessions:
            client.end_session(one.session_id)


@pytest.fixture
def shell() -> Iterator[subprocess.Popen[bytes]]:
    """A process to bind to."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_session_begins_bound_to_the_process_named(running: Home, shell: subprocess.Popen[bytes]) -> None:
    done = running.omnimem("session", "start", "--tool", "mine", "--pid", str(shell.pid))

    session = json.loads(running.omnimem("session", "show", done.out.strip(), "--json").out)
    assert done.err == f"It ends with process {shell.pid}.\n"
    assert (session["process_id"], session["tool_id"]) == (shell.pid, "mine")
    assert session["workspace_path"] == str(running.app)


def test_a_session_that_came_out_unbound_says_how_to_bind_it(running: Home) -> None:
    done = running.run([sys.executable, "-c", ORPHAN])

    session_id = done.out.strip()
    assert json.loads(running.omnimem("session", "show", session_id, "--json").out)["process_id"] is None
    assert f"omnimem session start --id {session_id} --pid $$" in done.err


def test_a_session_is_taken_up_again_by_its_id(running: Home, session: str, shell: subprocess.Popen[bytes]) -> None:
    done = running.omnimem("session", "start", "--id", session, "--pid", str(shell.pid))

    assert done.out == f"{session}\n"
    assert json.loads(running.omnimem("session", "show", session, "--json").out)["process_id"] == shell.pid


def test_what_a_session_begins_with_is_kept(running: Home) -> None:
    line = "session start src --id given --project p --user me --continues sess_before --quiet --metadata"
    (running.app / "src").mkdir(exist_ok=True)

    done = running.omnimem(*line.split(), '{"a": [1]}')

    session = json.loads(running.omnimem("session", "show", "given", "--json").out)
    running.omnimem("session", "end", "given")
    assert (done.out, done.err) == ("given\n", "")
    assert session["workspace_path"] == str(running.app / "src")
    assert [session[name] for name in ("project_id", "user_id", "continues", "metadata")] == [
        "p",
        "me",
        "sess_before",
        {"a": [1]},
    ]


def test_without_an_id_the_one_that_is_active_here_is_meant(running: Home, session: str) -> None:
    (running.app / "deep").mkdir(exist_ok=True)

    shown = running.shell("cd deep && omnimem session show --quiet")
    added = running.shell("cd deep && omnimem context add --decision 'Use the nearest.' --quiet")
    ended = running.omnimem("session", "end", "--quiet")

    assert [one.out for one in (shown, added, ended)] == [f"{session}\n"] * 3


@pytest.mark.parametrize("verb", ["session show", "context show", "context show --entries"])
def test_what_happened_a_moment_ago_is_shown(running: Home, session: str, verb: str) -> None:
    shown = running.shell(f"echo x > just-now.txt; omnimem {verb}")

    assert "just-now.txt" in shown.out


def test_the_nearest_workspace_is_meant(running: Home, session: str) -> None:
    (running.app / "nested").mkdir(exist_ok=True)
    inner = running.omnimem("session", "start", "nested", "--quiet").out.strip()

    shown = running.shell("cd nested && omnimem session show --quiet")
    running.omnimem("session", "end", inner)

    assert shown.out == f"{inner}\n"


def test_without_an_id_nothing_is_guessed(running: Home, session: str) -> None:
    other = running.omnimem("session", "start", "--quiet").out.strip()

    several = running.omnimem("session", "end")
    running.omnimem("session", "end", other)
    running.omnimem("session", "end", session)
    none = running.omnimem("session", "end")

    assert several.status == none.status == 1
    assert session in several.err
    assert other in several.err
    assert "No session is active in ~/src/app" in none.err


@pytest.mark.needs("linux")
def test_of_several_the_one_is_meant_in_which_the_command_is_run(running: Home, session: str) -> None:
    begin, show = "omnimem session start --pid $$ --quiet", "omnimem session show --quiet"
    inner = running.shell(f"{begin}; sh -c '{begin}; {show}; true'; true").lines
    outer = running.shell(f"{begin}; env {show}; true").lines

    assert inner[2] == inner[1] != inner[0]
    assert outer[1] == outer[0] != session


def test_an_ended_session_stays_as_it_is(running: Home, session: str) -> None:
    first = running.omnimem("session", "end", session, "--reason", "done for today")
    before = running.omnimem("session", "show", session, "--json").out
    second = running.omnimem("session", "end", session, "--reason", "again")

    assert (first.status, second.status) == (0, 0)
    assert "had ended already" in second.err
    assert running.omnimem("session", "show", session, "--json").out == before
    assert json.loads(before)["end_detail"] == "done for today"


@pytest.mark.parametrize(("verb", "mark"), [("pin", "pinned"), ("archive", "archived")])
def test_a_mark_is_set_and_taken_off(running: Home, session: str, verb: str, mark: str) -> None:
    on = running.omnimem("session", verb, session)
    again = running.omnimem("session", verb, session)
    off = running.omnimem("session", verb, session, "--off", "--json")

    assert on.err == f"{session} is {mark}.\n"
    assert (again.status, again.err) == (0, f"{session} is {mark} already.\n")
    assert json.loads(off.out)[mark] is False


def test_sessions_are_chosen(running: Home) -> None:
    (running.app / "chosen").mkdir(exist_ok=True)
    (running.app / "chosen" / ".omnimem.toml").write_text('project_id = "chosen"\n')
    names = ["pinned-one", "archived-one", "ended-one", "plain-one"]
    for name in names:
        running.omnimem("session", "start", "chosen", "--tool", name, "--id", name)
    running.omnimem("session", "pin", "pinned-one")
    running.omnimem("session", "archive", "archived-one")
    running.omnimem("session", "end", "ended-one")

    def chosen(flags: str) -> set[str]:
        done = running.shell(f"cd chosen && omnimem session list --project chosen --quiet {flags}")
        return set(done.lines)

    assert chosen("") == {"pinned-one", "ended-one", "plain-one"}
    assert chosen("--active") == {"pinned-one", "plain-one"}
    assert chosen("--pinned") == {"pinned-one"}
    assert chosen("--archived") == {"archived-one"}
    assert chosen("--all") == set(names)
    assert chosen("--tool plain-one") == {"plain-one"}
    assert set(running.shell("cd chosen && omnimem session list --here --quiet").lines) == chosen("")
    for name in names:
        running.omnimem("session", "end", name)


def test_a_long_list_is_read_page_by_page(running: Home) -> None:
    ids = [f"page-{number}" for number in range(3)]
    with running.client() as client:
        for one in ids:
            client.create_session(tool_id="t", workspace_path=str(running.app), session_id=one, project_id="pages")
            client.end_session(one)

    first = running.omnimem("session", "list", "--project", "pages", "--limit", "2", "--json")
    cursor = json.loads(first.out)["next_cursor"]
    second = running.omnimem("session", "list", "--project", "pages", "--limit", "2", "--quiet", "--cursor", cursor)

    found = [one["session_id"] for one in json.loads(first.out)["sessions"]] + second.lines
    assert sorted(found) == ids
    assert f"--cursor {cursor}" in first.err


def test_a_deletion_needs_somebody_who_means_it(running: Home) -> None:
    running.omnimem("session", "start", "--id", "old")
    running.omnimem("session", "end", "old")

    refused = running.omnimem("session", "delete", "old")
    with running.terminal("session", "delete", "old") as terminal:
        terminal.until("Delete old")
        terminal.until("[y/N]")
        terminal.type("\n")
        declined = terminal.ended()
    kept = running.omnimem("session", "show", "old")
    with running.terminal("session", "delete", "old") as terminal:
        terminal.until("[y/N]")
        terminal.type("y\n")
        agreed = terminal.ended()

    assert (refused.status, "--yes" in refused.err) == (2, True)
    assert (declined, kept.status) == (1, 0)
    assert agreed == 0
    assert running.omnimem("session", "show", "old").status == 1


def test_a_script_deletes_by_yes(running: Home) -> None:
    running.omnimem("session", "start", "--id", "old")
    active = running.omnimem("session", "delete", "old", "--yes")
    running.omnimem("session", "end", "old")

    assert (active.status, "active" in active.err) == (1, True)
    assert running.omnimem("session", "delete", "old", "--yes").status == 0
    assert running.omnimem("session", "show", "old").status == 1


def test_ctrl_c_at_a_question_is_no_yes(running: Home) -> None:
    running.omnimem("session", "start", "--id", "kept")
    running.omnimem("session", "end", "kept")

    with running.terminal("session", "delete", "kept") as terminal:
        terminal.until("[y/N]")
        status = terminal.interrupted()

    assert (status, "Traceback" in terminal.shown) == (130, False)
    assert running.omnimem("session", "show", "kept").status == 0


def test_everything_can_be_recorded_by_hand(running: Home, session: str) -> None:
    (running.app / "lib").mkdir(exist_ok=True)
    for line in (
        "--file a.py --access write --importance 0",
        "--file b.py --access move --from c.py --agent reviewer",
        "--search needle",
        "--decision 'Keep it simple.'",
        "--memory mem_0123456789ab --memory-key simple",
    ):
        done = running.shell(f"cd lib && omnimem context add {session} {line}")
        assert (done.status, done.err) == (0, f"Recorded in {session}.\n")

    context = json.loads(running.omnimem("context", "show", session, "--json").out)["context"]
    files = {one["path"]: one["importance"] for one in context["files_accessed"]}
    assert files == {str(running.app / "lib" / "a.py"): 0.0, str(running.app / "lib" / "b.py"): 0.75}
    entries = json.loads(running.omnimem("context", "show", session, "--entries", "--json").out)["entries"]
    assert [one.get("agent_id") for one in entries if one["kind"] == "access"] == [None, "reviewer"]
    assert [one["query"] for one in context["recent_searches"]] == ["needle"]
    assert [one["decision"] for one in context["decisions"]] == ["Keep it simple."]
    assert [(one["id"], one["key"]) for one in context["saved_memories"]] == [("mem_0123456789ab", "simple")]


def test_an_addition_in_json_answers_the_context(running: Home, session: str) -> None:
    done = running.omnimem("context", "add", session, "--decision", "Yes.", "--json")

    assert json.loads(done.out) == json.loads(running.omnimem("context", "show", session, "--json").out)


def test_a_link_is_known_by_the_folder_it_is_in(running: Home, session: str) -> None:
    (running.app / "real").mkdir(exist_ok=True)
    running.shell("ln -sfn real linked && ln -sf elsewhere real/link")

    running.omnimem("context", "add", session, "--file", "linked/../linked/link")

    entries = json.loads(running.omnimem("context", "show", session, "--entries", "--json").out)["entries"]
    assert [one["path"] for one in entries if one["source"] == "api"] == [str(running.app / "real" / "link")]


def test_entries_are_shown_one_by_one(running: Home, session: str) -> None:
    running.omnimem("context", "add", session, "--file", "src/a.py", "--access", "write")
    running.omnimem("context", "add", session, "--decision", "One by one.")

    everything = running.omnimem("context", "show", session, "--entries")
    decisions = running.omnimem("context", "show", session, "--entries", "--kind", "decision", "--json")

    assert [line.split(maxsplit=1)[1] for line in everything.lines[1:]] == [
        "write   src/a.py",
        "decision  One by one.",
    ]
    assert [one["kind"] for one in json.loads(decisions.out)["entries"]] == ["decision"]


def test_every_entry_of_a_long_session_is_shown(running: Home, session: str) -> None:
    with running.client() as client:
        for _ in range(3):
            client.append_batch(session, entries=[ContextAppend(search_query="x")] * 500)

    done = running.omnimem("context", "show", session, "--entries", "--quiet")

    assert done.lines == [str(number) for number in range(1, 1501)]


def test_a_session_is_a_page(running: Home, session: str) -> None:
    for number in range(12):
        running.omnimem("context", "add", session, "--file", f"file-{number}.py", "--access", "write")
    running.omnimem("context", "add", session, "--decision", "Show the top.")
    running.omnimem("session", "end", session)

    page = running.omnimem("session", "show", session).out

    assert session in page
    assert "12 files, 0 reads, 12 writes, 1 decision" in page
    assert "(by a call)" in page
    assert "file-11.py" in page
    assert "and 2 files more" in page
    assert "Show the top." in page


def test_where_none_is_active_the_latest_is_shown(running: Home) -> None:
    (running.app / "place").mkdir(exist_ok=True)
    latest = ""
    for reason in ("first", "second"):
        latest = running.omnimem("session", "start", "place", "--quiet").out.strip()
        running.omnimem("session", "end", latest, "--reason", reason)

    page = running.shell("cd place && omnimem session show")
    entries = running.shell("cd place && omnimem context show --entries --kind gap")
    everything = running.shell("cd place && omnimem context show")

    assert page.out.startswith(latest)
    assert "(by a call: second)" in page.out
    assert (entries.status, entries.err) == (0, "No gap is recorded.\n")
    assert (everything.status, everything.err) == (0, "Nothing is recorded yet.\n")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--pinned", "No pinned session."),
        ("--active --tool nosuch", "No active session of tool nosuch."),
        ("--project nosuch", "No session of project nosuch."),
        ("--archived --here", "No archived session of this project."),
    ],
)
def test_an_empty_list_says_of_what_there_is_none(home: Home, flags: str, said: str) -> None:
    home.start()

    assert home.omnimem("session", "list").err == "No sessions yet.\n"
    assert home.omnimem("session", "list", *flags.split()).err == f"{said}\n"


def test_a_session_is_resumed_with_what_it_was_about(running: Home, shell: subprocess.Popen[bytes]) -> None:
    with running.client() as client:
        client.create_session(tool_id="earlier", workspace_path=str(running.app), session_id="worked")
        client.append_context("worked", decision="Use SQLite for the store.", file_path="store.py", access="write")
        client.end_session("worked")
        client.create_session(tool_id="later", workspace_path=str(running.app), session_id="idled")
        client.end_session("idled")

    done = running.omnimem("session", "resume", "--tool", "mine", "--pid", str(shell.pid))

    session_id = done.lines[0]
    with running.client() as client:
        session = client.get_session(session_id)
    assert (session.continues, session.tool_id, session.process_id) == ("worked", "mine", shell.pid)
    assert "Use SQLite for the store." in done.out
    assert "goes on from worked (earlier, ended" in done.err
    shown = running.omnimem("session", "show", session_id)
    assert [line.split()[:2] for line in shown.lines[-1:]] == [["before", "worked"]]
    assert "after   " + session_id in running.omnimem("session", "show", "worked").out


def test_there_has_to_be_one_to_resume(running: Home) -> None:
    (running.path / "elsewhere").mkdir(exist_ok=True)

    done = running.shell(f"cd {running.path}/elsewhere && omnimem session resume")

    assert done.status == 1
    assert done.err.startswith("error: No session of this project has ended.")

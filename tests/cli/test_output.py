"""What goes to stdout and what to stderr, on a terminal and off it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem.model import Status
from tests.cli.home import Home

ESCAPE = "\x1b"
#: Clears the screen, sets a title, turns text around, and is a CSI of one byte.
NASTY = "\x1b[2J \x1b]0;title\x07 \u202eevil\u202c \x9b31m"


@pytest.fixture(scope="module")
def nasty(running: Home) -> str:
    """The id of an ended session in which every text is hostile."""
    with running.client() as client:
        session = client.create_session(
            tool_id="nasty", workspace_path=str(running.app), user_id="me", metadata={"text": NASTY}
        )
        client.append_context(session.session_id, file_path=f"src/{NASTY}", decision=NASTY, search_query=NASTY)
        project = client.resolve_project(path=str(running.app)).project_id
        written = client.create_memory(project, key=f"key {NASTY}", value=f"value {NASTY}\nsecond line")
        client.append_context(session.session_id, memory_id=written.memory_id, memory_key=NASTY)
        client.update_project(project, name=NASTY, settings={NASTY: NASTY})
        client.end_session(session.session_id, reason=NASTY)
    return session.session_id


EVERYTHING = [
    "status",
    "session list",
    "session show {session}",
    "context show {session}",
    "context show {session} --entries",
    "memory list",
    "memory history",
    "memory get",
    "project list",
    "project show",
    "workspace list",
    "workspace explain",
]


def words(line: str, session: str) -> list[str]:
    spelled = line.format(session=session).split()
    return [*spelled, f"key {NASTY}"] if line in ("memory get", "memory history") else spelled


@pytest.mark.parametrize("line", EVERYTHING)
def test_what_is_stored_cannot_control_the_terminal(running: Home, nasty: str, line: str) -> None:
    done = running.omnimem(*words(line, nasty))

    assert done.status == 0, done.err
    assert all(text.isprintable() for text in (done.out + done.err).replace("\t", "").split("\n"))


@pytest.mark.parametrize("line", EVERYTHING)
def test_json_on_a_terminal_cannot_control_it_either(running: Home, nasty: str, line: str) -> None:
    with running.terminal(*words(line, nasty), "--json") as terminal:
        status = terminal.ended()

    assert status == 0
    assert all(text.isprintable() for text in terminal.shown.split("\r\n"))
    json.loads(terminal.shown)


def test_json_is_what_the_api_says(running: Home, nasty: str) -> None:
    with running.client() as client:
        project = client.resolve_project(path=str(running.app)).project_id
        said: dict[str, Any] = {
            f"session show {nasty}": client.get_session(nasty),
            "session list --all": client.list_sessions(archived="all"),
            f"context show {nasty}": client.get_context(nasty),
            f"context show {nasty} --entries": client.list_entries(nasty),
            "project list": client.list_projects(),
            "project show": client.get_project(project),
            "workspace list": client.list_workspaces(),
        }

    shown = {line: json.loads(running.omnimem(*line.split(), "--json").out) for line in said}

    assert shown == {line: msgspec.to_builtins(value) for line, value in said.items()}


def test_status_in_json_is_the_status_of_the_api(running: Home) -> None:
    done = running.omnimem("status", "--json")

    status = msgspec.json.decode(done.out, type=Status)
    assert status.pid == running.daemons()[0]
    assert json.loads(done.out).keys() == set(Status.__struct_fields__)


def test_a_memory_can_be_had_exactly_as_it_was_written(running: Home, nasty: str) -> None:
    key = f"key {NASTY}"

    assert running.omnimem("memory", "get", key, "--raw").out == f"value {NASTY}\nsecond line"
    assert json.loads(running.omnimem("memory", "get", key, "--json").out)["memory_value"].startswith(f"value {NASTY}")


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_for_terminals_that_want_it(running: Home, environ: dict[str, str], coloured: bool) -> None:
    with running.terminal("status", environ=environ) as terminal:
        terminal.ended()

    assert (ESCAPE in terminal.shown) is coloured


def test_there_is_no_colour_off_a_terminal(running: Home, nasty: str) -> None:
    assert ESCAPE not in running.omnimem("session", "list").out
    assert ESCAPE not in running.omnimem("session", "show", "nosuch").err


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_table_fits_the_terminal(running: Home, columns: int) -> None:
    deep = running.app.joinpath(*["a-folder-with-a-name"] * 6)
    deep.mkdir(parents=True, exist_ok=True)
    running.omnimem("workspace", "add", str(deep))

    with running.terminal("workspace", "list", columns=columns, environ={"NO_COLOR": "1"}) as terminal:
        terminal.ended()

    assert "a-folder-with-a-name" in terminal.shown
    assert max(map(len, terminal.shown.splitlines())) <= columns


def test_a_table_off_a_terminal_is_not_cut(running: Home) -> None:
    deep = running.app.joinpath(*["a-folder-with-a-name"] * 6)
    deep.mkdir(parents=True, exist_ok=True)
    running.omnimem("workspace", "add", str(deep))

    assert str(deep).replace(str(running.path), "~") in running.omnimem("workspace", "list", COLUMNS="40").out


def test_quiet_is_bare_ids_and_nothing_else(running: Home, session: str) -> None:
    done = running.omnimem("session", "list", "--active", "--quiet")

    written = running.omnimem("memory", "add", "quiet", "please", "--quiet")

    assert (done.lines, done.err) == ([session], "")
    assert (written.out.startswith("mem_"), written.err) == (True, "")


def test_remarks_are_not_data(running: Home) -> None:
    done = running.omnimem("memory", "add", "colour", "green")

    assert done.out == ""
    assert done.err.startswith("colour is mem_")


@pytest.mark.parametrize("line", ["session list --all", "--help", "session --help", "status --json"])
def test_a_reader_that_goes_away_is_no_failure_to_tell_of(running: Home, line: str) -> None:
    done = running.run(["bash", "-c", f"omnimem {line} | true; echo ${{PIPESTATUS[0]}}"])

    assert done.err == ""
    assert done.out in ("0\n", "141\n")


def test_a_reader_that_went_before_is_told_by_the_exit_status(running: Home) -> None:
    command = ["bash", "-c", "exec 3> >(true); wait $!; omnimem status >&3"]

    done = running.run(command)

    assert (done.status, done.err) == (141, "")


@pytest.mark.needs("linux")
def test_a_full_disk_behind_the_output_is_a_failure(running: Home) -> None:
    done = running.shell("omnimem status > /dev/full")

    assert done.status == 1
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_do_not_matter(running: Home, closing: str) -> None:
    done = running.shell(f"omnimem session list {closing}")

    assert (done.status, "Traceback" in done.err) == (0, False)


def test_a_terminal_that_knows_little_gets_what_it_can_show(running: Home, nasty: str) -> None:
    running.omnimem("memory", "add", "umlaut", "über")

    done = running.omnimem("memory", "get", "umlaut", PYTHONIOENCODING="ascii")

    assert done.out == "\\xfcber\n"
    assert json.loads(running.omnimem("memory", "list", "--json", PYTHONIOENCODING="ascii").out)


def test_a_start_loads_no_more_than_it_needs(running: Home) -> None:
    code = "import sys; from omnimemd.cli.main import main; main(); print(*sys.modules)"
    command = Path(running.path, "bin", "omnimem").read_text().splitlines()[0].removeprefix("#!")

    loaded = subprocess.run(
        [command, "-c", code, "status", "--quiet"],
        env=running.environ,
        cwd=running.app,
        capture_output=True,
        text=True,
        check=True,
    )

    heavy = {"asyncio", "subprocess", "tempfile", "queue", "aiohttp", "apsw", "psutil", "watchdog", "platformdirs"}
    verbs = {f"omnimemd.cli.{name}" for name in ("session", "memory", "record", "launch")}
    assert (heavy | verbs).isdisjoint(loaded.stdout.split())

"""What is typed wrong, and what a daemon that does not run leaves to say."""

import re
from collections.abc import Iterator

import pytest

from tests.cli.home import Home

#: `error: message`, and what to do next.
COMPLAINT = re.compile(r"error: .+\nhint: .+\n")


@pytest.fixture(scope="module")
def idle() -> Iterator[Home]:
    """A home in which no daemon runs, nor will."""
    with Home() as home:
        yield home


@pytest.mark.parametrize(
    "line",
    [
        "sessions",
        "session",
        "session lst",
        "session list --nosuch",
        "session list --lim 5",
        "session list --limit 0",
        "session list --limit 501",
        "session list --limit ten",
        "session start --pid 0",
        "session start --pid -1",
        "session start --pid 99999999999",
        "session start --metadata [1]",
        "session start --metadata {",
        "session delete",
        "session delete nosuch more",
        "context add",
        "context add --importance 0.5",
        "context add --file a --importance 1.1",
        "context add --file a --importance nan",
        "context add --file a --access peek",
        "context show --kind decision",
        "memory add",
        "memory add key value --ttl 0",
        "memory add key value --ttl soon",
        "memory add key value --expected-version -1",
        "memory restore key",
        "memory restore key 0",
        "status now",
        "record --pid x",
    ],
)
def test_what_means_nothing_is_a_usage_error(running: Home, line: str) -> None:
    done = running.omnimem(*line.split())

    assert (done.status, done.out) == (2, "")
    assert COMPLAINT.fullmatch(done.err)


def test_nothing_typed_is_answered_by_what_can_be(idle: Home) -> None:
    done = idle.omnimem()

    assert (done.status, done.out) == (2, "")
    assert done.err == idle.omnimem("--help").out


@pytest.mark.parametrize(("line", "meant"), [("staus", "status"), ("memory lst", "list"), ("doctr --json", "doctor")])
def test_a_word_that_is_nearly_right_is_answered_by_the_right_one(idle: Home, line: str, meant: str) -> None:
    done = idle.omnimem(*line.split())

    assert done.status == 2
    assert f"hint: Did you mean `{meant}`?" in done.err


@pytest.mark.parametrize(
    "line",
    [
        "workspace add PATH",
        "workspace remove PATH",
        "workspace explain PATH",
        "session start PATH",
        "record PATH",
        "shell sync PATH --pid 1",
        "context add --file PATH",
        "context add --file a --access move --from PATH",
        "memory add key value --file PATH",
        "tail --workspace PATH",
        "status --socket PATH",
    ],
)
@pytest.mark.parametrize("path", ["", "a" * 4097])
def test_a_path_that_can_be_none_is_a_usage_error(running: Home, line: str, path: str) -> None:
    done = running.omnimem(*(path if word == "PATH" else word for word in line.split()))

    assert (done.status, done.out) == (2, "")
    assert COMPLAINT.fullmatch(done.err)


@pytest.mark.parametrize("line", ["workspace add", "session start", "record"])
@pytest.mark.parametrize(("path", "said"), [("a.txt", "'a.txt' is no folder"), ("nosuch", "'nosuch' is not there")])
def test_what_is_no_folder_is_said_as_it_was_typed(running: Home, line: str, path: str, said: str) -> None:
    running.write("a.txt")

    done = running.omnimem(*line.split(), path)

    assert (done.status, done.err.splitlines()[0]) == (2, f"error: argument PATH: {said}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("session start --pid 2147483647", "argument --pid: no live process 2147483647 of this user"),
        ("session start --id s --continues s", "argument --continues: a session cannot continue itself"),
        ("session start --project /", "argument --project: must be"),
        ("session start --tool", "argument --tool: "),
        ("memory add", "argument KEY: "),
        (
            "context add s --search x --importance 1",
            "argument --importance: says something about a file: give --file too",
        ),
        ("context add s --search x --memory-key k", "argument --memory-key: goes with --memory: give that too"),
        ("memory rewind --to 2999-01-01", "argument --to: must not lie in the future"),
        ("search", "argument QUERY: must not be empty"),
        ("session list --cursor nonsense", "argument --cursor: give the next_cursor of an earlier answer as it is"),
    ],
)
def test_what_the_daemon_refuses_is_told_with_the_words_that_were_typed(running: Home, line: str, said: str) -> None:
    running.omnimem("session", "start", "--id", "s")
    empty = {"session start --tool": [""], "memory add": ["", "value"], "search": [""]}.get(line, [])

    done = running.omnimem(*line.split(), *empty)

    assert done.status == 1, done
    assert done.err.startswith(f"error: {said}"), done.err
    assert "openapi" not in done.err


def test_a_missing_value_is_a_usage_error(running: Home) -> None:
    with running.terminal("memory", "add", "key") as terminal:
        status = terminal.ended()

    assert status == 2
    assert "VALUE is missing" in terminal.shown


def test_bytes_that_are_no_text_are_a_usage_error(running: Home) -> None:
    done = running.omnimem("memory", "get", b"caf\xe9")

    assert done.status == 2
    assert COMPLAINT.fullmatch(done.err)


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "session list",
        "session show",
        "session show sess_x",
        "tail",
        "session start",
        "session end sess_x",
        "session pin sess_x",
        "session archive sess_x",
        "session delete sess_x --yes",
        "context show sess_x",
        "context add sess_x --decision x",
        "memory add key value",
        "memory get key",
        "memory list",
        "memory history key",
        "memory restore key 1",
        "memory delete key",
        "memory confirm key",
        "workspace list",
        "workspace add",
        "workspace remove",
        "workspace explain",
        "project list",
        "project show",
    ],
)
def test_no_daemon_has_an_exit_status_of_its_own(idle: Home, line: str) -> None:
    done = idle.omnimem(*line.split(), "--quiet")

    assert (done.status, done.out) == (3, "")
    assert COMPLAINT.fullmatch(done.err)
    assert "omnimem start" in done.err


@pytest.mark.parametrize(("how", "shown"), [("", "omnimemd is not running"), ("--json", ""), ("--quiet", "")])
def test_a_daemon_that_does_not_run_is_a_status(idle: Home, how: str, shown: str) -> None:
    done = idle.omnimem("status", *how.split())

    assert (done.status, done.out.partition(" (")[0]) == (3, shown)


def test_what_the_daemon_refuses_is_a_failure(running: Home) -> None:
    done = running.omnimem("session", "show", "nosuch")

    assert (done.status, done.out) == (1, "")
    assert COMPLAINT.fullmatch(done.err)


@pytest.mark.parametrize("name", ["OMNIMEM_SOCKET", "--socket"])
def test_the_socket_can_be_chosen(running: Home, idle: Home, name: str) -> None:
    chosen = {} if name.startswith("-") else {name: str(running.socket)}
    flag = [f"--socket={running.socket}"] if name.startswith("-") else []

    assert idle.omnimem("status", *flag, **chosen).status == 0
    assert idle.omnimem(*flag, "status", **chosen).status == 0


def test_the_flag_wins_over_the_environment(running: Home) -> None:
    assert running.omnimem("status", OMNIMEM_SOCKET="/nosuch").status == 3
    assert running.omnimem("status", "--socket", str(running.socket), OMNIMEM_SOCKET="/nosuch").status == 0


def test_a_folder_that_is_gone_is_told_of(running: Home) -> None:
    done = running.shell("mkdir gone && cd gone && rmdir ../gone && omnimem session show")

    assert done.status == 1
    assert COMPLAINT.fullmatch(done.err)


def test_the_version_is_the_packages_own(idle: Home) -> None:
    from omnimem import __version__

    assert idle.omnimem("--version").out == f"omnimem {__version__}\n"

"""What the integration leaves as it is: what is seen, what the last command said, jobs, traps, history and options."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client
from tests.e2e.homes import Home
from tests.e2e.shells import SHELLS, Windows, a_repository, no_session, the_session
from tests.e2e.terminals import Terminal

pytestmark = pytest.mark.needs("inotify", "pidfd", "tmux")
_NOT_FISH = [one for one in SHELLS if one.values != ("fish",)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def windows(home: Home, shell: str) -> Iterator[Windows]:
    windows = Windows(home, shell)
    yield windows
    windows.close()


@pytest.fixture
def repository(home: Home) -> Path:
    return a_repository(home)


def printed(window: Terminal, line: str) -> list[str]:
    """Run a command and return everything on the screen that nobody typed."""
    return [one for one in window.run(line) if one and not one.startswith(">")]


def test_nothing_is_printed(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    window = windows.open()

    window.run(f"cd {repository}")
    the_session(client, window, repository)
    window.run("cd")
    no_session(client, window)

    assert printed(window, "jobs; true") == (["jobs: There are no jobs"] if shell == "fish" else [])


def test_what_the_last_command_said_stays(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    window = windows.open()

    window.type(f"cd {repository}; false")
    said = printed(window, "echo $status" if shell == "fish" else "echo $?")
    window.type("false")
    again = printed(window, "echo $status" if shell == "fish" else "echo $?")

    assert (said, again) == (["1"], ["1", "1"])
    the_session(client, window, repository)


def test_jobs_stay_what_they_are(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    last = "$last_pid" if shell == "fish" else "$!"
    window = windows.open()
    window.run("sleep 1000 &")
    window.run(f"set -g old {last}" if shell == "fish" else f"old={last}")

    window.run(f"cd {repository}")
    the_session(client, window, repository)
    same = printed(
        window, f"test {last} = $old; and echo same" if shell == "fish" else f"test {last} = $old && echo same"
    )
    jobs = printed(window, "jobs")[len(same) :]
    window.run("kill $old")

    assert "same" in same
    assert len([one for one in jobs if "sleep" in one]) == 1


@pytest.mark.parametrize("shell", _NOT_FISH, indirect=True)
def test_a_stopped_job_can_be_taken_up(client: Client, windows: Windows, repository: Path) -> None:
    window = windows.open()
    window.type("sh -c 'echo begun; exec sleep 1000'")
    window.until_shown("begun")
    window.press("C-z")

    window.run(f"cd {repository}")
    the_session(client, window, repository)
    seen = printed(window, "kill %% && echo it is there")

    assert "it is there" in seen


@pytest.mark.parametrize("shell", _NOT_FISH, indirect=True)
@pytest.mark.parametrize("options", ["set -u", "set -e", "set -eu", "set -f", "set -C", "IFS="])
def test_a_strict_shell_lives(client: Client, windows: Windows, repository: Path, options: str) -> None:
    window = windows.open(then=options)

    window.run(f"cd {repository}")
    the_session(client, window, repository)
    window.run("cd; ! true")
    no_session(client, window)

    assert printed(window, "echo lives") == ["lives"]


@pytest.mark.parametrize("shell", _NOT_FISH, indirect=True)
def test_traps_are_the_users(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    traps = {"EXIT": "gone", **({"ERR": "failed", "RETURN": "back"} if shell == "bash" else {"ZERR": "failed"})}
    window = windows.open(then="; ".join(["set -E", *(f"trap 'echo {say}' {name}" for name, say in traps.items())]))

    window.run(f"cd {repository}")
    the_session(client, window, repository)
    window.run("cd; false")
    no_session(client, window)

    assert printed(window, "true") == ["failed"]


def test_history_has_what_was_typed(client: Client, windows: Windows, repository: Path) -> None:
    window = windows.open()

    window.run(f"cd {repository}")
    the_session(client, window, repository)

    assert not any("omnimem" in one for one in printed(window, "history"))


def test_a_startup_file_that_is_read_twice_does_it_once(client: Client, windows: Windows, repository: Path) -> None:
    window = windows.open()
    window.run(f"cd {repository}")
    first = the_session(client, window, repository)

    window.run(f". {windows.startup_file}")
    window.run("cd")
    no_session(client, window)
    window.run(f"cd {repository}")

    assert the_session(client, window, repository).session_id == first.session_id
    assert len(client.list_sessions(process_id=window.pid).sessions) == 1


def test_a_part_of_a_command_is_no_shell_of_its_own(
    client: Client, windows: Windows, shell: str, repository: Path
) -> None:
    window = windows.open()

    window.run(f"fish -c 'cd {repository}'" if shell == "fish" else f"(cd {repository}; true)")

    assert client.list_sessions(workspace_path=str(repository)).sessions == []


def test_the_command_is_found_whatever_the_path(client: Client, windows: Windows, shell: str, repository: Path) -> None:
    window = windows.open()

    window.run("set -gx PATH /nowhere" if shell == "fish" else "PATH=/nowhere")
    window.run(f"cd {repository}")

    the_session(client, window, repository)


@pytest.mark.parametrize("shell", SHELLS[:1], indirect=True)
@pytest.mark.parametrize("given", ["", "PROMPT_COMMAND='seen=$?'", "PROMPT_COMMAND=('seen=$?')"])
def test_a_command_appended_to_the_prompts_sees_the_status(
    client: Client, windows: Windows, repository: Path, given: str
) -> None:
    behind = 'PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND; }later=\\$?"'
    window = windows.open(first=f"export -n PROMPT_COMMAND; {given}", then=behind)

    window.type(f"cd {repository}; false")
    said = printed(window, "echo ${seen-1} $later")

    assert said == [f"1 {0 if given else 1}"]
    the_session(client, window, repository)


@pytest.mark.parametrize("shell", SHELLS[:1], indirect=True)
def test_a_shell_that_only_inherits_the_prompts_command_says_nothing(windows: Windows) -> None:
    window = windows.open(first="export PROMPT_COMMAND='seen=$?'")

    window.run("PS1='> ' bash --norc")

    assert printed(window, "echo $seen") == ["0"]

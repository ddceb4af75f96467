"""Which process stands for a tool's whole run."""

import pytest
from msgspec import convert

from omnimem.model import Id
from omnimemd.domain.identity import Process, is_no_tool, program, tool
from omnimemd.domain.tools import KNOWN_TOOLS, run_of
from tests.support.factories import a_process


def chain(*names: str) -> list[Process]:
    """Return an ancestry of processes of these names, the pids in order."""
    return [a_process(pid=pid, name=name) for pid, name in enumerate(names, start=1)]


@pytest.mark.parametrize(
    ("names", "outermost"),
    [
        (("claude", "bash", "tmux"), 1),
        (("code", "code", "code", "systemd"), 3),
        (("codex", "codex", "bash", "codex"), 2),
        (("claude", "nvim"), 1),
        (("claude",), 1),
    ],
)
def test_the_outermost_of_one_program_stands_for_the_run(names: tuple[str, ...], outermost: int) -> None:
    run = run_of(chain(*names))

    assert run is not None
    assert run.identity.pid == outermost


def test_a_launcher_that_an_interpreter_runs_is_of_the_run() -> None:
    launcher = a_process(pid=2, name="node", arguments=("node", "/usr/bin/codex"))

    assert run_of([a_process(pid=1, name="codex"), launcher]) == launcher


def test_a_script_of_a_shell_is_of_the_run_and_the_shell_that_it_was_typed_into_is_not() -> None:
    child = a_process(pid=1, name="claude")
    script = a_process(pid=2, name="claude", arguments=("/bin/sh", "/usr/bin/claude", "--continue"))
    shell = a_process(pid=3, name="sh", arguments=("sh",))

    assert run_of([child, script, shell]) == script
    assert tool(script) == "claude"
    assert program(script) == "sh"


@pytest.mark.parametrize("arguments", [("sh", "-c", "claude"), ("-bash",), ("bash", "-i")])
def test_a_shell_that_runs_no_script_is_a_shell(arguments: tuple[str, ...]) -> None:
    assert is_no_tool(tool(a_process(pid=1, name="sh", arguments=arguments)))


def test_nobody_stands_for_a_process_that_is_gone() -> None:
    assert run_of([]) is None


@pytest.mark.parametrize("name", KNOWN_TOOLS)
def test_every_known_tool_can_have_a_session(name: str) -> None:
    assert convert(name, Id) == name
    assert not is_no_tool(name)


def test_no_tool_is_named_twice() -> None:
    assert len(set(KNOWN_TOOLS)) == len(KNOWN_TOOLS)


@pytest.mark.parametrize("name", ["bash", "sudo", "npx", "tmux", "omnimem"])
def test_what_only_serves_others_is_no_tool(name: str) -> None:
    assert is_no_tool(name)

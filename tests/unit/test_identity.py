"""Which process a call is for: the tool, not what it called through."""

import pytest

from omnimemd.domain.identity import Process, choose_caller, program
from tests.support.factories import a_process

Chain = tuple[tuple[str, ...], ...]


def processes(*chain: tuple[str, ...]) -> list[Process]:
    """Return processes from the peer upwards, each as its name and its arguments; the last is pid 1."""
    pids = range(len(chain) + 9, 0, -1) if chain else ()
    return [
        a_process(pid=pid, name=name[:15], arguments=arguments)
        for pid, (name, *arguments_) in zip(pids, chain, strict=False)
        for arguments in [tuple(arguments_)]
    ]


CLAUDE = ("claude", "claude")
SHELL = ("bash", "/bin/bash", "-c", "x")


@pytest.mark.parametrize(
    ("chain", "chosen"),
    [
        pytest.param((CLAUDE,), 0, id="the peer itself"),
        pytest.param((("curl", "curl", "x"), SHELL, CLAUDE), 2, id="curl in a shell"),
        pytest.param((("omnimem", "python3", "/usr/bin/omnimem", "x"), CLAUDE), 1, id="the command"),
        pytest.param((("python3", "python3", "-m", "omnimem", "x"), CLAUDE), 1, id="python -m omnimem"),
        pytest.param((("python3.11", "/v/bin/python3.11", "-m", "omnimem.cli"), CLAUDE), 1, id="-m a.b"),
        pytest.param((("python", "/v/bin/python", "/v/bin/omnimem"), SHELL, CLAUDE), 2, id="a venv's script"),
        pytest.param((("omnimem", "omnimem", "hook", "codex"), ("sh", "sh", "-c", "x"), CLAUDE), 2, id="a hook"),
        pytest.param((("python3", "python3", "agent.py"),), 0, id="a Python tool"),
        pytest.param((("python3", "python3", "-m", "aider"),), 0, id="python -m tool"),
        pytest.param((("python3", "python3"),), 0, id="a bare interpreter"),
        pytest.param((("python3", "python3", "-c", "x"),), 0, id="python -c"),
        pytest.param((("node", "node", "/lib/cli.js"),), 0, id="a Node tool"),
        pytest.param((SHELL, ("env", "env", "A=1", "bash"), ("sudo", "sudo", "x"), CLAUDE), 3, id="env and sudo"),
        pytest.param((SHELL, ("timeout", "timeout", "5", "x"), ("nice", "nice"), CLAUDE), 3, id="timeout, nice"),
        pytest.param((("npm exec tool", "npm exec tool"), CLAUDE), 1, id="npm exec"),
        pytest.param((("node", "node", "/usr/bin/npx", "x"), CLAUDE), 1, id="npx"),
        pytest.param((("node", "node", "/lib/npm-cli.js", "x"), CLAUDE), 1, id="npm-cli.js"),
        pytest.param((("uvx", "uvx", "omnimem"), CLAUDE), 1, id="uvx"),
        pytest.param((("uv", "uv", "run", "x"), CLAUDE), 1, id="uv run"),
        pytest.param((("pipx", "python3", "/usr/bin/pipx", "run"), CLAUDE), 1, id="pipx"),
        pytest.param((("make", "make", "x"), SHELL, CLAUDE), 2, id="make"),
        pytest.param((("hook.sh", "/bin/sh", "./hook.sh"), CLAUDE), 1, id="a shell's script by its own name"),
        pytest.param((("deploy", "/usr/bin/bash", "/usr/bin/deploy", "x"), CLAUDE), 1, id="a script in PATH"),
        pytest.param((("busybox", "sh", "-c", "x"), CLAUDE), 1, id="busybox"),
        pytest.param((("zsh", "-zsh"), CLAUDE), 1, id="a login shell"),
        pytest.param((("-bash", "-bash"), CLAUDE), 1, id="a login shell named so"),
        pytest.param((("my-bash-tool", "my-bash-tool"),), 0, id="a name that only begins like one"),
        pytest.param((("codex", "codex"), SHELL, CLAUDE), 0, id="a tool within a tool"),
    ],
)
def test_the_first_that_is_a_tool_is_chosen(chain: Chain, chosen: int) -> None:
    ancestry = processes(*chain, ("systemd", "/sbin/init"))

    assert choose_caller(ancestry) == ancestry[chosen]


@pytest.mark.parametrize(
    "host",
    [
        ("systemd", "/usr/lib/systemd/systemd", "--user"),
        ("login", "login"),
        ("sshd", "sshd: me@pts/0"),
        ("sshd-session", "sshd-session: me@pts/0"),
        ("su", "su", "-"),
        ("cron", "/usr/sbin/cron"),
        ("tmux: server", "tmux"),
        ("tmux: client", "tmux"),
        ("screen", "SCREEN"),
        ("gnome-terminal-server", "/usr/libexec/gnome-terminal-server"),
        ("Terminal", "Terminal"),
        ("launchd", "/sbin/launchd"),
        ("containerd-shim-runc-v2", "containerd-shim"),
    ],
    ids=lambda host: host[0],
)
def test_what_holds_a_terminal_or_a_login_is_no_tool_nor_is_anything_above_it(host: tuple[str, ...]) -> None:
    chain = processes(("curl", "curl"), SHELL, host, CLAUDE)

    assert choose_caller(chain) is None


def test_the_first_process_is_never_a_tool() -> None:
    assert choose_caller([a_process(pid=1, name="my-entrypoint")]) is None


def test_nobody_is_chosen_of_nobody() -> None:
    assert choose_caller([]) is None
    assert choose_caller(processes(("curl", "curl"), SHELL)) is None


def test_no_more_of_the_ancestry_is_read_than_is_needed() -> None:
    def ancestry() -> object:
        yield from processes(CLAUDE)
        raise AssertionError

    assert choose_caller(ancestry()) is not None  # type: ignore[arg-type]  # a generator that must not be drained


def test_arguments_may_be_unknown() -> None:
    assert program(a_process(name="bash")) == "bash"
    assert program(a_process(name="codex")) == "codex"

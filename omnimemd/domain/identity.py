"""Which process a session is: the identity that survives pid reuse, and the choice of the process that called."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis


class ProcessIdentity(msgspec.Struct, frozen=True):
    """One process for ever: a pid is reused, a pid with its start and boot is not."""

    pid: int
    start: int  #: in the kernel's own unit (clock ticks since boot on Linux), which no change of the clock moves
    boot: str  #: the boot it runs in


class Process(msgspec.Struct, frozen=True):
    """A live process as the daemon needs to know it."""

    identity: ProcessIdentity
    started_at: Millis  #: UTC, for people
    name: str  #: as the kernel has it, cut to 15 characters on Linux (proc(5), comm)
    arguments: tuple[str, ...] = ()  #: may be empty


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end of a connection, as the kernel knows it."""

    uid: int
    pid: int | None  #: None where the kernel does not tell, or the process is in a pid namespace of its own


_SHELLS: Final = frozenset("sh bash dash zsh fish ksh mksh ash csh tcsh nu pwsh xonsh elvish busybox".split())
_WRAPPERS: Final = frozenset("env sudo doas timeout nice nohup setsid stdbuf time strace xargs script".split())
_RUNNERS: Final = frozenset(
    "npx npm pnpm pnpx yarn bunx uv uvx pipx poetry hatch pdm rye mise direnv make just".split()
)
#: Programs whose only job was this call.
_CALLERS: Final = frozenset("curl wget http https xh omnimem".split())
#: What holds a person's terminal or login: it outlives every tool, so nothing above it is a tool either.
_HOSTS: Final = frozenset(
    "init systemd launchd login sshd sshd-session su cron crond tmux screen dtach zellij mosh-server "
    "gnome-terminal- konsole xterm alacritty kitty foot wezterm-gui ghostty Terminal iTerm2 tilix "
    "terminator xfce4-terminal containerd-shim docker-init tini dumb-init".split()
)
_PYTHON: Final = re.compile(r"(python|pypy)[\d.]*")
_NODE: Final = frozenset(("node", "bun", "deno"))


def choose_caller(ancestry: Iterable[Process]) -> Process | None:
    """Return the process a call without a pid is for, None when none is left.

    Args:
        ancestry: the peer itself, then its parent and so on upwards; read only as far as needed.

    Returns:
        The first that is not a shell, a wrapper, a package runner or a program whose only job was the call; None
        where that would be what holds the terminal or the login.
    """
    for process in ancestry:
        name = program(process)
        if process.identity.pid == 1 or name in _HOSTS or name.startswith("tmux:"):
            return None
        if name not in _SHELLS | _WRAPPERS | _RUNNERS | _CALLERS:
            return process
    return None


def is_no_tool(name: str) -> bool:
    """Return whether the program *name* only serves others: a shell, a wrapper, a runner, or what holds a terminal."""
    return name in _SHELLS | _WRAPPERS | _RUNNERS | _CALLERS | _HOSTS


def program(process: Process) -> str:
    """Return what *process* runs: the script where an interpreter runs one, otherwise the program's own name."""
    return program_named(process.name, process.arguments)


def program_named(name: str, arguments: Sequence[str]) -> str:
    """Return what a process of this *name* and these *arguments* runs."""
    name = name.removeprefix("-")  # a login shell is "-bash"
    if name.startswith("npm "):  # npm writes "npm exec …" over its own name
        return "npm"
    if len(arguments) < 2:
        return name
    interpreter = _base(arguments[0]).removeprefix("-")
    if interpreter in _SHELLS:  # a script that names its shell in its first line has its own name (execve(2))
        return interpreter
    if _PYTHON.fullmatch(interpreter):
        if arguments[1] == "-m" and len(arguments) > 2:
            return "omnimem" if arguments[2].partition(".")[0] in ("omnimem", "omnimemd") else arguments[2]
        return name if arguments[1].startswith("-") else _base(arguments[1])
    if interpreter in _NODE and not arguments[1].startswith("-"):
        return _base(arguments[1]).removesuffix(".js").removesuffix("-cli")
    return name


def tool_named(name: str, arguments: Sequence[str]) -> str:
    """Return which tool a process of this *name* and these *arguments* may be: `program_named`, or a shell's script.

    A launcher that is a script is no program of its own to whoever calls through it, and yet the tool's run.
    """
    if len(arguments) > 1 and _base(arguments[0]).removeprefix("-") in _SHELLS and not arguments[1].startswith("-"):
        return _base(arguments[1])
    return program_named(name, arguments)


def tool(process: Process) -> str:
    """Return which tool *process* may be: what it runs, or the script that its shell runs."""
    return tool_named(process.name, process.arguments)


def _base(path: str) -> str:
    return path.rpartition("/")[2]

"""`omnimem shell`: sessions that open as a shell enters a repository."""

import os
import shlex
import sys
from argparse import Namespace
from importlib import resources
from typing import Final

from omnimemd.cli import arguments as take
from omnimemd.cli.connection import client_of, socket_of
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.shell_session import Shell, sync

_SHELLS: Final = ("bash", "zsh", "fish")


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "init",
        _init,
        summary="Print the script that has a shell open a session in each repository it enters. "
        'In ~/.bashrc or ~/.zshrc: eval "$(omnimem shell init bash)", or zsh; in ~/.config/fish/config.fish: '
        "omnimem shell init fish | source",
        example="omnimem shell init bash",
    )
    verb.add_argument("shell", choices=_SHELLS, help="which shell reads it")
    verb = verbs.add(
        "sync",
        _sync,
        summary="Open the session of a shell where it is now, and end those it has elsewhere. "
        "The script of `shell init` calls it.",
        example="omnimem shell sync --pid $$",
    )
    verb.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        default=".",
        type=take.named_path,
        help="where it is, if the system does not tell (default: .)",
    )
    verb.add_argument("--pid", metavar="PID", type=take.whole(1, 2**31 - 1), required=True, help="which shell")
    verb.add_argument("--tool", metavar="ID", type=take.text, default="shell", help="what shell it is (default: shell)")
    verb.add_argument("--key", metavar="TEXT", type=take.text, default="", help="tells it from a later one of this pid")


def _init(given: Namespace, out: Output) -> None:
    # -P: nothing is imported from the directory the shell happens to be in.
    command = [sys.executable, "-P", "-m", "omnimemd.cli.main"]
    quoted = _quoted_for_fish if given.shell == "fish" else shlex.quote
    script = resources.files("omnimemd.cli").joinpath("shells", f"omnimem.{given.shell}").read_text("utf-8")
    script = script.replace("@COMMAND@", " ".join(map(quoted, command)))
    out.raw(script.replace("@SOCKET@", quoted(str(socket_of(given)))))


def _sync(given: Namespace, out: Output) -> None:
    shell = Shell(pid=given.pid, tool=given.tool, key=given.key, path=given.path)
    with client_of(given) as client:
        sync(client, shell, off=os.environ.get("OMNIMEM_OFF") == "1")


def _quoted_for_fish(text: str) -> str:
    """Return *text* as one word of fish, where a backslash in single quotes is one before a quote or another."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""What may be typed: words, their verbs and what every verb takes. Each word's own file says the rest.

Only the files of words that were typed are loaded: a call should cost what it does, not what the others could do.
"""

import argparse
import importlib
import keyword
import re
import sys
import textwrap
from collections.abc import Callable, Container, Sequence
from typing import Any, Final, NoReturn

from omnimemd.cli import arguments as take
from omnimemd.cli.errors import USAGE
from omnimemd.cli.output import Output

#: What a verb does when it was typed.
Run = Callable[[argparse.Namespace, Output], None]

#: What argparse says of a word that is none of those there are.
_CHOICE: Final = re.compile(r"invalid choice: '(?P<typed>.*)' \(choose from (?P<choices>.*)\)")
#: Every word that can follow `omnimem`, and what it is for; the module of that name declares it.
WORDS: Final = {
    "record": "Record what happens in a folder and show it as it happens.",
    "tail": "Show what is recorded, in all sessions or some, as it happens.",
    "status": "Show what the daemon does, and what is wrong.",
    "doctor": "Look the daemon over, its database and its search index.",
    "debug": "Find out what is wrong with the daemon, and tell others.",
    "start": "Start the daemon in the background.",
    "stop": "Stop the daemon.",
    "service": "Have the daemon run whenever you are logged in.",
    "session": "Begin, look at and end sessions.",
    "context": "Show or add what was recorded in a session.",
    "memory": "Keep what the next session of a project should know.",
    "briefing": "Tell what a new session of a project should know.",
    "search": "Find what was said: memories, decisions and searches, best first.",
    "summary": "Show what a session was about, what it decided, and how it ended.",
    "checkpoint": "Keep what a session has come to, and go on from it.",
    "workspace": "Choose folders to watch whether or not a session is active in them.",
    "project": "Show projects, and say how they are to be treated.",
    "export": "Write what is remembered as JSON Lines, for git or another machine.",
    "import": "Take in what `omnimem export` wrote; what is here already stays as it is.",
    "retention": "See how long what was recorded is kept, and let go of what is due.",
    "backup": "Keep copies of everything, and put one back.",
    "shell": "Have sessions open as a shell enters a repository.",
}


class Parser(argparse.ArgumentParser):
    """A parser that speaks as the rest of the command does."""

    def __init__(self, **settings: Any) -> None:
        """Take no abbreviations: a flag that is added later must not change what a script means."""
        self._named: dict[str, str] = {}  # as in its help, by what it is called in the code
        super().__init__(**settings, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        common = self.add_argument_group("everywhere")
        common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the API's JSON")
        common.add_argument(
            "--quiet", action="store_true", default=argparse.SUPPRESS, help="print bare ids, and no remarks"
        )
        common.add_argument(
            "--socket",
            metavar="PATH",
            type=take.named_path,
            default=argparse.SUPPRESS,
            help="the daemon's socket [OMNIMEM_SOCKET]",
        )

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Declare an argument, as argparse does."""
        action = super().add_argument(*names, **settings)
        self._named[action.dest] = action.option_strings[-1] if action.option_strings else str(action.metavar)
        return action

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with what was typed, and exit with the status of wrong usage."""
        Output().error(message, _what_was_meant(message) or f"See `{self.prog} --help`.")
        raise SystemExit(USAGE)

    def does(self, run: Run, *, example: str) -> None:
        """Have *run* called when this was typed; *example* ends the help."""
        self.set_defaults(run=run, named=self._named)
        self.epilog = f"example:\n  {example}"


class Verbs:
    """The verbs of one noun."""

    def __init__(self, noun: Parser) -> None:
        """Declare the verbs of *noun*."""
        self._verbs = noun.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=Parser)

    def add(self, name: str, run: Run, *, summary: str, example: str) -> argparse.ArgumentParser:
        """Declare one verb; return what its arguments are added to."""
        first, _, _ = summary.partition(". ")
        verb = self._verbs.add_parser(name, help=first.removesuffix("."), description=textwrap.fill(summary, 79))
        verb.does(run, example=example)
        return verb


def parse(typed: Sequence[str]) -> argparse.Namespace:
    """Return what was *typed*; `run` of it is what to do, `named` the arguments by what they are called in it.

    Raises:
        SystemExit: help was asked for and given, or it means nothing.
    """
    if not typed:
        build(typed).print_help(sys.stderr)
        raise SystemExit(USAGE)
    return build(typed).parse_args(typed, argparse.Namespace(json=False, quiet=False, socket=None))


def build(typed: Container[str]) -> Parser:
    """Return the parser of a command line in which the words in *typed* may occur."""
    parser = Parser(
        prog="omnimem",
        description="Remember what happens while you code, and tell the next session.",
        epilog="`omnimem WORD --help` says more.\n\n"
        "exit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon is not running",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    words = parser.add_subparsers(title="words", metavar="WORD", required=True, dest="word")
    for word, summary in WORDS.items():
        child = words.add_parser(word, help=summary.removesuffix("."), description=summary)
        if word in typed:
            # Python's own words cannot be modules.
            module = f"{word}_" if keyword.iskeyword(word) else word
            importlib.import_module(f"omnimemd.cli.{module}").declare(child)
    return parser


def _what_was_meant(message: str) -> str | None:
    """Return the hint for a word that is nearly one of those there are, by what argparse says of it."""
    import difflib  # only who mistypes waits for it

    found = _CHOICE.search(message)
    near = difflib.get_close_matches(found["typed"], re.findall(r"[\w-]+", found["choices"]), n=1) if found else []
    return f"Did you mean `{near[0]}`?" if near else None


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        from omnimem import __version__

        Output().line(f"omnimem {__version__}")
        raise SystemExit(0)

"""`omnimem briefing`: what a new session of a project should know."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any, Final

from omnimem.model import Briefing
from omnimemd.cli import arguments as take
from omnimemd.cli import briefing_report
from omnimemd.cli.connection import catch_up, client_of, project_at
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, safe, width

_INDENT: Final = "  "


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_brief, example='omnimem briefing --query "make uploads resume" --file src/upload.py')
    word.add_argument(
        "--project",
        metavar="ID|PATH",
        type=take.text,
        help="of this project, by its id or a path in it (default: the current directory's)",
    )
    word.add_argument("--query", metavar="WORDS", type=take.text, default="", help="what is to be done, in any words")
    word.add_argument(
        "--file",
        metavar="PATH",
        type=take.file,
        action="append",
        default=[],
        help="a file that is at hand: what has to do with it comes first; repeatable",
    )
    word.add_argument("--session", metavar="ID", type=take.text, help="for this session: its own entries are left out")
    word.add_argument(
        "--max-tokens", metavar="N", type=take.whole(50, 50_000), default=2_000, help="how long (default: 2000 tokens)"
    )
    word.add_argument("--markdown", action="store_true", help="as one document, as it is given to a model")
    word.add_argument(
        "--report", action="store_true", help="instead, how often the sessions that were given one used what it showed"
    )
    word.add_argument(
        "--days", metavar="N", type=take.whole(1, 365), default=30, help="with --report: how far back (default: 30)"
    )
    word.add_argument("--all", action="store_true", help="with --report: of all projects together")


def _brief(given: Namespace, out: Output) -> None:
    if given.report:
        _report(given, out)
        return
    with client_of(given) as client:
        catch_up(client)
        project_id = project_at(client, given.project)
        asked: dict[str, Any] = {
            "max_tokens": given.max_tokens,
            "query": given.query,
            "session_id": given.session,
            "file": tuple(given.file),
        }
        if given.markdown and not (out.json or out.quiet):
            out.raw(client.briefing_markdown(project_id, **asked))
            return
        briefing = client.briefing(project_id, **asked)
    sources = dict.fromkeys(item.source for section in briefing.sections for item in section.items)
    if not out.answered(briefing, ids=sources):
        _tell(briefing, out)


def _report(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        catch_up(client)
        if given.all:
            report = client.all_briefings_report(days=given.days)
        else:
            report = client.briefing_report(project_at(client, given.project), days=given.days)
    if not out.answered(report, ids=[one.kind for one in report.kinds]):
        briefing_report.tell(report, out)


def _tell(briefing: Briefing, out: Output) -> None:
    """Show each section with its lines, broken where the terminal ends, each with where it comes from."""
    for number, section in enumerate(briefing.sections):
        if number:
            out.line()
        out.line(out.styled(safe(section.title), Style.BOLD))
        for item in section.items:
            _tell_item(safe(item.text), safe(item.source), out)
    out.say(_footer(briefing))


def _tell_item(text: str, source: str, out: Output) -> None:
    first, *others = _broken(f"{text} {source}", None if (room := out.room()) is None else room - 2 * len(_INDENT))
    lines = [f"{_INDENT}{first}", *(f"{_INDENT}{_INDENT}{one}" for one in others)]
    lines[-1] = lines[-1].removesuffix(source) + out.styled(source, Style.DIM)
    for line in lines:
        out.line(line)


def _broken(text: str, room: int | None) -> Iterator[str]:
    """Yield *text* in lines of at most *room* columns, broken at spaces; a longer word has a line of its own."""
    line = ""
    for word in text.split(" "):
        if line and room is not None and width(line) + 1 + width(word) > room:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _footer(briefing: Briefing) -> str:
    used = f"{briefing.tokens:,} of {counted(briefing.max_tokens, 'token')}"
    if not briefing.left_out:
        return f"{used}; nothing was left out."
    return f"{used}; {counted(briefing.left_out, 'line')} left out: --max-tokens makes room for more."

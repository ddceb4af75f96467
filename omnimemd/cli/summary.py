"""`omnimem summary`: what a session was about."""

from argparse import Namespace

from omnimem.model import BriefingSection
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import HERE_OR_LATEST, catch_up, client_of, session_of
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, safe


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_summary, example="omnimem summary --max-tokens 200")
    word.add_argument("session", metavar="ID", nargs="?", type=take.text, help=f"of which session {HERE_OR_LATEST}")
    word.add_argument(
        "--max-tokens", metavar="N", type=take.whole(50, 50_000), default=500, help="how long (default: 500 tokens)"
    )
    word.add_argument("--markdown", action="store_true", help="as one document, as it is given to a model")


def _summary(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        catch_up(client)
        session_id = session_of(client, given.session, or_latest=True)
        if given.markdown and not (out.json or out.quiet):
            out.raw(client.summary_markdown(session_id, max_tokens=given.max_tokens))
            return
        summary = client.summary(session_id, max_tokens=given.max_tokens)
    if out.answered(summary, ids=[summary.session_id]):
        return
    out.line(f"{out.styled('Session', Style.DIM)} {out.styled(safe(summary.session_id), Style.BOLD)}")
    for section in summary.sections:
        out.line()
        tell_section(section, out, own=summary.session_id)
    if summary.left_out:
        out.line()
        out.say(f"{counted(summary.left_out, 'item')} left out; --max-tokens makes room for more.")


def tell_section(section: BriefingSection, out: Output, *, own: str = "") -> None:
    """Show a section; sources of the session *own* are shown without its id, or not at all where it is all of it."""
    out.line(out.styled(safe(section.title), Style.BOLD))
    for item in section.items:
        source = "" if item.source == own else item.source.removeprefix(f"{own}:")
        out.line(f"  {safe(item.text)}" + (f"  {out.styled(safe(source), Style.DIM)}" if source else ""))

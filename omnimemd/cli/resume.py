"""`omnimem session resume`, and the chain of sessions that went on from each other."""

from argparse import Namespace
from typing import Final

from omnimem import Client
from omnimem.model import Session, SessionChain
from omnimemd.cli.connection import client_of, project_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.output import Output, Style
from omnimemd.cli.summary import tell_section
from omnimemd.cli.text import safe
from omnimemd.cli.times import ago

#: The latest sessions that are looked through for one to go on from.
_LATEST: Final = 50
#: Tokens of what is told of the session that is gone on from.
_TOKENS: Final = 800
#: Sessions of a chain that are named, in each direction.
_SHOWN: Final = 5


def resume(given: Namespace, out: Output) -> None:
    """Begin a session that goes on from an earlier one, and tell what that was about."""
    with client_of(given) as client:
        before = _latest(client) if given.session is None else client.get_session(given.session)
        session = client.create_session(
            tool_id=given.tool,
            workspace_path=given.path,
            process_id=given.pid,
            project_id=before.project_id,
            continues=before.session_id,
        )
        summary = client.summary(before.session_id, max_tokens=_TOKENS)
    if out.answered(session, ids=[session.session_id]):
        return
    out.line(session.session_id)
    state = "which still runs and stays as it is" if before.ended_at is None else f"ended {ago(before.ended_at)}"
    out.say(f"It goes on from {safe(before.session_id)} ({safe(before.tool_id)}, {state}).")
    for section in summary.sections:
        out.line()
        tell_section(section, out, own=before.session_id)
    if session.process_id is None:
        out.say("It is bound to no process, so it ends only with `omnimem session end`.")
    else:
        out.say(f"It ends with process {session.process_id}.")


def tell_chain(chain: SessionChain, out: Output) -> None:
    """Print what a session goes on from, and what went on from it; nothing of one that stands alone."""
    if not (chain.ancestors or chain.successors or chain.unknown):
        return
    out.line()
    out.line(out.styled("Chain", Style.BOLD))
    earlier = chain.ancestors[:_SHOWN]
    if chain.unknown is not None and len(chain.ancestors) <= _SHOWN:
        out.line(f"  before  {safe(chain.unknown)}, which is not known (any more)")
    if len(chain.ancestors) > _SHOWN:
        out.line(f"  before  {len(chain.ancestors) - _SHOWN}{'' if chain.complete else ' or more'} others")
    for one in reversed(earlier):
        out.line(f"  before  {_named(one)}")
    for one in chain.successors[:_SHOWN]:
        out.line(f"  after   {_named(one)}")
    if len(chain.successors) > _SHOWN:
        out.line(f"  after   {len(chain.successors) - _SHOWN}{'' if chain.complete else ' or more'} others")


def _named(one: Session) -> str:
    state = "active" if one.ended_at is None else f"ended {ago(one.ended_at)}"
    return f"{safe(one.session_id)}  {safe(one.tool_id)}, {state}"


def _latest(client: Client) -> Session:
    """Return the session to go on from: the latest of the project that ended, and in which anything was done.

    Raises:
        CannotGoOn: there is none.
    """
    found = client.list_sessions(project_id=project_of(client, None), active=False, archived="all", limit=_LATEST)
    ended = [one for one in found.sessions if one.tool_id != "ambient"]
    told = [one for one in ended if one.metrics.decisions or one.metrics.searches or one.metrics.writes]
    if not ended:
        raise CannotGoOn(
            "No session of this project has ended.",
            hint="Name one (`omnimem session list` shows them), or begin one with `omnimem session start`.",
        )
    return (told or ended)[0]

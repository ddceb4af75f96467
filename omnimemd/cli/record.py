"""`omnimem record`: record what happens in a folder, show it as it happens, and leave nothing running behind."""

import os
import secrets
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from omnimem import CallFailed, Client, OmnimemError, ProcessNotFound
from omnimem.model import Entry, Session
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import all_sessions, client_of, socket_of
from omnimemd.cli.daemon import stop
from omnimemd.cli.errors import NOT_RUNNING, CannotGoOn
from omnimemd.cli.follow import Inbox, Journal, follow, stopped_by_signals
from omnimemd.cli.launch import start
from omnimemd.cli.lines import is_told_already, tell_entry
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.story import amount, tell_summary, why
from omnimemd.cli.text import counted, safe, shown_path
from omnimemd.cli.times import between, clock
from omnimemd.cli.workspace import tell_limits

#: The most sessions that are looked at for what else was recorded in the folder.
_BESIDE: Final = 10
#: What the daemon calls a session that nobody opened.
_AMBIENT = "ambient"


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_record, example="omnimem record ~/src/app")
    word.add_argument("path", metavar="PATH", nargs="?", default=".", type=take.folder, help="the folder (default: .)")
    word.add_argument(
        "--pid",
        metavar="PID",
        type=take.whole(1, 2**31 - 1),
        help="the process whose end ends it too (default: the one that called, which is the shell)",
    )
    word.add_argument("--tool", metavar="ID", type=take.text, default="shell", help="what runs there (default: shell)")


def _record(given: Namespace, out: Output) -> None:
    out.quiet = out.quiet or out.json
    inbox = Inbox()
    with stopped_by_signals(inbox), client_of(given) as client, _daemon(given, client, out) as stays:
        session = _begin(given, client, inbox)
        if out.quiet and not out.json:
            out.line(session.session_id)
            out.flush()
        bound = "no process" if session.process_id is None else f"process {session.process_id}"
        place = shown_path(session.workspace_path)
        out.say(f"recording {place} as {session.session_id}, bound to {bound}; Ctrl-C ends it")

        def show(entry: Entry) -> None:
            if out.json:
                out.object(entry, one_line=True)
            elif not out.quiet and not is_told_already(entry):
                # It is to show what happens here: that somebody else does it, in another terminal, is usual.
                tell_entry(entry, out, workspace=session.workspace_path, whoever=True)

        journal, others = Journal(client, session.session_id, show), _Others(session, out)
        inbox.subscribe(client, project_id=session.project_id)
        try:
            _tell_problems(client, session, out)
            for one in all_sessions(client, active=True, archived="all", workspace_path=session.workspace_path):
                others.tell(one)
            follow(journal, inbox, out, beside=others.tell)
        except CallFailed as error:
            raise CannotGoOn(
                f"The daemon went away. Session {session.session_id} is open until its process ends.",
                hint=f"Look at it with: omnimem start && omnimem session show {session.session_id}",
                status=NOT_RUNNING,
            ) from error
        except BaseException:
            with suppress(OmnimemError):
                client.end_session(session.session_id)
            raise
        ended = _end(client, session, out)
        if inbox.interrupted and sys.stderr.isatty():
            out.say("")  # below the ^C of the terminal
        journal.catch_up()
        _tell_end(client, ended, out, stays=stays)


class _Others:
    """Sessions that are active in the folder, too: what they do is not shown here, and each is named once."""

    def __init__(self, session: Session, out: Output) -> None:
        """Name none yet, and never *session* itself."""
        self._workspace = session.workspace_path
        self._named = {session.session_id}
        self._out = out

    def tell(self, one: Session) -> None:
        """Name a session, if it is one of them."""
        if one.workspace_path != self._workspace or one.ended_at is not None or one.session_id in self._named:
            return
        self._named.add(one.session_id)
        self._out.say(
            f"{safe(one.tool_id)} has a session of its own here, {one.session_id}: what it does is recorded there."
        )


@contextmanager
def _daemon(given: Namespace, client: Client, out: Output) -> Iterator[bool]:
    """Have a daemon run; give whether it stays. One that was started for this is stopped, unless others use it."""
    path = socket_of(given)
    running = start(path)
    if running.ours is None:
        yield True
        return
    others: list[Session] = []
    try:
        before = {one.session_id for one in all_sessions(client, active=True, archived="all")}
        yield False
    finally:
        with suppress(OmnimemError):
            active = all_sessions(client, active=True, archived="all")
            others = [one for one in active if one.session_id not in before and one.tool_id != _AMBIENT]
        if not others:
            stop(path)
            running.ours.wait()
    if others:
        out.say(f"omnimemd keeps running for {counted(len(others), 'other session')}; `omnimem stop` stops it.")


def _begin(given: Namespace, client: Client, inbox: Inbox) -> Session:
    """Open the session, its events subscribed before."""
    session_id = f"sess_{secrets.token_hex(6)}"
    inbox.subscribe(client, session_id=session_id)

    def create(pid: int) -> Session:
        return client.create_session(
            session_id=session_id, tool_id=given.tool, workspace_path=given.path, process_id=pid
        )

    if given.pid is not None:
        return create(given.pid)
    try:
        return create(max(os.getppid(), 1))
    except ProcessNotFound:  # it is another user's, as under su, or outside the container
        return create(os.getpid())


def _tell_problems(client: Client, session: Session, out: Output) -> None:
    for one in client.list_workspaces().workspaces:
        if one.path == session.workspace_path:
            tell_limits(one, out)


def _end(client: Client, session: Session, out: Output) -> Session:
    """End the session once everything that happened before is recorded; return it with all of that."""
    try:
        client.flush()
        client.end_session(session.session_id)
        client.flush()  # what happened between the two
    except OmnimemError as error:
        client.end_session(session.session_id)
        out.say(f"The last moments may be missing: {safe(error.detail)}")
    return client.get_session(session.session_id)


def _beside(client: Client, session: Session) -> list[Session]:
    """Return the latest other sessions of the folder that were active meanwhile; what they did is in them alone."""
    page = client.list_sessions(workspace_path=session.workspace_path, archived="all", limit=_BESIDE)
    others = [one for one in page.sessions if one.session_id != session.session_id]
    return [one for one in others if one.last_activity >= session.created_at]


def _tell_end(client: Client, session: Session, out: Output, *, stays: bool) -> None:
    if out.json:
        out.object(session, one_line=True)
        return
    ended_at = session.ended_at or session.last_activity
    how = "" if session.end_reason == "client" else f" ({why(session)})"
    if out.quiet:
        return
    lasted = between(session.created_at, ended_at)
    out.line(f"{clock(ended_at)}  {out.styled('ended', Style.BOLD)} after {lasted}{how}: {amount(session.metrics)}")
    tell_summary(session, client.get_context(session.session_id).context, out)
    out.flush()
    first = "" if stays else "omnimem start && "
    for one in _beside(client, session):
        what = f"{safe(one.tool_id)} has a session of its own here: {amount(one.metrics)}"
        out.say(f"{what}; look at it with: {first}omnimem session show {one.session_id}")
    out.say(f"stored in {shown_path(client.status().database.path)}")
    out.say(f"look at it again with: {first}omnimem session show {session.session_id}")

"""`omnimem search`: find what was said, best first."""

import re
from argparse import ArgumentTypeError, Namespace
from contextlib import suppress
from typing import Final

from omnimem import Client, SessionNotFound
from omnimem.model import AnsweredMode, Found, ResultKind, SearchMode, SearchResults
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import client_of, project_of
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import safe
from omnimemd.cli.times import ago

#: What the daemon put marks around; a quotation in guillemets has spaces inside, or marks of its own.
_MARKED: Final = re.compile(r"«([^«»]+)»")


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_search, example="omnimem search how do we run the tests")
    word.add_argument("query", metavar="QUERY", nargs="+", type=take.text, help="what to look for, in any words")
    where = word.add_mutually_exclusive_group()
    where.add_argument("--project", metavar="ID", type=take.text, help="in this one (default: the current directory's)")
    where.add_argument("--all", action="store_true", help="in every project")
    word.add_argument("--kind", choices=[kind.value for kind in ResultKind], help="only these")
    word.add_argument("--session", metavar="ID", type=take.text, help="only what was said in this session")
    word.add_argument("--since", metavar="TIME", type=take.moment, help="only what was said then or later")
    word.add_argument(
        "--metadata",
        metavar="NAME:VALUE",
        type=_metadata,
        action="append",
        default=[],
        help="only memories with this in their metadata; repeatable",
    )
    word.add_argument("--limit", metavar="N", type=take.whole(1, 100), default=10, help="how many (default: 10)")
    word.add_argument(
        "--mode",
        choices=[mode.value for mode in SearchMode],
        default="auto",
        help="by words and meaning, or one of them",
    )


def _metadata(given: str) -> str:
    name, colon, _ = take.text(given).partition(":")
    if not name or not colon:
        raise ArgumentTypeError(f"{given!r} is not NAME:VALUE")
    return given


def _search(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = None if given.all else project_of(client, given.project)
        found = client.search(
            q=" ".join(given.query),
            project_id=project_id,
            kind=None if given.kind is None else ResultKind(given.kind),
            session_id=given.session,
            since=given.since,
            metadata=tuple(given.metadata),
            limit=given.limit,
            mode=SearchMode(given.mode),
        )
        if not out.answered(found, ids=[one.id for one in found.results]):
            _tell(client, found, out, everywhere=given.all)
        if given.mode == SearchMode.SEMANTIC and found.mode is AnsweredMode.TEXT:
            out.say(f"Looked for words: {_why_not_by_meaning(client)}")
    if not found.results and not out.json:
        out.say(_what_to_try(given))


def _tell(client: Client, found: SearchResults, out: Output, *, everywhere: bool) -> None:
    names = {one.project_id: one.name for one in client.list_projects().projects} if everywhere else {}
    tools = _tools(client, {one.session_id for one in found.results if one.session_id is not None})
    for number, one in enumerate(found.results, start=1):
        if number > 1:
            out.line()
        title = safe(one.key) if one.key is not None else one.kind.value
        out.line(f"{number:>2}  {out.styled(title, Style.BOLD)}")
        out.line(f"    {_marked(one.snippet, out)}")
        out.line(f"    {out.styled(_origin(one, names, tools), Style.DIM)}")
    if found.results and found.mode is AnsweredMode.HYBRID and not any("«" in one.snippet for one in found.results):
        out.say("Nothing here shows a word of the question: it is what is nearest in meaning, however far that is.")


def _origin(one: Found, names: dict[str, str], tools: dict[str, str]) -> str:
    """Return what it is, of when, and where it comes from, most telling first."""
    parts = [ago(one.timestamp) if one.key is None else f"{one.kind.value}, {ago(one.timestamp)}"]
    if one.project_id in names:
        parts.append(f"project {safe(names[one.project_id])}")
    if one.session_id is not None:
        tool = tools.get(one.session_id)
        parts.append(f"session {safe(one.session_id)}" + (f" ({safe(tool)})" if tool else ""))
    if one.stale:
        parts.append("stale")
    if one.kind is ResultKind.MEMORY:
        parts.append(one.id)
    return " · ".join(parts)


def _tools(client: Client, sessions: set[str]) -> dict[str, str]:
    """Return the tool of each of the sessions that the daemon knows."""
    known = {}
    for session_id in sorted(sessions):
        with suppress(SessionNotFound):  # a memory may name any session
            known[session_id] = client.get_session(session_id).tool_id
    return known


def _marked(snippet: str, out: Output) -> str:
    """Return the snippet with what was found in bold on a terminal; elsewhere between « and », as it came."""
    shown, at = "", 0
    for mark in _MARKED.finditer(snippet):
        inside = out.styled(safe(mark[1]), Style.BOLD)
        shown += safe(snippet[at : mark.start()]) + (f"«{inside}»" if inside == safe(mark[1]) else inside)
        at = mark.end()
    return shown + safe(snippet[at:])


def _why_not_by_meaning(client: Client) -> str:
    if client.status().search.meaning is None:
        return "search by meaning needs `pip install 'omnimemd[semantic]'` and a restart of omnimemd."
    return "search by meaning does not work at present; `omnimem status` says why."


def _what_to_try(given: Namespace) -> str:
    narrowed = [
        f"--{name}" for name in ("kind", "session", "since", "metadata") if getattr(given, name) not in (None, [])
    ]
    tries = ["other words, or fewer"]
    if narrowed:
        tries.append(f"leaving out {' and '.join(narrowed)}")
    if not given.all:
        tries.append("--all for every project")
    *first, last = tries
    return f"Nothing found. Try {'; '.join([*first, f'or {last}']) if first else last}."

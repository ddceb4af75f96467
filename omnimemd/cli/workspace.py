"""`omnimem workspace`: choose folders to watch whether or not a session is active in them."""

import os
import re
from argparse import Namespace

from omnimem import WorkspaceNotFound
from omnimem.model import Workspace, WorkspaceState
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import client_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import safe, shown_path
from omnimemd.cli.times import ago


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verbs.add("list", _list, summary="List the folders that are watched.", example="omnimem workspace list")
    verb = verbs.add(
        "add",
        _add,
        summary="Watch a folder from now on, after every restart too.",
        example="omnimem workspace add ~/src/app",
    )
    verb.add_argument("path", metavar="PATH", nargs="?", default=".", type=take.folder, help="which (default: .)")
    verb = verbs.add(
        "remove",
        _remove,
        summary="Watch a folder only while a session is active in it.",
        example="omnimem workspace remove ~/src/app",
    )
    verb.add_argument("path", metavar="PATH", nargs="?", default=".", type=take.path, help="which (default: .)")
    verb = verbs.add(
        "explain",
        _explain,
        summary="Say whether what happens to a path is recorded, and which rule says so. The path need not exist.",
        example="omnimem workspace explain build/app.js",
    )
    verb.add_argument("path", metavar="PATH", nargs="?", default=".", type=take.unresolved, help="which (default: .)")


def tell_workspaces(workspaces: list[Workspace], out: Output) -> None:
    """Print a table, and below it what is wrong with any of them."""
    rows = [
        (
            _state(one),
            str(one.directories),
            "you" if one.by_hand else "a session",
            ago(one.since),
            shown_path(one.path),
        )
        for one in workspaces
    ]
    out.table(("STATE", "DIRECTORIES", "FOR", "SINCE", "PATH"), rows, path=4)
    for one in workspaces:
        if one.problem:
            out.line(f"{out.styled(shown_path(one.path), Style.YELLOW)}: {safe(one.problem)}")


def tell_limits(one: Workspace, out: Output) -> None:
    """Remark on what is not seen of a folder that was just begun with."""
    if one.state is WorkspaceState.STARTING:
        out.say("The folder is large: what happens in it in the next moments may be missed.")
    if one.problem:
        out.say(safe(one.problem))
    elif not one.reads_observed:
        out.say("This system shows which files are written, not which are read.")


def _state(one: Workspace) -> str:
    looked_at = one.state in (WorkspaceState.WATCHING, WorkspaceState.DEGRADED) and one.directories > 0
    return f"{one.state}, writes only" if looked_at and not one.reads_observed else one.state


def _list(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        found = client.list_workspaces()
    if out.answered(found, ids=[one.path for one in found.workspaces]):
        return
    if found.workspaces:
        tell_workspaces(found.workspaces, out)
    else:
        out.say("No folder is watched.")


def _add(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        before = {one.path for one in client.list_workspaces().workspaces if one.by_hand}
        workspace = client.add_workspace(path=given.path)
    if out.answered(workspace, ids=[workspace.path]):
        return
    already = "is watched already" if workspace.path in before else "is watched from now on"
    out.say(f"{shown_path(workspace.path)} {already}.")
    tell_limits(workspace, out)


def _remove(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        try:
            client.remove_workspace(path=given.path)
        except WorkspaceNotFound as error:
            raise CannotGoOn(
                f"{shown_path(given.path)} was not added: it is watched while a session is active in it, if one is.",
                hint="See which you added: omnimem workspace list",
            ) from error
    out.say(f"{shown_path(given.path)} is watched only while a session is active in it.")


def _explain(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        found = client.explain_workspace(path=given.path)
    if out.answered(found, ids=[found.reason]):
        return
    verdict = out.styled("recorded", Style.GREEN) if found.recorded else out.styled("not recorded", Style.YELLOW)
    out.line(f"{verdict}  {shown_path(found.real_path)}")
    out.line(f"  why        {_at_home(found.detail)}")
    if found.workspace is not None:
        out.line(f"  workspace  {shown_path(found.workspace)} (project {safe(found.project_id or '')})")
    if found.rule is not None:
        where = "" if found.rule.line is None else f", line {found.rule.line}"
        out.line(f"  rule       {safe(found.rule.pattern)} ({shown_path(found.rule.source)}{where})")
    if found.hint is not None:
        out.line(f"  hint       {_at_home(found.hint)}")


def _at_home(text: str) -> str:
    """Return *text* with `~` for home in its paths, but not where quotes would keep a shell from knowing it."""
    home = os.environ.get("HOME", "").rstrip("/")
    return safe(re.sub(rf"(?<![^\s`(]){re.escape(home)}(?=[/\s`.,)]|$)", "~", text) if home else text)

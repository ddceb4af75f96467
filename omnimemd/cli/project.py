"""`omnimem project`: show projects, and say how they are to be treated."""

import json
from argparse import Namespace
from typing import Final

from omnimemd.cli import arguments as take
from omnimemd.cli.connection import client_of, project_of
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import safe, shown_path
from omnimemd.cli.times import ago, when

#: What the daemon itself goes by.
_KNOWN: Final = ("redact",)


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verbs.add("list", _list, summary="List projects, latest activity first.", example="omnimem project list")
    verb = verbs.add("show", _show, summary="Show one project.", example="omnimem project show")
    verb.add_argument(
        "project", metavar="ID", nargs="?", type=take.text, help="which (default: the current directory's)"
    )
    verb = verbs.add(
        "set",
        _set,
        summary="Change a setting of a project. `redact` false keeps secrets in what is said of it.",
        example="omnimem project set redact true",
    )
    verb.add_argument("name", metavar="NAME", type=take.text, help="which setting")
    verb.add_argument(
        "value", metavar="VALUE", type=take.json_value, help="its value, in JSON, or a word; null takes it away"
    )
    verb.add_argument("--project", metavar="ID", type=take.text, help="which (default: the current directory's)")


def _list(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        found = client.list_projects()
    if out.answered(found, ids=[one.project_id for one in found.projects]):
        return
    rows = [
        (
            one.project_id,
            safe(one.name),
            str(one.sessions),
            str(one.memories),
            ago(one.last_activity),
            "" if one.root is None else shown_path(one.root),
        )
        for one in found.projects
    ]
    if rows:
        out.table(("ID", "NAME", "SESSIONS", "MEMORIES", "LAST ACTIVITY", "ROOT"), rows, path=5)
    else:
        out.say("No projects yet.")


def _show(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project = client.get_project(project_of(client, given.project))
    if out.answered(project, ids=[project.project_id]):
        return
    out.line(f"{out.styled(safe(project.name), Style.BOLD)}  {safe(project.project_id)}")
    if project.root is not None:
        out.line(f"  root      {shown_path(project.root)} ({project.kind})")
    out.line(f"  sessions  {project.sessions}")
    out.line(f"  memories  {project.memories}")
    out.line(f"  active    {ago(project.last_activity)}, first {when(project.created_at)}")
    for name, value in project.settings.items():
        out.line(f"  {safe(name)} = {safe(json.dumps(value, ensure_ascii=False))}")
    if project.settings.get("redact") is False:
        out.line(f"  {out.styled('secrets are kept', Style.YELLOW)}: they are not removed from what is said of it")


def _set(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        settings = client.get_project(project_id).settings | {given.name: given.value}
        if given.value is None:
            del settings[given.name]
        project = client.update_project(project_id, settings=settings)
    if not out.answered(project, ids=[project.project_id]):
        shown = "is taken away" if given.value is None else f"= {safe(json.dumps(given.value, ensure_ascii=False))}"
        out.say(f"{safe(given.name)} {shown}, for {safe(project.name)} ({project.project_id}).")
        if given.name not in _KNOWN and given.value is not None:
            out.say(f"omnimemd itself knows only {' and '.join(_KNOWN)}: this is kept for tools that know it.")

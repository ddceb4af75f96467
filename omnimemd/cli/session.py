"""`omnimem session`: begin, look at and end sessions."""

from argparse import Namespace
from typing import Any

from omnimem.model import Session
from omnimemd.cli import arguments as take
from omnimemd.cli.backup import tell_what_is_held
from omnimemd.cli.connection import HERE_OR_LATEST, all_sessions, catch_up, client_of, project_of, session_of
from omnimemd.cli.marks import marks_of, tell_marks
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.resume import resume, tell_chain
from omnimemd.cli.story import tell_session
from omnimemd.cli.text import counted, safe, shown_path
from omnimemd.cli.times import ago, between

#: What stands in for an id that is not given.
_HERE = "(default: the one active in the current directory)"
#: What the verbs act on in their examples.
_SAMPLE = "sess_0a1b2c3d4e5f"


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "list", _list, summary="List sessions, latest activity first.", example="omnimem session list --here --active"
    )
    verb.add_argument("--active", action="store_true", help="only those that run")
    verb.add_argument("--here", action="store_true", help="only those of the current directory's project")
    verb.add_argument("--project", metavar="ID", type=take.text, help="only those of this project")
    verb.add_argument("--tool", metavar="ID", type=take.text, help="only those of this tool")
    verb.add_argument("--pinned", action="store_true", help="only pinned ones")
    verb.add_argument("--archived", action="store_true", help="only archived ones")
    verb.add_argument("--all", action="store_true", help="every one, archived ones included, without paging")
    verb.add_argument("--limit", metavar="N", type=take.whole(1, 500), default=20, help="a page's length (default: 20)")
    verb.add_argument("--cursor", metavar="TEXT", type=take.text, help="go on where an earlier page said")

    verb = verbs.add(
        "show", _show, summary="Show one session and what was recorded.", example=f"omnimem session show {_SAMPLE}"
    )
    verb.add_argument("session", metavar="ID", nargs="?", type=take.text, help=f"which {HERE_OR_LATEST}")

    verb = verbs.add(
        "start",
        _start,
        summary="Begin a session, or take one up again, and print its id. Without --pid the daemon binds who called.",
        example="omnimem session start --tool my-script --pid $$",
    )
    verb.add_argument(
        "path", metavar="PATH", nargs="?", default=".", type=take.folder, help="the workspace (default: .)"
    )
    verb.add_argument("--tool", metavar="ID", type=take.text, default="shell", help="what runs in it (default: shell)")
    verb.add_argument(
        "--pid",
        metavar="PID",
        type=take.whole(1, 2**31 - 1),
        help="end it when this process ends (default: the program that called, if that is no shell)",
    )
    verb.add_argument("--id", metavar="ID", type=take.text, help="the session's id; one that exists is taken up again")
    verb.add_argument("--project", metavar="ID", type=take.text, help="the project (default: the workspace's own)")
    verb.add_argument("--user", metavar="ID", type=take.text, help="whose it is")
    verb.add_argument("--continues", metavar="ID", type=take.text, help="the session it goes on from")
    verb.add_argument("--metadata", metavar="JSON", type=take.json_object, help="anything to keep with it")

    verb = verbs.add(
        "resume",
        resume,
        summary="Begin a session that goes on from an earlier one, print its id, and tell what that was about.",
        example=f"omnimem session resume {_SAMPLE} --tool my-script --pid $$",
    )
    verb.add_argument(
        "session",
        metavar="ID",
        nargs="?",
        type=take.text,
        help="from which (default: the latest of the current directory's project that has ended)",
    )
    verb.add_argument(
        "--path", metavar="PATH", default=".", type=take.folder, help="the new session's workspace (default: .)"
    )
    verb.add_argument("--tool", metavar="ID", type=take.text, default="shell", help="what runs in it (default: shell)")
    verb.add_argument(
        "--pid",
        metavar="PID",
        type=take.whole(1, 2**31 - 1),
        help="end it when this process ends (default: the program that called, if that is no shell)",
    )

    verb = verbs.add("end", _end, summary="End a session.", example='omnimem session end --reason "done for today"')
    verb.add_argument("session", metavar="ID", nargs="?", type=take.text, help=f"which {_HERE}")
    verb.add_argument("--reason", metavar="TEXT", type=take.text, help="why, in up to 200 characters")

    for name, run, summary in (
        ("pin", _pin, "Keep a session from being deleted."),
        ("archive", _archive, "Take a session out of the lists."),
    ):
        verb = verbs.add(name, run, summary=summary, example=f"omnimem session {name} {_SAMPLE}")
        verb.add_argument("session", metavar="ID", nargs="?", type=take.text, help=f"which {_HERE}")
        verb.add_argument("--off", action="store_true", help="undo it")

    verb = verbs.add(
        "delete",
        _delete,
        summary="Delete an ended session with everything recorded in it, for good.",
        example=f"omnimem session delete {_SAMPLE} --yes",
    )
    verb.add_argument("session", metavar="ID", type=take.text, help="which")
    verb.add_argument("--yes", action="store_true", help="do not ask")


def _list(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        chosen = {
            "active": True if given.active else None,
            "project_id": project_of(client, given.project) if given.here or given.project else None,
            "tool_id": given.tool,
            "pinned": True if given.pinned else None,
            "archived": "true" if given.archived else "all" if given.all else "false",
        }
        if given.all:
            sessions, cursor = all_sessions(client, **chosen), None
            answer: object = {"sessions": sessions, "count": len(sessions), "next_cursor": None}
        else:
            page = client.list_sessions(**chosen, limit=given.limit, cursor=given.cursor)
            sessions, cursor, answer = page.sessions, page.next_cursor, page
    if not out.answered(answer, ids=[one.session_id for one in sessions]):
        if sessions:
            out.table(("ID", "TOOL", "STATE", "LAST ACTIVITY", "FILES", "WORKSPACE"), list(map(_row, sessions)), path=5)
        else:
            out.say(_none(given))
    if cursor is not None:
        out.say(f"More: the same with --cursor {cursor}")


def _none(given: Namespace) -> str:
    """Return that there is no session of those that are wanted."""
    which = [word for word in ("active", "pinned", "archived") if getattr(given, word)]
    whose = [f"of project {safe(given.project)}"] if given.project else ["of this project"] if given.here else []
    if given.tool:
        whose.append(f"of tool {safe(given.tool)}")
    return f"{' '.join(['No', *which, 'session', *whose])}." if which or whose else "No sessions yet."


def _row(session: Session) -> tuple[str, ...]:
    marks = [name for name in ("pinned", "archived") if getattr(session, name)]
    return (
        session.session_id,
        safe(session.tool_id),
        ", ".join([session.state, *marks]),
        ago(session.last_activity),
        str(session.metrics.files),
        shown_path(session.workspace_path),
    )


def _show(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        catch_up(client)
        session = client.get_session(session_of(client, given.session, or_latest=True))
        if not out.answered(session, ids=[session.session_id]):
            tell_session(session, client.get_context(session.session_id).context, out)
            tell_marks(marks_of(client, session), out, workspace=session.workspace_path)
            tell_chain(client.session_chain(session.session_id), out)


def _start(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        session = client.create_session(
            tool_id=given.tool,
            workspace_path=given.path,
            session_id=given.id,
            user_id=given.user,
            process_id=given.pid,
            project_id=given.project,
            continues=given.continues,
            metadata=given.metadata,
        )
    if out.json:
        out.object(session)
    else:
        out.line(session.session_id)
    if session.process_id is None:
        place = "" if given.path == take.current_directory() else f" {shown_path(given.path)}"
        out.say("It is bound to no process, so it ends only with `omnimem session end`.")
        out.say(f"Bind it to this shell: omnimem session start{place} --id {session.session_id} --pid $$")
    else:
        out.say(f"It ends with process {session.process_id}.")


def _end(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        before = client.get_session(session_of(client, given.session))
        session = client.end_session(before.session_id, reason=given.reason)
    if not out.answered(session, ids=[session.session_id]):
        lasted = between(session.created_at, session.ended_at or session.last_activity)
        how = "had ended already" if before.ended_at else "ended"
        out.say(f"{session.session_id} {how}, after {lasted} with {counted(session.metrics.files, 'file')}.")


def _pin(given: Namespace, out: Output) -> None:
    _mark(given, out, "pinned", {"pinned": not given.off})


def _archive(given: Namespace, out: Output) -> None:
    _mark(given, out, "archived", {"archived": not given.off})


def _mark(given: Namespace, out: Output, name: str, mark: dict[str, Any]) -> None:
    with client_of(given) as client:
        before = client.get_session(session_of(client, given.session))
        session = client.update_session(before.session_id, **mark)
    if not out.answered(session, ids=[session.session_id]):
        already = " already" if getattr(before, name) == mark[name] else ""
        out.say(f"{session.session_id} is {'not ' if given.off else ''}{name}{already}.")


def _delete(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        session = client.get_session(given.session)
        if not given.yes:
            described = f"{session.session_id} ({safe(session.tool_id)}, {shown_path(session.workspace_path)})"
            out.confirm(f"Delete {described} and everything recorded in it?")
        client.delete_session(session.session_id)
        out.say(f"Deleted {session.session_id}.")
        tell_what_is_held(client, out)

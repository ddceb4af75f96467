"""`omnimem checkpoint`: keep what a session has come to, look at it, and go on from it."""

from argparse import Namespace
from typing import Final

from omnimem import Client
from omnimem.model import Checkpoint, CheckpointDecision, CheckpointDiff, CheckpointFile, CheckpointReason
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import HERE_OR_LATEST, catch_up, client_of, project_of, session_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import cell, counted, safe, safe_lines, shown_path
from omnimemd.cli.times import ago, when

#: What stands in for an id that is not given.
_LATEST: Final = "(default: the latest of the current directory's project)"
#: Why one was taken, in a list.
_REASONS: Final = {
    CheckpointReason.CLIENT: "by call",
    CheckpointReason.ENDED: "the session ended",
    CheckpointReason.PROCESS_EXITED: "its process ended",
    CheckpointReason.COMPACTION: "before compaction",
    CheckpointReason.GROWTH: "much had changed",
}
#: Files a page shows; the others are counted.
_TOP: Final = 15


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "take",
        _take,
        summary="Keep what a session has come to, and print the checkpoint's id.",
        example='omnimem checkpoint take --name "before the rewrite"',
    )
    verb.add_argument("session", metavar="SESSION", nargs="?", type=take.text, help=f"of which {HERE_OR_LATEST}")
    verb.add_argument("--name", metavar="TEXT", type=take.text, help="what to call it, in up to 200 characters")
    verb.add_argument("--note", metavar="TEXT", type=take.text, help="anything to keep with it")

    verb = verbs.add(
        "list", _list, summary="List the checkpoints of a project, newest first.", example="omnimem checkpoint list"
    )
    verb.add_argument("session", metavar="SESSION", nargs="?", type=take.text, help="only those of this session")
    verb.add_argument("--project", metavar="ID", type=take.text, help="of which project (default: the current one)")
    verb.add_argument("--limit", metavar="N", type=take.whole(1, 500), default=20, help="how many (default: 20)")

    verb = verbs.add("show", _show, summary="Show what a checkpoint holds.", example="omnimem checkpoint show")
    verb.add_argument("checkpoint", metavar="ID", nargs="?", type=take.text, help=f"which {_LATEST}")

    verb = verbs.add(
        "diff",
        _diff,
        summary="Show what changed between two checkpoints.",
        example="omnimem checkpoint diff",
    )
    verb.add_argument("checkpoint", metavar="ID", nargs="?", type=take.text, help=f"which {_LATEST}")
    verb.add_argument(
        "--against", metavar="ID", type=take.text, help="since which (default: the one before it in its session)"
    )

    verb = verbs.add(
        "restore",
        _restore,
        summary="Begin a session that starts from a checkpoint, and print its id.",
        example="omnimem checkpoint restore --tool my-script --pid $$",
    )
    verb.add_argument("checkpoint", metavar="ID", nargs="?", type=take.text, help=f"which {_LATEST}")
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

    verb = verbs.add(
        "keep", _keep, summary="Keep a checkpoint as a memory of its project.", example="omnimem checkpoint keep"
    )
    verb.add_argument("checkpoint", metavar="ID", nargs="?", type=take.text, help=f"which {_LATEST}")
    verb.add_argument("--key", metavar="KEY", type=take.text, help="the memory's key (default: made of its name or id)")


def _take(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        catch_up(client)
        session_id = session_of(client, given.session, or_latest=True)
        taken = client.create_checkpoint(session_id, name=given.name, note=given.note)
    if not out.answered(taken, ids=[taken.checkpoint_id]):
        out.line(taken.checkpoint_id)
        out.say(f"It holds {_amount(taken)} of {safe(taken.session_id)}.")


def _list(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        if given.session is not None:
            found = client.list_checkpoints(given.session, limit=given.limit)
        else:
            found = client.list_project_checkpoints(project_of(client, given.project), limit=given.limit)
    if out.answered(found, ids=[one.checkpoint_id for one in found.checkpoints]):
        return
    if not found.checkpoints:
        out.say("No checkpoints yet.")
        return
    rows = [
        (one.checkpoint_id, ago(one.created_at), _why(one), safe(one.session_id), cell(one.name or _amount(one)))
        for one in found.checkpoints
    ]
    out.table(("ID", "TAKEN", "WHY", "SESSION", "NAME"), rows)


def _show(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        one = _chosen(client, given.checkpoint)
        workspace = client.get_session(one.session_id).workspace_path
    if out.answered(one, ids=[one.checkpoint_id]):
        return
    name = "" if one.name is None else f"  {safe(one.name)}"
    out.line(f"{out.styled(one.checkpoint_id, Style.BOLD)}{name}")
    out.line(f"  taken     {when(one.created_at)} ({_why(one)})")
    out.line(f"  session   {safe(one.session_id)}, up to entry {one.entries_through}")
    if one.note is not None:
        out.line(f"  note      {safe(one.note)}")
    out.line()
    out.line(safe_lines(one.summary) if one.summary else "Nothing was recorded.")
    if one.files:
        out.line()
        rows = [
            (str(file.reads), str(file.writes), f"{file.importance:.2f}", shown_path(file.path, below=workspace))
            for file in one.files[:_TOP]
        ]
        out.table(("READS", "WRITES", "IMPORTANCE", "FILE"), rows, path=3)
        more = len(one.files) - _TOP + one.more_files
        if more > 0:
            out.line(f"and {counted(more, 'file')} more")


def _diff(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        checkpoint_id = given.checkpoint or _chosen(client, None).checkpoint_id
        found = client.diff_checkpoint(checkpoint_id, against=given.against)
        session_id = client.get_checkpoint(checkpoint_id).session_id
        workspace = client.get_session(session_id).workspace_path
    if out.answered(found, ids=[found.checkpoint_id]):
        return
    lines = _changes(found, workspace)
    against = "nothing: it is the first" if found.against is None else found.against
    out.line(out.styled(f"{found.checkpoint_id}, since {against}", Style.BOLD))
    for sign, text in lines:
        out.line(out.styled(f"{sign} {text}", _STYLES[sign]))
    if not lines:
        out.say("They say the same.")


#: How a line of a difference stands out.
_STYLES: Final = {"+": Style.GREEN, "-": Style.RED, "~": Style.CYAN}


def _changes(found: CheckpointDiff, workspace: str) -> list[tuple[str, str]]:
    """Return each line of the difference, with its sign."""

    def file(one: CheckpointFile) -> str:
        return f"file      {shown_path(one.path, below=workspace)}"

    def decision(one: CheckpointDecision) -> str:
        return f"decision  {safe(one.decision)}"

    changed = [
        f"{shown_path(one.path, below=workspace)}: {counted(one.reads, 'read')}, {counted(one.writes, 'write')}"
        f"{', gone' if one.gone else ''}, importance {one.importance_before:.2f} → {one.importance:.2f}"
        for one in found.files_changed
    ]
    return [
        *(("+", decision(one)) for one in found.decisions_added),
        *(("~", f"{decision(one)} (superseded)") for one in found.decisions_superseded),
        *(("-", decision(one)) for one in found.decisions_removed),
        *(("+", f"open      {safe(one)}") for one in found.open_points_added),
        *(("-", f"open      {safe(one)}") for one in found.open_points_closed),
        *(("+", file(one)) for one in found.files_added),
        *(("~", f"file      {one}") for one in changed),
        *(("-", file(one)) for one in found.files_removed),
    ]


def _restore(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        checkpoint_id = given.checkpoint or _chosen(client, None).checkpoint_id
        session = client.restore_checkpoint(
            checkpoint_id, tool_id=given.tool, workspace_path=given.path, process_id=given.pid
        )
    if not out.answered(session, ids=[session.session_id]):
        out.line(session.session_id)
        out.say(f"It starts from {safe(checkpoint_id)} of {safe(session.continues or '')}.")
        if session.process_id is None:
            out.say("It is bound to no process, so it ends only with `omnimem session end`.")
        else:
            out.say(f"It ends with process {session.process_id}.")


def _keep(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        checkpoint_id = given.checkpoint or _chosen(client, None).checkpoint_id
        written = client.keep_checkpoint(checkpoint_id, key=given.key)
    if not out.answered(written, ids=[written.memory_id]):
        out.say(f"{safe(checkpoint_id)} is kept as the memory {safe(written.key)} (version {written.version}).")


def _chosen(client: Client, named: str | None) -> Checkpoint:
    """Return the checkpoint that was *named*, or the latest of the current directory's project.

    Raises:
        CannotGoOn: there is none.
    """
    if named is not None:
        return client.get_checkpoint(named)
    found = client.list_project_checkpoints(project_of(client, None), limit=1).checkpoints
    if not found:
        raise CannotGoOn("This project has no checkpoints.", hint="Take one with `omnimem checkpoint take`.")
    return found[0]


def _why(one: Checkpoint) -> str:
    return _REASONS.get(one.reason, safe(str(one.reason)))


def _amount(one: Checkpoint) -> str:
    return f"{counted(len(one.files) + one.more_files, 'file')}, {counted(len(one.decisions), 'decision')}"

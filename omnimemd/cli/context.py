"""`omnimem context`: show or add what was recorded in a session."""

from argparse import Namespace

from omnimem.model import Access, EntryKind
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import HERE_OR_LATEST, all_entries, catch_up, client_of, session_of
from omnimemd.cli.errors import USAGE, CannotGoOn
from omnimemd.cli.lines import tell_entry
from omnimemd.cli.marks import marks_of, tell_marks
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import safe, shown_path
from omnimemd.cli.times import ago, day

_HERE = "(default: the one active in the current directory)"


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verb = verbs.add(
        "show",
        _show,
        summary="Show everything that was recorded in a session: one row for each file, latest access last, and what "
        "was said.",
        example="omnimem context show --entries --kind decision",
    )
    verb.add_argument("session", metavar="ID", nargs="?", type=take.text, help=f"which session {HERE_OR_LATEST}")
    verb.add_argument("--entries", action="store_true", help="every single entry instead, oldest first")
    kinds = [str(kind) for kind in EntryKind]
    verb.add_argument("--kind", metavar="KIND", choices=kinds, help=f"with --entries: only {', '.join(kinds)}")

    verb = verbs.add(
        "add",
        _add,
        summary="Record something in a session.",
        example='omnimem context add --decision "Prices are integers, in cents."',
    )
    verb.add_argument("session", metavar="ID", nargs="?", type=take.text, help=f"which session {_HERE}")
    verb.add_argument("--file", metavar="PATH", type=take.file, help="a file that was used")
    verb.add_argument("--access", choices=[str(access) for access in Access], help="how (default: read)")
    verb.add_argument("--from", metavar="PATH", type=take.file, dest="origin", help="with --access move: its old path")
    verb.add_argument("--importance", metavar="N", type=take.importance, help="of the file, 0 to 1")
    verb.add_argument("--agent", metavar="ID", type=take.text, help="which of several agents in one process used it")
    verb.add_argument("--search", metavar="TEXT", type=take.text, help="what was searched for")
    verb.add_argument("--decision", metavar="TEXT", type=take.text, help="what was decided")
    verb.add_argument("--memory", metavar="ID", type=take.text, help="the id of a memory that was saved")
    verb.add_argument("--memory-key", metavar="KEY", type=take.text, help="the memory's key")


def _show(given: Namespace, out: Output) -> None:
    if given.kind and not given.entries:
        raise CannotGoOn("--kind goes with --entries.", hint="Add --entries.", status=USAGE)
    with client_of(given) as client:
        catch_up(client)
        session_id = session_of(client, given.session, or_latest=True)
        if given.entries:
            entries = all_entries(client, session_id, None if given.kind is None else EntryKind(given.kind))
            if not out.answered({"entries": entries, "next_after": None}, ids=[str(one.entry_id) for one in entries]):
                workspace = client.get_session(session_id).workspace_path
                for entry, before in zip(entries, [None, *entries], strict=False):
                    if before is None or day(entry.timestamp) != day(before.timestamp):
                        out.line(out.styled(day(entry.timestamp), Style.DIM))
                    tell_entry(entry, out, workspace=workspace)
                if not entries:
                    out.say(f"No {given.kind} is recorded." if given.kind else "Nothing is recorded yet.")
            return
        context = client.get_context(session_id)
        paths = [one.path for one in context.context.files_accessed]
        if out.answered(context, ids=paths):
            return
        session = client.get_session(session_id)
        workspace, marks = session.workspace_path, marks_of(client, session)
    members = context.context
    if members.files_accessed:
        rows = [
            (
                ago(one.accessed_at),
                str(one.reads),
                str(one.writes),
                f"{one.importance:.2f}",
                shown_path(one.path, below=workspace),
            )
            for one in members.files_accessed
        ]
        out.table(("LATEST", "READS", "WRITES", "IMPORTANCE", "FILE"), rows, path=4)
    said = [
        *((one.timestamp, "search", one.query) for one in members.recent_searches),
        *((one.timestamp, "decision", one.decision) for one in members.decisions),
        *((one.timestamp, "memory", one.key or one.id) for one in members.saved_memories),
    ]
    if said:
        if members.files_accessed:
            out.line()
        out.table(("WHEN", "WHAT", "TEXT"), [(ago(at), what, safe(text)) for at, what, text in sorted(said)])
    tell_marks(marks, out, workspace=workspace)
    if not (said or members.files_accessed or marks):
        out.say("Nothing is recorded yet.")


def _add(given: Namespace, out: Output) -> None:
    if not any((given.file, given.search, given.decision, given.memory)):
        raise CannotGoOn(
            "There is nothing to record.", hint="Give --file, --search, --decision or --memory.", status=USAGE
        )
    with client_of(given) as client:
        session_id = session_of(client, given.session)
        context = client.append_context(
            session_id,
            minimal=False,  # the whole answer says whether a secret was removed
            file_path=given.file,
            access=None if given.access is None else Access(given.access),
            old_path=given.origin,
            file_importance=given.importance,
            agent_id=given.agent,
            search_query=given.search,
            decision=given.decision,
            memory_id=given.memory,
            memory_key=given.memory_key,
        )
    if not out.answered(context, ids=[session_id]):
        out.say(f"Recorded in {session_id}.")

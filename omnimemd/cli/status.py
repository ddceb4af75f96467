"""`omnimem status`: what the daemon does, and what is wrong, on one page."""

from argparse import Namespace
from pathlib import Path

from omnimem import Client, DaemonNotRunning
from omnimem.model import Health, Session, Status
from omnimemd.cli.connection import all_sessions, client_of, socket_of
from omnimemd.cli.daemon import log_of
from omnimemd.cli.output import Output, Style
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, safe, shown_path, size
from omnimemd.cli.times import ago, local, span, when
from omnimemd.cli.workspace import tell_workspaces


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_status, example="omnimem status")


def _status(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        try:
            status = client.status()
        except DaemonNotRunning:
            if not (out.json or out.quiet):
                out.line(f"omnimemd is not running ({shown_path(str(socket_of(given)))})")
            raise
        if not out.answered(status, ids=[str(status.pid)]):
            _tell(client, status, out)


def _tell(client: Client, status: Status, out: Output) -> None:
    health = client.health()
    _tell_daemon(status, health, out)
    sessions = all_sessions(client, active=True, archived="all")
    out.line()
    counts = f"{len(sessions)} active, {status.sessions.ended} ended"
    out.line(f"{out.styled('Sessions', Style.BOLD)}  {counts}")
    if sessions:
        out.table(("ID", "TOOL", "PROCESS", "BEGAN", "LAST ACTIVITY", "WORKSPACE"), list(map(_row, sessions)), path=5)
    workspaces = client.list_workspaces().workspaces
    out.line()
    watched = f"{len(workspaces)} watched, {counted(status.watch.directories, 'directory', 'directories')}"
    out.line(f"{out.styled('Workspaces', Style.BOLD)}  {watched}")
    if workspaces:
        tell_workspaces(workspaces, out)


def _tell_daemon(status: Status, health: Health, out: Output) -> None:
    watch = status.watch
    running = f"running for {span(status.uptime_s)} (pid {status.pid}, {size(status.rss_bytes)} of memory)"
    out.line(f"{out.styled(f'omnimemd {safe(status.version)}', Style.BOLD)}  {running}")
    kinds = "reads and writes" if watch.reads_observed else "writes (this system does not show reads)"
    out.line(f"  socket    {shown_path(status.socket)}")
    out.line(f"  database  {shown_path(status.database.path)} ({size(status.database.bytes)})")
    out.line(f"  recorded  {counted(watch.events_recorded, 'access', 'accesses')} since it started; it sees {kinds}")
    by = "words and meaning" if status.search.meaning else "words"
    out.line(f"  search    {counted(status.search.documents, 'text')}, by {by}")
    if status.backups.newest is not None:
        held = f"{counted(status.backups.count, 'backup')} ({size(status.backups.bytes)})"
        out.line(f"  backups   {held}, the newest made {ago(status.backups.newest)}")
    if watch.gaps:
        out.line(f"  gaps      {watch.gaps} since it started: events were lost, and the sessions say when")
    if losses := [one for one in status.losses if one.reason != "restored"]:
        told = f"{counted(len(losses), 'interval')}, the last until {when(losses[-1].ended_at)}"
        nothing = losses[-1].reason == "database_damaged" and losses[-1].restored_from is None
        why = "the database was damaged" + (", and nothing could be restored" if nothing else "")
        out.line(f"  lost      {out.styled(told, Style.YELLOW)}: {why}")
    if not health.problems:
        out.line(f"  health    {out.styled('ok', Style.GREEN)}")
    elif health.status == "ok":
        out.line(f"  health    {out.styled('limited', Style.YELLOW)}: it works, but not all that it could do")
    else:
        log = shown_path(str(log_of(Path(status.socket))))
        out.line(f"  health    {out.styled('degraded', Style.RED)}: it cannot store; its log says more ({log})")
    for problem in health.problems:
        out.line(f"            {safe(local(problem))}")


def _row(session: Session) -> tuple[str, ...]:
    return (
        session.session_id,
        safe(session.tool_id),
        "-" if session.process_id is None else str(session.process_id),
        ago(session.created_at),
        ago(session.last_activity),
        shown_path(session.workspace_path),
    )

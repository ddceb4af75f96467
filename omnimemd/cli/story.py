"""What was recorded in a session, for people, as a page."""

from collections.abc import Iterator
from typing import Final

from omnimem.model import (
    ContextMembers,
    FileAccessed,
    Session,
    SessionMetrics,
)
from omnimemd.cli.output import Output, Style
from omnimemd.cli.text import clip, counted, safe, shown_path, size
from omnimemd.cli.times import ago, between, when

#: Why a session ended; a newer daemon may know more reasons.
_ENDED: Final = {
    "client": "by a call",
    "process_exited": "its process ended",
    "replaced": "its tool opened another in its place",
    "reboot": "the machine was restarted",
    "idle": "it was not needed any more",
}
#: Files a page shows; the others are counted.
_TOP: Final = 10


def tell_session(session: Session, context: ContextMembers, out: Output) -> None:
    """Print the page of one session."""
    workspace = shown_path(session.workspace_path)
    out.line(f"{out.styled(session.session_id, Style.BOLD)}  {safe(session.tool_id)} in {workspace}")
    for name, value in _facts(session):
        out.line(f"  {name:9} {value}")
    tell_summary(session, context, out)


def tell_summary(session: Session, context: ContextMembers, out: Output) -> None:
    """Print the files that meant most, and everything that was said."""
    files = sorted(context.files_accessed, key=lambda one: (-one.importance, -one.writes, -one.order))
    _tell_files(files, session.workspace_path, out)
    _tell_list("Decisions", [one.decision for one in context.decisions], out)
    _tell_list("Searches", [one.query for one in context.recent_searches], out)
    _tell_list("Memories", [one.key or one.id for one in context.saved_memories], out)


def why(session: Session) -> str:
    """Return why an ended session did: "its process ended", "by a call: done for today"."""
    reason = str(session.end_reason)
    words = _ENDED.get(reason, safe(reason))
    return words if session.end_detail is None else f"{words}: {safe(session.end_detail)}"


def amount(metrics: SessionMetrics) -> str:
    """Return how much was recorded: "5 files, 9 reads, 4 writes, 1 decision"."""
    parts = [counted(metrics.files, "file"), counted(metrics.reads, "read"), counted(metrics.writes, "write")]
    for name, plural in (
        ("decision", "decisions"),
        ("search", "searches"),
        ("memory", "memories"),
        ("scan", "scans"),
        ("gap", "gaps"),
    ):
        number = getattr(metrics, plural)
        if number:
            parts.append(counted(number, name, plural))
    return ", ".join(parts)


def _facts(session: Session) -> Iterator[tuple[str, str]]:
    if session.ended_at is None:
        yield "state", f"active since {when(session.created_at)}"
    else:
        yield "began", when(session.created_at)
        yield (
            "ended",
            f"{when(session.ended_at)}, after {between(session.created_at, session.ended_at)} ({why(session)})",
        )
    yield "process", _bound(session)
    if session.metadata.get("discovered") is True:
        yield "opened", "by itself: the tool was found at work here, and had said nothing"
    yield "project", safe(session.project_id)
    if session.user_id is not None:
        yield "user", safe(session.user_id)
    if session.continues is not None:
        yield "continues", safe(session.continues)
    marks = [name for name in ("pinned", "archived") if getattr(session, name)]
    if marks:
        yield "marked", ", ".join(marks)
    yield "recorded", f"{amount(session.metrics)} ({size(session.context_size_bytes)})"


def _bound(session: Session) -> str:
    if session.process_id is not None:
        return str(session.process_id)
    # What the daemon opened by itself, it ends by itself.
    return "none: it ends in silence" if session.tool_id == "ambient" else "none: it ends only by call"


def _tell_files(files: list[FileAccessed], workspace: str, out: Output) -> None:
    if not files:
        return
    out.line()
    rows = [
        (
            str(one.reads),
            str(one.writes),
            f"{one.importance:.2f}",
            ago(one.accessed_at),
            shown_path(one.path, below=workspace),
        )
        for one in files[:_TOP]
    ]
    out.table(("READS", "WRITES", "IMPORTANCE", "LATEST", "FILE"), rows, path=4)
    if len(files) > _TOP:
        out.line(f"and {counted(len(files) - _TOP, 'file')} more: omnimem context show")


def _tell_list(title: str, texts: list[str], out: Output) -> None:
    if texts:
        out.line()
        out.line(out.styled(title, Style.BOLD))
        room = out.room()
        for text in texts:
            out.line(f"  {clip(safe(text), None if room is None else room - 2)}")

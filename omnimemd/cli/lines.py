"""What was recorded, for people, as one line each: an entry, and what is said of bursts and of gaps."""

from typing import Final, assert_never

from msgspec.structs import replace

from omnimem.model import (
    AccessEntry,
    Attribution,
    CheckpointEntry,
    DecisionEntry,
    Entry,
    GapEntry,
    MemoryEntry,
    ScanEntry,
    SearchEntry,
)
from omnimemd.cli.output import Output, Style
from omnimemd.cli.text import clip, clip_path, counted, safe, shown_path, width
from omnimemd.cli.times import between, clock, day, when

_STYLES: Final = {
    "read": Style.DIM,
    "write": Style.GREEN,
    "create": Style.GREEN,
    "delete": Style.RED,
    "move": Style.CYAN,
    "gap": Style.YELLOW,
    "ended": Style.BOLD,
    "opened": Style.BOLD,
}
#: Why events were lost, to go on from "because"; a newer daemon may know more reasons.
LOST: Final = {
    "overflow": "more happened at once than the system keeps",
    "watch_failed": "a folder could not be watched",
    "unknown_watch": "the system told of a folder that was not known",
    "watch_unavailable": "changes were found by looking",
    "root_gone": "the folder was not there",
    "remounted": "something was mounted or unmounted there",
    "daemon_down": "the daemon did not run",
    "fault": "of a fault in the daemon (its log says more)",
    "store_unavailable": "the database could not be written",
    "log_damaged": "the database's log was damaged, and what it had is gone",
    "database_damaged": "the database was damaged, and a backup took its place",
    "internal_error": "of a fault in the daemon (its log says more)",
}
#: Columns of a line before its text: the time, and a verb of six letters.
_BEFORE: Final = 18


def is_told_already(entry: Entry) -> bool:
    """Return whether another line tells of *entry*: that of a scan, or an earlier one of the same access."""
    return isinstance(entry, AccessEntry) and (entry.burst_id is not None or entry.same_as is not None)


def tell_entry(entry: Entry, out: Output, *, workspace: str, who: str = "", whoever: bool = False) -> None:
    """Print *entry* as one line; *who* did it, where several are shown.

    With *whoever*, that nobody is known who did it is not said.
    """
    if whoever and isinstance(entry, AccessEntry | ScanEntry) and not entry.others:
        entry = replace(entry, attribution=Attribution.PROBABLE)
    verb, text = _told(entry, workspace=workspace, room=_room(out, who))
    tell_line(entry.timestamp, verb, text, out, who=who)


def tell_line(timestamp: str, verb: str, text: str, out: Output, *, who: str = "") -> None:
    """Print when, who, what and *text*, which is safe already and gives way on a narrow terminal."""
    style = _STYLES.get(verb, Style.CYAN)
    before = f"{who}  " if who else ""
    start = f"{clock(timestamp)}  {before}{out.styled(verb, style)}{' ' * (6 - len(verb))}  "
    out.line(start + clip(text, _room(out, who)))


def scan_in_words(scan: ScanEntry, *, workspace: str) -> str:
    """Return how much a burst touched, and where: "300 files in 4 directories: 299 reads, 1 write (src, …)"."""
    where = f"{counted(scan.files, 'file')} in {counted(scan.directories, 'directory', 'directories')}"
    done = [counted(number, noun) for number, noun in ((scan.reads, "read"), (scan.writes, "write")) if number]
    top = ", ".join(shown_path(path, below=workspace) for path in scan.top)
    words = f"{where}: {', '.join(done) or 'nothing read or written'}" + (f" ({top}, …)" if top else "")
    return words + _doubt(scan.attribution, scan.others)


def gap_in_words(gap: GapEntry) -> str:
    """Return how long nothing was seen, why, and what of it is known all the same."""
    why = LOST.get(gap.reason, safe(gap.reason))
    lasted = between(gap.started_at, gap.ended_at)
    since = clock(gap.started_at) if day(gap.started_at) == day(gap.ended_at) else when(gap.started_at)
    unseen = "for a moment" if lasted == "0 s" else f"for {lasted} from {since}"
    reads = "; what was read then is not known" if gap.reads_unknown else ""
    return f"unseen {unseen}, because {why}; {counted(gap.recovered, 'change')} found afterwards{reads}"


def _room(out: Output, who: str) -> int | None:
    room = out.room()
    return None if room is None else max(room - _BEFORE - (width(who) + 2 if who else 0), 20)


def _told(entry: Entry, *, workspace: str, room: int | None) -> tuple[str, str]:
    match entry:
        case AccessEntry():
            notes = _notes(entry, workspace=workspace)
            path = shown_path(entry.path, below=workspace)
            # The path gives way first, but for its last names.
            return entry.access, clip_path(path, None if room is None else max(room - width(notes), room // 2)) + notes
        case SearchEntry():
            return "search", safe(entry.query)
        case DecisionEntry():
            return "decision", safe(entry.decision)
        case MemoryEntry():
            return "memory", safe(entry.memory_key or entry.memory_id)
        case CheckpointEntry():
            return "checkpoint", safe(entry.checkpoint_id)
        case ScanEntry():
            return "scan", scan_in_words(entry, workspace=workspace)
        case GapEntry():
            return "gap", gap_in_words(entry)
        case _:
            assert_never(entry)


def _notes(entry: AccessEntry, *, workspace: str) -> str:
    moved = "" if entry.old_path is None else f"  (from {shown_path(entry.old_path, below=workspace)})"
    agent = "" if entry.agent_id is None else f"  (by {safe(entry.agent_id)})"
    return moved + agent + _doubt(entry.attribution, entry.others)


def _doubt(attribution: Attribution, others: list[str] | None) -> str:
    if attribution is not Attribution.AMBIGUOUS:
        return ""
    return f"  (or it was {', '.join(map(safe, others or ())) or 'somebody else'})"

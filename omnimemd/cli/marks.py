"""What a session's figures do not show: when many files were touched in one go, and when nothing was seen."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from omnimem import Client
from omnimem.model import EntryKind, GapEntry, ScanEntry, Session
from omnimemd.cli.connection import all_entries
from omnimemd.cli.lines import gap_in_words, scan_in_words
from omnimemd.cli.output import Output, Style
from omnimemd.cli.text import clip
from omnimemd.cli.times import when

#: Bursts and gaps that a page shows, the latest; the others are counted.
_LATEST: Final = 5

Mark = ScanEntry | GapEntry


def marks_of(client: Client, session: Session) -> list[Mark]:
    """Return the bursts, each in one piece, and the gaps of a session, in order."""
    kinds = {EntryKind.SCAN: session.metrics.scans, EntryKind.GAP: session.metrics.gaps}
    found = [one for kind, number in kinds.items() if number for one in all_entries(client, session.session_id, kind)]
    scans = [one for one in found if isinstance(one, ScanEntry)]
    gaps = [one for one in found if isinstance(one, GapEntry)]
    return sorted([*whole(scans), *gaps], key=lambda one: one.started_at)


def whole(scans: Sequence[ScanEntry]) -> list[ScanEntry]:
    """Join the parts of each burst; a file that several of them name is counted in each."""
    whole: dict[str, ScanEntry] = {}
    for scan in scans:
        before = whole.get(scan.burst_id)
        whole[scan.burst_id] = scan if before is None else _joined(before, scan)
    return list(whole.values())


def tell_marks(marks: Sequence[Mark], out: Output, *, workspace: str) -> None:
    """Print the latest bursts and gaps."""
    if not marks:
        return
    out.line()
    out.line(out.styled("Bursts and gaps", Style.BOLD))
    room = out.room()
    for mark in marks[-_LATEST:]:
        words = gap_in_words(mark) if isinstance(mark, GapEntry) else scan_in_words(mark, workspace=workspace)
        line = f"  {when(mark.started_at)}  {words}"
        out.line(clip(line, room))
    if len(marks) > _LATEST:
        out.line(f"and {len(marks) - _LATEST} before: omnimem context show --entries")


def _joined(one: ScanEntry, other: ScanEntry) -> ScanEntry:
    return replace(
        one,
        ended_at=other.ended_at,
        files=one.files + other.files,
        directories=max(one.directories, other.directories),
        reads=one.reads + other.reads,
        writes=one.writes + other.writes,
    )

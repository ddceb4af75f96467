"""The summary of a session: what its digest says, as lines of which the best fill a budget.

Nothing is written here that was not recorded: files are listed folder by folder with what became of them, decisions and
searches in their own words. What a line is worth is set so that a small budget has how the session ended, what it left
open and what it decided last; a larger one its files, then searches and memories.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import sqrt
from typing import Final

from omnimem.model import EndReason
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import FileWork, How, Looked, SessionDigest
from omnimemd.domain.fencing import one_line
from omnimemd.domain.open_points import OpenPoint, open_points
from omnimemd.domain.packing import Candidate, Packed, pack
from omnimemd.domain.superseding import Decided, superseded

WORKED_ON: Final = "Worked on"
DECISIONS: Final = "Decisions"
SEARCHES: Final = "Searches that led somewhere"
MEMORIES: Final = "Memories"
ENDED: Final = "How it ended"
LEFT_OPEN: Final = "Left open"
_ORDER: Final = (WORKED_ON, DECISIONS, SEARCHES, MEMORIES, ENDED, LEFT_OPEN)

#: What lines are worth, beside each other.
_WORTH_ENDED: Final = 40.0
_WORTH_OPEN: Final = 20.0
_WORTH_DECISION: Final = 15.0  # of the latest; of the first of many, half
_WORTH_SUPERSEDED: Final = 2.0
_WORTH_CHANGED: Final = 12.0  # of a folder: by what was changed in it; the most important of that counts most
_WORTH_READ: Final = 2.0  # of a folder: by the most important file
_WORTH_ASIDE: Final = 4.0
_WORTH_SEARCH: Final = 5.0
_WORTH_WRITTEN: Final = 5.0
_WORTH_USED: Final = 3.0
_WORTH_MORE: Final = 0.3
#: With each decision that came later, this much is left of the half that can be lost.
_AGEING: Final = 0.95
#: A text of so many characters is worth what is said of it; one of four times as many, twice that.
_ORDINARY: Final = 100
#: Files besides the first that make a folder worth more.
_SEVERAL: Final = 4

#: Characters of a text, in its wordings.
_LENGTHS: Final = (400, 160, 80)
#: Files that a folder names of each kind, in its wordings.
_NAMES: Final = (8, 3, 1)
#: Files that a search names.
_LED_TO: Final = 3
#: The importance of what nobody chose to work on, at most (importance.py).
_NOISE: Final = 0.1
#: Writes from which on it is said how many they were.
_OFTEN: Final = 3
_ENDS: Final = {
    EndReason.CLIENT: "It was closed",
    EndReason.PROCESS_EXITED: "Its process exited",
    EndReason.REPLACED: "Its tool put another session in its place",
    EndReason.REBOOT: "The machine was restarted",
    EndReason.IDLE: "Nothing more happened",
}


def summarise(digest: SessionDigest, *, max_tokens: int, ending: bool = True) -> Packed:
    """Return the summary of a session in at most *max_tokens*; always the same for the same digest.

    Without *ending* nothing is said of when the session was, and whether it still runs.
    """
    title = f"Session {digest.session_id}"
    return pack(list(_candidates(digest, ending=ending)), title=title, max_tokens=max_tokens, order=_ORDER)


def _candidates(digest: SessionDigest, *, ending: bool) -> Iterator[Candidate]:
    yield from _folders(digest)
    yield from _decisions(digest)
    written = {one.path for one in digest.files if one.writes}
    for one in digest.searches:
        led_to = _led_to(one, written, workspace=digest.workspace)
        texts = [f"{one_line(one.query, most=most)}: led to {one_line(led_to, most=most)}" for most in _LENGTHS]
        yield _candidate(SEARCHES, texts, source=f"{digest.session_id}:{one.seq}", worth=_WORTH_SEARCH)
    yield from _memories(digest)
    if ending:
        yield _end(digest)
    yield from _aside(digest)
    for point in open_points(digest):
        yield _open(digest, point)


def _folders(digest: SessionDigest) -> Iterator[Candidate]:
    folders: dict[str, list[FileWork]] = {}  # the one with the most important file first
    passed_over = digest.more_files
    for one in digest.files:
        if one.importance <= _NOISE or (one.created and one.gone):  # what tools made; what came and went
            passed_over += 1
        else:
            folders.setdefault(_below(one.path.rpartition("/")[0] or "/", digest.workspace), []).append(one)
    for folder, files in folders.items():
        first, *others = [one.importance for one in files if one.writes or one.created] or [0.0]
        yield _candidate(
            WORKED_ON,
            [one_line(f"{folder}: {_told(files, most=most)}") for most in _NAMES],
            source=digest.session_id,
            worth=_WORTH_READ * files[0].importance + _WORTH_CHANGED * (first**2 + sum(others[:_SEVERAL]) / 3),
        )
    if passed_over:
        text = f"{passed_over} more {'file' if passed_over == 1 else 'files'}, of little importance"
        yield Candidate(WORKED_ON, text, digest.session_id, _WORTH_MORE)


def _told(files: Sequence[FileWork], *, most: int) -> str:
    """Return what became of *files* of one folder, up to *most* of each kind by name."""
    untouched = [one for one in files if not (one.writes or one.created or one.gone)]
    come_back_to = [one for one in untouched if one.reads > 1]
    parts: list[str] = []
    for word, chosen, number in (
        ("created", [one for one in files if one.created], most),
        ("changed", [one for one in files if one.writes and not one.created and not one.gone], most),
        ("removed", [one for one in files if one.gone], most),
        ("read", come_back_to or untouched, -(-most // 2)),
    ):
        names = [_named(one) for one in chosen[:number]]
        if len(chosen) > number:
            names.append(f"{len(chosen) - number} more")
        if names and (chosen is not untouched or not parts):
            parts.append(f"{word} {', '.join(names)}")
    return "; ".join(parts)


def _named(file: FileWork) -> str:
    name = file.path.rpartition("/")[2]
    return f"{name} ({file.writes} writes)" if file.writes >= _OFTEN and not file.gone else name


def _decisions(digest: SessionDigest) -> Iterator[Candidate]:
    gave_way = superseded([Decided(str(one.seq), one.at, one.text) for one in digest.decisions])
    later = len(digest.decisions)
    for one in digest.decisions:
        later -= 1
        if not one_line(one.text):
            continue  # it was nothing but what is not shown
        old = str(one.seq) in gave_way
        yield _candidate(
            DECISIONS,
            [f"{'Superseded: ' if old else ''}{one_line(one.text, most=most)}" for most in _LENGTHS],
            source=f"{digest.session_id}:{one.seq}",
            worth=(_WORTH_SUPERSEDED if old else _WORTH_DECISION * (1 + _AGEING**later) / 2) * _weight(one.text),
        )
    if digest.more_decisions:
        text = f"{digest.more_decisions} more, between the first and the latest"
        yield Candidate(DECISIONS, text, digest.session_id, _WORTH_MORE)


def _led_to(search: Looked, written: Collection[str], *, workspace: str) -> str:
    """Return the files that a search led to, those that were *written* first."""
    paths = sorted(search.led_to, key=lambda path: path not in written)
    names = [_below(path, workspace) for path in paths[:_LED_TO]]
    return ", ".join(names) + (f" and {len(paths) - _LED_TO} more" if len(paths) > _LED_TO else "")


def _weight(text: str) -> float:
    """Return how much more a text is worth for its length: so that short ones do not come first for being short."""
    return sqrt(min(len(text), _LENGTHS[0]) / _ORDINARY)


def _memories(digest: SessionDigest) -> Iterator[Candidate]:
    written = {one.memory_id for one in digest.memories if one.how is How.WRITTEN}
    for one in digest.memories:
        name = one_line(one.key or "", most=_LENGTHS[1]) or one.memory_id
        if one.how is How.WRITTEN:
            yield Candidate(MEMORIES, f"Written: {name}", one.memory_id, _WORTH_WRITTEN)
        elif one.memory_id not in written:
            yield Candidate(MEMORIES, f"Used: {name}", one.memory_id, _WORTH_USED)


def _end(digest: SessionDigest) -> Candidate:
    where = one_line(f"{digest.tool_id} in {digest.workspace.rpartition('/')[2] or '/'}", most=_LENGTHS[1])
    if digest.ended_at is None or digest.end_reason is None:
        texts = [
            f"{where}, begun {_when(digest.created_at)}, last active {_when(digest.last_activity)}. It still runs.",
            "It still runs.",
        ]
    else:
        how = f"{_ENDS[digest.end_reason]}."
        texts = [f"{where}, {_when(digest.created_at)}, {_span(digest.ended_at - digest.created_at)}. {how}", how]
        if digest.end_detail:
            details = [one_line(digest.end_detail, most=most) for most in _LENGTHS]
            texts = [f"{texts[0]} {one}" for one in details] + [f"{how} {details[-1]}", how]
    return _candidate(ENDED, texts, source=digest.session_id, worth=_WORTH_ENDED)


def _aside(digest: SessionDigest) -> Iterator[Candidate]:
    if digest.continues:
        text = f"It went on from session {digest.continues}."
        yield Candidate(ENDED, text, digest.continues, _WORTH_ASIDE)
    if digest.gaps:
        text = f"Events were lost {'once' if digest.gaps == 1 else f'{digest.gaps} times'}: some reads are unknown."
        yield Candidate(ENDED, text, digest.session_id, _WORTH_ASIDE)


def _open(digest: SessionDigest, point: OpenPoint) -> Candidate:
    if point.files:
        names = ", ".join(_below(path, digest.workspace) for path in point.files)
        texts = [f"It was in the middle of writing {one_line(names, most=most)}" for most in _LENGTHS]
    else:
        texts = [one_line(point.text, most=most) for most in _LENGTHS]
    source = digest.session_id if point.seq is None else f"{digest.session_id}:{point.seq}"
    return _candidate(LEFT_OPEN, texts, source=source, worth=_WORTH_OPEN)


def _candidate(section: str, texts: Iterable[str], *, source: str, worth: float) -> Candidate:
    text, *shorter = dict.fromkeys(texts)
    return Candidate(section, text, source, worth, tuple(shorter))


def _below(path: str, workspace: str) -> str:
    """Return *path* as people write it in *workspace*."""
    if path == workspace:
        return "."
    return path.removeprefix(workspace.rstrip("/") + "/")


def _when(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def _span(milliseconds: int) -> str:
    minutes = round(milliseconds / 60_000)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 1440 else f"{minutes // 1440} d {minutes // 60 % 24} h"

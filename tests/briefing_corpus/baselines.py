"""What simpler programs would tell the next session: the newest, or the most frequent, until the budget is full.

Each line says what a briefing's would, and costs what a briefing's costs: the same frame, the same source behind it.
A line that does not fit is passed over for the next one that does. They know what is deleted or expired, not what was
superseded; they know the asker's project, not its question.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from omnimemd.domain.export_lines import (
    AccessLine,
    DecisionLine,
    EntryLine,
    Line,
    MemoryLine,
    MemoryNoteLine,
    SearchLine,
    SessionLine,
    VersionLine,
)
from omnimemd.domain.fencing import framed, one_line
from omnimemd.domain.sources import Sources
from omnimemd.domain.tokens import NEWLINE, TOKEN, estimate, price


class Told(msgspec.Struct, frozen=True):
    """Something that could be told: a line, and from where."""

    text: str
    source: str


class Recorded:
    """What is stored of one project, as lines: newest first, and how often each was touched or said."""

    def __init__(self, exported: Iterable[Line], *, now: datetime) -> None:
        """Take the lines of an export that has one project."""
        lines = list(exported)
        self._title = "project"
        self._root = next(f"{one.workspace_path}/" for one in lines if isinstance(one, SessionLine))
        values = _values(lines, now=now)
        moments = [one for one in lines if isinstance(one, EntryLine)]
        moments.sort(key=lambda one: one.timestamp, reverse=True)
        told = [one for entry in moments for one in self._told(entry, values)]
        often = Counter(one.text for one in told)
        for line in lines:
            if isinstance(line, MemoryLine) and line.memory_id in values and isinstance(line.accessed_count, int):
                often[values[line.memory_id]] = line.accessed_count
        newest: dict[str, Told] = {}
        for one in told:
            newest.setdefault(one.text, one)
        self._newest = list(newest.values())
        self._often = often

    def newest(self, max_tokens: int) -> str:
        """Return the newest entries."""
        return self._packed(self._newest, max_tokens)

    def most_frequent(self, max_tokens: int) -> str:
        """Return what was touched or said most often; of those that were equally often, the newest."""
        return self._packed(sorted(self._newest, key=lambda one: -self._often[one.text]), max_tokens)

    def _told(self, entry: EntryLine, values: dict[str, str]) -> Iterator[Told]:
        match entry:
            case AccessLine():
                yield Told(one_line(entry.path.removeprefix(self._root)), entry.session_id)
            case SearchLine():
                yield Told(one_line(f"searched: {entry.query}"), f"{entry.session_id}:{entry.entry_id}")
            case DecisionLine():
                yield Told(one_line(entry.decision), f"{entry.session_id}:{entry.entry_id}")
            case MemoryNoteLine() if entry.memory_id in values:
                yield Told(values[entry.memory_id], entry.memory_id)

    def _packed(self, told: Sequence[Told], max_tokens: int) -> str:
        room = (max_tokens - estimate(framed((), title=self._title))) * TOKEN
        sources = Sources(one.source for one in told)
        taken: list[Told] = []
        for one in told:
            cost = price(f"- {one.text}") + sources.price(one.source) + NEWLINE
            if cost <= room:
                taken.append(one)
                sources.add(one.source)
                room -= cost
        ends = sources.shown(one.source for one in taken)
        return framed((f"- {one.text}{end}" for one, end in zip(taken, ends, strict=True)), title=self._title)


def _values(lines: Iterable[Line], *, now: datetime) -> dict[str, str]:
    """Return the memories that live *now*, by id: key and current value."""
    keys = {one.memory_id: one.memory_key for one in lines if isinstance(one, MemoryLine)}
    values: dict[str, str] = {}
    for one in lines:
        if isinstance(one, VersionLine):
            values[one.memory_id] = one_line(f"{keys[one.memory_id]}: {one.memory_value}")
            if one.expires_at is not None and datetime.fromisoformat(one.expires_at) <= now:
                del values[one.memory_id]
    return values

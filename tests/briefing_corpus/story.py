"""A session's log as the entries it left: each line of the log becomes one or many, the same ones each time."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Final

from omnimem.model import Access, Attribution, EndReason, Source
from omnimemd.domain import export_lines as lines
from omnimemd.domain.export_lines import AccessLine, DecisionLine, EntryLine, MemoryNoteLine, ScanLine, SearchLine
from tests.briefing_corpus.corpus import Project, Worked

#: The time of day at which the next session asks, on the day 0.
_ASKED_AT: Final = timedelta(hours=18)
_LOCKS: Final = ("uv.lock", "Cargo.lock", "pnpm-lock.yaml")
#: Of the note of a memory that was written; one that was only read has another.
WRITTEN: Final = Source.API


def memory_id(project: Project, key: str) -> str:
    """Return the id of the memory *key*."""
    return f"mem_{sha256(f'{project.project_id}/{key}'.encode()).hexdigest()[:12]}"


def begun(session: Worked, *, now: datetime) -> datetime:
    """Return when *session* began, seen from *now*."""
    hours, minutes = map(int, session.at.split(":"))
    return now - timedelta(days=session.days_ago) + timedelta(hours=hours, minutes=minutes) - _ASKED_AT


def entries(project: Project, session: Worked, *, root: str, now: datetime) -> list[EntryLine]:
    """Return the entries of *session*, oldest first, spread over its time; *root* is the project's folder."""
    chance = random.Random(session.id)  # noqa: S311 the same entries each time
    steps = list(_Steps(project, session, root, chance).of(session.log))
    start, length = begun(session, now=now), timedelta(minutes=session.minutes)
    shares = sorted(chance.random() for _ in steps)
    made: list[EntryLine] = []
    for number, ((kind, members), share) in enumerate(zip(steps, shares, strict=True), start=1):
        at = moment(start + share * length)
        if kind is ScanLine:
            members |= {"burst_id": f"{session.id}-{number}", "started_at": at, "ended_at": at}
        made.append(kind(session_id=session.id, entry_id=number, timestamp=at, **members))
    return made


def moment(at: datetime) -> str:
    """Return *at* as an export has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


_Step = tuple[type[EntryLine], dict[str, Any]]


class _Steps:
    """Turns the lines of one log into entries without their times. Mutable: it knows which files are at hand."""

    def __init__(self, project: Project, session: Worked, root: str, chance: random.Random) -> None:
        self._project = project
        self._root = root
        self._chance = chance
        self._files = project.on_disk(before=session)
        self._tests = [one for one in self._files if "test" in one or one.startswith("e2e")]
        self._locks = [one for one in self._files if one in _LOCKS]
        self._at_hand = self._files[:3]

    def of(self, log: str) -> Iterator[_Step]:
        """Yield what *log* left."""
        for line in filter(None, map(str.strip, log.splitlines())):
            verb, _, rest = line.partition(" ")
            yield from self._done(verb, rest)

    def _done(self, verb: str, rest: str) -> Iterator[_Step]:
        match verb:
            case "search":
                yield SearchLine, {"query": rest, "source": Source.HOOK}
            case "decide":
                yield DecisionLine, {"decision": rest, "source": Source.API}
            case "remember" | "recall":
                note = {"memory_id": memory_id(self._project, rest), "memory_key": rest}
                yield MemoryNoteLine, note | {"source": WRITTEN if verb == "remember" else Source.HOOK}
            case "grep":
                folder, files = rest.split()
                yield self._scan(folder, int(files))
            case "around":
                for _ in range(int(rest)):
                    yield from self._around()
            case "read" | "edit" | "create" | "delete":
                path, _, times = rest.partition(" x")
                self._at_hand = [path, *[one for one in self._at_hand if one != path]][:6]
                for _ in range(int(times or 1)):
                    yield from self._touched(verb, path)
            case _:
                raise ValueError(f"no {verb!r} is known")

    def _touched(self, verb: str, path: str) -> Iterator[_Step]:
        if verb in ("read", "edit"):
            yield self._access(path, Access.READ, exact=True)
        if verb != "read":
            access = {"edit": Access.WRITE, "create": Access.CREATE, "delete": Access.DELETE}[verb]
            yield self._access(path, access, exact=True)

    def _around(self) -> Iterator[_Step]:
        """Yield one thing that happens besides: mostly a file nearby is looked at."""
        drawn = self._chance.random()
        if drawn < 0.12 and self._locks:
            lock = self._chance.choice(self._locks)
            yield self._access(lock, Access.WRITE if drawn < 0.05 else Access.READ)
        elif drawn < 0.3:
            yield self._access(self._chance.choice(self._tests), Access.READ)
        elif drawn < 0.75:
            folder = str(PurePosixPath(self._chance.choice(self._at_hand)).parent)
            near = [one for one in self._files if str(PurePosixPath(one).parent) == folder] or self._files
            yield self._access(self._chance.choice(near), Access.READ)
        else:
            yield self._access(self._chance.choice(self._files), Access.READ)

    def _access(self, path: str, access: Access, *, exact: bool = False) -> _Step:
        members = {
            "path": f"{self._root}/{path}",
            "access": access,
            "attribution": Attribution.EXACT if exact else Attribution.PROBABLE,
            "importance": None,
            "source": Source.HOOK if exact else Source.WATCH,
        }
        return AccessLine, members

    def _scan(self, folder: str, files: int) -> _Step:
        members = {
            "files": files,
            "directories": files // 9 + 1,
            "reads": files,
            "writes": 0,
            "top": [f"{self._root}/{folder}".removesuffix("/.")],
            "attribution": Attribution.PROBABLE,
            "source": Source.WATCH,
        }
        return ScanLine, members


def session_line(project: Project, session: Worked, *, root: str, now: datetime) -> lines.SessionLine:
    """Return *session* as an export has it."""
    start = begun(session, now=now)
    end = moment(start + timedelta(minutes=session.minutes))
    return lines.SessionLine(
        project_id=project.project_id,
        session_id=session.id,
        tool_id=session.tool,
        user_id=None,
        workspace_path=root,
        created_at=moment(start),
        last_activity=end,
        ended_at=end,
        end_reason=EndReason(session.ended),
        end_detail=session.detail or None,
        continues=session.continues,
        process=None,
        seen_alive_at=None,
        pinned=False,
        archived=False,
        metadata={},
    )

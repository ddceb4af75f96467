"""The corpus in a real store: its folders on the disk, its projects imported through the API, as of now."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from omnimem import Client
from omnimem.model import ProjectKind
from omnimemd.domain import export_lines as lines
from omnimemd.domain.export_lines import EntryLine, Line, MemoryNoteLine
from tests.briefing_corpus.corpus import Project, Remembered
from tests.briefing_corpus.story import WRITTEN, begun, entries, memory_id, moment, session_line

_PIECE: Final = 512 * 1024
_PATIENCE: Final = 60.0


def load(client: Client, loaded: Iterable[Project], *, below: Path, now: datetime) -> None:
    """Bring projects into the daemon of *client*, their folders in *below*; return once everything is known.

    Args:
        loaded: which.
        below: an empty folder; it has one with the name of each project then.
        now: when the next session asks: times are reckoned back from it.
    """
    loaded = list(loaded)
    for project in loaded:
        _plant(below / project.name, project)
    text = b"".join(map(lines.encode, exported(loaded, below=below, now=now)))
    for start in range(0, len(text), _PIECE):
        client.import_lines(text[start : start + _PIECE], import_id=f"imp_{now:%H%M%S%f}", offset=start)
    client.flush()
    for project in loaded:
        _change(client, project, below / project.name)
    _wait_for_the_index(client)


def exported(loaded: Iterable[Project], *, below: Path, now: datetime) -> Iterator[Line]:
    """Yield the lines of an export that has the projects *loaded*."""
    yield lines.Header(scope=lines.Scope(project_id=None, memories_only=False, for_git=False))
    for project in loaded:
        root = str(below / project.name)
        worked = [(one, entries(project, one, root=root, now=now)) for one in project.in_order()]
        yield lines.ProjectLine(
            project_id=project.project_id,
            name=project.name,
            kind=ProjectKind.PATH,
            root=root,
            folder=None,
            created_at=moment(begun(project.in_order()[0], now=now)),
            last_activity=moment(now),
            settings={},
        )
        notes: dict[str, list[MemoryNoteLine]] = {}
        for _, made in worked:
            for one in made:
                if isinstance(one, MemoryNoteLine):
                    notes.setdefault(str(one.memory_key), []).append(one)
        for remembered in project.memory:
            yield from _memory(project, remembered, notes.get(remembered.key, []), root=root)
        for session, made in worked:
            yield session_line(project, session, root=root, now=now)
            yield from made
    yield lines.End()


def _memory(project: Project, remembered: Remembered, notes: list[MemoryNoteLine], *, root: str) -> Iterator[Line]:
    """Yield a memory and its versions, each from where it was noted as written."""
    written = [note for note in notes if note.source is WRITTEN]
    if len(remembered.values) != len(written):
        raise ValueError(f"{remembered.key}: {len(remembered.values)} values, {len(notes)} notes")
    yield lines.MemoryLine(
        project_id=project.project_id,
        memory_id=memory_id(project, remembered.key),
        memory_key=remembered.key,
        version=len(remembered.values),
        created_at=written[0].timestamp,
        last_accessed=notes[-1].timestamp,
        accessed_count=remembered.used,
    )
    for number, (value, note) in enumerate(zip(remembered.values, written, strict=True), start=1):
        seconds = None if remembered.ttl_days is None else remembered.ttl_days * 86_400
        expires = None if seconds is None else moment(_read(note) + timedelta(seconds=seconds))
        yield lines.VersionLine(
            memory_id=memory_id(project, remembered.key),
            version=number,
            memory_value=value,
            expired=False,
            metadata={},
            files=[f"{root}/{one}" for one in remembered.files],
            created_at=note.timestamp,
            ttl_seconds=seconds,
            expires_at=expires,
            session_id=note.session_id,
        )


def _read(entry: EntryLine) -> datetime:
    return datetime.fromisoformat(entry.timestamp)


def _plant(root: Path, project: Project) -> None:
    """Make the project's folder, with files that say which they are."""
    for name in project.on_disk():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{project.name}: {name}\n")


def _change(client: Client, project: Project, root: Path) -> None:
    """Change the files that are to have changed, and wait until the daemon says so."""
    for remembered in project.memory:
        for name in remembered.changed_later:
            (root / name).write_text("something else by now\n")
    wanted = {one.key for one in project.memory if one.changed_later}
    deadline = time.monotonic() + _PATIENCE
    while True:
        listed = client.list_memories(project.project_id, limit=100, touch=False).memories
        if {one.memory_key for one in listed if one.stale} == wanted:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{project.name}: what changed is not noticed")
        time.sleep(0.1)


def _wait_for_the_index(client: Client) -> None:
    deadline = time.monotonic() + _PATIENCE
    while client.status().search.waiting:
        if time.monotonic() > deadline:
            raise RuntimeError("the index does not come to an end")
        time.sleep(0.05)

"""Give out a project, or everything, as the lines of an export."""

from collections.abc import AsyncGenerator, Iterator

import msgspec

from omnimem._version import __version__
from omnimem.errors import ProjectNotFound
from omnimem.model import ExportQuery
from omnimemd.domain import export_lines as lines
from omnimemd.domain.clock import Clock, Millis, rfc3339
from omnimemd.domain.exporting import (
    amendment_line,
    memory_line,
    project_line,
    session_line,
    version_line,
)
from omnimemd.domain.exporting_checkpoints import checkpoint_line
from omnimemd.domain.exporting_entries import entry_line
from omnimemd.domain.memories import Memory
from omnimemd.domain.memory_chains import unwritten
from omnimemd.services.memories import Memories
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import checkpoints as checkpoint_rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import memory_chains as chain_rows
from omnimemd.storage import projects as project_rows
from omnimemd.storage import sessions as session_rows
from omnimemd.storage.database import Connection, Database

#: Bytes handed over at once: some milliseconds of work.
_CHUNK = 64 * 1024


class Exporting:
    """Reads everything in a fixed order: projects by id, memories by key, sessions by their beginning."""

    def __init__(self, *, database: Database, cache: SessionCache, memories: Memories, clock: Clock) -> None:
        """Export what *database* holds, once *cache* and *memories* have written what they hold back."""
        self._database = database
        self._cache = cache
        self._memories = memories
        self._clock = clock

    async def stream(self, query: ExportQuery) -> AsyncGenerator[bytes, None]:
        """Yield the export piece by piece, from one snapshot; what is held at a time does not depend on how much it is.

        Raises:
            ProjectNotFound: there is no such project; before anything is yielded.
        """
        now = self._clock.now()
        project_id = query.project_id
        if project_id is not None and not self._database.read_now(lambda db: _exists(db, project_id, now=now)):
            raise ProjectNotFound(f"No project '{project_id}'.")
        await self._cache.write_rows()
        await self._memories.count_accesses()
        pieces = self._database.stream(lambda db: _pieces(_lines(db, query, now=now)))
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()


def _exists(db: Connection, project_id: str, *, now: Millis) -> bool:
    return project_rows.find(db, project_id, now=now) is not None


def _pieces(found: Iterator[lines.Line]) -> Iterator[bytes]:
    piece = bytearray()
    for line in found:
        piece += lines.encode(line)
        if len(piece) >= _CHUNK:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _lines(db: Connection, query: ExportQuery, *, now: Millis) -> Iterator[lines.Line]:
    counts = dict.fromkeys(lines.Counts.__struct_fields__, 0)
    yield _header(query, now=now)
    for project in project_rows.each(db, query.project_id, now=now):
        counts["projects"] += 1
        yield project_line(project, for_git=query.for_git)
        for memory in memory_rows.each(db, project.project_id):
            counts["memories"] += 1
            yield memory_line(memory, for_git=query.for_git)
            for line in _history(db, memory):
                counts[f"{line.type}s"] += 1
                yield line
        if query.memories_only or query.for_git:
            continue
        for stored in session_rows.each(db, project.project_id):
            counts["sessions"] += 1
            yield session_line(stored.session)
            for entry in entry_rows.each(db, stored.key):
                counts["entries"] += 1
                yield entry_line(stored.session.session_id, entry)
            for checkpoint in checkpoint_rows.each(db, stored.key):
                counts["checkpoints"] += 1
                yield checkpoint_line(checkpoint)
    yield lines.End(counts=msgspec.UNSET if query.for_git else lines.Counts(**counts))


def _history(db: Connection, memory: Memory) -> Iterator[lines.VersionLine | lines.AmendmentLine]:
    last = None
    for link in chain_rows.links(db, memory.memory_id):
        yield version_line(memory.memory_id, link.version)
        for amendment in link.amendments:
            yield amendment_line(memory.memory_id, link.version.version, amendment)
        last = link
    if last is not None and (more := unwritten(memory, last)) is not None:
        yield amendment_line(memory.memory_id, memory.version, more)


def _header(query: ExportQuery, *, now: Millis) -> lines.Header:
    scope = lines.Scope(
        project_id=query.project_id, memories_only=query.memories_only or query.for_git, for_git=query.for_git
    )
    if query.for_git:
        return lines.Header(scope=scope)
    return lines.Header(omnimem_version=__version__, exported_at=rfc3339(now), scope=scope)

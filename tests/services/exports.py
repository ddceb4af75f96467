"""Exports and imports of a daemon at work, and stores made as people make them, out of few words."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from omnimem.errors import OmnimemError
from omnimem.model import (
    ExportQuery,
    ImportProgress,
    ImportQuery,
    MemoryCreate,
    MemoryRestore,
    MemoryUpdate,
    SessionCreate,
    SessionQuery,
)
from omnimemd.domain.entries import Entry
from tests.support.house import House
from tests.support.strategies import an_entry, texts

#: What is done to a store: the name of a method of `Author`, and its arguments.
Step = tuple[str, tuple[Any, ...]]

PROJECTS = ("p", "q")
KEYS = ("k", "l", "ключ\x00")


class Author:
    """Does steps through the services, as callers do."""

    def __init__(self, house: House, workspace: Path) -> None:
        self._house = house
        self._workspace = workspace

    async def do(self, steps: Sequence[Step]) -> None:
        for name, arguments in steps:
            with suppress(OmnimemError):  # it was about what is not there: as in life
                await getattr(self, name)(*arguments)
        while await self._house.services.memories.expire(limit=100):
            pass
        sessions = self._house.services.sessions
        for one in (await sessions.page(SessionQuery(active=True))).sessions:
            await sessions.end(one.session_id, detail=None)
            await self._house.services.unasked.take_last(one.session_id)

    async def write(self, project: str, key: str, value: str, metadata: dict[str, Any], ttl: float | None) -> None:
        request = MemoryCreate(
            key=key, value=value, metadata=metadata, ttl_seconds=ttl, session_id="s-0", files=["/a.py"] if ttl else None
        )
        await self._house.services.memories.create(project, request)

    async def change(self, project: str, key: str, value: str) -> None:
        await self._house.services.memories.update(project, await self._id(project, key), MemoryUpdate(value=value))

    async def refile(self, project: str, key: str, file: str) -> None:
        await self._house.services.memories.update(project, await self._id(project, key), MemoryUpdate(files=[file]))

    async def delete(self, project: str, key: str, purge: bool) -> None:
        await self._house.services.memories.delete(project, await self._id(project, key), purge=purge)

    async def restore(self, project: str, key: str, version: int) -> None:
        await self._house.services.memories.restore(
            project, await self._id(project, key), MemoryRestore(version=version)
        )

    async def confirm(self, project: str, key: str) -> None:
        await self._house.services.memories.confirm(project, await self._id(project, key))

    async def read(self, project: str, key: str) -> None:
        await self._house.services.memories.by_key(project, key, touch=True)

    async def begin(self, number: int, metadata: dict[str, Any]) -> None:
        request = SessionCreate(
            tool_id="t", workspace_path=str(self._workspace), session_id=f"s-{number}", metadata=metadata
        )
        await self._house.services.sessions.create(request, caller=None)

    async def record(self, number: int, entries: list[Entry]) -> None:
        await self._house.services.entries.record({f"s-{number}": entries})

    async def end(self, number: int, detail: str) -> None:
        await self._house.services.sessions.end(f"s-{number}", detail=detail)
        await self._house.services.unasked.take_last(f"s-{number}")

    async def keep(self, number: int, name: str) -> None:
        """Take a checkpoint."""
        await self._house.services.checkpoints.take(f"s-{number}", name=name or None, note=None)

    async def wait(self, milliseconds: int) -> None:
        self._house.clock.advance(milliseconds)

    async def _id(self, project: str, key: str) -> str:
        return (await self._house.services.memories.by_key(project, key, touch=False)).memory_id


def some_steps() -> st.SearchStrategy[list[Step]]:
    """Return anything that may be done to a store."""
    projects, keys, numbers = st.sampled_from(PROJECTS), st.sampled_from(KEYS), st.integers(0, 2)
    metadata = st.dictionaries(texts, st.none() | st.booleans() | st.floats(allow_nan=False) | texts, max_size=2)
    values = texts | st.just("long " * 1700)
    each = {
        "write": (projects, keys, values, metadata, st.none() | st.sampled_from([0.001, 60.0])),
        "change": (projects, keys, values),
        "refile": (projects, keys, st.sampled_from(["/a.py", "/b.py"])),
        "delete": (projects, keys, st.booleans()),
        "restore": (projects, keys, st.integers(1, 3)),
        "confirm": (projects, keys),
        "read": (projects, keys),
        "begin": (numbers, metadata),
        "record": (numbers, st.lists(an_entry(), max_size=3)),
        "end": (numbers, texts),
        "keep": (numbers, texts),
        "wait": (st.integers(-1000, 100_000),),
    }
    return st.lists(
        st.one_of([st.tuples(st.just(name), st.tuples(*arguments)) for name, arguments in each.items()]), max_size=20
    )


async def exported(house: House, **chosen: Any) -> bytes:
    """Return the export of what is *chosen*."""
    async with aclosing(house.services.exporting.stream(ExportQuery(**chosen))) as pieces:
        return b"".join([piece async for piece in pieces])


async def imported(house: House, export: bytes, *, size: int = 0, **chosen: Any) -> ImportProgress:
    """Import *export*, in pieces of *size* bytes, 0: as a whole; return what became of it."""
    if not size:
        return await house.services.importing.receive(export, ImportQuery(**chosen))
    return [progress async for progress in importing(house, export, size=size, import_id="i", **chosen)][-1]


async def importing(house: House, export: bytes, *, size: int, **chosen: Any) -> AsyncIterator[ImportProgress]:
    """Import *export* in pieces of *size* bytes, the next one when it is asked for; yield how far it is."""
    for offset in range(0, len(export), size):
        query = ImportQuery(offset=offset, **chosen)
        yield await house.services.importing.receive(export[offset : offset + size], query)


def content(export: bytes) -> list[dict[str, Any]]:
    """Return the lines of *export* but the first, which says when it was made."""
    first, *lines = export.splitlines()
    assert msgspec.json.decode(first)["type"] == "header"
    return [msgspec.json.decode(line) for line in lines]


def bare(export: bytes) -> bytes:
    """Return *export* without its first line."""
    return export.partition(b"\n")[2]

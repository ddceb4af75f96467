"""What tests of the services do again and again, in a word each."""

from pathlib import Path

from omnimem.model import ContextAppend, EntryKind, SessionCreate
from omnimemd.domain.entries import Entry
from omnimemd.domain.file_events import Change
from omnimemd.domain.sessions import Session
from omnimemd.storage import entries as rows
from tests.support.house import House


async def begin(
    house: House, workspace: Path, session_id: str | None = None, *, pid: int | None = None, tool: str = "tool"
) -> Session:
    """Begin a session (or take one up) and wait until its folder is watched."""
    request = SessionCreate(tool_id=tool, workspace_path=str(workspace), session_id=session_id, process_id=pid)
    session, _ = await house.services.sessions.create(request, caller=None)
    await house.services.workspaces.ready(session.workspace)
    return session


async def end(house: House, session_id: str) -> Session:
    return await house.services.sessions.end(session_id, detail=None)


async def complete(house: House, session_id: str) -> None:
    """End a session, and wait for its last checkpoint."""
    await end(house, session_id)
    await house.services.unasked.take_last(session_id)


async def decide(house: House, session_id: str, text: str = "x") -> None:
    """Record a decision."""
    await house.services.entries.append(session_id, [ContextAppend(decision=text)])


def happens(house: House, workspace: Path, name: str, change: Change = Change.READ) -> None:
    """Let something happen to a file in *workspace*; the watcher tells it at the next barrier."""
    house.watcher.happens(f"{workspace}/{name}", change, roots=[str(workspace)], at=house.clock.now())


async def record(house: House, workspace: Path, *names: str) -> None:
    """Let files be read, and wait until that is recorded."""
    for name in names:
        happens(house, workspace, name)
    await house.services.tracking.flush()


def session_of(house: House, session_id: str) -> Session:
    return house.services.sessions.get(session_id)


def entries_of(house: House, session_id: str, kind: EntryKind | None = None) -> list[Entry]:
    key = house.cache.get(session_id).key
    found = house.database.read_now(lambda db: rows.page(db, key, after=0, kind=kind, limit=1000))
    return [one.entry for one in found]


def files_of(house: House, session_id: str) -> list[str]:
    """Return the names of the files accessed in a session, access by access."""
    accesses = entries_of(house, session_id, EntryKind.ACCESS)
    return [getattr(one, "path", "").rpartition("/")[2] for one in accesses]

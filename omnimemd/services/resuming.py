"""Go on where an earlier session was: which sessions hang together, and sessions that start from a checkpoint.

A session that starts from a checkpoint has what that held among its own entries, each of which says so
(`restored_from`): its context begins with the files and decisions, and nothing is counted as an access of its own. The
session it came from is left as it is, whether it runs or not.
"""

from typing import Any, Final

import msgspec

from omnimem.errors import CheckpointElsewhere
from omnimem.model import CheckpointRestore, MemoryCreate, SessionCreate
from omnimemd.domain.checkpoints import Checkpoint, restored
from omnimemd.domain.clock import rfc3339
from omnimemd.domain.entries import Numbered
from omnimemd.domain.fencing import unframed
from omnimemd.domain.sessions import Session
from omnimemd.services.checkpoints import Checkpoints
from omnimemd.services.memories import Memories, Written
from omnimemd.services.projects import Projects
from omnimemd.services.session_cache import Held, SessionCache
from omnimemd.services.sessions import Sessions
from omnimemd.storage import sessions as rows
from omnimemd.storage.database import Connection, Database

#: Sessions that are shown of a chain, in each direction.
_MOST: Final = 100
#: Files that a memory of a checkpoint speaks of.
_MOST_FILES: Final = 20


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What a session goes on from, and what went on from it."""

    ancestors: list[Session]  #: the one it continues, the one that one continues and so on
    successors: list[Session]  #: those that continue it, and those that continue them, the first begun first
    unknown: str | None  #: what the last of `ancestors`, or the session itself, continues and is not known
    complete: bool


class Resuming:
    """Knows chains of sessions, and begins sessions from checkpoints."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        sessions: Sessions,
        projects: Projects,
        memories: Memories,
        checkpoints: Checkpoints,
    ) -> None:
        """Begin sessions by *sessions*, from those of *checkpoints*."""
        self._database = database
        self._cache = cache
        self._sessions = sessions
        self._projects = projects
        self._memories = memories
        self._checkpoints = checkpoints

    async def chain(self, session_id: str) -> Chain:
        """Return what the session hangs together with; a circle is shown once round.

        Raises:
            SessionNotFound: there is no such session.
        """
        session = self._sessions.get(session_id)
        await self._cache.write_rows()
        return await self._database.read(lambda db: _chain(db, session))

    async def restore(self, checkpoint_id: str, request: CheckpointRestore, *, caller: int | None) -> Session:
        """Begin a session that starts from the checkpoint, in a folder of the same project.

        Args:
            checkpoint_id: which.
            request: what the caller says.
            caller: the pid of the process that called, None where it is not known.

        Raises:
            CheckpointNotFound: there is no such checkpoint.
            CheckpointElsewhere: the folder is of another project.
            WorkspaceInvalid: it is not an absolute path of an existing directory.
            ProcessNotFound: there is no such live process of this user.
        """
        checkpoint = await self._checkpoints.get(checkpoint_id)
        await self._check_project(checkpoint, request.workspace_path)
        wanted = SessionCreate(
            tool_id=request.tool_id,
            workspace_path=request.workspace_path,
            process_id=request.process_id,
            project_id=checkpoint.project_id,
            continues=checkpoint.session_id,
            metadata={"restored_from": checkpoint_id},
        )

        def fill(db: Connection, held: Held) -> None:
            found = restored(checkpoint)
            self._cache.adopt(db, held, [Numbered(seq, entry) for seq, entry in enumerate(found, start=1)])

        session, _ = await self._sessions.create(wanted, caller=caller, first=fill)
        return session

    async def keep(self, checkpoint_id: str, *, key: str | None) -> Written:
        """Write a memory that says what the checkpoint does; without a *key*, that is named for the checkpoint.

        Raises:
            CheckpointNotFound: there is no such checkpoint.
        """
        one = await self._checkpoints.get(checkpoint_id)
        metadata: dict[str, Any] = {
            "checkpoint_id": one.checkpoint_id,
            "session_id": one.session_id,
            "taken_at": rfc3339(one.created_at),
        }
        files = [file.path for file in one.content.files if (file.writes or file.created) and not file.gone]
        request = MemoryCreate(
            key=key or f"checkpoint: {one.name or one.checkpoint_id}",
            value="\n\n".join(filter(None, (one.name, one.note, unframed(one.content.summary)))) or one.checkpoint_id,
            metadata=metadata,
            files=files[:_MOST_FILES],
        )
        return await self._memories.create(one.project_id, request)

    async def _check_project(self, checkpoint: Checkpoint, path: str) -> None:
        """Refuse a folder of another project than the checkpoint's; the one that its session had is never refused."""
        workspace = await self._sessions.workspace(path)
        held = self._cache.find(checkpoint.session_id)
        if held is not None and held.workspace == workspace:
            return
        there = (await self._projects.resolve(workspace)).project.project_id
        if there != checkpoint.project_id:
            raise CheckpointElsewhere(
                f"Checkpoint '{checkpoint.checkpoint_id}' is of project '{checkpoint.project_id}', "
                f"and {workspace!r} is of '{there}'."
            )


def _chain(db: Connection, session: Session) -> Chain:
    seen = {session.session_id}
    ancestors: list[Session] = []
    wanted, unknown = session.continues, None
    while wanted is not None and wanted not in seen and len(ancestors) < _MOST:
        seen.add(wanted)
        found = rows.find(db, wanted)
        if found is None:
            unknown = wanted
            break
        ancestors.append(found.session)
        wanted = found.session.continues
    complete = wanted is None or wanted in seen
    successors: list[Session] = []
    behind = [session.session_id]
    while behind and len(successors) < _MOST:
        new = [one for one in rows.continuing(db, behind.pop(0)) if one.session_id not in seen]
        seen.update(one.session_id for one in new)
        successors += new
        behind += [one.session_id for one in new]
    complete = complete and not behind and len(successors) <= _MOST
    successors.sort(key=lambda one: (one.created_at, one.session_id))
    return Chain(ancestors=ancestors, successors=successors[:_MOST], unknown=unknown, complete=complete)

"""Explain whether what happens to a path is recorded: the watcher is asked, so that the answer is what it goes by."""

import asyncio
import posixpath
from contextlib import suppress

from omnimem.errors import InvalidRequest, WorkspaceInvalid
from omnimem.model import Explanation, WorkspaceState
from omnimemd.domain.explaining import Found, explain, outside, own_data
from omnimemd.domain.ports import Places, Watcher
from omnimemd.domain.projects import Place
from omnimemd.services.workspaces import Workspaces


class Explaining:
    """Answers why a file is in a session, or is not."""

    def __init__(self, *, workspaces: Workspaces, places: Places, watcher: Watcher) -> None:
        """Explain by what *watcher* sees of *workspaces*."""
        self._workspaces = workspaces
        self._places = places
        self._watcher = watcher

    async def explain(self, path: str) -> Explanation:
        """Return whether what happens to *path*, which need not exist, is recorded, and why.

        Of several watched folders that hold it, one that sees it decides; otherwise the deepest.

        Raises:
            InvalidRequest: it is not absolute.
        """
        if not posixpath.isabs(path):
            raise InvalidRequest.field("path", "must be an absolute path")
        found = await asyncio.to_thread(self._look, path)
        if self._workspaces.is_own_data(found.real):
            holding = self._workspaces.holding(found.real)
            return own_data(found, holding[0] if holding else None)
        explained: list[Explanation] = []
        for folder in [one.path for one in self._workspaces.holding(found.real)]:
            await self._workspaces.ready(folder)
            workspace = self._workspaces.find(folder)
            if workspace is None:  # it was let go meanwhile
                continue
            sight = None
            if workspace.track and workspace.state is not WorkspaceState.GONE:
                is_dir = path.endswith("/") if found.is_directory is None else found.is_directory
                sight = await self._watcher.sight(folder, found.real, is_dir=is_dir)
            explained.append(explain(found, workspace, sight))
            if explained[-1].recorded:
                return explained[-1]
        return explained[0] if explained else await self._outside(found)

    async def _outside(self, found: Found) -> Explanation:
        place = await asyncio.to_thread(self._place, found.real)
        return outside(found, place, unwatchable=self._workspaces.unwatchable)

    def _look(self, path: str) -> Found:
        """Return what is at *path*; a file system may hang."""
        real = self._places.real(path)
        return Found(path, real, self._places.is_directory(real))

    def _place(self, path: str) -> Place | None:
        """Return where *path*, or what of it exists, lies."""
        nearest = path
        while not self._places.is_directory(nearest) and nearest != "/":
            nearest = posixpath.dirname(nearest)
        with suppress(WorkspaceInvalid):  # its .omnimem.toml has a mistake
            return self._places.look(nearest)
        return None

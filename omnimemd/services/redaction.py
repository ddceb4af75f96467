"""Take the secrets out of what callers say, unless their project wants them kept."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from omnimem.errors import WorkspaceInvalid
from omnimemd.domain.redaction import Redacted, redact_all
from omnimemd.services.projects import Projects
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import projects as rows
from omnimemd.storage.database import Database

T = TypeVar("T")

#: Bytes from which on it is done in a thread, so that others are served meanwhile; it takes 0.15 µs a byte.
_LARGE: Final = 64 * 1024


class Redaction:
    """Stands at every door: whoever takes in text for the services has it cleaned here first."""

    def __init__(self, *, database: Database, cache: SessionCache, projects: Projects) -> None:
        """Ask *database* what each project wants."""
        self._database = database
        self._cache = cache
        self._projects = projects

    async def clean(self, said: T, *, about: Mapping[str, Any], size: int) -> Redacted[T]:
        """Return what was *said* without its secrets, or as it is where its project wants that.

        Args:
            said: a request, or several, or anything of JSON.
            about: what it is about: the first of `project_id`, `session_id` and `workspace_path` in it that is not
                None and known decides whose it is.
            size: its bytes, roughly.

        Raises:
            InvalidRequest: an id holds a secret, which could not be kept without changing the id.
        """
        cleaned = await asyncio.to_thread(redact_all, said) if size > _LARGE else redact_all(said)
        if cleaned.kinds and await self._is_kept(about):
            return Redacted(said)
        return cleaned

    async def _is_kept(self, about: Mapping[str, Any]) -> bool:
        project_id = await self._project_of(about)
        return project_id is not None and self._database.read_now(lambda db: rows.keeps_secrets(db, project_id))

    async def _project_of(self, about: Mapping[str, Any]) -> str | None:
        if (project_id := about.get("project_id")) is not None:
            return str(project_id)
        if (session_id := about.get("session_id")) is not None:
            held = self._cache.find(session_id)
            if held is not None:
                return held.session.project_id
        if (path := about.get("workspace_path")) is not None:
            try:
                known = await self._projects.find_at(path)
            except WorkspaceInvalid:  # the request itself will be told
                return None
            return None if known is None else known.project_id
        return None

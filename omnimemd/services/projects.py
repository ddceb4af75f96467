"""Which project a path is of, and what is known of each project."""

import asyncio
import posixpath
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from omnimem.errors import InvalidRequest, ProjectNotFound
from omnimem.model import ID_PATTERN, Id, ProjectKind, ProjectUpdate
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.ports import Places
from omnimemd.domain.projects import Place, Project, default_name, new_id, recognise
from omnimemd.services.session_cache import SessionCache
from omnimemd.storage import projects as rows
from omnimemd.storage.database import Connection, Database


class Resolved(msgspec.Struct, frozen=True):
    """A path's project, and what was found at the path."""

    project: Project
    place: Place


class Projects:
    """Resolve, read and change projects."""

    def __init__(
        self, *, database: Database, cache: SessionCache, places: Places, clock: Clock, new_token: Callable[[], str]
    ) -> None:
        """Resolve by *places*; *new_token* makes the unique part of an id."""
        self._database = database
        self._cache = cache
        self._places = places
        self._clock = clock
        self._new_token = new_token

    async def look(self, path: str) -> Place:
        """Return what is found at *path*; off the loop, because a file system may hang.

        Raises:
            WorkspaceInvalid: there is nothing, or the path is not absolute.
        """
        return await asyncio.to_thread(self._places.look, path)

    async def directory(self, path: str) -> str:
        """Return the real path of the directory *path*.

        Raises:
            WorkspaceInvalid: it is not an absolute path of an existing directory.
        """
        return await asyncio.to_thread(self._places.directory, path)

    async def real(self, path: str, *, field: str) -> str:
        """Return *path* without links, whether or not it exists; *field* is what the caller calls it.

        Raises:
            InvalidRequest: it is not absolute.
        """
        if not posixpath.isabs(path):
            raise InvalidRequest.field(field, "must be an absolute path")
        return await asyncio.to_thread(self._places.real, path)

    async def find_at(self, path: str) -> Project | None:
        """Return the project *path* is of if it is known already.

        Raises:
            WorkspaceInvalid: there is nothing at *path*, or it is not absolute.
        """
        place = await self.look(path)
        return self._database.read_now(lambda db: self._recognised(db, place, now=self._clock.now()))

    async def resolve(self, path: str) -> Resolved:
        """Return the project *path* is of; a new one is remembered.

        Raises:
            WorkspaceInvalid: there is nothing at *path*, or it is not absolute.
        """
        place = await self.look(path)
        known = self._database.read_now(lambda db: self._recognised(db, place, now=self._clock.now()))
        if known is not None and _same_place(known, place):
            return Resolved(known, place)
        return Resolved(await self._database.write(lambda db: self.remember(db, place)), place)

    def remember(self, db: Connection, place: Place) -> Project:
        """Return the project at *place*, as part of a write; a new one is stored, one that moved is noted."""
        now = self._clock.now()
        known = self._recognised(db, place, now=now)
        if known is None:
            known = Project(
                project_id=place.project_id or new_id(place, token=self._new_token()[:8]),
                name=default_name(place),
                kind=place.kind,
                root=place.root,
                identity=place.identity,
                created_at=now,
                last_activity=now,
            )
        elif _same_place(known, place):
            return known
        else:
            name = place.name or (default_name(place) if known.kind is ProjectKind.NAMED else known.name)
            known = replace(known, kind=place.kind, root=place.root, identity=place.identity, name=name)
        rows.save(db, known)
        return known

    async def every(self) -> list[Project]:
        """Return every project, newest activity first."""
        await self._cache.write_rows()
        return await self._database.read(lambda db: rows.every(db, now=self._clock.now()))

    async def get(self, project_id: str) -> Project:
        """Return the project of *project_id*.

        Raises:
            ProjectNotFound: there is none.
        """
        await self._cache.write_rows()
        return self._database.read_now(lambda db: self._get(db, project_id, now=self._clock.now()))

    async def update(self, project_id: str, change: ProjectUpdate) -> Project:
        """Return the project with *change* made.

        Raises:
            ProjectNotFound: there is none.
            InvalidRequest: a setting that means something to the daemon is not what it has to be.
        """
        if change.settings is not msgspec.UNSET and not isinstance(change.settings.get("redact", True), bool):
            raise InvalidRequest.field("settings.redact", "must be true or false")

        def work(db: Connection) -> Project:
            project = self._get(db, project_id, now=self._clock.now())
            if change.name is not msgspec.UNSET:
                project = replace(project, name=change.name)
            if change.settings is not msgspec.UNSET:
                project = replace(project, settings=change.settings)
            rows.save(db, project)
            return project

        return await self._database.write(work, durable=True)

    def _get(self, db: Connection, project_id: str, *, now: Millis) -> Project:
        project = rows.find(db, project_id, now=now)
        if project is None:
            raise ProjectNotFound(f"No project '{project_id}'.")
        return project

    def _recognised(self, db: Connection, place: Place, *, now: Millis) -> Project | None:
        return recognise(place, rows.candidates(db, place, now=now))


def check_id(project_id: str) -> None:
    """Refuse what is no id.

    Raises:
        InvalidRequest: *project_id* does not match the pattern of ids.
    """
    try:
        msgspec.convert(project_id, Id)
    except msgspec.ValidationError:
        raise InvalidRequest.field("project_id", f"must match {ID_PATTERN.partition('(?!')[0]}") from None


def _same_place(project: Project, place: Place) -> bool:
    return (
        (project.kind, project.root) == (place.kind, place.root)
        and (project.identity == place.identity or place.kind is not ProjectKind.GIT)
        and (place.name is None or place.name == project.name)
    )

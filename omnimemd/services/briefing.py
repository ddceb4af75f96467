"""Tell a session that begins what it should know: gather what is remembered of its project, and pack the best of it.

No entry is read: digests, memories and the search index say what there is, in time that does not grow with the store.
What is asked twice is answered the same, to the byte, as long as nothing was recorded in between.
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from omnimem.errors import InvalidRequest
from omnimem.model import EndReason, ResultKind, SearchMode, WorkspaceState
from omnimemd.domain import briefing as rules
from omnimemd.domain.briefing import Asker, Kept, Known, Lines, Told
from omnimemd.domain.clock import Clock
from omnimemd.domain.digest import SessionDigest
from omnimemd.domain.memories import Memory
from omnimemd.domain.packing import Packed, pack
from omnimemd.domain.paths import absolute
from omnimemd.domain.sessions import AMBIENT_TOOL, Session
from omnimemd.domain.worth import What
from omnimemd.services.digests import Digests
from omnimemd.services.search import Hits, Search
from omnimemd.services.session_cache import SessionCache
from omnimemd.services.workspaces import Workspaces
from omnimemd.storage import checkpoints as checkpoint_rows
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import projects as project_rows
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.search_index import Scope

#: Sessions with the newest activity that are looked at, memories read last, what the search finds, and checkpoints.
_SESSIONS: Final = 50
_MEMORIES: Final = 100
_HITS: Final = 30
_CHECKPOINTS: Final = 20
#: Files that an asker has at hand: of those it was told, and of those it touched.
_AT_HAND: Final = 20
#: How long before a session registered its tool may have begun to work, in milliseconds.
_BEFORE_IT_REGISTERED: Final = 60_000


class Put(msgspec.Struct, frozen=True):
    """Something that was put into a briefing."""

    what: What
    source: str
    paths: tuple[str, ...]  #: absolute; the files that it is about


class Briefed(msgspec.Struct, frozen=True, kw_only=True):
    """A briefing, who asked for it, and what was put into it."""

    project_id: str
    session_id: str | None
    max_tokens: int
    packed: Packed
    put: tuple[Put, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be told."""

    max_tokens: int
    query: str = ""
    session_id: str | None = None
    files: tuple[str, ...] = ()  #: at hand; relative ones are taken from the session's folder, or the project's


class _Own(msgspec.Struct, frozen=True):
    """What is the asker's own, and so no news to it."""

    session: Session | None = None
    digest: SessionDigest | None = None

    def replaced(self, other: SessionDigest) -> bool:
        """Return whether *other* ended as the asker came in its place, or later."""
        asker = self.session
        if asker is None or other.workspace != asker.workspace or other.session_id == asker.session_id:
            return False
        return other.end_reason is EndReason.REPLACED and (other.ended_at or 0) >= asker.created_at

    def without_its_words(self, other: SessionDigest) -> SessionDigest:
        """Return *other*, which may have begun with what a checkpoint of the asker held, without that."""
        if self.digest is None or other.continues is None:
            return other
        own = {(one.at, one.text) for one in self.digest.decisions}
        return msgspec.structs.replace(
            other, decisions=tuple(one for one in other.decisions if (one.at, one.text) not in own)
        )

    def is_twin(self, other: SessionDigest, *, discovered: Collection[str]) -> bool:
        """Return whether *other* is what was recorded of the asker before it registered."""
        asker = self.session
        if asker is None or other.workspace != asker.workspace:
            return False
        if other.session_id in discovered:
            return True
        began_with_it = other.created_at >= asker.created_at - _BEFORE_IT_REGISTERED
        return other.tool_id == AMBIENT_TOOL and not other.active and began_with_it


class Briefings:
    """Makes briefings."""

    def __init__(
        self,
        *,
        database: Database,
        cache: SessionCache,
        digests: Digests,
        search: Search,
        workspaces: Workspaces,
        clock: Clock,
    ) -> None:
        """Tell of what is in *database*."""
        self._database = database
        self._cache = cache
        self._digests = digests
        self._search = search
        self._workspaces = workspaces
        self._clock = clock

    async def brief(self, project_id: str, question: Question) -> Briefed:
        """Return what somebody should know who begins to work at a project; an unknown one has nothing to tell.

        Nothing counts as read by it. Of a session that asks, its own entries are left out; an id that nobody knows is
        that of a session without any.

        Raises:
            InvalidRequest: the session is of another project.
        """
        own = await self._own(project_id, question.session_id)
        recent = await self._digests.recent(project_id, limit=_SESSIONS)
        sessions, twins = self._others(recent, own)
        sessions = [own.without_its_words(one) for one in sessions]
        hits = await self._hits(project_id, question.query)
        problems = self._problems(project_id)

        def work(db: Connection) -> tuple[Packed, tuple[Put, ...]]:
            name, root = project_rows.name_and_root(db, project_id) or (project_id, None)
            memories = memory_rows.latest(db, project_id, now=self._clock.now(), limit=_MEMORIES)
            known = _known(sessions, memories, hits, (*twins, *_digest_of(own)))
            kept = checkpoint_rows.noted(db, [one.session_id for one in sessions], limit=_CHECKPOINTS)
            known = msgspec.structs.replace(
                known, root=root or "", problems=problems, checkpoints=list(map(_kept, kept))
            )
            asker = _asker(question, own, twins, root)
            return _packed(rules.lines(known, asker, max_tokens=question.max_tokens), name, question.max_tokens)

        packed, put = await self._database.read(work)
        return Briefed(
            project_id=project_id,
            session_id=question.session_id,
            max_tokens=question.max_tokens,
            packed=packed,
            put=put,
        )

    async def _own(self, project_id: str, session_id: str | None) -> _Own:
        held = None if session_id is None else self._cache.find(session_id)
        if held is None or session_id is None:
            return _Own()
        if held.session.project_id != project_id:
            hint = "Ask for the briefing of that session's project."
            raise InvalidRequest.field("session_id", "is of a session of another project", hint=hint)
        return _Own(held.session, await self._digests.of(session_id))

    def _others(self, recent: Sequence[SessionDigest], own: _Own) -> tuple[list[SessionDigest], list[SessionDigest]]:
        """Return the sessions of others, and those that are the asker's under another name."""
        if own.session is None:
            return list(recent), []
        replaced = [one.session_id for one in recent if own.replaced(one)]  # one, as a rule: to look it up loads it
        discovered = {one for one in replaced if (held := self._cache.find(one)) and held.session.discovered}
        others: list[SessionDigest] = []
        twins: list[SessionDigest] = []
        for one in recent:
            if one.session_id != own.session.session_id:
                (twins if own.is_twin(one, discovered=discovered) else others).append(one)
        return others, twins

    async def _hits(self, project_id: str, query: str) -> Hits | None:
        """Return what the search finds that may be older than the sessions that are looked at.

        By words: vectors come to be in their own time, and the same question is to be answered the same meanwhile.
        """
        if not query.strip():
            return None
        return await self._search.find(query, Scope(project_id=project_id), limit=_HITS, mode=SearchMode.TEXT)

    def _problems(self, project_id: str) -> tuple[str, ...]:
        ill = (WorkspaceState.DEGRADED, WorkspaceState.GONE)
        return tuple(
            f"{one.path} is not seen well: {one.problem}"
            for one in self._workspaces.every()
            if one.project_id == project_id and one.state in ill and one.problem
        )


def _digest_of(own: _Own) -> tuple[SessionDigest, ...]:
    return () if own.digest is None else (own.digest,)


def _known(
    sessions: Sequence[SessionDigest], memories: Sequence[Memory], hits: Hits | None, own: Sequence[SessionDigest]
) -> Known:
    """Return what is known, with what the search found besides; nothing that was told in the sessions *own*."""
    told: list[Told] = []
    more: list[Memory] = []
    have = {one.memory_id for one in memories}
    mine = {one.session_id for one in own}
    said = {(one.at, one.text) for digest in own for one in digest.decisions}
    for hit in () if hits is None else hits.hits:
        if hit.memory is not None and hit.memory.memory_id not in have:
            more.append(hit.memory)
        elif hit.told is not None and hit.told.kind is ResultKind.DECISION:
            if hit.told.session_id in mine or (hit.told.at, hit.told.text) in said:
                continue
            source = f"{hit.told.session_id}:{hit.told.seq}"
            told.append(Told(source=source, session_id=hit.told.session_id, at=hit.told.at, text=hit.told.text))
    return Known(sessions=sessions, memories=[*memories, *more], told=told)


def _kept(one: checkpoint_rows.Noted) -> Kept:
    return Kept(
        checkpoint_id=one.checkpoint_id,
        session_id=one.session_id,
        at=one.created_at,
        name=one.name,
        note=one.note,
    )


def _asker(question: Question, own: _Own, twins: Sequence[SessionDigest], root: str | None) -> Asker:
    folder = own.session.workspace if own.session is not None else root or "/"
    files = [absolute(one, workspace=folder) for one in question.files[:_AT_HAND]]
    touched = [file for digest in (*_digest_of(own), *twins) for file in digest.files if not file.gone]
    touched.sort(key=lambda one: (-one.at, one.path))
    files += [one.path for one in touched[:_AT_HAND]]
    continues = None if own.session is None else own.session.continues
    return Asker(query=question.query, files=tuple(dict.fromkeys(files)), continues=_behind(continues, twins))


def _behind(continues: str | None, twins: Sequence[SessionDigest]) -> str | None:
    """Return the session that the asker goes on from, where that is not itself under another name."""
    for twin in twins:
        if twin.session_id == continues:
            return twin.continues
    return continues


def _packed(told: Lines, title: str, max_tokens: int) -> tuple[Packed, tuple[Put, ...]]:
    lines = told.lines
    packed = pack([one.candidate for one in lines], title=title, max_tokens=max_tokens, order=rules.ORDER)
    packed = msgspec.structs.replace(packed, left_out=packed.left_out + told.left_out)
    by_wording = {
        (one.candidate.section, one.candidate.source, text): one
        for one in reversed(lines)
        for text in (one.candidate.text, *one.candidate.shorter)
    }
    taken = [by_wording[section.title, one.source, one.text] for section in packed.sections for one in section.items]
    return packed, tuple(Put(one.what, one.candidate.source, one.paths) for one in taken)

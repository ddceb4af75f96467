"""Search over HTTP."""

from collections.abc import Iterable, Sequence

from omnimem.calls import Operations
from omnimem.model import Found, MemoriesFound, MemoryFound, ResultKind, SearchResults
from omnimemd.api import views
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.clock import millis, rfc3339
from omnimemd.services.memory_reads import MemoryReads
from omnimemd.services.search import Hit, Search
from omnimemd.storage.search_index import Scope


def endpoints(search: Search, reads: MemoryReads) -> list[Endpoint]:
    """Return the operations that search."""

    async def note_first(received: Received, hits: Sequence[Hit]) -> None:
        """Take the memory that was found first as read by whoever searched."""
        if hits and hits[0].memory is not None:
            asked_by, pid = received.query.asked_by, received.peer.pid
            await reads.read(hits[0].memory.memory_id, asked_by=asked_by, pid=pid, found=True)

    async def memories(received: Received) -> Answer:
        project_id, query = received.ids["project_id"], received.query
        scope = Scope(
            project_id=project_id,
            memories_only=True,
            session_id=query.session_id,
            since=None if query.since is None else millis(query.since),
            metadata=_metadata(query.metadata),
        )
        found = await search.find(query.q, scope, limit=query.limit, mode=query.mode)
        await note_first(received, found.hits)
        shown = [
            MemoryFound(memory=views.memory(hit.memory), score=hit.score, snippet=hit.snippet)
            for hit in found.hits
            if hit.memory is not None
        ]
        return answer(
            MemoriesFound(project_id=project_id, query=query.q, mode=found.mode, results=shown, count=len(shown))
        )

    async def everything(received: Received) -> Answer:
        query = received.query
        scope = Scope(
            project_id=query.project_id,
            kind=query.kind,
            session_id=query.session_id,
            since=None if query.since is None else millis(query.since),
            metadata=_metadata(query.metadata),
        )
        found = await search.find(query.q, scope, limit=query.limit, mode=query.mode)
        await note_first(received, found.hits)
        shown = [_found(hit) for hit in found.hits]
        return answer(SearchResults(query=query.q, mode=found.mode, results=shown, count=len(shown)))

    return [Endpoint(Operations.search_memories, memories), Endpoint(Operations.search, everything)]


def _found(hit: Hit) -> Found:
    memory, told = hit.memory, hit.told
    if memory is not None:
        return Found(
            kind=ResultKind.MEMORY,
            id=memory.memory_id,
            project_id=memory.project_id,
            session_id=memory.session_id,
            timestamp=rfc3339(memory.updated_at),
            text=memory.value,
            snippet=hit.snippet,
            score=hit.score,
            key=memory.key,
            stale=bool(memory.changed_files),
        )
    if told is None:
        raise RuntimeError("a hit is a memory or an entry")
    return Found(
        kind=told.kind,
        id=told.id,
        project_id=told.project_id,
        session_id=told.session_id,
        timestamp=rfc3339(told.at),
        text=told.text,
        snippet=hit.snippet,
        score=hit.score,
    )


def _metadata(choices: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the name and the value of each choice."""
    split = [choice.partition(":") for choice in choices]
    return tuple((name, value) for name, _, value in split)

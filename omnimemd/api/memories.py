"""Project memories over HTTP."""

from msgspec.structs import replace

from omnimem.calls import Operations
from omnimem.errors import InvalidRequest
from omnimem.model import MemoryByKey, MemoryList, MemoryListQuery, MemoryVersions, Rewound
from omnimemd.api import views
from omnimemd.api.codec import NO_CONTENT, Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.clock import millis, rfc3339
from omnimemd.domain.memories import Memory
from omnimemd.services.history import History
from omnimemd.services.memories import Memories
from omnimemd.services.memory_reads import MemoryReads
from omnimemd.services.similar import Similar


def endpoints(memories: Memories, history: History, similar: Similar, reads: MemoryReads) -> list[Endpoint]:
    """Return the operations on project memories."""

    async def create(received: Received) -> Answer:
        written = await memories.create(received.ids["project_id"], received.body)
        shown = views.memory_written(written, similar=views.similar(await similar.to(written.memory)))
        return answer(shown, status=200 if written.was_live else 201)

    async def page(received: Received) -> Answer:
        project_id, query = received.ids["project_id"], received.query
        if query.deleted and query.as_of is not None:
            raise InvalidRequest.field("deleted", "does not go with as_of")
        if query.stale and (query.deleted or query.as_of is not None or query.key is not None):
            raise InvalidRequest.field("stale", "does not go with key, as_of or deleted")
        if query.key is not None:
            memory = await by_key(project_id, query.key, query)
            await reads.read(memory.memory_id, asked_by=query.asked_by, pid=received.peer.pid)
            return answer(MemoryByKey(project_id=project_id, memory=views.memory(memory)))
        if query.as_of is not None:
            found = await history.then(project_id, query.as_of, limit=query.limit)
        elif query.deleted:
            found = await history.gone(project_id, limit=query.limit)
        else:
            found = await memories.latest(project_id, limit=query.limit, touch=query.touch, stale=query.stale)
        shown = [views.memory(one) for one in found]
        return answer(MemoryList(project_id=project_id, memories=shown, count=len(shown)))

    async def by_key(project_id: str, key: str, query: MemoryListQuery) -> Memory:
        if query.as_of is not None:
            return history.then_by_key(project_id, key, query.as_of)
        if query.deleted:
            return history.gone_by_key(project_id, key)
        return await memories.by_key(project_id, key, touch=query.touch)

    async def get(received: Received) -> Answer:
        query = received.query
        if query.as_of is not None:
            return answer(views.memory(history.then_by_id(*_ids(received), query.as_of)))
        memory = await memories.get(*_ids(received), touch=query.touch)
        await reads.read(memory.memory_id, asked_by=query.asked_by, pid=received.peer.pid)
        return answer(views.memory(memory))

    async def update(received: Received) -> Answer:
        memory = await memories.update(*_ids(received), received.body)
        shown = views.memory(memory)
        return answer(replace(shown, similar=views.similar(await similar.to(memory))))

    async def delete(received: Received) -> Answer:
        query = received.query
        await memories.delete(*_ids(received), purge=query.purge, session_id=query.session_id)
        return NO_CONTENT

    async def versions(received: Received) -> Answer:
        project_id, memory_id = _ids(received)
        shown = [views.memory_version(one) for one in memories.versions(project_id, memory_id)]
        return answer(MemoryVersions(memory_id=memory_id, versions=shown, count=len(shown)))

    async def restore(received: Received) -> Answer:
        return answer(views.memory(await memories.restore(*_ids(received), received.body)))

    async def confirm(received: Received) -> Answer:
        return answer(views.memory(await memories.confirm(*_ids(received))))

    async def rewind(received: Received) -> Answer:
        project_id, request = received.ids["project_id"], received.body
        steps = await memories.rewind(project_id, request)
        shown = Rewound(
            project_id=project_id,
            to=rfc3339(millis(request.to)),
            dry_run=request.dry_run,
            memories=[views.rewound(step) for step in steps],
            count=len(steps),
        )
        return answer(shown)

    return [
        Endpoint(Operations.create_memory, create),
        Endpoint(Operations.list_memories, page),
        Endpoint(Operations.get_memory_by_id, get),
        Endpoint(Operations.update_memory, update),
        Endpoint(Operations.delete_memory, delete),
        Endpoint(Operations.memory_versions, versions),
        Endpoint(Operations.restore_memory, restore),
        Endpoint(Operations.confirm_memory, confirm),
        Endpoint(Operations.rewind_memories, rewind),
    ]


def _ids(received: Received) -> tuple[str, str]:
    return received.ids["project_id"], received.ids["memory_id"]

"""Project memories over HTTP."""

from omnimem.calls import Operations
from omnimem.model import MemoryByKey, MemoryList, MemoryVersions, MemoryWritten
from omnimemd.api import views
from omnimemd.api.codec import NO_CONTENT, Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.services.memories import Memories, Written


def endpoints(memories: Memories) -> list[Endpoint]:
    """Return the operations on project memories."""

    async def create(received: Received) -> Answer:
        written = await memories.create(received.ids["project_id"], received.body)
        shown = MemoryWritten(
            memory_id=written.memory.memory_id,
            project_id=written.memory.project_id,
            key=written.memory.key,
            version=written.memory.version,
            message=_message(written),
        )
        return answer(shown, status=200 if written.was_live else 201)

    async def page(received: Received) -> Answer:
        project_id, query = received.ids["project_id"], received.query
        if query.key is not None:
            memory = await memories.by_key(project_id, query.key, touch=query.touch)
            return answer(MemoryByKey(project_id=project_id, memory=views.memory(memory)))
        found = await memories.latest(project_id, limit=query.limit, touch=query.touch)
        shown = [views.memory(one) for one in found]
        return answer(MemoryList(project_id=project_id, memories=shown, count=len(shown)))

    async def get(received: Received) -> Answer:
        return answer(views.memory(await memories.get(*_ids(received), touch=received.query.touch)))

    async def update(received: Received) -> Answer:
        return answer(views.memory(await memories.update(*_ids(received), received.body)))

    async def delete(received: Received) -> Answer:
        await memories.delete(*_ids(received), purge=received.query.purge)
        return NO_CONTENT

    async def versions(received: Received) -> Answer:
        project_id, memory_id = _ids(received)
        shown = [views.memory_version(one) for one in memories.versions(project_id, memory_id)]
        return answer(MemoryVersions(memory_id=memory_id, versions=shown, count=len(shown)))

    async def restore(received: Received) -> Answer:
        return answer(views.memory(await memories.restore(*_ids(received), received.body.version)))

    async def confirm(received: Received) -> Answer:
        return answer(views.memory(await memories.confirm(*_ids(received))))

    return [
        Endpoint(Operations.create_memory, create),
        Endpoint(Operations.list_memories, page),
        Endpoint(Operations.get_memory_by_id, get),
        Endpoint(Operations.update_memory, update),
        Endpoint(Operations.delete_memory, delete),
        Endpoint(Operations.memory_versions, versions),
        Endpoint(Operations.restore_memory, restore),
        Endpoint(Operations.confirm_memory, confirm),
    ]


def _ids(received: Received) -> tuple[str, str]:
    return received.ids["project_id"], received.ids["memory_id"]


def _message(written: Written) -> str:
    if not written.was_live:
        return "Memory created successfully"
    return "Memory updated successfully" if written.new_version else "Memory said so already; its expiry is set anew"

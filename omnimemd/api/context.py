"""What was recorded in a session, over HTTP."""

from msgspec import Raw, Struct

from omnimem.calls import Operations
from omnimem.model import BatchAccepted, EntryList
from omnimemd.api import views
from omnimemd.api.codec import NO_CONTENT, Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.services.entries import Entries


class _Context(Struct, frozen=True):
    """`model.SessionContext`, with the context encoded already."""

    session_id: str
    context: Raw
    compressed: bool
    size_bytes: int


def endpoints(entries: Entries) -> list[Endpoint]:
    """Return the operations on what a session recorded."""

    def context(session_id: str) -> Answer:
        shown = entries.shown_context(session_id)
        compressed = entries.is_compressed(session_id)
        return answer(_Context(session_id, Raw(shown), compressed=compressed, size_bytes=len(shown)))

    async def get(received: Received) -> Answer:
        return context(received.ids["session_id"])

    async def append(received: Received) -> Answer:
        session_id = received.ids["session_id"]
        await entries.append(session_id, [received.body])
        return NO_CONTENT if received.minimal else context(session_id)

    async def append_batch(received: Received) -> Answer:
        accepted = await entries.append(received.ids["session_id"], received.body.entries, field="entries")
        return answer(BatchAccepted(accepted=accepted))

    async def page(received: Received) -> Answer:
        query = received.query
        found = await entries.page(received.ids["session_id"], after=query.after, kind=query.kind, limit=query.limit)
        shown = [views.entry(one) for one in found.entries]
        return answer(EntryList(entries=shown, next_after=found.next_after))

    return [
        Endpoint(Operations.get_context, get),
        Endpoint(Operations.append_context, append),
        Endpoint(Operations.append_batch, append_batch),
        Endpoint(Operations.list_entries, page),
    ]

"""Sessions over HTTP."""

from omnimem.calls import Operations
from omnimem.model import SessionChain, SessionList
from omnimemd.api import views
from omnimemd.api.codec import NO_CONTENT, Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.services.resuming import Resuming
from omnimemd.services.sessions import Sessions
from omnimemd.services.unasked import Unasked
from omnimemd.services.workspaces import Workspaces


def endpoints(sessions: Sessions, workspaces: Workspaces, unasked: Unasked, resuming: Resuming) -> list[Endpoint]:
    """Return the operations on sessions."""

    async def create(received: Received) -> Answer:
        session, new = await sessions.create(received.body, caller=received.peer.pid)
        # What the caller does behind the answer is to be seen; the wait must not hold up other writers.
        received.afterwards = lambda: workspaces.ready(session.workspace)
        return answer(views.session(session), status=201 if new else 200)

    async def page(received: Received) -> Answer:
        found = await sessions.page(received.query)
        shown = [views.session(one) for one in found.sessions]
        return answer(SessionList(sessions=shown, count=len(shown), next_cursor=found.next_cursor))

    async def get(received: Received) -> Answer:
        return answer(views.session(sessions.get(received.ids["session_id"])))

    async def update(received: Received) -> Answer:
        return answer(views.session(await sessions.update(received.ids["session_id"], received.body)))

    async def end(received: Received) -> Answer:
        session_id = received.ids["session_id"]
        ended = await sessions.end(session_id, detail=received.body.reason)

        async def completed() -> None:
            await workspaces.left(session_id)  # what follows the answer is not the session's
            await unasked.take_last(session_id)

        received.afterwards = completed
        return answer(views.session(ended))

    async def chain(received: Received) -> Answer:
        session_id = received.ids["session_id"]
        found = await resuming.chain(session_id)
        shown = SessionChain(
            session_id=session_id,
            ancestors=list(map(views.session, found.ancestors)),
            successors=list(map(views.session, found.successors)),
            unknown=found.unknown,
            complete=found.complete,
        )
        return answer(shown)

    async def delete(received: Received) -> Answer:
        await sessions.delete(received.ids["session_id"])
        return NO_CONTENT

    return [
        Endpoint(Operations.create_session, create),
        Endpoint(Operations.list_sessions, page),
        Endpoint(Operations.get_session, get),
        Endpoint(Operations.update_session, update),
        Endpoint(Operations.end_session, end),
        Endpoint(Operations.delete_session, delete),
        Endpoint(Operations.session_chain, chain),
    ]

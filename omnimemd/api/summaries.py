"""Summaries of sessions over HTTP."""

from omnimem.calls import MARKDOWN, Operations
from omnimem.model import DocumentFormat, Summary
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.services.digests import Digests


def endpoints(digests: Digests) -> list[Endpoint]:
    """Return the operations on summaries."""

    async def get(received: Received) -> Answer:
        query = received.query
        found = await digests.summary(received.ids["session_id"], max_tokens=query.max_tokens)
        digest, packed = found.digest, found.packed
        if query.format is DocumentFormat.MARKDOWN:
            return Answer(200, packed.markdown.encode(), f"{MARKDOWN}; charset=utf-8")
        shown = Summary(
            session_id=digest.session_id,
            project_id=digest.project_id,
            max_tokens=query.max_tokens,
            tokens=packed.tokens,
            sections=packed.sections,
            left_out=packed.left_out,
        )
        return answer(shown)

    return [Endpoint(Operations.summary, get)]

"""Briefings over HTTP."""

from typing import Final

from omnimem.calls import MARKDOWN, Operations
from omnimem.model import Briefing, DocumentFormat
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.usefulness import Item, ItemKind, mark_of
from omnimemd.domain.worth import What
from omnimemd.services.briefing import Briefed, Briefings, Put, Question
from omnimemd.services.usefulness import Usefulness

_MARKDOWN: Final = f"{MARKDOWN}; charset=utf-8"
#: As what each kind is counted; a warning is not there to be used.
_COUNTED: Final = {
    What.OPEN: ItemKind.OPEN_POINT,
    What.MEMORY: ItemKind.MEMORY,
    What.DECISION: ItemKind.DECISION,
    What.CONVENTION: ItemKind.DECISION,
    What.DEAD_END: ItemKind.DEAD_END,
    What.PASSED: ItemKind.DECISION,
    What.SUPERSEDED: ItemKind.DECISION,
    What.SESSION: ItemKind.SESSION,
    What.FILE: ItemKind.FILE,
    What.SEARCH: ItemKind.SEARCH,
    What.CHECKPOINT: ItemKind.CHECKPOINT,
}


def endpoints(briefings: Briefings, usefulness: Usefulness) -> list[Endpoint]:
    """Return the operation that briefs."""

    async def brief(received: Received) -> Answer:
        query = received.query
        question = Question(
            max_tokens=query.max_tokens, query=query.query, session_id=query.session_id, files=query.file
        )
        made = await briefings.brief(received.ids["project_id"], question)
        await _note(usefulness, made)
        packed = made.packed
        if query.format is DocumentFormat.MARKDOWN:
            return Answer(200, packed.markdown.encode("utf-8"), _MARKDOWN)
        return answer(
            Briefing(
                project_id=made.project_id,
                max_tokens=made.max_tokens,
                tokens=packed.tokens,
                sections=packed.sections,
                left_out=packed.left_out,
            )
        )

    return [Endpoint(Operations.briefing, brief)]


async def _note(usefulness: Usefulness, made: Briefed) -> None:
    """Keep what is shown to a session, so that it can be seen whether it was of use."""
    items = [_item(one) for one in made.put if one.what in _COUNTED]
    if made.session_id is not None and items:
        await usefulness.note(
            made.project_id, made.session_id, max_tokens=made.max_tokens, tokens=made.packed.tokens, items=items
        )


def _item(put: Put) -> Item:
    kind = _COUNTED[put.what]
    return Item(kind, put.source, mark_of(put.paths[0]) if kind is ItemKind.FILE else "")

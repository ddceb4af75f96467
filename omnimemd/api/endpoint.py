"""One operation at its route: decode the request, run its handler, once if a key says so, encode the answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final

import msgspec
from aiohttp import web

from omnimem.calls import Operation
from omnimem.errors import BodyTooLarge, InvalidRequest, RequestTimeout
from omnimemd.api.bounded import BoundedConnection
from omnimemd.api.codec import Answer, Nothing, decode_body, raw_body, response, telling_of
from omnimemd.api.load import Load
from omnimemd.api.query import decode_query
from omnimemd.domain.identity import Peer
from omnimemd.domain.redaction import check_no_secret
from omnimemd.services.idempotency import Answer as KeptAnswer
from omnimemd.services.idempotency import Idempotency
from omnimemd.services.redaction import Redaction

#: Where the boundary leaves who called.
PEER: Final = web.RequestKey("peer", Peer)

#: Bytes a body may have.
BODY_LIMIT: Final = 1024 * 1024
_KEY_LENGTH: Final = 255
_MINIMAL: Final = "return=minimal"


class Received(msgspec.Struct):
    """A decoded request."""

    ids: Mapping[str, str]  #: the ids in the path
    body: Any  #: of the operation's type; None when it has none
    query: Any  #: of the operation's type; None when it has none
    peer: Peer
    minimal: bool  #: the caller prefers the minimal reply
    #: Awaited when the effect is committed, before the answer; may give a later answer in place of the handler's.
    afterwards: Callable[[], Awaitable[Answer | None]] | None = None


Handler = Callable[[Received], Coroutine[Any, Any, Answer]]
Serve = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


class Endpoint(msgspec.Struct, frozen=True):
    """An operation and what handles it."""

    operation: Operation[..., Any]
    handler: Handler


def serve(endpoint: Endpoint, idempotency: Idempotency, redaction: Redaction, load: Load) -> Serve:
    """Return what aiohttp calls for requests to *endpoint*: handlers are given what *redaction* leaves of them.

    Bodies are counted in *load* until the request is answered.
    """
    operation, handler = endpoint.operation, endpoint.handler
    has_body = operation.method in ("POST", "PATCH")
    body_type = operation.body or Nothing
    is_json = operation.takes == "application/json"
    once = operation.method == "POST" and not operation.repeatable

    def body_of(raw: bytes, media_type: str | None) -> Any:
        return decode_body(raw, media_type, body_type) if is_json else raw_body(raw, media_type, operation.takes)

    async def served(request: web.Request) -> web.Response:
        if operation.method == "GET":
            async with _awaited(request, load):
                return await answered_to(request, b"")
        if not has_body:
            return await answered_to(request, b"")
        size = request.content_length
        if size is None:  # it comes in chunks, and says at the end how many
            size = BODY_LIMIT
        load.arrives(size)
        try:
            return await answered_to(request, await _body_of(request, load.limits.arrival_seconds))
        finally:
            load.arrived(size)

    async def answered_to(request: web.Request, raw: bytes) -> web.Response:
        headers = request.headers
        body = body_of(raw, headers.get("Content-Type")) if has_body else None
        query = None if not request.query_string and operation.query is None else _query(request, operation)
        ids = request.match_info
        if operation.method == "POST" and "project_id" in ids:  # it may be made by this
            check_no_secret(ids["project_id"], field="project_id")
        cleaned = await redaction.clean((body, query), about=_about(ids, body, query), size=len(raw))
        kinds = cleaned.kinds
        received = Received(
            ids=ids,
            body=cleaned.value[0],
            query=cleaned.value[1],
            peer=request[PEER],
            minimal=_prefers_minimal(headers.getall("Prefer", [])),
        )

        async def handled() -> Answer:
            return telling_of(kinds, await handler(received))

        key = headers.get("Idempotency-Key") if once else None
        if key is None:
            answered = await handled()
        else:
            # Of a body with a secret, not even a digest is kept.
            kept = msgspec.json.encode(received.body) if kinds else raw
            answered = await _once(idempotency, request, _checked(key), kept, handled)
        if received.afterwards is not None and (later := await received.afterwards()) is not None:
            answered = telling_of(kinds, later)
        return response(answered, kinds)

    return served


async def _body_of(request: web.Request, seconds: float) -> bytes:
    if request.content.is_eof():  # as nearly always: it came with the head
        raw = await request.read()
    else:
        try:
            async with asyncio.timeout(seconds):
                raw = await request.read()
        except TimeoutError:
            raise RequestTimeout("The body did not come in time.") from None
    if len(raw) > BODY_LIMIT:
        raise BodyTooLarge("The body has over 1 MiB.")
    return raw


@asynccontextmanager
async def _awaited(request: web.Request, load: Load) -> AsyncIterator[None]:
    """Read for the caller as long as it takes, up to a limit, and as long as the caller is there."""
    connection = request.protocol
    patience = asyncio.timeout(load.limits.answer_seconds)
    try:
        async with patience:
            with connection.wanted(patience) if isinstance(connection, BoundedConnection) else nullcontext():
                yield
    except TimeoutError:
        if not patience.expired():
            raise
        raise load.refusal(f"It was not found out within {load.limits.answer_seconds:.0f} s.") from None


def _about(ids: Mapping[str, str], body: Any, query: Any) -> dict[str, Any]:
    """Return what a request says of whose it is, the path first."""
    return {
        name: next((one for one in (ids.get(name), getattr(body, name, None), getattr(query, name, None)) if one), None)
        for name in ("project_id", "session_id", "workspace_path")
    }


def _query(request: web.Request, operation: Operation[..., Any]) -> Any:
    return decode_query(request, operation.query)


async def _once(
    idempotency: Idempotency, request: web.Request, key: str, raw: bytes, handle: Callable[[], Awaitable[Answer]]
) -> Answer:
    async def run() -> KeptAnswer:
        answered = await handle()
        return KeptAnswer(answered.status, answered.body)

    kept = await idempotency.once(f"{request.method} {request.path}", key, raw, run)
    return Answer(kept.status, kept.body)


def _prefers_minimal(headers: list[str]) -> bool:
    """Return whether a Prefer header among *headers* has the preference (RFC 7240)."""
    if not headers or headers == [_MINIMAL]:  # what all but every request says
        return bool(headers)
    preferences = ",".join(headers).split(",")
    return any(one.partition(";")[0].strip().lower() == _MINIMAL for one in preferences)


def _checked(key: str) -> str:
    if not 0 < len(key) <= _KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise InvalidRequest.field("Idempotency-Key", f"must be 1 to {_KEY_LENGTH} printable ASCII characters")
    return key

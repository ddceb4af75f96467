"""Where requests come in: who may call at all, and how every failure is told."""

import logging
from collections.abc import Callable, Container
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware

from omnimem._version import __version__
from omnimem.errors import (
    BadRequest,
    BodyTooLarge,
    ForbiddenOrigin,
    ForbiddenUid,
    InternalError,
    MethodNotAllowed,
    OmnimemError,
    RouteNotFound,
    Unavailable,
    UnsupportedMediaType,
)
from omnimemd.api.codec import problem
from omnimemd.api.endpoint import BODY_LIMIT, PEER
from omnimemd.api.load import Load
from omnimemd.domain.identity import Peer
from omnimemd.services.threadless import NO_THREAD, is_no_thread

log = logging.getLogger(__name__)

PeerOf = Callable[[web.BaseRequest], Peer]

_VERSION_HEADER: Final = "Omnimem-Version"
_RETRY_AFTER_SECONDS: Final = "1"


def boundary(*, peer_of: PeerOf, uid: int, load: Load, uncounted: Container[str]) -> Middleware:
    """Return the middleware around every request.

    Args:
        peer_of: tells who is at the other end of a request's connection.
        uid: the only user who may call.
        load: counts what is being answered, and refuses what is too much.
        uncounted: the paths of which every request is taken: those that say how the daemon is, and those that are
            counted by themselves.
    """

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            peer = request[PEER] = peer_of(request)
            if peer.uid != uid:
                raise ForbiddenUid(f"This daemon belongs to user {uid}; the caller is user {peer.uid}.")
            if "Origin" in request.headers:
                raise ForbiddenOrigin("The request carries an Origin: it comes from a web page.")
            _check_body(request)
            if request.path in uncounted:
                answered = await handler(request)
            else:
                load.begin()
                try:
                    answered = await handler(request)
                finally:
                    load.end()
        except OmnimemError as error:
            answered = _told(error)
        except web.HTTPException as error:
            answered = _told(_translated(error, request))
            if isinstance(error, web.HTTPMethodNotAllowed):
                answered.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        except (web.RequestPayloadError, ConnectionError):  # say, a caller that hung up in the middle of it
            answered = _told(BadRequest("The body did not come as the headers say."))
        except Exception as error:
            if is_no_thread(error):
                answered = _told(Unavailable(NO_THREAD))
            else:
                log.exception("request failed", extra={"method": request.method, "route": _route(request)})
                answered = _told(InternalError("The daemon failed at this request."))
        if not answered.prepared:
            answered.headers[_VERSION_HEADER] = __version__
        return answered

    return bounded


async def invite_body(request: web.Request) -> None:
    """Have a caller that waits for leave to send its body send it; any other expectation is passed over.

    aiohttp's own handler answers those by itself, in front of the boundary: to whoever calls.
    """
    too_large = (request.content_length or 0) > BODY_LIMIT  # it is refused instead
    if request.version >= HttpVersion11 and request.headers["Expect"].lower() == "100-continue" and not too_large:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _check_body(request: web.Request) -> None:
    """Refuse a body by what the headers say of it, before any of it is read."""
    headers = request.headers
    if "Content-Encoding" in headers and headers["Content-Encoding"].strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            "The body is declared as encoded.", hint="Send the body as it is, without Content-Encoding."
        )
    if (request.content_length or 0) > BODY_LIMIT:
        raise BodyTooLarge("The body has over 1 MiB.")


def _told(error: OmnimemError) -> web.Response:
    told = problem(error)
    if isinstance(error, Unavailable):
        told.headers["Retry-After"] = _RETRY_AFTER_SECONDS
    if isinstance(error, ForbiddenUid):
        told.force_close()
    return told


def _translated(error: web.HTTPException, request: web.Request) -> OmnimemError:
    match error:
        case web.HTTPNotFound():
            return RouteNotFound(f"No route {request.path}.")
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(f"{request.method} is no method of {request.path}.")
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge("The body has over 1 MiB.")
        case _:
            return BadRequest(error.reason)


def _route(request: web.Request) -> str:
    """Return the route without its ids: nothing a caller named is logged."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"

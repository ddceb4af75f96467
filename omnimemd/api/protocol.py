"""One connection: as aiohttp serves it, but what is not HTTP is told as every other problem is."""

import logging

from aiohttp import web

from omnimem._version import __version__
from omnimem.errors import BadRequest, InternalError
from omnimemd.api.codec import problem

log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's protocol; only the answer to what never became a request is ours."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the problem document for bytes that are not HTTP, or for a failure outside the boundary."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun: nothing can be told any more")
        if status < 500:  # the parser's message quotes what was sent: neither told nor logged
            told = problem(BadRequest("What was sent is not a well-formed HTTP/1.1 request."))
        else:
            log.error("request failed outside the boundary", exc_info=exc)
            told = problem(InternalError("The daemon failed at this request."))
        told.headers["Omnimem-Version"] = __version__
        told.force_close()
        return told

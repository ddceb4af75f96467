"""One connection: as aiohttp serves it, but what is not HTTP is told as every other problem is.

And it ends as is best for who calls. The kernel draws a line: what was sent before it is read, and answered; a later
send fails at once (EPIPE), so that a caller knows that nobody has its request and may send it anew on a connection
that waits for whoever serves next. Without it a request that crosses the end is lost, or done and not answered.
"""

import contextlib
import logging
import socket
import sys
from typing import Any, Final

from aiohttp import web

from omnimem._version import __version__
from omnimem.errors import BadRequest, InternalError
from omnimemd.api.codec import problem

log = logging.getLogger(__name__)

#: Whether what was sent before a socket is shut for reading can still be read; BSD throws it away (sorflush).
_KEEPS_WHAT_CAME: Final = sys.platform == "linux"


class Connection(web.RequestHandler):
    """aiohttp's protocol; the answer to what never became a request is ours, and the end."""

    __slots__ = ("_at_end", "_heard", "_line_drawn")

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what aiohttp's protocol takes."""
        super().__init__(*args, **options)
        self._heard = False  #: the caller has sent something
        self._line_drawn = False  #: the caller can send nothing more
        self._at_end = False  #: all it sent before that was read

    def wind_up(self) -> bool:
        """Let the caller send nothing more, unless it is about to; return whether all that it sent was read.

        Call it again until it is true, or until the caller has had its time: one that connected and has said nothing
        yet, or has not sent the whole of its request.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or self._at_end:
            return True
        if not self._heard or self._receiving():
            return False
        if not _KEEPS_WHAT_CAME:
            return True
        if not self._line_drawn:
            self._line_drawn = True
            with contextlib.suppress(OSError):  # the caller is gone
                transport.get_extra_info("socket").shutdown(socket.SHUT_RD)
        return False

    def data_received(self, data: bytes) -> None:
        """Take *data* from the caller."""
        self._heard = True
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own protocol may return it, aiohttp's does not
        """Return whether the connection is kept for the answer: only where it is us who ended what comes."""
        self._at_end = True
        return self._line_drawn

    def _receiving(self) -> bool:
        request = self._current_request
        return request is not None and not request.content.is_eof()

    async def start(self) -> None:
        """Serve what comes; what aiohttp takes for a request and cannot make one of ends the connection, and no more.

        Among hundreds of thousands of malformed requests there was one of which its parser gave no URL.
        """
        try:
            await super().start()
        except (AttributeError, TypeError, ValueError):  # it handles what its requests raise: this never became one
            log.debug("request not understood", exc_info=True)
            self.force_close()

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

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a fault of ours, but not a body that nobody asked for and that is not what its headers say."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

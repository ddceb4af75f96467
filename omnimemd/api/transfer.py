"""Export and import over HTTP: lines that stream out, and pieces of lines that come in."""

import asyncio
from contextlib import aclosing
from typing import Final

from aiohttp import web

from omnimem._version import __version__
from omnimem.calls import LINES, Operations
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received, Serve
from omnimemd.api.load import Load
from omnimemd.api.query import decode_query
from omnimemd.services.exporting import Exporting
from omnimemd.services.importing import Importing

#: Seconds an export may take. While it is read, the database's log cannot begin anew: a reader that stands still must
#: not let it grow for ever.
_LONGEST: Final = 600.0


def endpoints(importing: Importing) -> list[Endpoint]:
    """Return the operation that takes in."""

    async def take(received: Received) -> Answer:
        return answer(await importing.receive(received.body, received.query))

    return [Endpoint(Operations.import_lines, take)]


def serve_export(exporting: Exporting, load: Load) -> Serve:
    """Return what aiohttp calls for an export, counted in *load*; the connection cuts off who does not read it."""

    async def served(request: web.Request) -> web.StreamResponse:
        query = decode_query(request, Operations.export.query)
        stream = web.StreamResponse(headers={"Content-Type": LINES, "Omnimem-Version": __version__})
        with load.exporting():
            async with aclosing(exporting.stream(query)) as pieces:
                piece = await anext(pieces)  # fails, if it does, while an error can still be told
                try:
                    async with asyncio.timeout(_LONGEST):
                        await stream.prepare(request)
                        await stream.write(piece)
                        async for piece in pieces:
                            await stream.write(piece)
                        await stream.write_eof()
                except BaseException as error:
                    # The answer has begun: that it is cut off must be seen, and is, as its last chunk does not come.
                    if request.transport is not None:
                        request.transport.abort()
                    if not isinstance(error, TimeoutError | ConnectionError):
                        raise
        return stream

    return served

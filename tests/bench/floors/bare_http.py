"""The floor of a request: a bare aiohttp server whose POST handler reads the body and answers 204."""

import asyncio
import sys

from aiohttp import web


async def take(request: web.Request) -> web.Response:
    """Do what every handler of a POST must."""
    await request.read()
    return web.Response(status=204)


async def main(path: str) -> None:
    """Serve on the socket at *path* until killed."""
    app = web.Application()
    app.router.add_post("/sessions/{session_id}/context", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))

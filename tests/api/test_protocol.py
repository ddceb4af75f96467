"""One connection: what never became a request ends it, and nothing else."""

import asyncio
import logging
import socket

import pytest
from aiohttp import web

from omnimemd.api.protocol import Connection


async def test_what_no_request_can_be_made_of_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    async def never(request: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError(request)

    def broken(*_: object) -> web.BaseRequest:
        raise AttributeError("there is no URL")

    loop = asyncio.get_running_loop()
    server = web.Server(never, request_factory=broken)
    ours, theirs = socket.socketpair()
    await loop.connect_accepted_socket(lambda: Connection(server, loop=loop, access_log=None), ours)
    reader, writer = await asyncio.open_unix_connection(sock=theirs)

    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert [one for one in caplog.records if one.levelno > logging.DEBUG] == []
    writer.close()

"""The floor of a process that does nothing: a bare asyncio program that listens on a socket."""

import asyncio
import sys


async def main(path: str) -> None:
    """Listen on the socket at *path* until killed."""
    await asyncio.start_unix_server(lambda _, writer: writer.close(), path)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))

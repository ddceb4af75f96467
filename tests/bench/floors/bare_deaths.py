"""The floor of hearing of a death: a bare asyncio loop that reads a pidfd and says so.

Each line it is sent is a pid; it answers `w` when it watches the process and `d` when that has died.
"""

import asyncio
import os
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one caller."""
    loop = asyncio.get_running_loop()

    def died(descriptor: int) -> None:
        writer.write(b"d")
        loop.remove_reader(descriptor)
        os.close(descriptor)

    while line := await reader.readline():
        descriptor = os.pidfd_open(int(line))
        loop.add_reader(descriptor, died, descriptor)
        writer.write(b"w")
    writer.close()


async def main(path: str) -> None:
    """Serve on the socket at *path* until killed."""
    await asyncio.start_unix_server(serve, path)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))

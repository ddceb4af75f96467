"""The floor of seeing a file written: a bare asyncio loop that reads inotify and says so.

Each line it is sent is a folder; it answers `w` when it watches the folder and `s` when it has read events.
"""

import asyncio
import ctypes
import os
import sys

#: inotify(7)
_IN_CLOSE_WRITE = 0x8


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one caller."""
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    loop = asyncio.get_running_loop()

    def seen() -> None:
        os.read(queue, 65536)
        writer.write(b"s")

    loop.add_reader(queue, seen)
    while line := await reader.readline():
        libc.inotify_add_watch(queue, line.rstrip(b"\n"), _IN_CLOSE_WRITE)
        writer.write(b"w")
    loop.remove_reader(queue)
    os.close(queue)
    writer.close()


async def main(path: str) -> None:
    """Serve on the socket at *path* until killed."""
    await asyncio.start_unix_server(serve, path)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))

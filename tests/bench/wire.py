"""The lean side of a measurement: requests that were encoded before, and answers that are hardly looked at.

What a client costs is part of what is measured, in the floor as in the subject, and hides what the servers differ in.
"""

import os
import select
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_CHUNK = 65536
_SECONDS = 30.0


class Load:
    """Sends requests over kept connections, on each the next as soon as the last is answered."""

    def __init__(self, path: Path, requests: Sequence[bytes], *, connections: int) -> None:
        """Connect to the server at *path*; *requests* are sent in turn."""
        self._requests = requests
        self._next = 0
        self._poll = select.epoll()
        self._connections: dict[int, socket.socket] = {}
        for _ in range(connections):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(os.fspath(path))
            self._connections[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for connection in self._connections.values():
            connection.close()
        self._poll.close()

    def run(self, count: int) -> float:
        """Send *count* requests (≥ one a connection), each to be answered 204; return the seconds for one."""
        connections, poll = self._connections, self._poll
        batch = [self._requests[(self._next + number) % len(self._requests)] for number in range(count)]
        self._next += count
        started = time.perf_counter()
        to_send = iter(batch)
        for connection, request in zip(connections.values(), to_send, strict=False):
            connection.send(request)
        answered = 0
        while answered < count:
            for descriptor, _ in poll.poll(_SECONDS):
                connection = connections[descriptor]
                if not connection.recv(_CHUNK).startswith(b"HTTP/1.1 204"):
                    raise RuntimeError("a request was not answered 204")
                answered += 1
                request = next(to_send, b"")
                if request:
                    connection.send(request)
        return (time.perf_counter() - started) / count


class Listener:
    """Hears the daemon's server-sent events."""

    def __init__(self, connection: socket.socket) -> None:
        """Begin to listen on *connection*."""
        self._connection = connection
        self._heard = b""
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: omnimemd\r\n\r\n")
        self.until(b": listening")

    def until(self, *words: bytes) -> None:
        """Return as soon as one event, or comment, with all of *words* in it has come; forget what came before it."""
        while True:
            *blocks, rest = self._heard.split(b"\n\n")
            for number, block in enumerate(blocks):
                if all(word in block for word in words):
                    self._heard = b"\n\n".join((*blocks[number + 1 :], rest))
                    return
            received = self._connection.recv(_CHUNK)
            if not received:
                raise ConnectionError("the daemon went away")
            self._heard = rest + received


def post(target: str, body: bytes) -> bytes:
    """Return the request of a POST that prefers the minimal reply, as the client library sends it."""
    return (
        f"POST {target} HTTP/1.1\r\nHost: omnimemd\r\nUser-Agent: omnimem/bench\r\nPrefer: return=minimal\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body

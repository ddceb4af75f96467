"""HTTP over the daemon's socket by hand: the bytes that a client of any other language would see."""

import json
import socket
from pathlib import Path
from typing import Any, NamedTuple, Self


class Reply(NamedTuple):
    """One answer."""

    status: int
    headers: dict[str, str]  #: names in lower case
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded."""
        return json.loads(self.body)


class Wire:
    """One connection."""

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        """Return the connection itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def receive(self) -> Reply:
        """Read one whole answer."""
        line = self._reader.readline()
        assert line, "the daemon closed the connection without an answer"
        status = int(line.split()[1])
        headers: dict[str, str] = {}
        while (line := self._reader.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._reader.read(int(headers.get("content-length", "0")))
        return Reply(status, headers, body)

    def rest(self) -> bytes:
        """Read until the daemon closes the connection."""
        try:
            return self._reader.read()
        except ConnectionResetError:
            return b""

    def request(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """Send one request, *body* as JSON unless it is bytes already, and read its answer."""
        self.send(request(method, target, body, headers))
        return self.receive()


def request(method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
    """Return the bytes of one request."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": "omnimemd", "Content-Length": str(len(data))}
    if body is not None:
        lines["Content-Type"] = "application/json"
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | (headers or {})).items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + data


def call(path: Path, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
    """Send one request on a connection of its own; return its answer."""
    with Wire(path) as wire:
        return wire.request(method, target, body, headers)

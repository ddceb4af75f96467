"""The transport of schemathesis over a Unix socket: an adapter for the requests that it sends by."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

#: What stands for the socket in addresses; nothing is looked up.
BASE_URL: Final = "http://omnimemd"
_SECONDS: Final = 30.0


@contextmanager
def session_over(path: Path) -> Iterator[requests.Session]:
    """Give a session of requests that knows the daemon on the socket *path* and nobody else."""
    with requests.Session() as session:
        session.trust_env = False
        session.adapters.clear()
        session.mount(BASE_URL, _Adapter(path))
        yield session


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("omnimemd")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


class _Pool(HTTPConnectionPool):
    def __init__(self, path: Path) -> None:
        super().__init__("omnimemd")
        self._path = path

    def _new_conn(self) -> _Connection:
        return _Connection(self._path)


class _Adapter(HTTPAdapter):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._pool = _Pool(path)

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        super().close()
        self._pool.close()

"""Where an embeddings endpoint is, and whether that is this machine."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import msgspec

_USUAL_PATH: Final = "/v1/embeddings"


class Address(msgspec.Struct, frozen=True):
    """What is asked, and over which Unix socket if over one."""

    url: str
    socket: str | None

    @property
    def here(self) -> bool:
        """Whether what is sent there stays on this machine."""
        return self.socket is not None or _is_loopback(urlsplit(self.url).hostname or "")


class Endpoint(msgspec.Struct, frozen=True):
    """What the user named."""

    address: Address
    model: str
    key: str | None  #: sent as a bearer token
    timeout_seconds: float  #: for one request


def address(text: str) -> Address:
    """Read `http://127.0.0.1:8080/v1/embeddings`, or `unix:/run/user/1000/embed.sock`, with `:/path` behind it or not.

    Raises:
        ValueError: it is neither.
    """
    if text.startswith("unix:"):
        socket, colon, path = text.removeprefix("unix:").partition(":")
        if not socket.startswith("/"):
            raise ValueError(f"{text!r} names no absolute path of a socket")
        return Address(f"http://localhost{path if colon else _USUAL_PATH}", socket)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is neither http://HOST:PORT/PATH nor unix:/PATH")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no password: name a file with `key_file`")
    parts.port  # noqa: B018 - raises ValueError where it is no port
    return Address(text if parts.path.strip("/") else text.rstrip("/") + _USUAL_PATH, None)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # never another machine (RFC 6761, section 6.3)
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

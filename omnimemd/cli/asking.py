"""Ask whoever listens on the socket how it is, whatever it is, and wait only so long."""

import os
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from omnimem import __version__
from omnimem.errors import ForbiddenUid
from omnimem.model import Check, Verdict
from omnimem.owner import check_owner
from omnimemd.cli.text import safe

#: Seconds a daemon may take to say how it is.
_PATIENCE: Final = 5.0
#: Of all it can be asked, what changes nothing and needs no store; an older one says that it does not know it.
_REQUEST: Final = b"GET /log HTTP/1.1\r\nHost: omnimemd\r\nConnection: close\r\n\r\n"
_LONGEST_HEAD: Final = 16 * 1024
_RESTART: Final = "`omnimem service restart` has the one that is installed run, as a service or not."


def look_at_daemon(path: Path) -> tuple[Check, bool]:
    """Return how it answers, and whether it can be asked for more."""
    try:
        head = _head(path)
    except ForbiddenUid as error:
        return _told(Verdict.FAIL, error.detail, "Start one of your own, on another --socket."), False
    except FileNotFoundError:
        return _told(Verdict.FAIL, "It does not run.", "Start it with `omnimem start`."), False
    except TimeoutError:
        hint = "It hangs, or has far too much to do: `omnimem stop` ends it, and nothing it answered is lost."
        return _told(Verdict.FAIL, f"It listens, and does not answer within {_PATIENCE:.0f} s.", hint), False
    except OSError as error:
        detail = f"Nobody answers ({error.strerror or error})."
        return _told(Verdict.FAIL, detail, "Start it with `omnimem start`."), False
    return _judged(head)


def _judged(head: bytes) -> tuple[Check, bool]:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    version = fields.get("omnimem-version")
    if not words[0].startswith("HTTP/") or version is None:
        return _told(Verdict.FAIL, "What answers is no omnimemd.", "Choose another --socket."), False
    if words[1:2] == ["403"]:
        return _told(Verdict.FAIL, "It refuses you: it is another user's.", "Start one of your own."), False
    if version != __version__:
        detail = f"It is omnimemd {safe(version)}, and this command {__version__}."
        return _told(Verdict.WARN, detail, _RESTART), True
    return _told(Verdict.OK, f"omnimemd {__version__} answers."), True


def _head(path: Path) -> bytes:
    """Return the head of its answer.

    Raises:
        ForbiddenUid: it is another user's; nothing was said to it.
        TimeoutError: it did not come in time.
        OSError: nobody listens.
    """
    deadline = time.monotonic() + _PATIENCE
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(os.fspath(path))
        except BlockingIOError as error:  # more wait than may (connect(2), EAGAIN)
            raise TimeoutError from error
        check_owner(connection, path)
        connection.sendall(_REQUEST)
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            data = connection.recv(4096)
            if not data:
                break
            head += data
    return head.partition(b"\r\n\r\n")[0]


def _told(verdict: Verdict, detail: str, hint: str | None = None) -> Check:
    return Check(name="daemon", verdict=verdict, detail=detail, hint=hint)

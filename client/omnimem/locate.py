"""Where the daemon's socket is; the daemon and every client compute it here, alike."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: Bytes a socket path may have: sun_path less its NUL. 108 on Linux (unix(7)), 104 on macOS (sys/un.h).
SOCKET_PATH_LIMIT: Final = 103 if sys.platform == "darwin" else 107


def socket_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return the socket's path for this user.

    `OMNIMEM_SOCKET` wins. On Linux it lies in `$XDG_RUNTIME_DIR/omnimemd/`, or in `/tmp/omnimemd-$UID/` where that
    variable is not set, not absolute (the XDG rule) or so long that no socket can be bound below it; on macOS in
    Application Support, unless that path is too long for a socket.
    """
    env = os.environ if environ is None else environ
    if chosen := env.get("OMNIMEM_SOCKET"):
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 which leaves what it does not know as it is
    fallback = Path(f"/tmp/omnimemd-{os.getuid()}/omnimemd.sock")  # noqa: S108 owner and mode are verified by the daemon
    if sys.platform == "darwin":
        preferred = Path.home() / "Library" / "Application Support" / "omnimemd" / "omnimemd.sock"
    else:
        runtime = env.get("XDG_RUNTIME_DIR", "")
        if not runtime.startswith("/"):
            return fallback
        preferred = Path(runtime) / "omnimemd" / "omnimemd.sock"
    return preferred if fits(preferred) else fallback


def fits(path: Path) -> bool:
    """Return whether a socket can be bound at *path*."""
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT

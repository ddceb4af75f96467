"""Tell the service manager how the daemon is (sd_notify(3)); without one, tell nobody."""

import contextlib
import os
import socket


def supervised() -> bool:
    """Return whether a supervisor wants to be told."""
    return os.environ.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def notify(*states: str) -> None:
    """Send *states*, such as "READY=1", to the supervisor that asked for them."""
    if not supervised():
        return
    address = os.environ["NOTIFY_SOCKET"]
    target = "\0" + address[1:] if address.startswith("@") else address
    # A supervisor that is gone needs no news.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto("\n".join(states).encode(), target)

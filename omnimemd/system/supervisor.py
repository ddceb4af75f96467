"""Tell the service manager how the daemon is (sd_notify(3)); without one, tell nobody."""

import contextlib
import os
import socket
import time


def supervised() -> bool:
    """Return whether a supervisor wants to be told."""
    return os.environ.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def notify(*states: str) -> None:
    """Send *states*, such as "READY=1", to the supervisor that asked for them."""
    if not supervised():
        return
    address = os.environ["NOTIFY_SOCKET"]
    target = "\0" + address[1:] if address.startswith("@") else address
    # A supervisor that is gone needs no news, and one that is busy must not be waited for.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.setblocking(False)
        sender.sendto("\n".join(states).encode(), target)


def reloading() -> tuple[str, str]:
    """Return the states that say that the daemon reads its settings anew; READY=1 says that it has."""
    return "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"


def status(text: str) -> str:
    """Return the state that has *text* shown in `systemctl status`, in one line."""
    return "STATUS=" + " ".join(text.split())


def watchdog_seconds() -> float | None:
    """Return within how many seconds the supervisor wants WATCHDOG=1 again: sd_watchdog_enabled(3); None: never."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not supervised() or not microseconds.isdecimal() or pid != str(os.getpid()) or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000

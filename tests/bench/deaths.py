"""How long after the death of its process is a session's end stored?

The clock runs from the call of kill(2) until the event that tells of the end has reached a listener: the daemon
publishes it when the end is committed, so this is more than the time to the commit.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from omnimem import Client
from tests.bench.findings import Finding, Scale, percentile
from tests.bench.running import connected, daemon, floor, folder
from tests.bench.wire import Listener

#: Between two deaths, so that each finds an idle daemon.
_PAUSE = 0.01
_FLOOR = "a bare asyncio loop reads a pidfd and says so on a socket"


def measure(scale: Scale) -> list[Finding]:
    """Kill processes that sessions are bound to, and processes that the floor waits for, in turn."""
    floors, subjects, stored = [], [], []
    with folder() as place, floor("deaths", place) as (bare, _), daemon(place) as (ours, _):
        workspace = place / "project"
        workspace.mkdir()
        with connected(bare) as watching, connected(ours) as listening, Client(ours) as client:
            listener = Listener(listening)
            client.create_session(tool_id="bench", workspace_path=str(workspace), process_id=os.getpid())
            for _ in range(scale.of(300, quick=5)):
                floors.append(_kill_one_beside(watching))
                taken, error = _kill_one(client, listener, workspace)
                subjects.append(taken)
                stored.append(error)
    return [
        Finding(
            what="death of a bound process → its end committed and told, 99th percentile",
            figures=tuple(subjects),
            reading="p99",
            unit="ms",
            at_most=20,
            aside=f"floor p99 {percentile(floors, 99):.2f} ms; the stored `ended_at` is off the moment of the kill by "
            f"{min(stored):.1f} to {max(stored):.1f} ms",
            floor=_FLOOR,
        ),
        Finding(
            what="the same, each beside the floor",
            figures=tuple(one / other for one, other in zip(subjects, floors, strict=True)),
            aside=f"{percentile(subjects, 50):.2f} and {percentile(floors, 50):.2f} ms",
            floor=_FLOOR,
        ),
    ]


def _kill_one_beside(watching: socket.socket) -> float:
    """Return the ms from the kill to the news, for the floor."""
    with _process() as pid:
        watching.sendall(b"%d\n" % pid)
        assert watching.recv(1) == b"w"
        time.sleep(_PAUSE)
        started = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        assert watching.recv(1) == b"d"
        return (time.perf_counter() - started) * 1000


def _kill_one(client: Client, listener: Listener, workspace: Path) -> tuple[float, float]:
    """Return the ms from the kill to the news, and from the kill to the `ended_at` that was stored."""
    with _process() as pid:
        session = client.create_session(tool_id="bench", workspace_path=str(workspace), process_id=pid)
        time.sleep(_PAUSE)
        at, started = time.time(), time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        listener.until(session.session_id.encode(), b'"state":"ended"')
        taken = time.perf_counter() - started
    ended = client.get_session(session.session_id)
    assert ended.ended_at is not None
    assert ended.end_reason == "process_exited"
    return taken * 1000, (datetime.fromisoformat(ended.ended_at).timestamp() - at) * 1000


@contextmanager
def _process() -> Iterator[int]:
    """Give the pid of a process that waits to be killed."""
    pid = os.posix_spawnp("sleep", ["sleep", "600"], os.environ)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)  # one that is dead stays dead: it is a zombie until the next line
        os.waitpid(pid, 0)

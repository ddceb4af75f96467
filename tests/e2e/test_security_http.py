"""Requests that are wrong in every way: each is refused or answered, and the daemon is what it was before."""

import asyncio
import contextlib
import os
import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from omnimem import Client
from omnimem.calls import ALL
from tests.api.routes import body_of, path_of
from tests.e2e.daemons import Daemon
from tests.e2e.homes import Home
from tests.e2e.waiting import eventually
from tests.e2e.wire import request
from tests.support.malformed import Malformed
from tests.support.whole import times

pytestmark = pytest.mark.needs("inotify", "linux")

#: The whole are 100,000, in rounds of their own, as none may take minutes.
ROUNDS: Final = times(1, whole=5)
REQUESTS: Final = times(5_000, whole=20_000)
AT_ONCE: Final = 32
#: Sent behind each: where the daemon finds its beginning it answers it, and hangs up.
LAST: Final = b"GET /health HTTP/1.0\r\n\r\n"
#: Seconds of silence after which the daemon is taken to wait for more.
SILENCE: Final = 0.1
#: What the daemon may have grown by: one in three is a good request after all, and some of what it says (sessions,
#: texts of 100 kB) is kept in memory. What stayed of each would show.
MAY_GROW: Final = 48 << 20
STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d\d\d) ")


def valid(client: Client, home: Home) -> list[bytes]:
    """Return a good request of every route, about things that are there."""
    folder = str(home.folder({"a.py": "a"}))
    session = client.create_session(tool_id="t", workspace_path=folder, process_id=os.getpid())
    memory = client.create_memory(session.project_id, key="k", value="v")
    checkpoint = client.create_checkpoint(session.session_id)
    return [
        request(
            one.method,
            path_of(
                one,
                session_id=session.session_id,
                project_id=session.project_id,
                memory_id=memory.memory_id,
                checkpoint_id=checkpoint.checkpoint_id,
                workspace=folder,
            ),
            body_of(one, workspace=folder),
        )
        for one in ALL
    ]


async def told(socket: Path, data: bytes) -> bytes:
    """Send *data* on a connection of its own; return what the daemon says until it hangs up or waits for more."""
    heard = bytearray()
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        with contextlib.suppress(TimeoutError, ConnectionError):
            writer.write(data + LAST)
            while True:
                async with asyncio.timeout(SILENCE):
                    piece = await reader.read(1 << 16)
                if not piece:
                    break
                heard += piece
    finally:
        writer.transport.abort()
    return bytes(heard)


async def send(socket: Path, malformed: Malformed, count: int) -> Counter[int]:
    """Send *count* requests, some at once; return how often each status was answered."""
    statuses: Counter[int] = Counter()
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            data = malformed.next()
            heard = await told(socket, data)
            found = [int(one) for one in STATUS.findall(heard)]
            statuses.update(found)
            assert not [one for one in found if one >= 500 and one != 503], (data[:2000], heard[-2000:])

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    return statuses


def at_rest(client: Client) -> int:
    """End what the requests began; return how much memory the daemon takes."""
    for one in client.list_sessions(active=True, limit=500).sessions:
        client.end_session(one.session_id)
    return client.status().rss_bytes


def descriptors(daemon: Daemon) -> int:
    """Return how many the daemon has open."""
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
async def test_malformed_requests_do_no_harm(daemon: Daemon, client: Client, home: Home, seed: int) -> None:
    malformed = Malformed(valid(client, home), seed=seed)
    kept = client.create_memory("kept", key="k", value="as it was")
    await send(daemon.socket, malformed, REQUESTS // 5)
    open_before, before = descriptors(daemon), at_rest(client)

    statuses = await send(daemon.socket, malformed, REQUESTS - REQUESTS // 5)

    after = at_rest(client)
    assert {200, 400, 404, 405, 422} <= statuses.keys()
    assert after - before < MAY_GROW
    eventually(lambda: descriptors(daemon) <= open_before + 2, "no connection is left open")
    assert client.get_memory("kept", memory_id=kept.memory_id).memory_value == "as it was"
    assert client.health().status == "ok"
    assert not daemon.complaints(), daemon.log

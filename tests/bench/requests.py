"""What does an append through the API cost beside the least an aiohttp server can do?"""

import asyncio
import statistics
import time
from pathlib import Path

import aiohttp
import msgspec

from omnimem import Client
from tests.bench import wire
from tests.bench.findings import Finding, Scale, micros, ratios
from tests.bench.running import daemon, floor, folder

#: Requests in one figure: a tenth of a second and more, many times what the scheduler's noise lasts.
_COUNT = 1_024


def measure(scale: Scale) -> list[Finding]:
    """Send the same requests to the daemon and to the floor, in turn."""
    with folder() as place, floor("http", place) as (bare, _), daemon(place) as (ours, _):
        requests = _requests(place, ours)
        return [
            _called(bare, ours, requests, connections=1, at_most=2.0, scale=scale),
            _called(bare, ours, requests, connections=64, at_most=1.4, scale=scale),
            _compare(bare, ours, requests, connections=1, at_most=2.0, scale=scale),
            _compare(bare, ours, requests, connections=64, at_most=1.4, scale=scale),
        ]


def _called(
    bare: Path, ours: Path, requests: list[bytes], *, connections: int, at_most: float, scale: Scale
) -> Finding:
    """As a Python program meets it: an ordinary aiohttp client sends the same to both."""
    count = scale.of(_COUNT, quick=128)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
    target = requests[0].split(b" ", 2)[1].decode()
    floors, subjects = asyncio.run(
        _alternate(bare, ours, target, bodies, connections=connections, count=count, runs=scale.of(21, quick=3))
    )
    return Finding(
        what=f"the same as an aiohttp client meets it, {connections} connection{'s'[: connections > 1]}",
        floor="the same client's POST to the bare aiohttp server",
        figures=ratios(subjects, floors),
        at_most=at_most,
        aside=f"{micros(subjects)} and {micros(floors)} a request, the client's own cost in both",
    )


async def _alternate(
    bare: Path, ours: Path, target: str, bodies: list[bytes], *, connections: int, count: int, runs: int
) -> tuple[list[float], list[float]]:
    floors: list[float] = []
    subjects: list[float] = []
    async with _session(bare, connections) as to_floor, _session(ours, connections) as to_subject:
        await _post(to_floor, target, bodies, connections=connections, count=count)
        await _post(to_subject, target, bodies, connections=connections, count=count)
        for _ in range(runs):
            floors.append(await _post(to_floor, target, bodies, connections=connections, count=count))
            subjects.append(await _post(to_subject, target, bodies, connections=connections, count=count))
    return floors, subjects


def _session(path: Path, connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://omnimemd", connector=aiohttp.UnixConnector(str(path), limit=connections))


async def _post(
    session: aiohttp.ClientSession, target: str, bodies: list[bytes], *, connections: int, count: int
) -> float:
    """Send *count* requests over *connections* at a time; return the seconds for one."""
    headers = {"Content-Type": "application/json", "Prefer": "return=minimal"}
    to_send = iter([bodies[number % len(bodies)] for number in range(count)])

    async def one_after_the_other() -> None:
        for body in to_send:
            async with session.post(target, data=body, headers=headers) as reply:
                if reply.status != 204:
                    raise RuntimeError("a request was not answered 204")

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one_after_the_other())
    return (time.perf_counter() - started) / count


def _compare(
    bare: Path, ours: Path, requests: list[bytes], *, connections: int, at_most: float, scale: Scale
) -> Finding:
    count = scale.of(_COUNT, quick=128)
    with (
        wire.Load(bare, requests, connections=connections) as to_floor,
        wire.Load(ours, requests, connections=connections) as to_subject,
    ):
        floors, subjects = [], []
        for load in (to_floor, to_subject):
            load.run(count)  # warms up
        for _ in range(scale.of(41, quick=3)):
            floors.append(to_floor.run(count))
            subjects.append(to_subject.run(count))
    return Finding(
        what=f"append an access through the API, minimal reply, {connections} connection{'s'[: connections > 1]}",
        floor="POST to a bare aiohttp server that reads the body and answers 204",
        figures=ratios(subjects, floors),
        at_most=at_most,
        aside=f"{micros(subjects)} and {micros(floors)} a request, "
        f"{1 / statistics.median(subjects):,.0f} and {1 / statistics.median(floors):,.0f} a second",
    )


def _requests(place: Path, ours: Path) -> list[bytes]:
    workspace = place / "project"
    workspace.mkdir()
    with Client(ours) as client:
        session = client.create_session(tool_id="bench", workspace_path=str(workspace))
    target = f"/sessions/{session.session_id}/context"
    return [
        wire.post(target, msgspec.json.encode({"file_path": f"src/module_{number}.py", "access": "write"}))
        for number in range(200)
    ]

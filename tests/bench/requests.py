"""What does an append through the API cost beside the least an aiohttp server can do?"""

import statistics
from pathlib import Path

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
            _compare(bare, ours, requests, connections=1, at_most=2.0, scale=scale),
            _compare(bare, ours, requests, connections=64, at_most=1.4, scale=scale),
        ]


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

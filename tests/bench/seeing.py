"""How long after a program has written a file does a reader of the API see it?"""

import time

from omnimem import Client
from tests.bench.findings import Finding, Scale, percentile
from tests.bench.running import connected, daemon, floor, folder
from tests.bench.wire import Listener

#: Between two writes, so that each finds an idle daemon, with no window open.
_PAUSE = 0.15
_FLOOR = "a bare asyncio loop reads inotify and says so on a socket"


def measure(scale: Scale) -> list[Finding]:
    """Write files the daemon watches, and files the floor watches, in turn."""
    floors, told, flushed = [], [], []
    with folder() as place, floor("writes", place) as (bare, _), daemon(place) as (ours, _):
        (workspace := place / "project").mkdir()
        (beside := place / "beside").mkdir()
        with connected(bare) as watching, connected(ours) as listening, Client(ours) as client:
            watching.sendall(b"%s\n" % bytes(beside))
            assert watching.recv(1) == b"w"
            client.create_session(tool_id="bench", workspace_path=str(workspace))
            listener = Listener(listening)
            for number in range(scale.of(100, quick=2)):
                time.sleep(_PAUSE)
                started = time.perf_counter()
                (beside / f"{number}.txt").write_text("something\n")
                assert watching.recv(1) == b"s"
                floors.append((time.perf_counter() - started) * 1000)

                time.sleep(_PAUSE)
                started = time.perf_counter()
                (workspace / f"{number}.txt").write_text("something\n")
                listener.until(b"event: entry", b"/%d.txt" % number)
                told.append((time.perf_counter() - started) * 1000)

                time.sleep(_PAUSE)
                started = time.perf_counter()
                (workspace / f"{number}.flushed").write_text("something\n")
                client.flush()
                flushed.append((time.perf_counter() - started) * 1000)
                listener.until(b"event: entry", b"/%d.flushed" % number)
    beside_it = f"floor p50 {percentile(floors, 50):.2f}, p99 {percentile(floors, 99):.2f} ms"
    return [
        Finding(
            what="file written → its entry told (the first 100 ms are the window events are folded in)",
            figures=tuple(told),
            aside=f"p99 {percentile(told, 99):.1f} ms; {beside_it}",
            floor=_FLOOR,
            unit="ms",
        ),
        Finding(
            what="file written, then `flush` → recorded and answered, 99th percentile",
            figures=tuple(flushed),
            reading="p99",
            aside=f"p50 {percentile(flushed, 50):.2f} ms; {beside_it}",
            floor=_FLOOR,
            unit="ms",
        ),
    ]

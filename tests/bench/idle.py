"""What does a daemon take that has nothing to do?"""

import time
from pathlib import Path

from omnimem import Client
from tests.bench.findings import Finding, Scale
from tests.bench.memory import memory
from tests.bench.running import daemon, floor, folder

#: After the last request, before the daemon is called idle.
_SETTLE_SECONDS = 3


def measure(scale: Scale) -> list[Finding]:
    """Leave a daemon that watches one workspace alone, and a bare process beside it."""
    seconds = scale.of(60, quick=2)
    with folder() as place, floor("idle", place) as (_, bare), daemon(place) as (path, ours):
        workspace = place / "project"
        for number in range(20):
            (workspace / f"package_{number}").mkdir(parents=True)
            (workspace / f"package_{number}" / "module.py").write_text("pass\n")
        with Client(path) as client:
            client.add_workspace(path=str(workspace))
        time.sleep(scale.of(_SETTLE_SECONDS, quick=1))
        before = _switches(bare), _switches(ours)
        time.sleep(seconds)
        of_floor, of_subject = _switches(bare) - before[0], _switches(ours) - before[1]
        taken, least = memory(ours).unshared, memory(bare).unshared
    return [
        Finding(
            what=f"context switches of all threads in {seconds} s, one workspace watched, nobody connected",
            floor=f"a bare asyncio process, which had {of_floor}",
            figures=(of_subject,),
            unit="switches",
            at_most=0,
        ),
        Finding(
            what="memory of its own (USS) then",
            floor="the bare asyncio process",
            figures=(taken / least,),
            at_most=4,
            aside=f"{taken / 2**20:.1f} and {least / 2**20:.1f} MiB",
        ),
    ]


def _switches(pid: int) -> int:
    """Return how often the threads of *pid* were switched to and from, by their will or not (proc(5))."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.endswith("voluntary_ctxt_switches"):
                total += int(value)
    return total

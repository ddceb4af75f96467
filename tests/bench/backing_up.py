"""What does a backup cost those who write while it is made, and how long does it take?"""

import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from omnimem import Client
from omnimem.model import ContextAppend
from tests.bench.findings import Finding, Scale, micros, percentile, ratios
from tests.bench.running import daemon, folder

#: Entries a request fills the database with.
_BATCH = 1000


def measure(scale: Scale) -> list[Finding]:
    """Append all the time, beside backups and without any in turn."""
    with folder() as place, daemon(place) as (socket, _), Client(socket, timeout=600) as client:
        workspace = place / "work"
        workspace.mkdir()
        session = client.create_session(tool_id="bench", workspace_path=str(workspace)).session_id
        _fill(client, session, scale.of(1_000_000, quick=5_000))
        rounds = [_round(client, socket, session) for _ in range(scale.of(6, quick=1))]
        copied = [_copied(Path(client.create_backup().path)) for _ in rounds]
        size = client.list_backups().backups[0].bytes
    alone, beside, made = zip(*rounds, strict=True)
    p50s = [[percentile(one, 50) for one in some] for some in (beside, alone)]
    p99s = [[percentile(one, 99) for one in some] for some in (beside, alone)]
    seconds = sorted(made)[len(made) // 2]
    return [
        Finding(
            what="append while a backup is made, p99 of each run",
            floor="the same while none is, after it",
            figures=ratios(*p99s),
            at_most=2.0,
            aside=f"{micros(p99s[0])} and {micros(p99s[1])} over HTTP, one after the other",
        ),
        Finding(
            what="append while a backup is made, median of each run",
            floor="the same while none is, after it",
            figures=ratios(*p50s),
            aside=f"{micros(p50s[0])} and {micros(p50s[1])}",
        ),
        Finding(
            what=f"make a backup of {size / 1e6:,.0f} MB while somebody appends, synced and read again",
            floor="cp of it and sync",
            figures=ratios(made, copied),
            aside=f"{seconds:.2f} s, {seconds / size * 1e9:.1f} s a GB",
        ),
    ]


def _fill(client: Client, session: str, entries: int) -> None:
    for start in range(0, entries, _BATCH):
        drafts = [
            ContextAppend(file_path=f"src/package_{number % 97}/module_{number}.py")
            for number in range(start, start + _BATCH)
        ]
        client.append_batch(session, entries=drafts)


def _round(client: Client, socket: Path, session: str) -> tuple[list[float], list[float], float]:
    """Return the seconds of appends without a backup, those beside one, and the seconds of that."""
    with ThreadPoolExecutor(1) as thread, Client(socket, timeout=600) as another:

        def backup() -> float:
            started = time.perf_counter()
            another.create_backup()
            return time.perf_counter() - started

        under_way = thread.submit(backup)
        beside = []
        while not under_way.done():
            beside.append(_append(client, session))
        alone = [_append(client, session) for _ in range(len(beside))]
    return alone, beside, under_way.result()


def _append(client: Client, session: str) -> float:
    started = time.perf_counter()
    client.append_context(session, file_path="src/app.py")
    return time.perf_counter() - started


def _copied(backup: Path) -> float:
    """Return the seconds of a copy, in a process of its own as little as can be, and of its sync."""
    with tempfile.TemporaryDirectory(dir=backup.parent.parent) as elsewhere:
        copy = Path(elsewhere, "copy")
        started = time.perf_counter()
        subprocess.check_call(["cp", backup, copy])
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        return time.perf_counter() - started

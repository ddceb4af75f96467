"""How long until the API shows what somebody did?

The clock runs from before the operation until its entry is in an answer of the API, which is asked every few
milliseconds. What is fresh is held for 100 ms, to be folded; that is part of it.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from omnimem import Client
from omnimem.model import AccessEntry
from tests.bench import trees
from tests.bench.findings import Finding, Scale, percentile
from tests.bench.probing import Probes, number_of, probing
from tests.bench.readers import Reader, compiled, reading
from tests.bench.recorded import flush, recorded
from tests.bench.running import daemon, folder

_POLL = 0.005
#: After the last probe, how long one may stay unseen before it counts as lost.
_PATIENCE = 10.0


def measure(scale: Scale) -> list[Finding]:
    """Probe while nothing else goes on, and while everything is read and much is written."""
    files = scale.of(20_000, quick=1_000)
    with folder() as place, daemon(place) as (path, _), Client(path, timeout=60) as client:
        (tree := place / "project").mkdir()
        (probed := tree / "probed").mkdir()
        trees.plant(tree / "src", directories=files // 20, files=files)
        trees.plant(place / "packed", directories=files // 20, files=files)
        trees.run("tar", "cf", place / "packed.tar", "-C", place / "packed", ".")
        session = client.create_session(tool_id="bench", workspace_path=str(tree), process_id=os.getpid()).session_id
        flush(client)
        program = compiled(place)
        with (
            reading(program, [str(probed)]) as idly,
            probing(probed, count=scale.of(150, quick=3), every=0.11) as probes,
        ):
            idle = _seen(client, session, probes)
        with (
            reading(program, [str(probed)]) as in_the_storm,
            _storm(place, tree),
            probing(probed, count=scale.of(600, quick=20), every=0.02) as probes,
        ):
            storm = _seen(client, session, probes)
        flush(client)
    return [
        _finding("file written → the API shows it, nothing else going on", idle, idly, 300),
        _finding(f"the same while {files:,} files are read and unpacked again and again", storm, in_the_storm, 1000),
        Finding(
            what="writes of these that the API shows",
            floor="the files that were written",
            figures=(100 * (len(idle.shown) + len(storm.shown)) / (len(idle.began) + len(storm.began)),),
            unit="%",
            at_least=100,
        ),
    ]


class _Seen(msgspec.Struct, frozen=True):
    """CLOCK_MONOTONIC nanoseconds, by the numbers of the probes."""

    began: dict[int, int]
    shown: dict[int, int]


def _finding(what: str, seen: _Seen, reader: Reader, at_most: float) -> Finding:
    taken, floor = (
        [(heard[number] - at) / 1e6 for number, at in seen.began.items() if number in heard]
        for heard in (seen.shown, reader.probes)
    )
    return Finding(
        what=f"{what}, 99th percentile",
        floor="a program in C that reads inotify hears of the same",
        figures=tuple(taken),
        reading="p99",
        unit="ms",
        at_most=at_most,
        aside=f"p50 {percentile(taken, 50):.0f} ms; "
        f"floor p50 {percentile(floor, 50):.2f}, p99 {percentile(floor, 99):.2f} ms",
    )


def _seen(client: Client, session: str, probes: Probes) -> _Seen:
    """Ask until every probe was shown, or for long enough."""
    shown: dict[int, int] = {}
    began: dict[int, int] = {}
    after = recorded(client, session).last
    deadline = float("inf")
    while (not began or len(shown) < len(began)) and time.monotonic() < deadline:
        page = client.list_entries(session, after=after, limit=1000)
        now = time.monotonic_ns()
        for entry in page.entries:
            after = entry.entry_id
            if isinstance(entry, AccessEntry) and (number := number_of(entry.path)) is not None:
                shown.setdefault(number, now)
        if not began and not probes.at_work():
            began = probes.done()
            deadline = time.monotonic() + _PATIENCE
        if page.next_after is None:
            time.sleep(_POLL)
    return _Seen(began, shown)


@contextmanager
def _storm(place: Path, tree: Path) -> Iterator[None]:
    """Read all there is, and unpack more, again and again, for as long as the block runs."""
    over = threading.Event()

    def rage() -> None:
        number = 0
        while not over.is_set():
            trees.grep(tree / "src")
            (into := tree / f"unpacked_{number}").mkdir()
            trees.run("tar", "xf", place / "packed.tar", "-C", into)
            number += 1

    thread = threading.Thread(target=rage)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

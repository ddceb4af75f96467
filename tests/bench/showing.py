"""How long until the API shows what somebody did?

The clock runs from before the operation until its entry is in an answer of the API, which is asked every few
milliseconds. What is fresh is held for 100 ms, to be folded; that is part of it.
"""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from omnimem import Client
from omnimem.model import AccessEntry
from tests.bench import trees
from tests.bench.findings import Finding, Scale, percentile
from tests.bench.probing import Probes, number_of, probing
from tests.bench.readers import compiled, reading
from tests.bench.recorded import flush, recorded
from tests.bench.running import daemon, folder

_POLL = 0.005
#: Between two archives: somebody unpacks one now and then; who reads every entry must be able to keep up.
_BETWEEN = 2.0
#: After the last probe, how long one may stay unseen before it counts as lost.
_PATIENCE = 10.0


def measure(scale: Scale) -> list[Finding]:
    """Probe while nothing else goes on, while everything is read, and while much is unpacked."""
    files = scale.of(20_000, quick=1_000)
    with folder() as place, daemon(place) as (path, _), Client(path, timeout=60) as client:
        (tree := place / "project").mkdir()
        (probed := tree / "probed").mkdir()
        trees.plant(tree / "src", directories=files // 20, files=files)
        trees.plant(place / "packed", directories=files // 20, files=files)
        trees.run("tar", "cf", place / "packed.tar", "-C", place / "packed", ".")
        session = client.create_session(tool_id="bench", workspace_path=str(tree), process_id=os.getpid()).session_id
        program = compiled(place)

        def seen(storm: Callable[[int], None], *, count: int, every: float) -> _Seen:
            flush(client)
            with (
                reading(program, [str(probed)]) as reader,
                _again_and_again(storm),
                probing(probed, count=count, every=every) as probes,
            ):
                began, shown = _seen(client, session, probes)
            return _Seen(began, shown, reader.probes)

        def unpack(number: int) -> None:
            (into := tree / f"unpacked_{number}").mkdir()
            trees.run("tar", "xf", place / "packed.tar", "-C", into)
            time.sleep(scale.seconds(_BETWEEN, quick=0.5))

        idle = seen(lambda _: time.sleep(_POLL), count=scale.of(150, quick=3), every=0.11)
        read = seen(lambda _: trees.grep(tree / "src"), count=scale.of(400, quick=10), every=0.02)
        unpacked = seen(unpack, count=scale.of(500, quick=10), every=0.02)
    every = (idle, read, unpacked)
    return [
        _finding("file written → the API shows it, nothing else going on", idle, 300),
        _finding(f"the same while `grep -r` goes over {files:,} files again and again", read, 1000),
        _finding(f"the same while {files:,} files are unpacked, every {_BETWEEN:.0f} seconds", unpacked, 1000),
        Finding(
            what="writes of these that the API shows",
            floor="the files that were written",
            figures=tuple(100 * len(one.shown) / len(one.began) for one in every),
            reading="least",
            unit="%",
            at_least=100,
        ),
    ]


class _Seen(msgspec.Struct, frozen=True):
    """CLOCK_MONOTONIC nanoseconds, by the numbers of the probes."""

    began: dict[int, int]
    shown: dict[int, int]
    heard: dict[int, int]  #: by the floor


def _finding(what: str, seen: _Seen, at_most: float) -> Finding:
    taken, floor = (
        [(heard[number] - at) / 1e6 for number, at in seen.began.items() if number in heard]
        for heard in (seen.shown, seen.heard)
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


def _seen(client: Client, session: str, probes: Probes) -> tuple[dict[int, int], dict[int, int]]:
    """Ask until every probe was shown, or for long enough; return when each began, and when it was shown."""
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
    return began, shown


@contextmanager
def _again_and_again(storm: Callable[[int], None]) -> Iterator[None]:
    """Do *storm* on a thread for as long as the block runs; it is told how often it was done."""
    over = threading.Event()

    def rage() -> None:
        for number in itertools.count():
            if over.is_set():
                break
            storm(number)

    thread = threading.Thread(target=rage)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

"""Does a program that goes through everything drown what somebody worked on?

Each scan is of files nobody touched before, so that none profits from what the one before it left.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from omnimem import Client
from tests.bench import trees
from tests.bench.findings import Finding, Scale
from tests.bench.recorded import Recorded, flush, recorded
from tests.bench.running import daemon, folder

#: Between two pieces of work, so that neither is taken for a part of the other.
_PAUSE = 2.0
_FEW = 20

_WALKER = """
import os, sys, time
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            file.read()
        time.sleep(float(sys.argv[2]))
"""


def measure(scale: Scale) -> list[Finding]:
    """Scan with several programs, and work on a few files, in turn."""
    files = scale.of(500, quick=500)
    kinds: dict[str, Callable[[Path], object]] = {
        "`grep -r`": trees.grep,
        "`tar cf`": lambda tree: trees.run("tar", "cf", tree.parents[1] / "all.tar", tree),
        "a walker in Python": lambda tree: _walk(tree, pause=0),
        "a linter, 10 ms a file": lambda tree: _walk(tree, pause=0.01),
    }
    if scale.quick:
        kinds = dict([*kinds.items()][:2])
    left: dict[str, list[Recorded]] = {kind: [] for kind in kinds}
    read, edited = [], []
    with folder() as place, daemon(place) as (path, _), Client(path, timeout=60) as client:
        (tree := place / "project").mkdir()
        session = client.create_session(tool_id="bench", workspace_path=str(tree)).session_id
        after = 0

        def done(work: Callable[[], object]) -> Recorded:
            nonlocal after
            flush(client)
            time.sleep(scale.seconds(_PAUSE, quick=0.5))
            after = recorded(client, session, after=after).last
            work()
            time.sleep(scale.seconds(_PAUSE, quick=0.5))
            flush(client)
            return recorded(client, session, after=after)

        for number in range(scale.of(3, quick=1)):
            for place_number, (kind, scan) in enumerate(kinds.items()):
                part = tree / f"part_{number}_{place_number}"
                trees.plant(part, directories=files // 10, files=files)
                left[kind].append(done(partial(scan, part)))
            few = trees.plant(tree / f"few_{number}", directories=4, files=_FEW)
            read.append(done(partial(_read, few)))
            edited.append(done(partial(_edit, few)))
    everything = [one for found in left.values() for one in found]
    return [
        *(_scanned(kind, found, files) for kind, found in left.items()),
        Finding(
            what="reads of these in rows or counted in scans, the least of all runs",
            floor="the files that were read",
            figures=tuple(100 * one.reads / files for one in everything),
            reading="least",
            unit="%",
            at_least=100,
        ),
        *_worked(read, edited),
    ]


def _scanned(kind: str, found: list[Recorded], files: int) -> Finding:
    return Finding(
        what=f"rows of reads that {kind} over {files} files leaves, the most of all runs",
        floor="the files that were read",
        figures=tuple(one.read_rows for one in found),
        reading="most",
        unit="rows",
        at_most=5,
        aside=f"{', '.join(str(one.scans) for one in found)} scans that count "
        f"{', '.join(str(one.scanned_reads) for one in found)} reads",
    )


def _worked(read: list[Recorded], edited: list[Recorded]) -> list[Finding]:
    return [
        Finding(
            what=f"rows of reads that reading {_FEW} files leaves, the least of all runs",
            floor="the files that were read",
            figures=tuple(one.read_rows for one in read),
            reading="least",
            unit="rows",
            at_least=_FEW,
        ),
        Finding(
            what=f"files of {_FEW} known as written after each was read and written, the least of all runs",
            floor="the files that were written",
            figures=tuple(len(one.written) for one in edited),
            reading="least",
            unit="files",
            at_least=_FEW,
            aside=f"{', '.join(str(one.read_rows) for one in edited)} rows of reads",
        ),
    ]


def _walk(tree: Path, *, pause: float) -> None:
    trees.run(sys.executable, "-c", _WALKER, str(tree), str(pause))


def _read(paths: list[str]) -> None:
    trees.run("cat", *paths)


def _edit(paths: list[str]) -> None:
    for path in paths:
        text = Path(path).read_bytes()
        time.sleep(0.02)
        trees.write(path, text + b"# edited\n")
        time.sleep(0.2)

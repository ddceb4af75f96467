"""What is still found where the kernel allows fewer watches than there are directories?

The daemon runs in a user namespace of its own, in which 300 watches are allowed: nobody else on the machine notices.
"""

import os
import random
import time

from omnimem import Client
from tests.bench import trees
from tests.bench.changing import Changes, change
from tests.bench.findings import Finding, Scale
from tests.bench.recorded import Recorded, flush, recorded
from tests.bench.running import daemon, folder

_ALLOWED = 300
_INSIDE = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    f'echo {_ALLOWED} >/proc/sys/user/max_inotify_watches && exec "$@"',
    "sh",
)
_DIRECTORIES = 1_000
#: How long a change may stay unseen before it counts as lost.
_PATIENCE = 60.0
_POLL = 0.1


def measure(scale: Scale) -> list[Finding]:
    """Change a file in every one of 1,000 directories, and look how many of them become known."""
    with folder() as place, daemon(place, inside=_INSIDE) as (path, _), Client(path, timeout=60) as client:
        (tree := place / "project").mkdir()
        paths = trees.plant(tree, directories=_DIRECTORIES, files=_DIRECTORIES * 3)
        session = client.create_session(tool_id="bench", workspace_path=str(tree), process_id=os.getpid()).session_id
        flush(client)
        status, health = client.status().watch, client.health()
        said = [any(str(tree) in one for one in problems) for problems in (status.degraded, health.problems)]
        shares, seconds, after = [], [], 0
        for number in range(scale.of(5, quick=1)):
            in_every_directory = [3 * place + number % 3 for place in range(_DIRECTORIES)]
            random.Random(number).shuffle(in_every_directory)  # noqa: S311 - changes that can be had again
            changes = change(paths, in_every_directory, mark=f"run_{number}")
            found, taken = _wait(client, session, changes, after, scale.seconds(_PATIENCE, quick=3))
            after = found.last
            shares.append(100 * changes.known(found) / len(changes))
            seconds.append(taken)
    return [
        Finding(
            what=f"{_ALLOWED} watches allowed, {_DIRECTORIES:,} directories: `status` and `/health` say so",
            floor="both name the workspace",
            figures=(sum(said),),
            unit="places",
            at_least=2,
            aside=f"{status.directories:,} directories watched; {'; '.join(status.degraded).replace(str(tree), '…')}",
        ),
        Finding(
            what="files written, made, moved and deleted in every directory that become known, the least of all runs",
            floor="what was done",
            figures=tuple(shares),
            reading="least",
            unit="%",
            at_least=100,
        ),
        Finding(
            what=f"all is done → all is known (given up after {_PATIENCE:.0f} s)",
            floor="what was done",
            figures=tuple(seconds),
            unit="s",
        ),
    ]


def _wait(client: Client, session: str, changes: Changes, after: int, patience: float) -> tuple[Recorded, float]:
    """Wait until all *changes* are known, or long enough; return what is, and how many seconds it took."""
    started = time.monotonic()
    while True:
        found = recorded(client, session, after=after)
        taken = time.monotonic() - started
        if changes.known(found) == len(changes) or taken > patience:
            return found, taken
        time.sleep(_POLL)

"""How much a file meant to a session, from how it was used: 0, noise, to 1, what the session was about.

    points     = (log2(1 + reads + writes) + 2 · log2(1 + writes)) · √slots
    importance = points / (points + 1 + age / 6)

A file that was read once has 1 point and so 0.5; one that was written once has 3 and 0.75. Each doubling counts the
same, so that the hundredth save says less than the second. A write counts as a read and more.

Time is the session's own, in slots of ten minutes in which files were used at all: a night in which nothing happened
makes nothing older, and what is shown tomorrow is what is shown today. `slots` is in how many of them the file was
used, `age` how many have passed in full since it was used last: after six of them the points count half.

What a burst touched (grep -r, a checkout, a build) was not chosen by anybody: of a file that is known from bursts only,
the importance is at most 0.1. So is that of lock files and of what tools generate, however often they are written. A
file that is gone counts half of what it would.
"""

import re
from math import log2, sqrt
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.paths import is_within

_SLOT_MS: Final = 600_000
#: Slots after which the points of a file count half.
_HALVED_AFTER: Final = 6
#: What is left of the importance of lock files and generated files; the most that is reached in bursts alone.
_NOISE: Final = 0.1
#: Points of a file that is known from bursts only.
_SWEPT_POINTS: Final = _NOISE / (1 - _NOISE)

#: Folders, at any depth of a workspace, whose files tools make.
_GENERATED_FOLDERS: Final = frozenset(
    (
        *("dist", "build", "target", "_build", "node_modules", "__pycache__", "site-packages"),
        *("coverage", "htmlcov", ".nyc_output", ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache", ".gradle"),
        *(".git", ".venv", "venv", ".tox", ".nox", ".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".eggs"),
    )
)
#: Names of files that tools make, wherever they are.
_GENERATED_NAME: Final = re.compile(
    r"""
      .+\.lock | .*[-.]lock\.(json|ya?ml|hcl) | .*\.lockfile | bun\.lockb | npm-shrinkwrap\.json
    | go\.sum | package\.resolved
    | .+\.(min\.(js|css|mjs)|map|tsbuildinfo|snap)
    | .+\.(py[cod]|o|obj|a|so|dylib|dll|exe|class|jar|wasm)
    | .+_pb2(_grpc)?\.pyi? | .+\.pb\.(go|h|cc) | .+\.(g|freezed)\.dart | .+\.designer\.cs
    | .+[._](generated|gen|autogen)\.[a-z0-9]+
    | \.coverage(\..*)? | coverage\.(xml|json|lcov|out) | lcov\.info | junit.*\.xml
    | .+\.log(\.\d+)? | .+\.(sqlite3?|db)-(wal|shm|journal) | \.ds_store | thumbs\.db
    """,
    re.VERBOSE,
)
_GENERATED_FOLDER: Final = ".egg-info/"


def is_noise(path: str, *, workspace: str) -> bool:
    """Return whether *path* (absolute) is a lock file or made by a tool; folders count below *workspace* only."""
    below = path[len(workspace) :] if is_within(path, workspace) else ""
    if _GENERATED_FOLDER in below or not _GENERATED_FOLDERS.isdisjoint(below.split("/")[:-1]):
        return True
    return _GENERATED_NAME.fullmatch(path.rpartition("/")[2].lower()) is not None


def slot_of(at: Millis) -> int:
    """Return the slot that the moment *at* lies in; later moments have no lower ones."""
    return at // _SLOT_MS


class Use(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How a session used one file, bursts left aside; all of it may be 0: the file is known from bursts only."""

    reads: int = 0
    writes: int = 0  #: whatever changed the file, its deletion included
    slots: int = 0  #: in how many slots of the session
    latest: int = 0  #: in which of the session's slots, counted from 1, it was used last
    gone: bool = False  #: it was deleted, or moved away

    def again(self, *, write: bool, slot: int) -> "Use":
        """Return this with one more use, in the session's slot number *slot*, which is its latest."""
        return Use(
            reads=self.reads + (not write),
            writes=self.writes + write,
            slots=self.slots + (slot > self.latest),
            latest=max(slot, self.latest),
            gone=self.gone,
        )

    def taking_over(self, other: "Use") -> "Use":
        """Return the use of a file whose content is that of one used as *other*: it was moved here."""
        return Use(
            reads=self.reads + other.reads,
            writes=self.writes + other.writes,
            slots=max(self.slots, other.slots),
            latest=max(self.latest, other.latest),
            gone=self.gone,
        )


def importance(use: Use, *, now: int, noise: bool = False) -> float:
    """Return how much a file meant, 0…1, of two decimals.

    Args:
        use: how it was used.
        now: the number of the session's latest slot, ≥ `use.latest`.
        noise: what `is_noise` says of it.
    """
    if use.slots:
        points = (log2(1 + use.reads + use.writes) + 2 * log2(1 + use.writes)) * sqrt(use.slots)
    else:
        points = _SWEPT_POINTS
    age = max(now - use.latest - 1, 0) if use.slots else 0
    score = points / (points + 1 + age / _HALVED_AFTER)
    return round(score * (_NOISE if noise else 1) * (0.5 if use.gone else 1), 2)

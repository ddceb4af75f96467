"""The directories of the table that have no watch: what they held last, and those that went since."""

from collections.abc import Iterable, Iterator

import msgspec

from omnimemd.system.watcher.directories import NO_ROOM, UNREADABLE, Coverage, Directory, below
from omnimemd.system.watcher.snapshots import Snapshot, look


class Left(msgspec.Struct, frozen=True):
    """A directory that is out of the table, and of whose files nobody told that they went."""

    path: str
    coverage: Coverage
    snapshot: Snapshot


class Unwatched:
    """Filled by walks, emptied by sweeps. Belongs to the dispatcher's thread."""

    def __init__(self) -> None:
        self.snapshots: dict[Directory, Snapshot | None] = {}  #: None: it may not be read
        self.left: list[Left] = []

    def __len__(self) -> int:
        return len(self.snapshots)

    def enter(self, node: Directory, path: str) -> Iterator[None]:
        """Take in *node*, found at *path*, if it has no watch: whatever changes from now on is found."""
        if node.wd == UNREADABLE:
            self.snapshots[node] = None
        elif node.wd == NO_ROOM and self.snapshots.get(node) is None:
            try:
                self.snapshots[node] = yield from look(path)
            except OSError:  # it vanished, or the walk's own look will say the same
                self.snapshots[node] = Snapshot(0)

    def newer(self, node: Directory, names: Iterable[str]) -> frozenset[str]:
        """Return which of *names*, directories in *node*, were not there when it was looked at last."""
        snapshot = self.snapshots.get(node)
        return frozenset() if snapshot is None else frozenset(names) - snapshot.directories.keys()

    def leave(self, top: Directory, *, told: bool) -> None:
        """Let go of *top* and all below, which go out of the table now; *told* if everybody knows that they went."""
        if not self.snapshots:
            return
        for node in below(top):
            snapshot = self.snapshots.pop(node, None)
            if snapshot is not None and not told:
                self.left.append(Left(node.path, node.coverage, snapshot))

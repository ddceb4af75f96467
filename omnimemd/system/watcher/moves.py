"""Files that came along when their directory moved: the kernel tells of the directory only.

The table knows no files, so a walk lists them at the new place. By then some of them may have come into being
there, and some that came along may be gone; the records say which. The first record of a name since the move
decides: a file that is created, or moved in, was not there; any other came along, and that is told before the
record is. What was listed and has no record came along too, once all records are taken that were made before
the listing: a marker says so.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.system.watcher.directories import REMOVED, Arrival, Directory, Place
from omnimemd.system.watcher.gate import Steps

#: Files told of between two yields: 1,024 take some milliseconds.
_STRIDE: Final = 1024


class Listing(msgspec.Struct, frozen=True):
    """The files that a walk saw in a directory that had moved."""

    directory: Directory
    arrival: Arrival
    moves: int  # how often it had moved by then
    files: Sequence[str]

    @property
    def holds(self) -> bool:
        """Tell whether nobody else will speak, or has spoken, of these files."""
        return self.directory.arrival is self.arrival and self.arrival.moves == self.moves


class Moves:
    """Tells of files that moved with their directory."""

    def __init__(self, *, clock: Clock, tell: Callable[[FileEvent], None]) -> None:
        self._clock = clock
        self._tell = tell
        self.cookies = itertools.count(-1, -1)  #: for moves that the kernel gave none; its own are unsigned

    def meet(self, arrival: Arrival, name: str, change: Change, *, here: Place, at: Millis) -> None:
        """Take, before it is told, what happened to the file *name* of a directory that moved *here*."""
        if change in (Change.CREATED, Change.MOVED_TO):
            arrival.known[name] = here
        else:
            self._bring(arrival, name, here, at)

    def tell(self, listings: Sequence[Listing]) -> Steps:
        """Tell of all files that are still to be told of; every record made before the listings must be taken."""
        for listing in listings:
            directory, files = listing.directory, listing.files
            for start in range(0, len(files), _STRIDE):
                if not listing.holds or directory.wd == REMOVED:
                    break
                here, at = Place(directory.path, directory.coverage), self._clock.now()
                for name in files[start : start + _STRIDE]:
                    self._bring(listing.arrival, name, here, at)
                yield
            if listing.holds:
                directory.arrival = None

    def _bring(self, arrival: Arrival, name: str, here: Place, at: Millis) -> None:
        was = arrival.known.get(name, arrival.was)
        arrival.known[name] = here
        if was.path == here.path:
            return
        cookie = next(self.cookies)
        for place, change in ((was, Change.MOVED_FROM), (here, Change.MOVED_TO)):
            seen_by = place.coverage.seen_by(place.path, name)
            if seen_by:
                self._tell(FileEvent(seen_by, f"{place.path}/{name}", change, at, cookie))

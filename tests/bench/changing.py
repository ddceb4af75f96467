"""Changes to files that a benchmark knows all about."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench import trees
from tests.bench.recorded import Recorded


class Changes(msgspec.Struct, frozen=True):
    """What was done."""

    written: set[str]  #: paths that were written, made or moved to
    gone: set[str]  #: paths that were deleted or moved from

    def __len__(self) -> int:
        return len(self.written) + len(self.gone)

    def known(self, found: Recorded) -> int:
        """Return how many of them were *found*."""
        return len(self.written & found.written.keys()) + len(self.gone & found.gone.keys())


def change(paths: list[str], places: Sequence[int], *, mark: str) -> Changes:
    """Change the files at *places* of *paths*, and keep these true; *mark* is new each time.

    Of every four files two are written, one is moved, and one is deleted and another made beside it.
    """
    written, gone = set(), set()
    for number, place in enumerate(places):
        path = paths[place]
        if number % 4 < 2:
            trees.write(path, f"{mark}\n".encode())
        else:
            new = str(Path(path).with_name(f"{mark}_{place}.py"))
            if number % 4 == 2:
                Path(path).rename(new)
            else:
                Path(path).unlink()
                trees.write(new, f"{mark}\n".encode())
            gone.add(path)
            path = paths[place] = new
        written.add(path)
    return Changes(written, gone)

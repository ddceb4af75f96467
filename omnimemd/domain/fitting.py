"""Whether a tree did what no other session can have done: somebody without a session may have done it, too.

A person edits a file beside an agent, and the agent's event loop wakes up: that it did something is no evidence. What
it did must fit: bytes enough for the file, and more than it moves when nothing happens to files.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from omnimemd.domain.activity import Moved
from omnimemd.domain.attribution import NOTHING_NS, SLACK, Deed, Kind

#: What starting a program reads besides: libraries and settings.
_STARTING: Final = 20_000
_NOTHING: Final = Moved()
#: Deeds of which each choice is tried.
_TRIED: Final = 8
#: What is read at least of a file that is longer, by what only looks into it; and what it costs at least to change a
#: name or to open a file (measured: 3 to 15 µs in RAM).
LOOKED_INTO: Final = 4_096
_LEAST_NS: Final = 3_000


def beyond(deed: Deed, moved: Moved, usual: Moved) -> bool:
    """Return whether a tree that *moved* so did more than it *usually* does by the way, and of what *deed* takes.

    This is less than `fitting` asks: that no other session can have done it is known.
    """
    match deed.kind if deed.size else Kind.QUIET:
        case Kind.READ:
            return moved.read > usual.read + min(deed.size, SLACK)
        case Kind.WRITE:
            return moved.written > usual.written + min(deed.size, SLACK)
        case _:
            return moved.cpu_ns > max(NOTHING_NS, usual.cpu_ns)


def swept(moved: Moved, usual: Moved, *, reads: int, writes: int, size: float) -> bool:
    """Return whether a tree that *moved* so may have made a burst: it moved half of the bytes that this takes.

    Args:
        moved: what it did meanwhile.
        usual: the most that it does in such a time when nothing happens to files.
        reads: files that were read.
        writes: files that were changed.
        size: bytes of a file, on the average, none taken for more than `LOOKED_INTO`; 0 where they are empty, or gone.
    """
    if not size:  # names, which leave nothing but time on a processor
        return moved.cpu_ns > max(NOTHING_NS, usual.cpu_ns) + (reads + writes) * _LEAST_NS
    if reads >= writes:
        return moved.read > usual.read + reads * size / 2
    return moved.written > usual.written + writes * size / 2


def fitting(
    deeds: Sequence[Deed], moved: Moved, usual: Moved = _NOTHING, *, known: Sequence[bool] | None = None
) -> list[bool]:
    """Return, for each of *deeds*, whether what the tree *moved* says that it is the tree's, and nobody else's.

    Args:
        deeds: all that was done meanwhile and may be the tree's; files whose size is not known have 0.
        moved: what the tree did.
        usual: the most that it does in such a time when nothing happens to files.
        known: for each deed whether it is known to be the tree's.
    """
    found = list(known or [False] * len(deeds))
    by_itself = len({deed.path for deed in deeds}) == 1
    for kind, all_of_it, noise in ((Kind.READ, moved.read, usual.read), (Kind.WRITE, moved.written, usual.written)):
        left = all_of_it - sum(deed.size for deed, its in zip(deeds, found, strict=True) if its and deed.kind is kind)
        open_ = [index for index, deed in enumerate(deeds) if deed.kind is kind and deed.size and not found[index]]
        for index in _explained([deeds[index].size for index in open_], left, noise, kind):
            found[open_[index]] = True
        if by_itself and len(open_) == 1 and left > noise + SLACK:
            found[open_[0]] = True  # a part of the file; or it, and something else that nobody told of
    quiet = [index for index, deed in enumerate(deeds) if deed.kind is Kind.QUIET or not deed.size]
    busy = moved.cpu_ns > max(NOTHING_NS, usual.cpu_ns)
    if busy and len(quiet) == 1 and not any(found):  # what several of them took of a processor tells nothing
        found[quiet[0]] = True
    return found


def _explained(sizes: Sequence[int], left: int, noise: int, kind: Kind) -> set[int]:
    """Return which of the files of *sizes* a tree must have used that moved *left* bytes, as far as that tells."""
    able = [index for index, size in enumerate(sizes) if noise < size <= left]
    if able and not noise and 0 <= left - sum(sizes[index] for index in able) <= SLACK:
        return set(able)  # one that is still otherwise, and has used all of them
    for slack in (noise + SLACK, noise + _STARTING) if kind is Kind.READ else (noise + SLACK,):
        choices = _choices(able, sizes, least=left - slack, most=left)
        if choices:
            return set.intersection(*choices)
    return set()


def _choices(able: Sequence[int], sizes: Sequence[int], *, least: int, most: int) -> list[set[int]]:
    """Return the sets of files, one or more in each, whose sizes together are from *least* to *most* bytes."""
    if len(able) > _TRIED:
        return []
    return [
        set(some)
        for count in range(1, len(able) + 1)
        for some in combinations(able, count)
        if least <= sum(sizes[index] for index in some) <= most
    ]

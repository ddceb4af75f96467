"""Rows of entries as one compressed piece, column by column.

Rows of one session are much alike: the same files again and again, moments that follow each other. So each distinct
text is held once and named by its place, numbers are held by what they differ from the one before, and zstandard finds
the rest. That takes two thirds of the same rows compressed as they are (docs/ARCHITECTURE.md, "Compression").
"""

from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, TypeVar

import msgspec

from omnimem.errors import StoreUnavailable
from omnimemd.storage.compressing import Damaged, compressed, decompressed
from omnimemd.storage.entry_rows import Row

T = TypeVar("T", bound=Hashable)

#: The form that `encode` writes.
CODEC: Final = 1
#: Integers of SQLite have 64 bits, and so do those of MessagePack; the difference of two may need one more.
_WRAP: Final = 1 << 64
_HALF: Final = 1 << 63


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    seqs: list[int]  # differences
    times: list[int]  # differences
    kinds: bytes
    sources: bytes
    accesses: bytes  # 0: none
    attributions: bytes  # 0: none
    importances: list[float | None]
    subjects: list[Any]  # distinct, text or bytes
    subject_of: list[int]
    details: list[str | None]  # distinct
    details_of: list[int]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Columns).decode


def encode(rows: Sequence[Row]) -> bytes:
    """Return *rows*, ≥ 1, as bytes; takes some milliseconds for a thousand."""
    seqs, times, kinds, sources, accesses, attributions, importances, subjects, details = zip(*rows, strict=True)
    distinct_subjects, subject_of = _distinct(subjects)
    distinct_details, details_of = _distinct(details)
    columns = _Columns(
        seqs=_differences(seqs),
        times=_differences(times),
        kinds=bytes(kinds),
        sources=bytes(sources),
        accesses=bytes(one or 0 for one in accesses),
        attributions=bytes(one or 0 for one in attributions),
        importances=list(importances),
        subjects=distinct_subjects,
        subject_of=subject_of,
        details=distinct_details,
        details_of=details_of,
    )
    return compressed(_encode(columns))


def decode(packed: bytes) -> list[Row]:
    """Return the rows that `encode` was given.

    Raises:
        StoreUnavailable: *packed* is damaged.
    """
    try:
        columns = _decode(decompressed(packed))
        return list(
            zip(
                _sums(columns.seqs),
                _sums(columns.times),
                columns.kinds,
                columns.sources,
                (one or None for one in columns.accesses),
                (one or None for one in columns.attributions),
                columns.importances,
                map(columns.subjects.__getitem__, columns.subject_of),
                map(columns.details.__getitem__, columns.details_of),
                strict=True,
            )
        )
    except (Damaged, msgspec.MsgspecError, ValueError, LookupError) as error:
        raise StoreUnavailable(
            "Older entries of a session cannot be read: they are damaged.", hint="`omnimem doctor` says which."
        ) from error


def _distinct(values: Iterable[T]) -> tuple[list[T], list[int]]:
    """Return each of *values* once, in the order in which they come, and the place of each."""
    places: dict[T, int] = {}
    of = [places.setdefault(value, len(places)) for value in values]
    return list(places), of


def _differences(values: Sequence[int]) -> list[int]:
    return [(one - before + _HALF) % _WRAP - _HALF for before, one in zip((0, *values), values, strict=False)]


def _sums(differences: Iterable[int]) -> Iterable[int]:
    return accumulate(differences, lambda before, one: (before + one + _HALF) % _WRAP - _HALF)

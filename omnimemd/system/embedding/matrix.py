"""Vectors in memory, and which of them are nearest to another."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from omnimemd.system.embedding.quantised import Floats

#: Vectors that are made floats at once: they stay in the processor's cache.
_BLOCK: Final = 2048


class Matrix:
    """The vectors of documents, stored as `quantised` makes them: 260 bytes each with 256 dimensions.

    One that is added again replaces the first. Left out are those that say nothing, being all zeros, and one of another
    length than the others.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._rows: dict[int, int] = {}  # by the document's id
        self._ids = np.zeros(0, np.int64)
        self._vectors = np.zeros((0, 0), np.int8)
        self._lengths = np.zeros(0, np.float32)

    def __len__(self) -> int:
        """Return how many documents it knows."""
        return len(self._rows)

    def add(self, vectors: Iterable[tuple[int, bytes]]) -> None:
        """Add documents, by their ids."""
        given = {one: vector for one, vector in vectors if any(vector)}
        if not given:
            return
        size = self._vectors.shape[1] if self._rows else len(next(iter(given.values())))
        given = {one: vector for one, vector in given.items() if len(vector) == size}
        new = [one for one in given if one not in self._rows]
        before = len(self._rows)
        self._rows.update(zip(new, range(before, before + len(new)), strict=True))
        self._make_room(len(self._rows), size)
        rows = np.fromiter((self._rows[one] for one in given), np.intp, len(given))
        added = np.frombuffer(b"".join(given.values()), np.int8).reshape(len(given), size)
        self._ids[rows] = np.fromiter(given, np.int64, len(given))
        self._vectors[rows] = added
        self._lengths[rows] = np.maximum(np.linalg.norm(added.astype(np.float32), axis=1), 1e-6)

    def nearest(
        self,
        vector: bytes,
        most: int,
        *,
        within: tuple[int, int],
        among: Sequence[int] | None = None,
        also: Sequence[int] = (),
    ) -> list[tuple[int, float]]:
        """Return the documents that are nearest to *vector* and those of *also*, as `VectorIndex.nearest` says."""
        wanted = np.frombuffer(vector, np.int8).astype(np.float32)
        if not self._rows or not wanted.any() or len(wanted) != self._vectors.shape[1]:
            return []
        cosines = self._cosines(wanted)
        ids = self._ids[: len(cosines)]
        eligible = (ids >= within[0]) & (ids <= within[1])
        if among is not None:
            eligible &= np.isin(ids, np.fromiter(among, np.int64, len(among)))
        best = self._best(cosines, np.flatnonzero(eligible), most)
        told = set(best)
        others = [row for one in also if (row := self._rows.get(one)) is not None and row not in told]
        return [(int(ids[row]), round(float(cosines[row]), 5)) for row in (*best, *others)]

    def _cosines(self, wanted: Floats) -> Floats:
        count = len(self._rows)
        cosines = np.empty(count, np.float32)
        floats = np.empty((min(_BLOCK, count), len(wanted)), np.float32)
        for begin in range(0, count, _BLOCK):
            block = self._vectors[begin : min(begin + _BLOCK, count)]
            np.copyto(floats[: len(block)], block)
            np.dot(floats[: len(block)], wanted, out=cosines[begin : begin + len(block)])
        cosines /= self._lengths[:count] * np.linalg.norm(wanted)
        return np.round(cosines, 5)  # of two equal vectors none is nearer for where it lies in memory

    def _best(self, cosines: Floats, rows: NDArray[np.intp], most: int) -> list[int]:
        """Return the *most* of *rows* with the largest cosines; of equals, those with the smallest numbers."""
        if 0 < most < len(rows):
            rows = rows[cosines[rows] >= np.partition(cosines[rows], -most)[-most]]
        order = np.lexsort((self._ids[rows], -cosines[rows]))
        return [int(row) for row in rows[order][:most]]

    def _make_room(self, rows: int, size: int) -> None:
        """Have room for so many rows, and for as many again as a tenth of them: what follows comes in small numbers."""
        have = len(self._ids)
        if rows <= have:
            return
        more = rows + rows // 10 + 64 - have
        self._ids = np.concatenate((self._ids, np.zeros(more, np.int64)))
        kept = self._vectors if have else np.zeros((0, size), np.int8)
        self._vectors = np.concatenate((kept, np.zeros((more, size), np.int8)))
        self._lengths = np.concatenate((self._lengths, np.ones(more, np.float32)))

"""The port `domain.ports.VectorIndex`, on the thread that makes the vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omnimemd.system.embedding.thread import Thread
from omnimemd.system.memory import release_memory

if TYPE_CHECKING:
    from omnimemd.system.embedding.matrix import Matrix


class Matrices:
    """A matrix for each group."""

    def __init__(self, thread: Thread) -> None:
        """Work on *thread*."""
        self._thread = thread
        self._groups: dict[tuple[int, int], Matrix] = {}

    def groups(self) -> Sequence[tuple[int, int]]:
        """Return the groups that are in memory."""
        return tuple(self._groups)

    async def add(self, group: tuple[int, int], vectors: Sequence[tuple[int, bytes]]) -> None:
        """Add documents to *group*; one that it knows is replaced."""

        def work() -> None:
            from omnimemd.system.embedding.matrix import Matrix  # with numpy, which is no part of every installation

            self._groups.setdefault(group, Matrix()).add(vectors)

        await self._thread.run(work)

    async def nearest(
        self,
        group: tuple[int, int],
        vector: bytes,
        *,
        most: int,
        within: tuple[int, int],
        among: Sequence[int] | None,
        also: Sequence[int],
    ) -> list[tuple[int, float]]:
        """Return the documents of *group* that are nearest to *vector*, and those of *also*, with their cosines."""
        matrix = self._groups.get(group)
        if matrix is None:
            return []
        return await self._thread.run(lambda: matrix.nearest(vector, most, within=within, among=among, also=also))

    def forget(self) -> None:
        """Let every group go, and have the C library give its memory back to the system."""
        self._groups = {}
        release_memory()

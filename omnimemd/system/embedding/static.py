"""The embedder that comes with the extra `semantic`: a table of vectors, no network, no neural net."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

from omnimemd.domain.ports import EmbeddingUnavailable
from omnimemd.system.embedding.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from omnimemd.system.embedding.pooling import Model

_NEEDED: Final = ("numpy", "tokenizers", "wordllama")


def installed() -> bool:
    """Return whether the extra is there; nothing is imported to tell."""
    return all(importlib.util.find_spec(name) for name in _NEEDED)


class StaticEmbedder:
    """Loads its table with the first text, on the thread."""

    def __init__(self, thread: Thread) -> None:
        """Work on *thread*."""
        self._thread = thread
        self._loaded: Model | None = None  # this and the next are the thread's
        self._weights: tuple[bytes, NDArray[np.float32]] | None = None

    @property
    def model(self) -> str:
        """The name of the table, and of the way in which it is used."""
        return "wordllama/l2_supercat_256/1"

    @property
    def at_hand(self) -> bool:
        """Whether the table is loaded."""
        return self._loaded is not None

    async def learn(self, texts: "Sequence[str]") -> bytes:
        """Count the tokens of *texts*."""
        return await self._thread.run(lambda: self._model().counts(texts))

    async def embed(self, texts: "Sequence[str]", learned: bytes) -> list[bytes]:
        """Return the vectors of *texts*, their tokens weighed by the counts that were *learned*."""

        def work() -> list[bytes]:
            model = self._model()
            if self._weights is None or self._weights[0] != learned:
                self._weights = learned, model.weights(learned)
            return model.embedded(texts, self._weights[1])

        return await self._thread.run(work)

    async def rest(self) -> None:
        """Let the table go."""

        def work() -> None:
            self._loaded = self._weights = None

        if self._loaded is not None:
            await self._thread.run(work)

    def _model(self) -> "Model":
        if self._loaded is None:
            self._loaded = _load()
        return self._loaded


def _load() -> "Model":
    """Read the files of the distribution, without running its code."""
    found = importlib.util.find_spec("wordllama")
    if found is None or not found.submodule_search_locations:
        raise EmbeddingUnavailable("The extra is not installed: pip install 'omnimemd[semantic]'.")
    try:
        from omnimemd.system.embedding.pooling import Model

        return Model(Path(found.submodule_search_locations[0]))
    except (ImportError, OSError, ValueError, KeyError) as error:
        raise EmbeddingUnavailable(f"The installed wordllama cannot be used: {error}.") from error

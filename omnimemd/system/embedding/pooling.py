"""The vector of a text by the vectors of its tokens, from the files that the distribution `wordllama` brings.

None of that distribution's code is run: importing it costs 35 MB and 0.4 s, sets up logging for the whole process, and
can download; the files need 20 MB and 0.1 s, most of it for the tokenizer. Its vectors stay in the file, mapped.

The plain mean of a text's tokens is mostly that of its commonest words. So each token counts by how rare it is in the
store: a / (a + its share of all tokens), "smooth inverse frequency" (Arora, Liang and Ma, "A Simple but Tough-to-Beat
Baseline for Sentence Embeddings", ICLR 2017).
"""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from omnimemd.system.embedding.quantised import quantised

#: The share of all tokens at which one counts half.
_HALF: Final = 1e-3
#: Characters of a text that are looked at: some 2,000 tokens, beyond which a vector says less and less.
_LONGEST: Final = 8192
#: Where one word of an identifier or a path ends: the vocabulary has `config`, seldom `_config`.
_JOINTS: Final = re.compile(r"[_./\\:-]+|(?<=[a-z0-9])(?=[A-Z])")


class Model:
    """The vocabulary, with a vector for each token."""

    def __init__(self, folder: Path) -> None:
        """Read the files of the distribution in *folder*.

        Raises:
            OSError: they are not there.
            ValueError: they are not what they were.
        """
        self._vectors = _mapped(folder / "weights" / "l2_supercat_256.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def counts(self, texts: Sequence[str]) -> bytes:
        """Return how often each token occurs in *texts*, packed."""
        counted = np.zeros(len(self._vectors), np.uint32)
        for text in texts:
            np.add.at(counted, self._tokens(text), 1)
        return zlib.compress(counted.tobytes())

    def weights(self, counts: bytes) -> NDArray[np.float32]:
        """Return what each token counts in a store with these packed *counts*; without any, all count the same."""
        counted = np.frombuffer(zlib.decompress(counts), np.uint32) if counts else np.zeros(0)
        if len(counted) != len(self._vectors) or not counted.any():
            return np.ones(len(self._vectors), np.float32)
        return np.asarray(_HALF / (_HALF + counted / counted.sum()), np.float32)

    def embedded(self, texts: Sequence[str], weights: NDArray[np.float32]) -> list[bytes]:
        """Return the vector of each of *texts*; one without any token is all zeros."""
        made = np.zeros((len(texts), self._vectors.shape[1]), np.float32)
        for row, text in enumerate(texts):
            tokens = self._tokens(text)
            made[row] = weights[tokens] @ self._vectors[tokens].astype(np.float32)
        return quantised(made)

    def _tokens(self, text: str) -> NDArray[np.intp]:
        # One by one: a batch would be spread over threads of the tokenizer's own, which stay.
        words = _JOINTS.sub(" ", text[:_LONGEST])
        return np.asarray(self._tokenizer.encode(words, add_special_tokens=False).ids, np.intp)


def _mapped(path: Path) -> "np.memmap[Any, Any]":
    """Return the one tensor of a safetensors file: a length, a JSON header of that length, then its numbers."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = msgspec.json.decode(file.read(length), type=dict[str, dict[str, Any]])
    tensor = header["embedding.weight"]
    if tensor["dtype"] != "F16":
        raise ValueError(f"{path} holds {tensor['dtype']}, not F16")
    begin, _ = tensor["data_offsets"]
    return np.memmap(path, np.dtype("<f2"), mode="r", offset=8 + length + begin, shape=tuple(tensor["shape"]))

"""Real tokenizers, to hold the estimate of tokens to."""

from collections.abc import Callable
from typing import Final

from rs_bpe.bpe import openai  # type: ignore[import-not-found]  # a compiled module, which says nothing of types

_CL100K: Final = openai.cl100k_base()
_O200K: Final = openai.o200k_base()

#: By name, what counts the tokens of a text.
TOKENIZERS: Final[dict[str, Callable[[str], int]]] = {
    "cl100k": lambda text: len(_CL100K.encode(text)),
    "o200k": lambda text: len(_O200K.encode(text)),
}


def most_tokens(text: str) -> int:
    """Return how many tokens *text* is for the tokenizer that counts the most."""
    return max(count(text) for count in TOKENIZERS.values())

"""A vector as it is stored: one signed byte for each dimension, scaled so that the largest is 127.

Only directions are compared, so the scale is not kept. What is lost is a thousandth of a cosine; a float32 would take
four times the room.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LARGEST = 127


def quantised(vectors: NDArray[np.floating[Any]]) -> list[bytes]:
    """Return each row of *vectors*; one of zeros, which says nothing, is all zeros."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    scaled = np.rint(vectors * (_LARGEST / np.where(largest > 0, largest, 1.0))).astype(np.int8)
    return [row.tobytes() for row in scaled]
